#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""wirestamp latency over a private veth pair: real packets, small loads, exact accounts.

    test_latency.py WIRESTAMP

A busy machine may lose packets or miss a rate; nothing here asserts that it does not. What is asserted
is that every packet is accounted for, and that runs that end early or badly still tell the truth.
"""

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from run_document import check_document  # noqa: E402
from tap import Skip, Tap, check, check_equal  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
SMALL = ["--rate", "10kpps", "--count", "2000"]
LIMIT = 120  # seconds after which something hangs
SKIPPED = 77
PROBE_PORT = 8620


def run(*arguments, program=PROGRAM, **named):
    return subprocess.run(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
        **named,
    )


def check_status(done, status):
    check_equal(done.returncode, status, f"exit status ({done.stderr.strip()!r})")


def ip(*arguments):
    check_status(run(*arguments, program="ip"), 0)


def add_device(name, kind, *before):
    done = run("link", "add", *before, "name", name, "type", kind, program="ip")
    if "Unknown device type" in done.stderr or "Operation not supported" in done.stderr:
        raise Skip(f"this kernel has no {kind} interfaces")
    check_status(done, 0)


def check_one_line(text):
    check_equal(len(text.splitlines()), 1, f"lines on stderr ({text!r})")
    check(text.startswith("wirestamp: "), f"begins otherwise: {text!r}")


def measure(*arguments, runs=1, status=0):
    """Runs `latency --lab --json`; returns the document, checked."""
    done = run("latency", "--lab", "--json", *arguments)
    check_status(done, status)
    document = json.loads(done.stdout)
    check_document(document, runs)
    return document


def start(*arguments):
    return subprocess.Popen(
        [PROGRAM, "latency", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """Waits; returns the same as run()."""
    try:
        out, err = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


# --- What is measured ---


def plain():
    document = measure(*SMALL)
    result = document["runs"][0]
    check_equal(document["lab"], True, "lab")
    check_equal((document["tx"]["name"], document["rx"]["name"]), ("ws0", "ws1"), "interfaces")
    check_equal(result["planned"], 2000, "planned")
    check(result["matched"] > 0, "nothing was matched")
    check_equal(result["requested_pps"], 10000, "requested_pps")


def three_rates():
    document = measure("--rate", "1kpps,5kpps,10kpps", "--duration", "300ms", runs=3)
    check_equal([r["requested_pps"] for r in document["runs"]], [1000, 5000, 10000], "rates")
    check_equal([r["planned"] for r in document["runs"]], [300, 1500, 3000], "planned")


def range_of_rates():
    document = measure("--rate", "1kpps:3kpps:1kpps", "--count", "100", runs=3)
    check_equal([r["requested_pps"] for r in document["runs"]], [1000, 2000, 3000], "rates")


def by_duration():
    result = measure("--rate", "10kpps", "--duration", "500ms")["runs"][0]
    check_equal(result["planned"], 5000, "planned")
    check(result["elapsed_ns"] >= 500_000_000, f"elapsed_ns {result['elapsed_ns']}")


def flat_out():
    result = measure("--rate", "max", "--count", "5000")["runs"][0]
    check_equal(result["requested_pps"], None, "requested_pps")
    check(result["limit"]["cause"] != "none", "a flat-out run has a limit")


def flat_out_for_a_while():
    """Ends in time, whatever holds the sender up."""
    result = measure("--rate", "max", "--duration", "300ms")["runs"][0]
    check_equal(result["planned"], None, "planned")
    check(result["elapsed_ns"] >= 300_000_000, f"elapsed_ns {result['elapsed_ns']}")


def few_packets():
    """What so few values cannot tell is null, never 0."""
    result = measure("--rate", "1kpps", "--count", "5")["runs"][0]
    for name in ("p99", "p99.9", "p99.99"):
        check_equal(result["latency_ns"][name], None, name)


def one_packet():
    result = measure("--rate", "1kpps", "--count", "1")["runs"][0]
    check_equal(result["latency_ns"]["stddev"], None, "stddev of one value")
    check_equal(result["gaps_ns"]["count"], 0, "gaps of one packet")
    check_equal(result["gaps_ns"]["min"], None, "smallest of no gaps")


def backend(name):
    document = measure(*SMALL, "--io", name)
    check_equal(document["io"], name, "io")
    check_equal(document["io_tx"], name, "io_tx")
    check_equal(document["runs"][0]["io"], name, "runs[0].io")


def backend_auto():
    document = measure(*SMALL, "--io", "auto")
    check(document["io"] in ("socket", "tpacket3"), "io names a backend")
    check_equal(document["io_tx"], "socket", "io_tx")


def carrier(name):
    document = measure(*SMALL, "--carrier", name)
    check_equal(document["carrier"], name, "carrier")
    result = document["runs"][0]
    check_equal((result["foreign"], result["malformed"]), (0, 0), "foreign and malformed")
    check_equal((result["unstamped_tx"], result["unstamped_rx"]), (0, 0), "unstamped")
    check_equal(result["matched"] + result["lost"] + result["late_arrivals"], 2000, "matched, lost or late")
    check(result["matched"] > 0, "nothing was matched")


def size(octets):
    result = measure(*SMALL, "--size", str(octets))["runs"][0]
    check_equal((result["size"], result["len"]), (octets, octets - 4), "size and len")
    check(result["matched"] > 0, "nothing was matched")


def stamps(name):
    document = measure(*SMALL, "--stamp", name)
    result = document["runs"][0]
    check_equal((result["stamps"]["tx"], result["stamps"]["rx"]), (name, name), "stamps")
    check(result["matched"] > 0, "nothing was matched")


def pinned():
    allowed = sorted(os.sched_getaffinity(0))
    measure(*SMALL, "--cpu", f"{allowed[0]},{allowed[-1]}")
    done = run("latency", "--lab", *SMALL, "--cpu", f"{allowed[0]},1023")
    check_status(done, 1)
    check_one_line(done.stderr)


def interfaces_by_name():
    """Inside a lab, with the interfaces given one by one."""
    far = f"ws1@{os.environ['WIRESTAMP_LAB_NS1']}"
    done = run("latency", "--tx", "ws0", "--rx", far, "--json", *SMALL)
    check_status(done, 0)
    document = json.loads(done.stdout)
    check_document(document, 1)
    check_equal(document["rx"]["name"], far, "rx.name")
    check(document["runs"][0]["matched"] > 0, "nothing was matched")


def interfaces_by_alternative_name():
    """One longer than any name, as long as the kernel allows, and a short one."""
    far = f"ws1@{os.environ['WIRESTAMP_LAB_NS1']}"
    for name in ("averyveryverylongname0", "a" * 127, "short"):
        ip("link", "property", "add", "dev", "ws0", "altname", name)
        done = run("latency", "--tx", name, "--rx", far, "--json", *SMALL)
        check_status(done, 0)
        document = json.loads(done.stdout)
        check_document(document, 1)
        check_equal(document["tx"]["name"], name, "tx.name")
        check(document["runs"][0]["matched"] > 0, "nothing was matched")
    done = run("latency", "--tx", "averyveryverylongname1", "--rx", far, *SMALL)
    check_status(done, 1)
    check_one_line(done.stderr)
    check("no such interface" in done.stderr, f"does not say so: {done.stderr!r}")


def check_yes_needed():
    """ws0 carries a default route: sending there has to be asked for."""
    far = f"ws1@{os.environ['WIRESTAMP_LAB_NS1']}"
    done = run("latency", "--tx", "ws0", "--rx", far, *SMALL)
    check_status(done, 1)
    check_one_line(done.stderr)
    check("--yes" in done.stderr, f"does not name --yes: {done.stderr!r}")
    done = run("latency", "--tx", "ws0", "--rx", far, "--yes", "--json", *SMALL)
    check_status(done, 0)
    check_document(json.loads(done.stdout), 1)


def check_yes_not_needed():
    far = f"ws1@{os.environ['WIRESTAMP_LAB_NS1']}"
    check_status(run("latency", "--tx", "ws0", "--rx", far, "--json", *SMALL), 0)


def default_route():
    ip("route", "add", "default", "via", "198.18.0.2")
    check_yes_needed()


def default_route_of_a_bridge():
    """The interface has no route of its own, but is a port of what has."""
    add_device("br0", "bridge")
    ip("link", "set", "br0", "up")
    ip("route", "add", "default", "dev", "br0")
    check_yes_not_needed()
    ip("link", "set", "ws0", "master", "br0")
    check_yes_needed()


def default_route_of_a_macvlan():
    add_device("mac0", "macvlan", "link", "ws0")
    ip("link", "set", "mac0", "up")
    check_yes_not_needed()
    ip("-6", "route", "add", "default", "dev", "mac0")
    check_yes_needed()


def speed_unknown():
    """A share of a speed that the interface does not tell."""
    far = f"ws1@{os.environ['WIRESTAMP_LAB_NS1']}"
    try:
        add_device("other0", "dummy")
    except Skip:
        add_device("other0", "ifb")
    ip("link", "set", "other0", "up")
    done = run("latency", "--tx", "other0", "--rx", far, "--rate", "80%", "--count", "1")
    check_status(done, 1)
    check_one_line(done.stderr)
    check(re.search("--rate.*speed", done.stderr), f"does not say why: {done.stderr!r}")


def interface_down():
    ip("link", "set", "ws0", "down")
    done = run("latency", "--lab", "--json", *SMALL)
    check_status(done, 1)
    check_one_line(done.stderr)
    check("ws0" in done.stderr, f"does not name the interface: {done.stderr!r}")


# --- Where results go ---


def text_in_a_pipe():
    done = run("latency", "--lab", *SMALL)
    check_status(done, 0)
    check("\x1b" not in done.stdout + done.stderr, "escape codes in a pipe")
    for word in ("10kpps", "p99", "balanced"):
        check(word in done.stdout, f"no {word} in {done.stdout!r}")
    check(re.search("[▁▂▃▄▅▆▇█]", done.stdout), "no histogram")


def read_terminal(command, descriptor):
    """Runs command with stdout (1) or stderr (2) on a terminal; returns what the terminal got."""
    ours, theirs = pty.openpty()
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    streams["stdout" if descriptor == 1 else "stderr"] = theirs
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    environment["TERM"] = "xterm-256color"
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment, **streams) as process:
        os.close(theirs)
        got = b""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end and select.select([ours], [], [], LIMIT)[0]:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break  # the other end is closed
            if not part:
                break
            got += part
        os.close(ours)
        check_equal(process.wait(LIMIT), 0, "exit status")
    return got.decode()


def text_on_a_terminal():
    got = read_terminal([PROGRAM, "latency", "--lab", *SMALL], 1)
    check("\x1b[" in got, f"no colour on a terminal: {got!r}")
    plain_text = re.sub(r"\x1b\[[0-9;]*m", "", got)
    check("\x1b" not in plain_text, f"other escape codes than colours: {got!r}")
    check("balanced" in plain_text, "no verdict")


def progress():
    command = [PROGRAM, "latency", "--lab", "--rate", "1kpps", "--duration", "2500ms"]
    check(read_terminal(command, 2).strip(), "no progress on a terminal")
    check_equal(read_terminal([*command, "-q"], 2), "", "stderr with -q")


def out_directory(folder):
    target = os.path.join(folder, "kept")
    done = run("latency", "--lab", "--json", *SMALL, "--out", target)
    check_status(done, 0)
    check_equal(os.listdir(folder), ["kept"], "what is left beside the directory")
    check_equal(os.listdir(target), ["run.json"], "what is in the directory")
    with open(os.path.join(target, "run.json"), encoding="utf-8") as file:
        kept = file.read()
    check_equal(kept, done.stdout, "run.json")
    check_document(json.loads(kept), 1)


def out_exists(folder):
    target = os.path.join(folder, "kept")
    os.mkdir(target)
    done = run("latency", "--lab", *SMALL, "--out", target)
    check_status(done, 1)
    check_one_line(done.stderr)
    check(target in done.stderr, f"does not name the directory: {done.stderr!r}")
    check_equal(done.stdout, "", "stdout")
    check_equal(os.listdir(target), [], "what is in the directory")


def out_without_parent(folder):
    done = run("latency", "--lab", *SMALL, "--out", os.path.join(folder, "no", "kept"))
    check_status(done, 1)
    check_one_line(done.stderr)
    check_equal(os.listdir(folder), [], "what is left")


def out_on_a_full_disk(folder):
    """A file system of one page that is taken, in a mount namespace of our own. Two rates: one message."""
    inside = """
        mount -t tmpfs -o size=4k,mode=755 tmpfs "$2" || exit 77
        # A short result fits the page.
        head -c 4096 /dev/zero >"$2/fill" || exit 77
        "$1" latency --lab --json --rate 10kpps,20kpps --count 500 --out "$2/kept" >/dev/null
        status=$?
        find "$2" -type f ! -name fill
        exit $status
    """
    prefix = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    done = run(*prefix[1:], "sh", "-c", inside, "sh", PROGRAM, folder, program=prefix[0])
    if done.returncode == SKIPPED or "unshare" in done.stderr:
        raise Skip(f"no mount namespace of our own here: {done.stderr.strip()}")
    check_status(done, 1)
    check_one_line(done.stderr)
    check("space" in done.stderr.lower(), f"does not say why: {done.stderr!r}")
    check_equal(done.stdout, "", "files that are left")


def full_stdout(*options):
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full here")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [PROGRAM, "latency", "--lab", *SMALL, *options],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT,
        )
    check_status(done, 1)
    check_one_line(done.stderr)


def closed_pipe(*options):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            [PROGRAM, "latency", "--lab", *SMALL, *options],
            stdin=subprocess.DEVNULL,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT,
        )
    check_status(done, 1)
    check_one_line(done.stderr)


# --- What happens on the way ---


def sent_packets():
    """The transmit counter of ws0; None if there is no such interface."""
    with open("/proc/thread-self/net/dev", encoding="ascii") as file:
        for line in file:
            name, colon, counters = line.partition(":")
            if colon and name.strip() == "ws0":
                return int(counters.split()[9])
    return None


def wait_for_packets(process, count):
    """Until process has sent count packets: a state, not a time."""
    before = sent_packets()
    end = time.monotonic() + LIMIT
    while sent_packets() - before < count:
        check(process.poll() is None, "it ended too early")
        check(time.monotonic() < end, "it sends nothing")
        time.sleep(0.005)


def ended_by_signal(number):
    process = start("--lab", "--json", "--rate", "10kpps,1kpps", "--duration", "60s")
    wait_for_packets(process, 500)
    process.send_signal(number)
    done = finish(process)
    check_status(done, 0)
    document = json.loads(done.stdout)
    check_document(document)
    check(document["runs"], "no runs")
    first = document["runs"][0]
    check_equal(first["complete"], False, "complete")
    check(500 <= first["sent"] < 600_000, f"sent {first['sent']}")
    check(not any(r["complete"] for r in document["runs"]), "a run that never began is complete")


def interface_removed():
    process = start("--lab", "--json", "--rate", "10kpps", "--duration", "60s")
    wait_for_packets(process, 500)
    ip("link", "del", "ws0")
    done = finish(process)
    check_status(done, 1)
    check_one_line(done.stderr)
    document = json.loads(done.stdout)
    check_document(document, 1)
    check_equal(document["runs"][0]["complete"], False, "complete")
    check(document["runs"][0]["sent"] >= 500, "what was done before is missing")


def crc32c(data):
    crc = 0xFFFFFFFF
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def first_probe(sniffer):
    """The first probe that ws0 sends: (frame, offset of its payload)."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        frame = sniffer.recv(65535)
        if frame[12:14] == b"\x08\x00" and frame[23] == 17:
            if struct.unpack_from("!H", frame, 36)[0] == PROBE_PORT and frame[42:43] == b"W":
                return frame, 42
        if frame[12:15] == b"\x88\xb5W":
            return frame, 14
    raise AssertionError("no probe was sent")


