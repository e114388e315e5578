#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Frames of every shape between two interfaces and to a far side: what comes back of them is what there is.

    test_deliver.py WIRESTAMP [TEXT]    runs the cases whose titles contain TEXT
"""

import json
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import Cases, PROGRAM, ip, run  # noqa: E402
from relay_lab import Between  # noqa: E402
from tap import check, check_equal  # noqa: E402
from twoway_lab import FAR_IP, FAR_IP6, Reflector, add_ipv6, mac_of, one_line  # noqa: E402

TRIAL = os.path.join(os.path.dirname(PROGRAM), "tests", "deliver_trial")
SHAPES = [(c, v) for c in ("udp", "ptp-l2-sync", "ptp-l2-delay-req", "ptp-udp") for v in (False, True)]
FRAMES = 50
PATH_FRAMES = 500  # of each kind
cases = Cases(__file__)
case = cases.case


def trial(*arguments):
    return json.loads(run(TRIAL, *arguments).stdout)


def refused(*arguments, status=1):
    done = run(TRIAL, *arguments, status=status)
    check_equal(json.loads(done.stdout)["tried"], False, "tried")
    return one_line(done.stderr)


def check_shapes(found, frames=FRAMES):
    """Each was sent, arrived, and was stamped by the kernel at both ends; there is no hardware."""
    check_equal([(d["carrier"], d["vlan"]) for d in found["delivered"]], SHAPES, "shapes")
    for d in found["delivered"]:
        name = f"{d['carrier']}{', VLAN' if d['vlan'] else ''}"
        check_equal((d["sent"], d["received"]), (frames, frames), f"{name}: sent and received")
        check_equal((d["tx_software"], d["rx_software"]), (frames, frames), f"{name}: software stamps")
        check_equal((d["tx_hardware"], d["rx_hardware"]), (0, 0), f"{name}: hardware stamps")
        check_equal((d["misplaced"], d["granularity"], d["stuck"]), (0, [0, 0], False), f"{name}: oddities")
    check_equal(found["hardware"], [False, False], "hardware stamps switched on")
    check_equal(found["rate"]["known"], False, "rate of hardware stamps")


def check_path(path):
    """An interval with the difference in it; what follows from it."""
    check_equal(path["known"], True, "path")
    # On a busy machine the time is over before all are sent, and both kinds lack as many.
    check(100 < path["plain"] <= PATH_FRAMES and abs(path["plain"] - path["ptp"]) <= 10, f"frames of {path}")
    check(path["low_ns"] <= path["difference_ns"] <= path["high_ns"], f"interval of {path}")
    check(path["plain_ns"] > 0 and path["noise_ns"] > 0, f"medians of {path}")
    zero = path["low_ns"] <= 0 <= path["high_ns"]
    check_equal(path["same"], zero or abs(path["difference_ns"]) <= path["noise_ns"], f"same of {path}")


@case("between two interfaces every shape is stamped by the kernel at both ends")
def here(folder):
    found = trial("ws0", "ws1")
    check_equal((found["tried"], found["peer"], found["far_reflects"]), (True, "ws1", False), "what was tried")
    check_equal(found["warnings"], [], "warnings")
    check_shapes(found)
    check_path(found["path"])


@case("a reflector answers every shape, by MAC, by IPv4 and by IPv6 address")
def far(folder):
    add_ipv6()
    with Reflector():
        for peer in (mac_of("ws1", far=True), FAR_IP, FAR_IP6):
            found = trial("ws0", peer)
            check_equal((found["peer"], found["far_reflects"]), (peer, True), "what was tried")
            check_equal(found["warnings"], [], "warnings")
            check_shapes(found)
            check_path(found["path"])


@case("a path on which PTP frames take longer is told from others")
def slower(folder):
    hold = ("--hold", "100us", "--hold-ptp", "400us")
    with Between() as between, between.relay(*hold) as relay:
        # The namespaces stay, so what is behind the relay is still the lab's other side.
        found = trial("ws0", "ws1")
        relay.end()
    check_shapes(found)
    path = found["path"]
    check_path(path)
    check_equal(path["same"], False, "same")
    check(path["low_ns"] > 0, f"PTP frames are slower: {path}")
    check(300_000 < path["difference_ns"] < 1_000_000, f"difference of {path}")


@case("nothing that arrives is a warning, and no result")
def nothing(folder):
    with Between() as between, between.relay("--only", "backward") as relay:
        found = trial("ws0", "ws1")
        relay.end()
    check_equal([d["received"] for d in found["delivered"]], [0] * len(SHAPES), "received")
    check_equal([d["tx_software"] for d in found["delivered"]], [FRAMES] * len(SHAPES), "transmit stamps")
    check_equal(found["path"]["known"], False, "path")
    check_equal(len(found["warnings"]), 1, "warnings")
    check("are the two connected?" in found["warnings"][0], found["warnings"])


@case("a far side that does not answer is a warning, too")
def silent(folder):
    found = trial("ws0", mac_of("ws1", far=True))
    check_equal([d["received"] for d in found["delivered"]], [0] * len(SHAPES), "answers")
    check_equal(found["path"]["known"], False, "path")
    check_equal(len(found["warnings"]), 1, "warnings")
    check("does wirestamp reflect run there?" in found["warnings"][0], found["warnings"])


@case("what cannot be tried is refused in one line")
def impossible(folder):
    check("the same interface" in refused("ws0", "ws0"), "the same interface")
    check("loopback" in refused("ws0", "lo"), "loopback as peer")
    check("loopback" in refused("lo", "ws0"), "loopback")
    check("no such interface" in refused("ws0", "ws9"), "no such peer")
    check("nobody at ws0 answers" in refused("ws0", "198.18.0.77"), "no such neighbour")
    ip("link", "set", "ws0", "down")
    check("is down" in refused("ws0", mac_of("ws1", far=True)), "an interface that is down")


@case("with a default route frames go only if the user says so")
def default_route(folder):
    ip("route", "add", "default", "via", FAR_IP)
    check("--yes" in refused("ws0", "ws1"), "--yes")
    check_shapes(trial("--yes", "ws0", "ws1"))


if __name__ == "__main__":
    cases.main()
