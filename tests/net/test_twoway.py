#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Round trips against known truth: a relay that holds each way for its own time, and loses by count.

    test_twoway.py WIRESTAMP [TEXT]     runs the cases whose titles contain TEXT

A way lasts at least as long as the relay held the packet. What the relay cannot see is the moment from the
driver's stamp to its own receive stamp, both taken in one call of the kernel, and where in its send call the
other end's stamp is taken; so the upper limit is the relay's passed_ns and UNSEEN_NS.
"""

import os
import signal
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import Cases, run, wait_until  # noqa: E402
from relay_lab import Between  # noqa: E402
from tap import Skip, check, check_equal  # noqa: E402
from twoway_lab import (  # noqa: E402
    ANSWER, COLLECT, FAR_IP, FAR_IP6, PORT, REQUEST, Attached, Latency, Reflector, add_ipv6,
    counters, lost_sequences, mac_of, measure,
)

cases = Cases(__file__)
case = cases.case
HOLDS = ["--hold-forward", "200us", "--hold-backward", "50us"]
HOLD_NS = {"forward": 200_000, "backward": 50_000}
# Of most packets; it is interrupts that may make it longer, and none of them this long.
UNSEEN_NS = 50_000
FEW = ["--rate", "2kpps", "--count", "500"]


def check_whole(r, count):
    """Nothing was lost, and all four stamps of each came, those of the last ones too."""
    two = r["two_way"]
    check_equal((r["sent"], r["matched"]), (count, count), "sent and matched")
    check_equal((two["exchanges"], two["incomplete"]), (count, 0), "exchanges and incomplete")
    check_equal((two["lost_forward"], two["lost_backward"]), (0, 0), "lost there and back")


def check_one_clock(r):
    check_equal(r["two_way"]["same_clock"], True, "same_clock")
    check_equal(r["two_way"]["offset_ns"], 0, "offset_ns of one clock")
    check_equal(r["forward_ns"]["count"], r["rtt_ns"]["count"], "ways and round trips")
    check(r["forward_ns"]["min"] > 0 and r["backward_ns"]["min"] > 0, "a way that takes no time")


# --- What is sent, and what it is answered by ---


@case("in the lab, by itself", [])
@case("in the lab, by itself, at layer 2", ["--carrier", "l2"])
@case("in the lab, by itself, in PTP messages at layer 2", ["--carrier", "ptp-l2"])
@case("in the lab, by itself, in PTP messages over UDP", ["--carrier", "ptp-udp"])
@case("in the lab, by itself, over sockets", ["--io", "udp"])
@case("in the lab, by itself, in PTP messages over sockets", ["--io", "udp", "--carrier", "ptp-udp"])
@case("in the lab, by itself, stamped by the program", ["--stamp", "user"])
def lab(folder, arguments):
    document = Latency("--lab", "--peer", "ws1", *FEW, *arguments).result()
    r = document["runs"][0]
    check_whole(r, 500)
    check_equal(document["carrier"], arguments[-1] if "--carrier" in arguments else "udp", "carrier")
    far = document["remote"]
    check_equal((far["command"], far["mode"]), ("reflect", "reflector"), "the far side's own document")
    check_equal(far["answered"], 500 + r["two_way"]["collects"], "answered there")
    check_equal(far["sessions"][0]["answered"], 500, "requests answered there")
    check_equal(document["io"], "udp" if "udp" in arguments else "socket", "io")
    if "user" in arguments:
        check_equal(r["stamps"]["tx"], "user", "stamps")
        return
    check_one_clock(r)


@case("several rates, one after the other")
def rates(folder):
    with Reflector() as far:
        document = measure("--peer", FAR_IP, "--rate", "500pps,2kpps,10kpps", "--count", "300", runs=3)
        for r, pps in zip(document["runs"], (500, 2000, 10000)):
            check_equal(r["requested_pps"], pps, "requested_pps")
            check_whole(r, 300)
            check_one_clock(r)
        told = far.result()
        check_equal([s["answered"] for s in told["sessions"]], [300] * 3, "answered of each run")
        check_equal([s["stream"] for s in told["sessions"]], [0, 1, 2], "streams")


@case("one exchange a run: there and back are the round trip, to the nanosecond")
def single(folder):
    with Reflector():
        wanted = [f"{n}kpps" for n in range(1, 9)]
        document = measure("--peer", FAR_IP, "--rate", ",".join(wanted), "--count", "1", runs=8)
        for r in document["runs"]:
            check_whole(r, 1)
            there, back, both = (r[f"{name}_ns"]["min"] for name in ("forward", "backward", "rtt"))
            check_equal(there + back, both, "forward + backward")
            check_equal(both + r["residence_ns"]["min"], r["latency_ns"]["min"], "rtt + residence")


@case("to a MAC address: layer 2, since nobody knows an IP address", "mac")
@case("to a MAC address and an IP address", "mac and ip")
@case("over IPv6", "ipv6")
@case("with a VLAN tag", "vlan")
@case("with two VLAN tags over IPv6", "vlans")
@case("other ports", "ports")
@case("in PTP messages to a MAC address", "ptp-l2")
@case("in PTP messages over UDP, with the far side's port as it is", "ptp-udp")
@case("in PTP messages over IPv6, with a VLAN tag", "ptp-udp6")
@case("in PTP messages over UDP, to a far side that has that port alone", "ptp-port")
@case("longest frames", "long")
@case("bursts and random gaps", "bursts")
def ways_to_send(folder, what):
    mac = mac_of("ws1", far=True)
    far, carrier, words = [], "udp", ["--peer", FAR_IP]
    if what == "mac":
        words, carrier = ["--peer", mac], "l2"
    elif what == "mac and ip":
        words = ["--peer", mac, "--dst", FAR_IP]
    elif what == "ipv6":
        words = ["--peer", FAR_IP6]
    elif what == "vlan":
        words += ["--vlan", "5:3"]
    elif what == "vlans":
        words = ["--peer", FAR_IP6, "--vlan", "5,6"]
    elif what == "ports":
        far, words = ["--port", "9001"], [*words, "--udp", "9002:9001"]
    elif what == "ptp-l2":
        words, carrier = ["--peer", mac, "--carrier", "ptp-l2"], "ptp-l2"
    elif what.startswith("ptp"):
        carrier = "ptp-udp"
        words = ["--peer", FAR_IP6, "--vlan", "5"] if what == "ptp-udp6" else words
        words += ["--carrier", carrier]
        far = ["--port", "319"] if what == "ptp-port" else []
    elif what == "long":
        words += ["--size", "1518"]
    elif what == "bursts":
        words += ["--pattern", "burst:16"]
    if FAR_IP6 in words:
        add_ipv6()
    with Reflector(*far) as reflector:
        document = measure(*words, *FEW)
        check_equal(document["carrier"], carrier, "carrier")
        check_whole(document["runs"][0], 500)
        check_one_clock(document["runs"][0])
        told = reflector.result()
        check_equal(told["sessions"][0]["answered"], 500, "requests answered")
        check_equal((told["port"], told["sessions"][0]["port"]), {
            "ports": (9001, 9002), "mac": (PORT, None), "ptp-l2": (PORT, None), "ptp-udp": (PORT, 319),
            "ptp-udp6": (PORT, 319), "ptp-port": (319, 319)}.get(what, (PORT, PORT)), "ports")
        check_equal(told["ptp_port"], 319, "ptp_port")


@case("over sockets: IPv4", FAR_IP)
@case("over sockets: IPv6", FAR_IP6)
def routed(folder, address):
    add_ipv6()
    with Reflector("--io", "udp", interface=None):
        document = Latency("--io", "udp", "--peer", address, *FEW).result()
        check_equal((document["io"], document["io_tx"]), ("udp", "udp"), "io")
        check_whole(document["runs"][0], 500)
        check_one_clock(document["runs"][0])


# --- Values ---


def check_way(r, relay, way, slack=0):
    """slack: what it is said to be known within, beyond the stamps' own error."""
    got, told, bound = r[f"{way}_ns"], relay.done[way], r[f"{way}_ns"]["error_bound"]
    held, passed = told["hold_ns"], told["passed_ns"]
    check(held["min"] >= HOLD_NS[way], f"the relay held {way} for {held}")
    check(got["min"] >= held["min"] - bound - slack, f"{way}: {got}, held {held}")
    # Percentiles are known to three digits.
    at_least, at_most = held["min"] * 0.999, passed["p99"] * 1.001 + UNSEEN_NS
    check(at_least - bound - slack <= got["p50"] <= at_most + bound + slack,
          f"{way}: p50 {got['p50']} +- {bound}, from {at_least} to {at_most}")