def forged(frame, at, **change):
    """The frame with fields of its probe changed, and the checks made right again (or not)."""
    copy = bytearray(frame)
    if at == 42:
        struct.pack_into("!H", copy, 40, 0)  # UDP without checksum
    if "run_id" in change:
        struct.pack_into("!I", copy, at + 2, change["run_id"])
    if "seq" in change:
        struct.pack_into("!Q", copy, at + 8, change["seq"])
    if "version" in change:
        copy[at + 1] = change["version"] << 4 | copy[at + 1] & 15
    if "magic" in change:
        copy[at] = change["magic"]
    if copy[at + 1] & 15 == 2:
        struct.pack_into("!I", copy, at + 28, crc32c(copy[at : at + 28]) ^ change.get("crc", 0))
    return bytes(copy)


def injected(octets, carrier, full):
    """Copies and forgeries of a probe, sent into the run: each is told apart, none is matched."""
    copies = 20
    protocol = socket.htons(3)  # ETH_P_ALL
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, protocol) as wire:
        wire.bind(("ws0", 3))
        wire.settimeout(LIMIT)
        arguments = ["--rate", "5kpps", "--count", "10000", "--size", str(octets)]
        process = start("--lab", "--json", "--carrier", carrier, *arguments)
        frame, at = first_probe(wire)
        run_id = struct.unpack_from("!I", frame, at + 2)[0]
        foreign = [
            forged(frame, at, run_id=run_id ^ 1),
            forged(frame, at, magic=0),
            forged(frame, at, seq=1 << 40),  # was never sent
        ]
        malformed = [forged(frame, at, version=15)]
        if frame[at + 1] & 15 == 2:
            malformed.append(forged(frame, at, crc=1))
        for other in [frame, *foreign, *malformed]:
            for _ in range(copies):
                wire.send(other)
    done = finish(process)
    check_status(done, 0)
    document = json.loads(done.stdout)
    check_document(document, 1)
    result = document["runs"][0]
    check_equal(document["run_id"], run_id, "run_id")
    check_equal(frame[at + 1], 0x12 if full else 0x11, "version and kind of the probe")
    check_equal(document["payload"], "full" if full else "short", "payload")
    for name, most in (("duplicated", copies), ("malformed", copies * len(malformed))):
        check(0 < result[name] <= most, f"{name}: {result[name]} of {most} that were sent")
    # The kernel itself sends some on a new link: listeners' reports, solicitations.
    check(result["foreign"] > copies, f"foreign: {result['foreign']}")


