#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""wirestamp load where something is in the way: a token bucket, the link's speed, the CPU.

    test_load_limits.py WIRESTAMP [TEXT]      runs the cases whose titles contain TEXT
"""

import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import Cases, PROGRAM, need, run  # noqa: E402
from load_judge import probes_of  # noqa: E402
from load_lab import Arrivals, arrived_packets, check_same_frames, dry_run, load, one_cpu, one_line  # noqa: E402
from tap import Skip, check, check_equal  # noqa: E402

cases = Cases(__file__)
case = cases.case

BUCKET = 50_000_000
BURST = 32 * 1024 * 8  # bits
# 4 MiB of send buffer, in which each such frame takes 2304 bytes at least; more than a ring's slots hold.
IN_BUFFERS = 4 * 1024 * 1024 // 2304 * 1518 * 8
ASKED = ["--rate", "100Mbps", "--size", 1518]


def bucket(latency, rate="50mbit"):
    """What waits longer than that is dropped."""
    need("tc")
    done = run(
        "tc", "qdisc", "replace", "dev", "ws0", "root", "tbf", "rate", rate, "burst", "32k",
        "latency", latency, status=None)
    if done.returncode:
        raise Skip(f"no token bucket here: {done.stderr.strip()}")


def check_held_back(document, r):
    check_equal((document["qdisc_bypass"], document["tx"]["qdisc"]), (False, "tbf"), "bypass and qdisc")
    check("tbf" in document["bypass_why"], f"bypass_why {document['bypass_why']!r}")
    check_equal(r["limit"]["cause"], "backpressure", "cause")
    check("tbf" in r["limit"]["why"], f"why: {r['limit']['why']!r}")
    check(r["failed"] > 0 or r["qdisc_drops"] > 0, "nothing was held back")
    check(85e6 < r["attempted_pps"] * r["frame_bits"] < 106e6, f"attempted_pps {r['attempted_pps']}")
    check_equal(r["wire"], r["sent"], "wire, and sent: the queue has drained")


def check_in_order(packets, dry):
    """Each is one that was to be sent, byte by byte, and none comes twice."""
    probes = probes_of(packets)
    check_equal(probes.others, 0, "packets that are no probes")
    check(list(probes.sequences) == sorted(set(probes.sequences)), "out of order, or doubled")
    check_same_frames(packets, probes, dry)


@case("a short bucket refuses what is too much, socket", "socket")
@case("a short bucket refuses what is too much, tpacket2", "tpacket2", user=False)
@case("a short bucket refuses what is too much, tpacket3", "tpacket3", user=False)
def short_bucket(folder, backend):
    bucket("10ms")
    dry, _, _ = dry_run(os.path.join(folder, "dry.pcapng"), *ASKED, "--duration", "1s")
    arrivals = Arrivals(folder)
    document, r = load(*ASKED, "--duration", "1s", "--io", backend, *one_cpu())
    packets = arrivals.end([r])
    check_held_back(document, r)
    check_in_order(packets, dry)
    # A bucket is filled no further while nobody takes from it: somebody else may have had the CPU.
    check(20e6 < r["accepted_bps"] < 55e6, f"accepted_bps {r['accepted_bps']}")
    check(r["refused"] > 0 and r["qdisc_drops"] > 0, "nothing was refused")


@case("a long bucket fills the buffers, socket", "socket")
@case("a long bucket fills the buffers, tpacket2", "tpacket2", user=False)
@case("a long bucket fills the buffers, tpacket3", "tpacket3", user=False)
def long_bucket(folder, backend):
    bucket("10s")
    dry, _, _ = dry_run(os.path.join(folder, "dry.pcapng"), *ASKED, "--duration", "1s")
    arrivals = Arrivals(folder)
    document, r = load(*ASKED, "--duration", "1s", "--io", backend, *one_cpu())
    packets = arrivals.end([r])
    check_held_back(document, r)
    check(r["again"] > 0 and r["given_up"] > 0, "there was always room")
    check_equal((r["refused"], r["qdisc_drops"]), (0, 0), "refused, and drops of the queue")
    seconds = r["elapsed_ns"] / 1e9
    most = 1.02 * BUCKET * seconds + BURST + IN_BUFFERS
    accepted = r["accepted_bps"] * seconds
    check(0.4 * BUCKET * seconds < accepted < most, f"accepted_bps {r['accepted_bps']}")
    # What the receiver sees is the bucket's rate.
    seen = sum(n + 4 for n in packets.wire_len) * 8
    check(seen < 1.02 * BUCKET * (packets.ns[-1] - packets.ns[0]) / 1e9 + 2 * BURST, "rate as received")
    check(r["wire_pps"] * r["frame_bits"] < 1.02 * BUCKET + 2 * BURST, f"wire_pps {r['wire_pps']}")
    check(r["queue_left"] > 0 and r["wire_ns"] > r["elapsed_ns"], "nothing was left in the queue")
    check_in_order(packets, dry)


@case("past a bucket nothing is shaped", user=False)
def past_the_bucket(folder):
    bucket("10ms")
    for backend in ("socket", "tpacket2", "tpacket3"):
        document, r = load(*ASKED, "--count", 2000, "--io", backend, "--bypass", "on")
        check_equal((document["qdisc_bypass"], document["tx"]["qdisc"]), (True, "tbf"), "bypass, qdisc")
        check_equal((r["sent"], r["failed"], r["qdisc_drops"]), (2000, 0, 0), "sent, failed, drops")
        check_not_held_back(r)


def check_not_held_back(r):
    """On a busy machine a rate may be missed, but for no other reason than that."""
    cause = r["limit"]["cause"]
    check(cause in ("none", "rate-control", "cpu", "unknown"), f"cause {cause}: {r['limit']['why']}")


def check_cpu_bound(r):
    check_equal(r["complete"], False, "complete")
    cause = r["limit"]["cause"]
    if cause == "rate-control":
        # Right if somebody else had the CPU.
        share = r["cpu_ns"] / (r["elapsed_ns"] * r["workers"])
        check(share < 0.8, f"cause {cause}, though it had {share:.0%} of the CPU")
    elif cause == "backpressure":
        check(r["failed"] + r["again"] + r["qdisc_drops"] > 0, "no evidence of backpressure")
    else:
        check_equal(cause, "cpu", "cause")
        check(re.search(r"ns a packet.*CPU \d", r["limit"]["why"]), f"why: {r['limit']['why']!r}")


@case("more than a core can do", "socket")
@case("more than a core can do, ring", "tpacket3", user=False)
def too_fast(folder, backend):
    _, r = load("--rate", "5Mpps", "--duration", "200ms", "--io", backend)
    check_equal(r["planned"], 1_000_000, "planned")
    check(0 < r["sent"] < 1_000_000, f"sent {r['sent']}")
    check_cpu_bound(r)


@case("more than the link carries")
def beyond_the_link(folder):
    before = arrived_packets()
    document, r = load(
        "--rate", "20Gbps", "--size", 1518, "--duration", "200ms", status=1, said="20Gbps.*ws0.*nothing was sent")
    check_equal(arrived_packets(), before, "packets that arrived")
    check_equal((r["sent"], r["due"], r["complete"]), (0, 0, False), "sent, due, complete")
    check_equal(r["limit"]["cause"], "link", "cause")
    # 10 Gbit/s over 1518 bytes, preamble and gap.
    highest = 10e9 / (1538 * 8)
    told = re.search(r"at most (\d+) packets/s", r["limit"]["why"])
    check(told and abs(int(told[1]) - highest) <= 1, f"why: {r['limit']['why']!r}")
    check_equal(document["tx"]["link_bps"], 10_000_000_000, "link_bps")
    # Others of the list are sent all the same.
    document, _ = load("--rate", "20Gbps,1kpps", "--count", 50, runs=2, status=1, said="20Gbps")
    check_equal([x["sent"] for x in document["runs"]], [0, 50], "sent")
    _, r = load("--rate", "20Gbps", "--duration", "50ms", "--force")
    check(r["sent"] > 0, "not tried")
    check_cpu_bound(r)


@case("exactly what the link carries is no reason to refuse", user=False)
def exactly_the_link(folder):
    _, r = load("--rate", "100%", "--size", 1518, "--count", 100)
    check_equal((r["sent"] + r["failed"], r["complete"]), (100, True), "attempted, complete")


@case("--require")
def require(folder):
    done = run(PROGRAM, "load", "--lab", "--json", "-r", "5Mpps", "-d", "50ms", "--require", "1", status=1)
    check(re.search(r"--require 1: 5Mpps was missed by", one_line(done.stderr)), done.stderr)
    check(done.stdout, "the result is missing")
    # Lateness stretches a run; nothing here can stretch it tenfold.
    load("--rate", "1kpps", "--count", 200, "--require", "90")


if __name__ == "__main__":
    cases.main()