@case("held 200 us there and 50 us back: each way has its own", [])
@case("held 200 us there and 50 us back, layer 2", ["--carrier", "l2"])
@case("held 200 us there and 50 us back, sockets", ["--io", "udp"])
def held(folder, arguments):
    with Between() as between, between.relay(*HOLDS) as relay:
        udp = "udp" in arguments
        with Reflector(*(["--io", "udp"] if udp else [])):
            peer = mac_of("ws1", far=True) if "l2" in arguments else FAR_IP
            document = measure("--peer", peer, *FEW, *arguments)
        relay.end()
        r = document["runs"][0]
        check_whole(r, 500)
        check_one_clock(r)
        check_equal(r["forward_ns"]["error_bound"], r["rtt_ns"]["error_bound"], "bound of one clock")
        check_way(r, relay, "forward")
        check_way(r, relay, "backward")


HIDE = 'mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"'


def another_machine(folder):
    """For what is started behind it the machine seems to have booted at another time."""
    path = os.path.join(folder, "boot_id")
    with open(path, "w", encoding="ascii") as file:
        file.write("11111111-2222-3333-4444-555555555555\n")
    return ["unshare", "-m", "sh", "-c", HIDE, "sh", path]


def check_bounds(r, relay):
    """Two clocks, as far as anybody can tell, which differ by nothing in truth."""
    two, bound = r["two_way"], r["forward_ns"]["error_bound"]
    check_equal(two["same_clock"], False, "same_clock")
    check(two["offset_error_ns"] > 0, f"offset_error_ns {two['offset_error_ns']}")
    check(bound >= (HOLD_NS["forward"] - HOLD_NS["backward"]) / 2, f"the ways' bound is {bound}")
    # Half of a round trip, the stamps' errors, rounding, and what unknown rates make of the residence.
    most = r["rtt_ns"]["max"] / 2 + 2 * r["rtt_ns"]["error_bound"] + 3 + r["residence_ns"]["max"] * 500e-6
    check(bound <= most,
          f"the ways' bound is {bound}, above {most}: {r['rtt_ns']}, {r['residence_ns']}, {r['forward_ns']}")
    check_way(r, relay, "forward")
    check_way(r, relay, "backward")
    if two["drift_error_ppb"] is not None:
        check(abs(two["drift_ppb"]) <= two["drift_error_ppb"], f"drift {two}")