def corrupted():
    """A full probe of which one bit flipped on the way: malformed, and nothing else."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
        wire.bind(("ws0", 3))
        wire.settimeout(LIMIT)
        process = start("--lab", "--json", "--carrier", "l2", "--rate", "5kpps", "--count", "10000")
        frame, at = first_probe(wire)
        # From the stream on to the end of the check; the run id decides whose it is.
        places = range(at + 6, at + 32)
        for place in places:
            copy = bytearray(frame)
            copy[place] ^= 1 << place % 8
            wire.send(copy)
    done = finish(process)
    check_status(done, 0)
    document = json.loads(done.stdout)
    check_document(document, 1)
    result = document["runs"][0]
    check(0 < result["malformed"] <= len(places), f"malformed: {result['malformed']}")
    check_equal(result["duplicated"], 0, "duplicated")


def payload(size, carrier, name):
    done = run("latency", "--lab", "--json", *SMALL, "--size", size, "--carrier", carrier)
    check_status(done, 0)
    document = json.loads(done.stdout)
    check_equal(document["payload"], name, "payload")
    check_equal(document["runs"][0]["malformed"], 0, "malformed")
    check(document["runs"][0]["matched"] > 0, "nothing was matched")


def two_at_once():
    """Each of two runs over one pair sees the other's probes as foreign."""
    arguments = ["--lab", "--json", "--rate", "5kpps", "--count", "10000"]
    processes = [start(*arguments), start(*arguments)]
    done = [finish(process) for process in processes]
    documents = []
    for each in done:
        check_status(each, 0)
        documents.append(json.loads(each.stdout))
        check_document(documents[-1], 1)
    first, second = (document["runs"][0] for document in documents)
    check(documents[0]["run_id"] != documents[1]["run_id"], "both have the same run_id")
    check(first["foreign"] > 0 and second["foreign"] > 0, "no foreign packets")
    for result in (first, second):
        check(result["duplicated"] == 0, "the other's probes were taken for our own")


