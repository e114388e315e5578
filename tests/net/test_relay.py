#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The relay that other tests rely on: what it counts and logs is what arrives, to the packet.

    test_relay.py WIRESTAMP [TEXT]      runs the cases whose titles contain TEXT
"""

import os
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import Cases, LIMIT, PROGRAM, Running, far_side, ip, run, wait_until  # noqa: E402
from load_judge import Packets, probes_of  # noqa: E402
from load_lab import Arrivals, load, one_cpu  # noqa: E402
from relay_lab import RELAY, Between, after_harm  # noqa: E402
from tap import check, check_equal  # noqa: E402

cases = Cases(__file__)
case = cases.case
COUNT = 10010
# One is behind each of 100, 200 and 50 probes; two due at once are done to two that follow each other.
HARM = ["--probes", "--lose", "1/100", "--duplicate", "1/200", "--swap", "1/50", "--extent", "3"]


def send(count, *arguments):
    """Probes with the sequences from 0, by ws0."""
    _, each = load("--count", count, "--rate", "20kpps", *one_cpu(), *arguments)
    check_equal(each["sent"], count, "sent")


def sequences(path, sent):
    packets = Packets(path)
    probes = probes_of(packets)
    check_equal((len(packets), probes.others), (sent, 0), "packets that arrived, and those of others")
    return list(probes.sequences)


def pass_on(folder, relay, count):
    """What arrives of so many probes when they went through the relay."""
    arrivals = Arrivals(folder, f"far-{relay.process.pid}.pcapng")
    send(count)
    done = relay.end()
    sent = done["forward"]["sent"]
    wait_until(lambda: arrivals.look(sent), f"{sent} packets in the capture")
    arrivals.capture.end(signal.SIGINT)
    check_equal(done["forward"]["dropped"], 0, "lost in the relay's ring")
    check_equal(done["forward"]["probes"], count, "probes that the relay saw")
    check_equal(done["backward"]["probes"], 0, "probes that came back")
    return sequences(arrivals.path, sent)


def check_held(way, ns):
    """Never too short; how much longer the machine says."""
    held, passed = way["hold_ns"], way["passed_ns"]
    check_equal(held["count"] + way["unstamped"], way["probes"] - way["lost"] - way["swapped"], "times")
    check(ns <= held["min"] <= held["median"] <= held["p99"] <= held["max"], f"hold_ns {held}")
    for name in ("min", "median", "max"):
        check(passed[name] >= held[name], f"passed_ns {passed}, hold_ns {held}")


@case("all pass in order, held as long as asked: nothing", "0")
@case("all pass in order, held as long as asked: 20 us", "20us")
@case("all pass in order, held as long as asked: 2 ms", "2ms")
def whole(folder, hold):
    ns = {"0": 0, "20us": 20_000, "2ms": 2_000_000}[hold]
    with Between() as between, between.relay("--probes", "--hold-forward", hold) as relay:
        arrived = pass_on(folder, relay, 2000)
        check_equal(arrived, list(range(2000)), "sequences")
        check_held(relay.done["forward"], ns)


@case("harm is done exactly, counted and logged")
def harm(folder):
    log = os.path.join(folder, "log")
    with Between() as between, between.relay(*HARM, log=log) as relay:
        arrived = pass_on(folder, relay, COUNT)
        done = relay.done["forward"]
        counts = [done[name] for name in ("lost", "duplicated", "swapped", "cut_short")]
        check_equal(counts, [100, 50, 200, 0], "lost, duplicated, swapped, cut short")
        harms = relay.harms()
        check_equal({(h.way, h.stream) for h in harms}, {("forward", 0)}, "ways and streams")
        check_equal({h.behind for h in harms if h.what == "swapped"}, {3}, "extents")
        check(arrived == after_harm(range(COUNT), harms), "they arrive in another order than logged")
        check(sorted(set(arrived)) != list(range(COUNT)), "none is missing")
        check_held(done, 0)


@case("harm anywhere, by a seed, and again the same")
def seeded(folder):
    logs = []
    with Between() as between:
        for turn in ("a", "b"):
            with between.relay(*HARM, "--seed", 5, log=os.path.join(folder, turn)) as relay:
                arrived = pass_on(folder, relay, 2000)
            harms = relay.harms()
            check_equal(relay.done["forward"]["lost"], 20, "lost")
            check(arrived == after_harm(range(2000), harms), "they arrive in another order than logged")
            logs.append([(h.what, h.seq, h.behind) for h in harms])
    check_equal(logs[0], logs[1], "what was done, both times")
    lost = [seq for what, seq, _ in logs[0] if what == "lost"]
    check_equal([seq // 100 for seq in lost], list(range(20)), "one of every 100")
    check(len({seq % 100 for seq in lost}) > 5, f"always the same place: {lost}")


@case("backward alone: harm there, and nothing passes forward")
def backward(folder):
    path = os.path.join(folder, "near.pcapng")
    arguments = ["--probes", "--only", "backward", "--harm", "backward", "--lose", "1/10", "--hold", "50us"]
    with Between() as between, between.relay(*arguments, log=os.path.join(folder, "log")) as relay:
        capture = Running("ws0", "-w", path, "--json", "-Q", "in")
        mac = re.search(r"link/ether (\S+)", ip("link", "show", "ws0"))[1]
        send(100)
        words = ["load", "ws1", "--count", "1005", "--rate", "20kpps", "--dst-mac", mac, "--dst", "198.18.0.1"]
        run(*far_side(), PROGRAM, *words, *one_cpu())
        done = relay.end()
        # Not of probes alone: the kernel's own multicast is among them.
        check(done["forward"]["ignored"] >= 100, "ignored forward")
        check_equal(done["forward"]["sent"], 0, "sent forward")
        check_equal((done["backward"]["probes"], done["backward"]["lost"]), (1005, 100), "probes and lost")
        check_held(done["backward"], 50_000)
        sent = done["backward"]["sent"]
        wait_until(lambda: os.path.getsize(path) > 0 and complete(path, sent), f"{sent} packets")
        capture.end(signal.SIGINT)
        check(sequences(path, sent) == after_harm(range(1005), relay.harms()), "other sequences arrive")


def complete(path, sent):
    try:
        return len(Packets(path)) >= sent
    except Exception:
        return False  # ends within a block, for now


ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("198.18.0.2", 9999))
print(flush=True)
for n in range(20):
    data, who = s.recvfrom(2000)
    s.sendto(data + b"!", who)
"""
ASK = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
for n in range(20):
    s.sendto(b"%d" % n, ("198.18.0.2", 9999))
    assert s.recv(2000) == b"%d!" % n