@case("one clock that nobody knows to be one: the truth is within the bound")
def hidden(folder):
    with Between() as between, between.relay(*HOLDS) as relay:
        with Reflector(wrap=another_machine(folder)) as far:
            r = measure("--peer", FAR_IP, "--rate", "1kpps", "--count", "1500")["runs"][0]
            far.result()
        relay.end()
        check_whole(r, 1500)
        check_bounds(r, relay)
        check(abs(r["two_way"]["offset_ns"]) <= r["two_way"]["offset_error_ns"], f"offset {r['two_way']}")


@case("a clock that is 1000 s ahead: found within the bound, and no way is off")
def ahead(folder):
    if run("unshare", "-T", "true", status=None).returncode:
        raise Skip("there are no time namespaces here")
    with Between() as between, between.relay(*HOLDS) as relay:
        with Attached("--stamp", "user", wrap=["unshare", "-T", "--monotonic", "1000", "--fork"]) as far:
            arguments = ["--rate", "1kpps", "--count", "1500", "--stamp", "user"]
            r = measure("--peer", FAR_IP, *arguments)["runs"][0]
            far.result()
        relay.end()
        check_whole(r, 1500)
        two = r["two_way"]
        check_equal(two["same_clock"], False, "same_clock")
        off = two["offset_ns"] - 1000 * 1_000_000_000
        check(abs(off) <= two["offset_error_ns"], f"offset is {off} off, and {two}")
        if two["drift_error_ppb"] is not None:
            check(abs(two["drift_ppb"]) <= two["drift_error_ppb"], f"drift {two}")
        for way, ns in HOLD_NS.items():
            check(r[f"{way}_ns"]["min"] >= ns - r[f"{way}_ns"]["error_bound"], f"{way}: {r[f'{way}_ns']}")


@case("a reflector that is stopped for a while does not show in the round trip")
def stopped(folder):
    with Reflector() as far:
        latency = Latency("--tx", "ws0", "--peer", FAR_IP, "--rate", "1kpps", "--count", "1500")
        received, _ = counters()
        wait_until(lambda: counters()[0] > received + 200, "200 answers")
        far.send_signal(signal.SIGSTOP)
        _, sent = counters()
        began = time.monotonic_ns()
        wait_until(lambda: counters()[1] > sent + 20 and time.monotonic_ns() > began + 40_000_000, "requests")
        far.send_signal(signal.SIGCONT)
        r = latency.result()["runs"][0]
        check_whole(r, 1500)
        # Those that came right after it had been stopped.
        check(r["residence_ns"]["max"] >= 20_000_000, f"residence_ns {r['residence_ns']}")
        check(r["latency_ns"]["max"] >= 20_000_000, f"latency_ns {r['latency_ns']}")
        check(r["rtt_ns"]["max"] < 20_000_000, f"rtt_ns {r['rtt_ns']}")