def resident(*arguments):
    """The most memory (KiB) that a run has had resident, by the kernel's own high-water mark.

    Not wait4(): its figure begins with what this interpreter had when it started the program.
    """
    process = subprocess.Popen(
        [PROGRAM, "latency", "--lab", "--json", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    most = 0
    program = os.path.realpath(PROGRAM)
    while process.poll() is None:
        try:
            # Before it has become the program, it is a copy of this interpreter.
            if os.readlink(f"/proc/{process.pid}/exe") == program:
                with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
                    found = re.search(r"^VmHWM:\s*(\d+) kB", file.read(), re.M)
                most = max(most, int(found[1])) if found else most
        except OSError:
            pass
        time.sleep(0.02)
    check_equal(process.returncode, 0, f"exit status ({process.stderr.read()!r})")
    process.stderr.close()
    check(most > 0, "its memory could not be seen")
    return most


def memory_is_bounded():
    with open(PROGRAM, "rb") as file:
        if b"__asan_init" in file.read():
            raise Skip("the address sanitizer keeps freed memory")
    short = resident("--rate", "20kpps", "--duration", "2s")
    long = resident("--rate", "20kpps", "--duration", "20s")
    check(long <= short * 1.05 + 1024, f"{short} KiB in 2 s, but {long} KiB in 20 s")


# Cases that have to run inside the lab themselves, to watch and to change its interfaces.
INSIDE = {
    "interfaces": interfaces_by_name,
    "names": interfaces_by_alternative_name,
    "default-route": default_route,
    "default-route-bridge": default_route_of_a_bridge,
    "default-route-macvlan": default_route_of_a_macvlan,
    "speed": speed_unknown,
    "down": interface_down,
    "sigint": lambda: ended_by_signal(signal.SIGINT),
    "sigterm": lambda: ended_by_signal(signal.SIGTERM),
    "removed": interface_removed,
    "injected-64": lambda: injected(64, "udp", full=False),
    "injected-128": lambda: injected(128, "udp", full=True),
    "injected-l2": lambda: injected(64, "l2", full=True),
    "corrupted": corrupted,
    "two": two_at_once,
}


def inside(name):
    done = run("lab", "--", sys.executable, os.path.abspath(__file__), PROGRAM, "--inside", name)
    if done.returncode == SKIPPED:
        raise Skip(done.stdout.strip())
    check_equal(done.returncode, 0, f"exit status inside the lab\n{done.stdout}{done.stderr}")


def main_inside(name):
    try:
        INSIDE[name]()
    except Skip as why:
        print(why)
        sys.exit(SKIPPED)


def in_folder(function):
    folder = tempfile.mkdtemp(prefix="wirestamp-test-")
    try:
        function(folder)
    finally:
        shutil.rmtree(folder)


def main():
    tap = Tap()
    lab = run("lab", "--", "true")
    if lab.returncode != 0:
        print(f"1..0 # SKIP no lab here: {lab.stderr.strip()}")
        return
    tap.case("one rate", plain)
    tap.case("three rates", three_rates)
    tap.case("a range of rates", range_of_rates)
    tap.case("for a duration", by_duration)
    tap.case("as fast as it goes", flat_out)
    tap.case("as fast as it goes, for a while", flat_out_for_a_while)
    tap.case("five packets", few_packets)
    tap.case("one packet", one_packet)
    for name in ("socket", "tpacket2", "tpacket3"):
        tap.case(f"backend {name}", backend, name)
    tap.case("backend auto", backend_auto)
    for name in ("udp", "l2", "ptp-l2", "ptp-udp"):
        tap.case(f"carrier {name}", carrier, name)
    for octets in (64, 128, 1518):
        tap.case(f"size {octets}", size, octets)
    payloads = (("77", "udp", "short"), ("78", "udp", "full"), ("64-200", "udp", "mixed"))
    payloads += (("97", "ptp-l2", "short"), ("98", "ptp-l2", "full"), ("110-200", "ptp-udp", "mixed"))
    for octets, carrier_, name in (*payloads, ("imix", "l2", "full")):
        tap.case(f"{name} payload, {carrier_}", payload, octets, carrier_, name)
    for name in ("software", "user"):
        tap.case(f"{name} stamps", stamps, name)
    tap.case("pinned to a CPU", pinned)
    tap.case("interfaces by name", inside, "interfaces")
    tap.case("interfaces by alternative name", inside, "names")
    tap.case("an interface with the default route", inside, "default-route")
    tap.case("a port of the bridge with the default route", inside, "default-route-bridge")
    tap.case("below the macvlan with the default route", inside, "default-route-macvlan")
    tap.case("an interface of unknown speed", inside, "speed")
    tap.case("an interface that is down", inside, "down")

    tap.case("text in a pipe", text_in_a_pipe)
    tap.case("text on a terminal", text_on_a_terminal)
    tap.case("progress", progress)
    tap.case("--out", in_folder, out_directory)
    tap.case("--out exists", in_folder, out_exists)
    tap.case("--out without its parent", in_folder, out_without_parent)
    tap.case("--out on a full disk", in_folder, out_on_a_full_disk)
    tap.case("text to a full disk", full_stdout)
    tap.case("JSON to a full disk", full_stdout, "--json")
    tap.case("text to a closed pipe", closed_pipe)
    tap.case("JSON to a closed pipe", closed_pipe, "--json")

    tap.case("SIGINT", inside, "sigint")
    tap.case("SIGTERM", inside, "sigterm")
    tap.case("the interface is removed", inside, "removed")
    tap.case("copies and forgeries, 64 octets", inside, "injected-64")
    tap.case("copies and forgeries, 128 octets", inside, "injected-128")
    tap.case("copies and forgeries, layer 2", inside, "injected-l2")
    tap.case("a probe that is damaged on the way", inside, "corrupted")
    tap.case("two runs at once", inside, "two")
    tap.case("memory does not grow with the run", memory_is_bounded)
    tap.end()


if __name__ == "__main__":
    if "--inside" in sys.argv:
        main_inside(sys.argv[3])
    else:
        main()
