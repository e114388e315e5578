#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""wirestamp load where it must not send, cannot send, or has to end early.

    test_load_faults.py WIRESTAMP [TEXT]      runs the cases whose titles contain TEXT
"""

import json
import os
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import Cases, PROGRAM, ip, need, run, wait_until  # noqa: E402
from load_lab import (  # noqa: E402
    Arrivals, Load, arrived_packets, check_document, far_namespace, load, one_line, refused, sent_packets,
)
from tap import Skip, check, check_equal  # noqa: E402

cases = Cases(__file__)
case = cases.case
SHORT = ["--rate", "10kpps", "--count", "200"]
LONG = ["--rate", "5kpps,1kpps", "--duration", "60s"]


def mac_of(interface, far=False):
    return re.search(r"link/ether (\S+)", ip("link", "show", interface, far=far))[1]


# --- Where to ---


@case("IPv4: the neighbour is asked for")
def resolve(folder):
    ip("neigh", "flush", "all")
    arrivals = Arrivals(folder)
    document, r = load("ws0", "--dst", "198.18.0.2", *SHORT, lab=False)
    check_equal(document["lab"], False, "lab")
    # The kernel's own question came in, too.
    wait_until(lambda: arrivals.look(201), "the packets")
    packets = arrivals.look(201)
    arrivals.capture.end(signal.SIGINT)
    frames = [bytes(packets[n]) for n in range(len(packets))]
    load_frames = [f for f in frames if f[12:14] == b"\x08\x00"]
    check_equal((len(load_frames), r["sent"]), (200, 200), "frames")
    ours, theirs = mac_of("ws0"), mac_of("ws1", far=True)
    addresses = {(f[:6].hex(":"), f[6:12].hex(":"), f[26:30], f[30:34]) for f in load_frames}
    wanted = (theirs, ours, bytes([198, 18, 0, 1]), bytes([198, 18, 0, 2]))
    check_equal(addresses, {wanted}, "addresses")
    check(any(f[12:14] == b"\x08\x06" for f in frames), "nobody asked")


@case("IPv6: the neighbour is asked for")
def resolve_six(folder):
    for n, far in ((1, False), (2, True)):
        for address in (f"fd00::{n}/64", f"fe80::{n}/64"):
            ip("addr", "add", address, "dev", f"ws{n - 1}", "nodad", far=far)
    document, r = load("ws0", "--dst", "fd00::2", *SHORT, lab=False)
    check_equal(r["sent"], 200, "sent")
    check("[fd00::1]:8620 > [fd00::2]:8620" in document["traffic"], f"traffic {document['traffic']}")
    refused(r"fd00::77.*nobody at ws0", "ws0", "--dst", "fd00::77", *SHORT)
    refused(r"2001:db8::1.*no route", "ws0", "--dst", "2001:db8::1", *SHORT)
    # Multicast has no neighbour.
    load("ws0", "--dst", "ff02::1", "--dst-mac", "33:33:00:00:00:01", *SHORT, lab=False)


@case("an interface in another namespace")
def other_namespace(folder):
    before = sent_packets()
    far = f"ws1@{far_namespace()}"
    document, r = load(far, "--dst", "198.18.0.1", *SHORT, lab=False)
    check_equal((document["tx"]["name"], r["sent"]), (far, 200), "name and sent")
    check(sent_packets() - before < 100, "sent by the wrong end")


@case("no destination, or one that cannot be")
def no_destination(folder):
    before = arrived_packets()
    refused(r"ws0: no destination.*--dst", "ws0", *SHORT, status=2)
    refused(r"198.18.0.1: is an address of this host", "ws0", "--dst", "198.18.0.1", *SHORT)
    refused(r"203.0.113.1: no route", "ws0", "--dst", "203.0.113.1", *SHORT)
    check_equal(arrived_packets(), before, "packets that arrived")
    refused(r"198.18.0.77: nobody at ws0 answers.*--dst-mac", "ws0", "--dst", "198.18.0.77", *SHORT)
    load("ws0", "--dst", "198.18.0.77", "--dst-mac", "02:00:00:00:00:07", *SHORT, lab=False)


@case("an interface with the default route asks for --yes")
def default_route(folder):
    ip("route", "add", "default", "via", "198.18.0.2")
    before = arrived_packets()
    for destination in (["--dst", "198.18.0.2"], ["--dst-mac", "02:00:00:00:00:07"]):
        refused(r"ws0: .*default route.*--yes", "ws0", *destination, *SHORT)
    check_equal(arrived_packets(), before, "packets that arrived")
    # Beyond the gateway: its address.
    document, r = load("ws0", "--dst", "203.0.113.9", "--yes", *SHORT, lab=False)
    check_equal(r["sent"], 200, "sent")
    check("> 203.0.113.9:8620" in document["traffic"], f"traffic {document['traffic']}")
    # Nothing is sent: nothing to ask for.
    run(PROGRAM, "load", "ws0", "--dst", "198.18.0.2", "-q", "--dry-run", os.path.join(folder, "d"), "-c", "5")


@case("without the right to send")
def no_rights(folder):
    without = ["setpriv", "--bounding-set", "-all", "--inh-caps=-all", "--ambient-caps=-all"]
    if run(*without, "true", status=None).returncode:
        raise Skip("rights cannot be given up here")
    before = arrived_packets()
    refused(r"ws0: .*CAP_NET_RAW", "ws0", "--dst-mac", "02:00:00:00:00:07", *SHORT, prefix=without)
    check_equal(arrived_packets(), before, "packets that arrived")


@case("more workers than CPUs", user=False)
def too_many_workers(folder):
    more = str(len(os.sched_getaffinity(0)) + 1)
    refused(r"--workers.*--force", "--lab", "--workers", more, *SHORT)
    document, r = load("--workers", more, "--force", *SHORT)
    check_equal((r["sent"], r["workers"]), (200, int(more)), "sent, workers")
    allowed = min(os.sched_getaffinity(0))
    refused(r"--cpu", "--lab", "--cpu", "1023", *SHORT)
    document, _ = load("--cpu", allowed, *SHORT)
    check_equal(document["cpus"], [allowed], "cpus")


@case("files that are no captures", user=False)
def no_captures(folder):
    text, empty, cut = (os.path.join(folder, name) for name in ("text", "empty", "cut"))
    for path, contents in ((text, b"hello, world\n" * 100), (empty, b""), (cut, b"\xd4\xc3\xb2\xa1\x02\0")):
        with open(path, "wb") as file:
            file.write(contents)
    before = arrived_packets()
    for path in (text, empty, cut, folder, os.path.join(folder, "none")):
        refused(re.escape(f"--pcap {path}: "), "--lab", "--pcap", path)
    check_equal(arrived_packets(), before, "packets that arrived")


# --- Ends ---


def ends_by(number, *arguments):
    process = Load(*LONG, *arguments)
    process.wait_for(500)
    process.signal(number)
    document, said = process.end()
    check_equal(said, "", "stderr")
    r = document["runs"][0]
    check_equal((len(document["runs"]), r["complete"], r["fault"]), (1, False, False), "how it ended")
    check("user" in r["ended_by"], f"ended_by {r['ended_by']}")
    check(500 <= r["sent"] < 300_000, f"sent {r['sent']}")
    check_equal(r["wire"], r["sent"], "wire, and sent")


@case("SIGINT ends it with its result")
def sigint(folder):
    ends_by(signal.SIGINT)


@case("SIGTERM ends it with its result, rings and workers", user=False)
def sigterm(folder):
    ends_by(signal.SIGTERM, "--io", "tpacket2", "--workers", "2", "--force")


@case("a second SIGINT does not wait for what is under way", user=False)
def sigint_twice(folder):
    """A queue that takes many seconds to drain."""
    need("tc")
    bucket = ["tbf", "rate", "100kbit", "burst", "10k", "latency", "600s"]
    if run("tc", "qdisc", "add", "dev", "ws0", "root", *bucket, status=None).returncode:
        raise Skip("no token bucket here")
    process = Load("--rate", "1kpps", "--duration", "60s", "--size", "1518")
    process.wait_for(7)  # the bucket is empty
    process.signal(signal.SIGINT)
    try:
        process.process.wait(0.7)  # more than what counts as one
    except subprocess.TimeoutExpired:
        process.signal(signal.SIGINT)
    document, _ = process.end()
    r = document["runs"][0]
    check_equal((r["complete"], r["fault"]), (False, False), "how it ended")
    check(r["sent"] > 0, "nothing was sent")


@case("the interface is removed, socket", "socket", ["del"], "removed")
@case("the interface is removed, ring", "tpacket3", ["del"], "removed", user=False)
@case("the interface is set down, socket", "socket", ["set", "down"], "down", user=False)
@case("the interface is set down, ring", "tpacket2", ["set", "down"], "down", user=False)
def interface_gone(folder, backend, what, why):
    process = Load(*LONG, "--io", backend)
    process.wait_for(500)
    ip("link", what[0], "dev", "ws0", *what[1:])
    document, said = process.end(1)
    check(re.search(rf"ws0 .*{why}", one_line(said)), f"it says {said!r}")
    check_equal(len(document["runs"]), 1, "runs")
    r = document["runs"][0]
    check_equal((r["complete"], r["fault"]), (False, True), "complete, fault")
    check(re.search(rf"ws0 .*{why}", r["ended_by"]), f"ended_by {r['ended_by']!r}")
    check(r["sent"] >= 500, f"sent {r['sent']}")


@case("the interface is down before")
def interface_down(folder):
    ip("link", "set", "ws0", "down")
    refused(r"ws0.*down", "--lab", *SHORT)
    refused(r"ws0.*down", "ws0", "--dst-mac", "02:00:00:00:00:07", *SHORT)
    ip("link", "set", "ws0", "up")
    ip("link", "set", "ws1", "down", far=True)
    refused(r"ws0.*carrier", "ws0", "--dst-mac", "02:00:00:00:00:07", *SHORT)


# --- Where results go ---


@case("--out keeps the document")
def out(folder):
    target = os.path.join(folder, "kept")
    done = run(PROGRAM, "load", "--lab", "--json", *SHORT, "--out", target)
    check_equal(os.listdir(target), ["run.json"], "files")
    with open(os.path.join(target, "run.json"), "rb") as file:
        check_equal(file.read(), done.stdout, "run.json")
    check_document(json.loads(done.stdout), 1)
    before = arrived_packets()
    refused(re.escape(target) + ".*exists", "--lab", *SHORT, "--out", target)
    refused("--out", "--lab", *SHORT, "--out", os.path.join(folder, "no", "kept"))
    check_equal(arrived_packets(), before, "packets that arrived")


@case("--out on a full disk", mounts=True)
def out_on_a_full_disk(folder):
    """A file system of one page that is taken. Two rates: one message."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k,mode=755", "tmpfs", folder]
    if run(*mount, status=None).returncode:
        raise Skip("nothing can be mounted here")
    with open(os.path.join(folder, "fill"), "wb") as file:
        file.write(bytes(4096))
    target = os.path.join(folder, "kept")
    done = run(
        PROGRAM, "load", "--lab", "--json", "--rate", "10kpps,20kpps", "--count", "200", "--out", target,
        status=1)
    check("space" in one_line(done.stderr).lower(), f"does not say why: {done.stderr!r}")
    check_document(json.loads(done.stdout), 2)
    left = [name for _, _, names in os.walk(folder) for name in names]
    check_equal(left, ["fill"], "files that are left")


