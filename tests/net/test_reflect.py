#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The reflector as anybody on the link meets it: what it answers, what it does not, and how it ends.

    test_reflect.py WIRESTAMP [TEXT]    runs the cases whose titles contain TEXT
"""

import json
import os
import signal
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import Cases, PROGRAM, far_side, ip, run, wait_until  # noqa: E402
from relay_lab import Between  # noqa: E402
from tap import check, check_equal  # noqa: E402
from twoway_lab import (  # noqa: E402
    ANSWER, COLLECT, FAR_IP, PORT, SHORT, Attached, Frames, Latency, Reflector, Wire, mac_of, measure,
    one_line, probe,
)

cases = Cases(__file__)
case = cases.case
# The last probe that tests send; when it is answered all before it have been looked at.
LAST = 1 << 40


def send_all(wire, frames, make, wanted=1):
    """Sends them, then a request that is answered."""
    for frame in frames:
        wire.send(frame)
    wire.send(make.l2(probe(LAST)))
    wire.wait_for_answer(LAST)
    return [a for a in wire.answers() if a.seq != LAST]


def counts(document, **wanted):
    got = {name: document[name] for name in wanted}
    check_equal(got, wanted, "what the reflector found of them")


def check_silent(wire):
    """Nothing came but answers: no ICMP either."""
    check_equal([f.hex() for f in wire.others()], [], "frames that came and are no probes")


# --- What is answered ---


@case("one answer a request, as long as it and no longer")
def lengths(folder):
    make, wire = Frames(), Wire()
    with Reflector() as far:
        sizes = (56, 57, 100, 500, 1000, 1472)
        frames = [make.udp(probe(n, length=size)) for n, size in enumerate(sizes)]
        frames += [make.l2(probe(100 + n, length=size)) for n, size in enumerate(sizes)]
        frames += [make.udp(probe(200, length=56), vlan=(5,)), make.l2(probe(201), vlan=(5, 6))]
        answers = send_all(wire, frames, make)
        for answer, frame in zip(answers, frames):
            # The kernel takes a tag out of what it gives to this socket.
            tag = 4 if frame[12:14] == b"\x81\x00" else 0
            check_equal(answer.length, len(frame) - tag, f"length of answer {answer.seq}")
        wanted = [*range(6), *range(100, 106), 200, 201]
        check_equal([a.seq for a in answers], wanted, "answered, in order")
        check_silent(wire)
        counts(far.result(), answered=15, sent=15, repeated=0)


@case("a request that comes again is not answered again")
def repeated(folder):
    make, wire = Frames(), Wire()
    with Reflector() as far:
        frames = [make.udp(probe(n)) for n in range(50) for _ in range(3)]
        # Older than what is remembered is not answered: it may have been.
        frames += [make.udp(probe(100_000)), make.udp(probe(20))]
        answers = send_all(wire, frames, make)
        check_equal([a.seq for a in answers], [*range(50), 100_000], "answered")
        document = far.result()
        counts(document, answered=52, repeated=101)
        check_equal(document["sessions"][0]["repeated"], 101, "repeated of the session")


@case("requests that the network doubles: each is answered once")
def doubled(folder):
    log = os.path.join(folder, "log")
    with Between() as between, between.relay("--probes", "--duplicate", "1/10", log=log) as relay:
        with Reflector() as far:
            r = measure("--peer", FAR_IP, "--rate", "2kpps", "--count", "500")["runs"][0]
            told = far.result()
        done = relay.end()
        check(done["forward"]["duplicated"] >= 50, f"{done['forward']}")
        check_equal(told["repeated"], done["forward"]["duplicated"], "repeated")
        check_equal((r["matched"], r["duplicated"]), (500, 0), "matched and duplicated")
        check_equal(done["backward"]["probes"], told["sent"], "answers")


@case("answers that the network doubles are counted, and change nothing")
def doubled_answers(folder):
    harm = ["--probes", "--duplicate", "1/10", "--harm", "backward"]
    with Between() as between, between.relay(*harm, log=os.path.join(folder, "log")) as relay, Reflector():
        r = measure("--peer", FAR_IP, "--rate", "2kpps", "--count", "500")["runs"][0]
        relay.end()
        doubled = sum(h.seq < 500 for h in relay.harms())
        check_equal((r["matched"], r["duplicated"]), (500, doubled), "matched and duplicated")
        check_equal(r["two_way"]["exchanges"], 500, "exchanges")


# --- What is not answered ---


@case("nothing but requests is answered")
def others(folder):
    make, wire = Frames(), Wire()
    with Reflector() as far:
        frames = []
        for build in (make.udp, make.l2):
            frames += [build(probe(n, kind)) for n, kind in enumerate((0, SHORT, 2, ANSWER, 6, 15))]
            frames += [build(probe(10, version=2)), build(b"X" + probe(11)[1:])]
        frames += [make.udp(probe(12), dport=PORT + 1), make.udp(probe(13), dport=PORT - 1)]
        frames += [make.ethernet(0x88B6, probe(14)), make.udp(probe(15), mac_dst="02:00:00:00:00:77")]
        frames += [make.l2(probe(16), vlan=(1, 2, 3))]
        answers = send_all(wire, frames, make)
        check_equal(answers, [], "answers")
        document = far.result()
        counts(document, answered=1, group=0, short=0, malformed=0)
        check(document["other"] >= len(frames), f"other: {document['other']} of {len(frames)}")


@case("no answer to a group, from a group, or to nobody")
def groups(folder):
    make, wire = Frames(), Wire()
    with Reflector() as far:
        group = [
            make.l2(probe(1), dst="ff:ff:ff:ff:ff:ff"),
            make.l2(probe(2), dst="01:00:5e:00:00:01"),
            make.l2(probe(3), src="03:00:00:00:00:01"),
            make.udp(probe(4), dst="255.255.255.255"),
            make.udp(probe(5), dst="224.0.0.1"),
            make.udp(probe(6), src="224.0.0.1"),
            make.udp(probe(7), mac_dst="ff:ff:ff:ff:ff:ff"),
        ]
        malformed = [
            make.l2(probe(8), src=make.far),
            make.l2(probe(9), src="00:00:00:00:00:00"),
            make.udp(probe(10), src="127.0.0.1"),
            make.udp(probe(11), src="0.0.0.0"),
            make.udp(probe(12), src=FAR_IP),
            make.udp(probe(13), sport=0),
        ]
        check_equal(send_all(wire, group + malformed, make), [], "answers")
        counts(far.result(), answered=1, group=len(group), malformed=len(malformed))


@case("no answer to what is short, broken, in pieces or routed by its sender")
def broken(folder):
    make, wire = Frames(), Wire()
    with Reflector() as far:
        short = [make.udp(probe(n, length=n)) for n in (16, 20, 55)]
        malformed = [
            make.udp(probe(60), fragment=0x2000),
            make.udp(probe(61), head_sum=0x1234),
            make.udp(probe(62), udp_len=200),
            make.udp(probe(63), ip_len=200),
            make.udp(probe(64), udp_len=8 + 56, ip_len=28 + 55),
            make.udp(probe(65), options=b"\x83\x07\x04" + socket.inet_aton("198.18.0.9") + b"\0"),
        ]
        other = [
            make.udp(probe(70), fragment=0x0010),
            make.udp(probe(71), udp_len=8)[:60],
            make.udp(probe(72))[:30],
            make.udp(b""),
        ]
        check_equal(send_all(wire, short + malformed + other, make), [], "answers")
        document = far.result()
        # A frame cut to its minimum has some of its probe; it is short or broken, and no answer's.
        check_equal(document["answered"], 1, "answered")
        check(document["short"] >= len(short), f"short: {document['short']}")
        check(document["malformed"] >= len(malformed), f"malformed: {document['malformed']}")


@case("two reflectors that face each other are silent")
def facing(folder):
    make, wire = Frames(), Wire()
    with Reflector() as far, Reflector(interface="ws0", where=[]) as near:
        # As if the near reflector had asked: the answer comes to its port.
        for n in range(20):
            wire.send(make.udp(probe(n)))
            wire.send(make.udp(probe(n, ANSWER, run_id=8)))
            wire.send(make.l2(probe(n, run_id=9)))
        wire.send(make.l2(probe(LAST)))
        wire.wait_for_answer(LAST)
        counts(far.result(), answered=41, sent=41)
        document = near.result()
        check_equal((document["answered"], document["sent"]), (0, 0), "answers of the near one")
        check(document["other"] >= 41, f"other of the near one: {document['other']}")


@case("no ICMP: neither for requests nor for what is not answered")
def no_icmp(folder):
    make, wire = Frames(), Wire()
    with Reflector() as far:
        frames = [make.udp(probe(n)) for n in range(20)]
        frames += [make.udp(probe(n, kind)) for n, kind in enumerate((SHORT, ANSWER, COLLECT), 30)]
        frames += [make.udp(b"something else"), make.udp(probe(1, length=20))]
        answers = send_all(wire, frames, make)
        check_equal([a.seq for a in answers], [*range(20), 32], "answered")
        check_silent(wire)
        far.result()
    # It would have been seen: nobody owns the port any more.
    wire.send(make.udp(probe(99)))
    wait_until(wire.others, "ICMP from a host without a reflector")


# --- Senders and rates ---


@case("three senders at once: each has all of its answers")
def several(folder):
    with Reflector() as far:
        words = ["--tx", "ws0", "--rate", "1kpps", "--count", "600", "--peer"]
        ends = [[FAR_IP], [FAR_IP, "--udp", "9001:8620"], [mac_of("ws1", far=True)]]
        senders = [Latency(*words, *end) for end in ends]
        runs = [s.result()["runs"][0] for s in senders]
        for r in runs:
            check_equal((r["matched"], r["two_way"]["exchanges"]), (600, 600), "matched and exchanges")
        sessions = {s["run_id"]: s for s in far.result()["sessions"]}
        check_equal(set(sessions), {r["run_id"] for r in runs}, "run ids")
        check_equal([s["answered"] for s in sessions.values()], [600] * 3, "answered of each")


@case("--max-rate: no more answers than that, and what was not answered is lost")
def limited(folder):
    with Reflector("--max-rate", "100pps") as far:
        r = measure("--peer", FAR_IP, "--rate", "2kpps", "--count", "2000")["runs"][0]
        told = far.result()
        check_equal(told["max_pps"], 100, "max_pps")
        # Bursts are a tenth of a second's answers, 64 at least.
        most = 64 + 100 * told["elapsed_ns"] / 1e9 + 1
        check(64 <= told["answered"] <= most, f"answered {told['answered']}, at most {most}")
        check(told["limited"] >= 1000, f"limited {told['limited']}")
        session = told["sessions"][0]
        check_equal(r["lost"], 2000 - session["answered"], "lost, and what was not answered")
        check_equal(r["two_way"]["lost_forward"], r["lost"], "lost_forward")


# --- How it begins and ends ---


@case("a signal ends it, with complete results: SIGINT", signal.SIGINT)
@case("a signal ends it, with complete results: SIGTERM", signal.SIGTERM)
def signals(folder, number):
    make, wire = Frames(), Wire()
    kept = os.path.join(folder, "kept")
    with Reflector("--out", kept) as far:
        send_all(wire, [make.udp(probe(n)) for n in range(20)], make)
        document = far.result(number)
        check_equal((document["complete"], document["ended_by"]), (True, None), "how it ended")
        counts(document, answered=21, sent=21)
        with open(os.path.join(kept, "run.json"), encoding="utf-8") as file:
            check_equal(json.load(file), document, "run.json, and what was printed")
    words = [*far_side(), PROGRAM, "reflect", "ws1", "--out", kept]
    check("exists" in one_line(run(*words, status=1).stderr), "does not say that it exists")


@case("--duration ends it; Ctrl-C before that is told")
def duration(folder):
    with Reflector("--duration", "300ms") as far:
        document = far.result(None)
        check_equal((document["complete"], document["ended_by"]), (True, None), "how it ended")
        check(document["elapsed_ns"] >= 300_000_000, f"elapsed_ns {document['elapsed_ns']}")
    with Reflector("--duration", "1h") as far:
        document = far.result(signal.SIGINT)
        check_equal((document["complete"], document["ended_by"]), (False, "stopped by the user"), "Ctrl-C")


@case("its interface is removed: that is an error, and the result is there")
def removed(folder):
    make, wire = Frames(), Wire()
    with Reflector() as far:
        send_all(wire, [make.udp(probe(n)) for n in range(20)], make)
        ip("link", "del", "ws0")
        document = far.result(None, 1)
        check_equal(document["fault"], True, "fault")
        check("was removed" in document["ended_by"], f"ended_by {document['ended_by']!r}")
        counts(document, answered=21)
        check(far.said("^wirestamp: ws1 was removed"), f"it says {far.lines}")


@case("its interface is down for a while: it goes on")
def down(folder):
    make, wire = Frames(), Wire()
    with Reflector() as far:
        send_all(wire, [make.udp(probe(n)) for n in range(20)], make)
        ip("link", "set", "ws1", "down", far=True)
        ip("link", "set", "ws1", "up", far=True)
        wait_until(lambda: "LOWER_UP" in ip("link", "show", "ws0"), "carrier")
        wire.send(make.l2(probe(LAST + 1)))
        wire.wait_for_answer(LAST + 1)
        counts(far.result(), answered=22)


OWNER = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 8620))
print(flush=True)
sys.stdin.read()
"""