# --- Losses ---


@case("requests and answers that are lost are told apart, to the packet")
def losses(folder):
    log = os.path.join(folder, "log")
    harm = ["--probes", "--hold", "20us", "--lose", "1/40", "--harm", "both", "--seed", "3"]
    with Between() as between, between.relay(*harm, log=log) as relay:
        with Reflector() as far:
            r = measure("--peer", FAR_IP, "--rate", "2kpps", "--count", "2000")["runs"][0]
            told = far.result()
        relay.end()
        harms = relay.harms()
        there = sorted(h.seq for h in harms if h.way == "forward" and h.kind == REQUEST)
        check(all(h.kind in (REQUEST, COLLECT) for h in harms if h.way == "forward"), "kinds forward")
        check(all(h.kind == ANSWER for h in harms if h.way == "backward"), "kinds backward")
        back = sorted(h.seq for h in harms if h.way == "backward" and h.seq < 2000)
        lost_answers = sum(h.way == "backward" for h in harms)
        check(there and back, "nothing was lost")
        two = r["two_way"]
        check_equal((two["lost_forward"], two["lost_backward"]), (len(there), len(back)), "lost there and back")
        check(lost_sequences(r) == sorted(there + back), "other sequences are lost")
        check_equal((r["sent"], r["lost"]), (2000, len(there) + len(back)), "sent and lost")
        # A stamp that travelled in a lost answer is gone.
        check(two["incomplete"] <= lost_answers, f"incomplete {two['incomplete']} of {lost_answers}")
        check_equal(told["sessions"][0]["answered"], 2000 - len(there), "answered there")


@case("a reflector that is killed in mid-run: losses from then on, and it is said")
def killed(folder):
    with Reflector() as far:
        latency = Latency("--tx", "ws0", "--peer", FAR_IP, "--rate", "1kpps", "--count", "1000")
        received, _ = counters()
        wait_until(lambda: counters()[0] > received + 200, "200 answers")
        far.send_signal(signal.SIGKILL)
        document = latency.result()
        r = document["runs"][0]
        check_equal(r["sent"], 1000, "sent")
        lost = lost_sequences(r)
        check(len(lost) > 0 and r["matched"] >= 190, f"{len(lost)} are lost, {r['matched']} matched")
        check_equal(lost, list(range(1000 - len(lost), 1000)), "the last ones are lost, and no others")
        check(any("no answer" in w for w in document["warnings"]), f"it does not say so: {document['warnings']}")


@case("no reflector: nothing is measured, and it is said")
def nobody(folder):
    document = measure("--peer", FAR_IP, "--rate", "1kpps", "--count", "100", "--window", "200ms")
    r = document["runs"][0]
    check_equal((r["sent"], r["lost"], r["matched"]), (100, 100, 0), "sent, lost and matched")
    check_equal(r["rtt_ns"]["p50"], None, "rtt_ns.p50 of nothing")
    check(any("wirestamp reflect" in w for w in document["warnings"]), f"warnings {document['warnings']}")


@case("no reflector, over sockets: the host's refusals end nothing")
def nobody_routed(folder):
    document = Latency("--io", "udp", "--peer", FAR_IP, "--rate", "1kpps", "--count", "100",
                       "--window", "200ms").result()
    r = document["runs"][0]
    check_equal((r["attempted"], r["matched"]), (100, 0), "attempted and matched")
    check(any("wirestamp reflect" in w for w in document["warnings"]), f"warnings {document['warnings']}")


@case("Ctrl-C in mid-run: what there is, complete in itself")
def interrupted(folder):
    with Reflector():
        latency = Latency("--tx", "ws0", "--peer", FAR_IP, "--rate", "1kpps", "--duration", "1m")
        received, _ = counters()
        wait_until(lambda: counters()[0] > received + 200, "200 answers")
        r = latency.result(signal.SIGINT)["runs"][0]
        check_equal((r["complete"], r["ended_by"]), (False, "stopped by the user"), "how it ended")
        check_equal((r["two_way"]["exchanges"], r["lost"]), (r["sent"], 0), "exchanges and lost")


if __name__ == "__main__":
    cases.main()