"""


@case("ordinary sockets reach each other, both ways")
def sockets(folder):
    with Between() as between, between.relay("--hold", "100us", "--lose", "1/1") as relay:
        echo = subprocess.Popen([*far_side(), sys.executable, "-c", ECHO], stdout=subprocess.PIPE)
        check_equal(echo.stdout.readline(), b"\n", "echo")
        run(sys.executable, "-c", ASK)
        echo.communicate(timeout=LIMIT)
        done = relay.end()
        for way in ("forward", "backward"):
            check_equal(done[way]["probes"], 0, f"{way}: probes")
            check(done[way]["others"] >= 20, f"{way}: others")


@case("a signal ends it, and what is on its way leaves")
def ended(folder):
    with Between() as between, between.relay("--probes", "--hold", "1h", "--swap", "1/7", "--extent", 5) as relay:
        send(50)
        relay.process.send_signal(signal.SIGTERM)
        done = relay.end()["forward"]
        check_equal((done["probes"], done["sent"], done["swapped"]), (50, 50, 7), "probes, sent, swapped")
        check_equal(done["cut_short"], 1, "cut short")


@case("wrong usage is refused")
def usage(folder):
    for words in (["a"], ["a", "b", "--lose", "5"], ["a", "b", "--hold", "5"], ["a", "b", "--only", "up"]):
        check(run(RELAY, *words, status=2).stderr.startswith("relay: "), f"{words}")
    check("none" in run(RELAY, "none", "nor", status=1).stderr, "no such interface")


if __name__ == "__main__":
    cases.main()