@case("stdout is full, or closed")
def bad_stdout(folder):
    for options in ([], ["--json"], ["--dry-run", "-"]):
        reader, writer = os.pipe()
        os.close(reader)
        streams = [os.fdopen(writer, "wb")]
        if os.path.exists("/dev/full"):
            streams.append(open("/dev/full", "wb"))
        for stream in streams:
            with stream:
                done = run(PROGRAM, "load", "--lab", *SHORT, *options, stdout=stream, status=1)
            one_line(done.stderr)


@case("text in a pipe")
def text(folder):
    done = run(PROGRAM, "load", "--lab", "--rate", "1kpps,2kpps", "--count", "100")
    said = done.stdout.decode()
    check_equal(done.stderr, "", "stderr")
    check("\x1b" not in said, "escape codes in a pipe")
    for word in ("1kpps", "2kpps", "198.18.0.1:8620 > 198.18.0.2:8620", "balanced", "100 sent", "limit"):
        check(word in said, f"no {word} in {said!r}")


@case("a dry run to a pipe", user=False)
def dry_pipe(folder):
    """Sends nothing, needs no rights, and no interface."""
    before = arrived_packets()
    to_pipe = run(PROGRAM, "load", "--dry-run", "-", "--count", "50", "--dst", "192.0.2.1", "-q")
    check_equal(to_pipe.stderr, "", "stderr")
    path = os.path.join(folder, "dry.pcapng")
    run(PROGRAM, "load", "--dry-run", path, "--count", "50", "--dst", "192.0.2.1", "-q")
    with open(path, "rb") as file:
        check_equal(file.read(), to_pipe.stdout, "file and pipe")
    check_equal(arrived_packets(), before, "packets that arrived")


if __name__ == "__main__":
    cases.main()
