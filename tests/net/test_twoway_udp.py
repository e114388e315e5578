#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Round trips over ordinary sockets and this host's loopback: no namespace, no rights, few packets.

    test_twoway_udp.py WIRESTAMP [TEXT]     runs the cases whose titles contain TEXT

As root, everything is done by nobody; as a user, by that user.
"""

import json
import os
import shutil
import socket
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import NOBODY, PROGRAM, run  # noqa: E402
from tap import Skip, Tap, check, check_equal  # noqa: E402
from twoway_lab import Attached, Latency, Reflector, one_line  # noqa: E402

NONE = ["setpriv", "--no-new-privs", "--inh-caps=-all"]
NOBODY_ELSE = [*NONE, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
WITHOUT_RIGHTS = NOBODY_ELSE if os.geteuid() == 0 else NONE
FEW = ["--rate", "500pps", "--count", "100"]


def free_port(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.bind((address, 0))
            return s.getsockname()[1]
    except OSError as error:
        raise Skip(f"no {address} here: {error}")


def reflector(port, *arguments):
    words = ["--io", "udp", "--port", str(port), "--duration", "1m", *arguments]
    return Reflector(*words, interface=None, where=WITHOUT_RIGHTS)


def latency(address, port, *arguments):
    words = ["--io", "udp", "--peer", address, "--udp", f"{port + 1}:{port}"]
    return Latency(*words, *FEW, *arguments, wrap=WITHOUT_RIGHTS)


def round_trip(address):
    port = free_port(address)
    with reflector(port) as far:
        document = latency(address, port).result()
        r = document["runs"][0]
        check_equal((r["matched"], r["two_way"]["exchanges"]), (100, 100), "matched and exchanges")
        check_equal((r["two_way"]["same_clock"], document["tx"]["mac"]), (True, None), "same_clock and tx.mac")
        check_equal((r["stamps"]["tx"], r["stamps"]["rx"]), ("software", "software"), "stamps")
        check(r["forward_ns"]["min"] > 0 and r["backward_ns"]["min"] > 0, "a way that takes no time")
        check_equal(document["peer"]["port"], port, "port of the peer")
        told = far.result()
        check_equal((told["port"], told["sessions"][0]["answered"]), (port, 100), "port, and answered there")
        check_equal(told["sessions"][0]["port"], port + 1, "port of the sender")


def one_way():
    folder = tempfile.mkdtemp(prefix="wirestamp-test-")
    os.chmod(folder, 0o777)
    try:
        port = free_port("127.0.0.1")
        sent, received, joined = (os.path.join(folder, name) for name in ("S", "R", "J"))
        with reflector(port, "--receive-only", "--packets", "--out", received) as far:
            latency("127.0.0.1", port, "--one-way", "--packets", "--out", sent).document()
            far.result()
        run(*WITHOUT_RIGHTS, PROGRAM, "report", "--join", sent, received, "--out", joined)
        with open(os.path.join(joined, "run.json"), encoding="utf-8") as file:
            r = json.load(file)["runs"][0]
        check_equal((r["matched"], r["latency_ns"]["count"]), (100, 100), "matched")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def attached():
    port = free_port("127.0.0.1")
    with Attached("--io", "udp", "--port", port, interface=None, where=WITHOUT_RIGHTS) as far:
        check_equal((far.ready["mac"], far.ready["io"], far.ready["port"]), (None, "udp", port), "ready")
        r = latency("127.0.0.1", port).result()["runs"][0]
        check_equal(r["matched"], 100, "matched")
        check_equal(far.result()["sessions"][0]["answered"], 100, "answered there")


def refused():
    """Nobody there: the kernel says so by ICMP, which is no reason to end."""
    port = free_port("127.0.0.1")
    document = latency("127.0.0.1", port, "--window", "100ms").result()
    r = document["runs"][0]
    check_equal((r["attempted"], r["matched"]), (100, 0), "attempted and matched")
    said = [w for w in document["warnings"] if "nobody listens" in w and str(port) in w and "reflect" in w]
    check_equal(len(said), 1, f"warnings {document['warnings']}")
    check(not any("firewall" in w for w in document["warnings"]), "what is asked of firewalls")


def own_address():
    """The sender's port and address are those that are asked for."""
    port = free_port("127.0.0.1")
    with reflector(port) as far:
        latency("127.0.0.1", port, "--src", "127.0.0.5").result()
        session = far.result()["sessions"][0]
        check_equal((session["ip"], session["port"]), ("127.0.0.5", port + 1), "the sender's address and port")
    words = ["latency", "--io", "udp", "--peer", "127.0.0.1", "--count", "1"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as owner:
        owner.bind(("0.0.0.0", 0))
        taken = owner.getsockname()[1]
        done = run(*WITHOUT_RIGHTS, PROGRAM, *words, "--udp", f"{taken}:{port}", status=1)
        check(str(taken) in one_line(done.stderr), f"says {done.stderr!r}")
    done = run(*WITHOUT_RIGHTS, PROGRAM, *words, "--src", "192.0.2.1", status=1)
    check("--src" in one_line(done.stderr), f"says {done.stderr!r}")


def usage():
    here = ["latency", "--io", "udp", "--peer", "127.0.0.1"]
    for words, said in ((["latency", "--io", "udp"], "--peer IP"),
                        (["latency", "--io", "udp", "--peer", "02:00:00:00:00:01"], "IP addresses"),
                        (["latency", "--io", "udp", "--peer", "nowhere"], "neither a MAC nor an IP"),
                        ([*here, "--vlan", "5"], "--vlan"), ([*here, "--ttl", "3"], "--ttl"),
                        ([*here, "--tos", "8"], "--tos"), ([*here, "--carrier", "l2"], "--carrier l2"),
                        ([*here, "--dst-mac", "02:00:00:00:00:01"], "--dst-mac")):
        check(said in one_line(run(PROGRAM, *words, status=2).stderr), f"{words}")


CASES = (
    ("127.0.0.1, there and back", round_trip, "127.0.0.1"),
    ("::1, there and back", round_trip, "::1"),
    ("one-way, and joined", one_way),
    ("for whoever starts it through ssh", attached),
    ("nobody answers", refused),
    ("the sender's own address and port", own_address),
    ("wrong usage is refused", usage),
)


def main():
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    tap = Tap()
    for title, function, *arguments in CASES:
        if only in title:
            tap.case(title, function, *arguments)
    tap.end()


if __name__ == "__main__":
    main()