@case("the port belongs to another program: it is said, and answered all the same")
def taken(folder):
    make, wire = Frames(), Wire()
    pipe = subprocess.PIPE
    owner = subprocess.Popen([*far_side(), sys.executable, "-c", OWNER], stdin=pipe, stdout=pipe)
    check_equal(owner.stdout.readline(), b"\n", "the port's owner")
    with Reflector() as far:
        check_equal(len(send_all(wire, [make.udp(probe(1))], make)), 1, "answers")
        document = far.result()
        check(any("belongs to another program" in w for w in document["warnings"]), f"{document['warnings']}")
    done = run(*far_side(), PROGRAM, "reflect", "--io", "udp", status=1)
    check("belongs to another program" in one_line(done.stderr), done.stderr)
    with Reflector("--io", "udp", "--port", "8621", interface=None):
        r = Latency("--io", "udp", "--peer", FAR_IP, "--udp", "8620:8621", "--count", "50").result()["runs"][0]
        check_equal(r["matched"], 50, "matched at another port")
    owner.communicate()


@case("PTP has its port: it is left to it, and probes in PTP messages are answered at layer 2 alone")
def ptp_taken(folder):
    pipe = subprocess.PIPE
    code = OWNER.replace("8620", "319")
    owner = subprocess.Popen([*far_side(), sys.executable, "-c", code], stdin=pipe, stdout=pipe)
    check_equal(owner.stdout.readline(), b"\n", "the port's owner")
    few, mac = ["--count", "50"], mac_of("ws1", far=True)
    with Reflector() as far:
        check(not far.said("319"), f"claims the port: {far.lines}")
        r = Latency("--tx", "ws0", "--peer", FAR_IP, "--carrier", "ptp-udp", *few).result()["runs"][0]
        check_equal((r["matched"], r["lost"]), (0, 50), "matched and lost over UDP")
        r = Latency("--tx", "ws0", "--peer", mac, "--carrier", "ptp-l2", *few).result()["runs"][0]
        check_equal(r["matched"], 50, "matched at layer 2")
        document = far.result()
        check_equal((document["ptp_port"], document["warnings"]), (None, []), "port and warnings")
    with Reflector("--port", "319") as far:
        r = Latency("--tx", "ws0", "--peer", FAR_IP, "--carrier", "ptp-udp", *few).result()["runs"][0]
        check_equal(r["matched"], 50, "matched where it is asked for by name")
        document = far.result()
        check(any("belongs to another program" in w for w in document["warnings"]), f"{document['warnings']}")
    owner.communicate()


@case("without rights: packet sockets are refused, with a way out that works")
def no_rights(folder):
    nothing = [*far_side(), "setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    said = one_line(run(*nothing, PROGRAM, "reflect", "ws1", status=1).stderr)
    check("--io udp" in said, f"says {said!r}")
    with Reflector("--io", "udp", interface=None, where=nothing):
        r = Latency("--io", "udp", "--peer", FAR_IP, "--count", "50").result()["runs"][0]
        check_equal(r["matched"], 50, "matched")


# --- For whoever starts it through ssh ---


@case("--attach: a line when it is ready, the result when its input ends")
def attached(folder):
    make, wire = Frames(), Wire()
    with Attached() as far:
        check_equal((far.ready["mac"], far.ready["ipv4"]), (make.far, FAR_IP), "addresses")
        check_equal((far.ready["port"], far.ready["interface"], far.ready["mtu"]), (PORT, "ws1", 1500), "where")
        send_all(wire, [make.udp(probe(n)) for n in range(20)], make)
        # What it is told there means nothing, however much it is.
        far.process.stdin.write(b"quit\n" * 100_000)
        far.process.stdin.flush()
        send_all(wire, [make.udp(probe(n)) for n in range(20, 40)], make)
        document = far.result()
        check_equal((document["complete"], far.lines), (True, []), "complete, and stderr")
        counts(document, answered=41)


@case("--attach: input without end keeps it neither from answering nor from ending")
def endless(folder):
    make, wire = Frames(), Wire()
    with open("/dev/zero", "rb") as zero, Attached(stdin=zero) as far:
        send_all(wire, [make.udp(probe(n)) for n in range(20)], make)
        far.process.stdin = None
        counts(far.result(signal.SIGTERM), answered=21)


PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""


@case("--attach: ends when whoever started it is killed")
def orphaned(folder):
    words = [*far_side(), PROGRAM, "reflect", "ws1", "--attach"]
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *words], stdout=subprocess.PIPE)
    child = int(parent.stdout.readline())
    check("wirestamp-ready/1" in parent.stdout.readline().decode(), "it is not ready")
    parent.kill()
    parent.wait()
    # Its output ends when it does.
    check_equal(json.loads(parent.stdout.read())["mode"], "reflector", "mode")
    wait_until(lambda: not is_running(child), f"the end of {child}")


def is_running(pid):
    """A zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    cases.main()
