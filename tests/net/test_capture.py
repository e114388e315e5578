#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""wirestamp capture over a private veth pair: losses, files, quiet links and the ledger.

    test_capture.py WIRESTAMP [TEXT]      runs the cases whose titles contain TEXT

A busy machine may lose packets; nothing here asserts that it does not. What is asserted is that every
frame that was sent is in the files or counted as lost, and that the files say where.
"""

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import (  # noqa: E402
    Cases, PROGRAM, Running, check_contents, check_readable, far_side, files, ip, missing, need, numbered,
    run, send_last, start_numbered, wait_for_number, wait_until,
)
from pcapng_blocks import Capture as Contents, name_of  # noqa: E402
from tap import Skip, check, check_equal  # noqa: E402

cases = Cases(__file__)
case = cases.case

# --- Losses ---


def starve(path, *arguments):
    """A capture whose buffer is too small, and that is stopped for a while. Returns frames, document."""
    capture = Running("ws0", "-w", path, "--json", "--buffer", "64KiB", *arguments)
    sent = numbered(15000, "--size", 200)
    capture.send_signal(signal.SIGSTOP)
    # More than any buffer holds: some are certainly lost.
    sent += numbered(15000, "--size", 1000, offset=sent)
    capture.send_signal(signal.SIGCONT)
    sent += send_last(path, sent)
    sent += numbered(5000, "--size", 200, offset=sent)
    sent += send_last(path, sent)
    capture.end()
    return sent, capture.document()


def check_losses(path, sent, document, exact):
    counts = document["interfaces"][0]
    check_equal(counts["received"] + counts["dropped_kernel"], sent, "received and dropped")
    check(counts["dropped_kernel"] > 0, "nothing was lost: it was not starved")
    contents = check_contents([path], document, sent)[0]
    statistics = contents.statistics[0]
    check_equal(statistics["osdrop"], counts["dropped_kernel"], "osdrop of the statistics")
    check_equal(statistics["usrdeliv"], counts["received"], "usrdeliv of the statistics")
    judged = missing([path], 0, sent)
    check_equal(judged["dropcount"], judged["missing"], "sum of the drop counts, the last frame being there")
    for hole in judged["hole_list"]:
        if hole["dropcount"] != hole["count"]:
            check(not exact, f"an inexact drop count: {hole}")
            told = hole["dropcount"] == 0 or hole["comment"]
            check(told, f"a drop count that is wrong and does not say that it is a sum: {hole}")
    for note in judged["elsewhere_list"]:
        check(not exact and note["comment"], f"a drop count where nothing is missing: {note}")
    return judged


@case("losses are exact, socket", "socket", user=False)
@case("losses are exact, tpacket2", "tpacket2", user=False)
@case("losses are exact, tpacket3", "tpacket3")
def losses(folder, backend):
    path = os.path.join(folder, "x.pcapng")
    sent, document = starve(path, "--io", backend)
    check_equal(document["interfaces"][0]["io"], backend, "io")
    check_losses(path, sent, document, backend == "socket")
    check_readable(path, tshark=False)


@case("losses with several workers", user=False)
def losses_of_workers(folder):
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "-w", path, "--json", "--buffer", "128KiB", "--io", "socket", "--workers", "2")
    sent = numbered(10000, "--size", 200, "--flows", 64)
    capture.send_signal(signal.SIGSTOP)
    sent += numbered(10000, "--size", 1000, "--flows", 64, offset=sent)
    capture.send_signal(signal.SIGCONT)
    sent += send_last(path, sent)
    capture.end()
    document = capture.document()
    counts = document["interfaces"][0]
    check(counts["dropped_kernel"] > 0, "nothing was lost: it was not starved")
    check_equal(counts["received"] + counts["dropped_kernel"], sent, "received and dropped")
    contents = check_contents([path], document, sent)[0]
    check_equal(contents.statistics[0]["osdrop"], counts["dropped_kernel"], "osdrop")


@case("losses over a rotated set", user=False)
def losses_rotated(folder):
    """Each file's statistics are its own; together they are the document's."""
    path = os.path.join(folder, "x.pcapng")
    sent, document = starve(path, "--io", "socket", "--rotate-size", "200kB")
    paths = files(path)
    check(len(paths) > 3, f"{len(paths)} files")
    contents = check_contents(paths, document, sent)
    counts = document["interfaces"][0]
    for name, wanted in (("osdrop", counts["dropped_kernel"]), ("usrdeliv", counts["received"])):
        check_equal(sum(c.statistics[0][name] for c in contents), wanted, f"sum of {name}")


# --- Files ---


def record(folder, *arguments, count=2000, send=(), interface="ws0", name="x.pcapng"):
    """Captures count frames; returns the files, the document and the contents, checked."""
    path = os.path.join(folder, name)
    capture = Running(interface, "-w", path, "--json", *arguments)
    sent = numbered(count, *send)
    sent += send_last(path, sent, send)
    capture.end()
    document = capture.document()
    return files(path), document, check_contents(files(path), document, sent)


def record_compressed(folder, *arguments, count):
    """The same; returns the files as they are, those without compression, the document."""
    need("zstd")
    path = os.path.join(folder, "x.pcapng.zst")
    capture = Running("ws0", "-w", path, "--json", "--compress", "zstd", *arguments)
    sent = numbered(count)
    # What was held back is there a second later.
    wait_until(lambda: any(sent - 1 in Contents(p, True).numbers() for p in unpack(folder)), "all")
    capture.end()
    document = capture.document()
    plain_paths = unpack(folder)
    check_contents(plain_paths, document, sent)
    return [f"{p}.zst" for p in plain_paths], plain_paths, document


def unpack(folder):
    """The compressed files of a folder, and what they hold as far as it is complete."""
    plain_paths = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".zst"):
            path = os.path.join(folder, name[:-4])
            run("zstd", "-qdf", path + ".zst", "-o", path, status=None)
            if os.path.exists(path) and os.path.getsize(path):
                plain_paths.append(path)
    return plain_paths


@case("a plain file")
def plain(folder):
    paths, document, contents = record(folder)
    check_readable(paths[0])
    check_equal(contents[0].interfaces[0]["name"], "ws0", "if_name")
    check_equal(sum(document["interfaces"][0]["stamps"].values()), len(contents[0].packets), "stamps")
    check(any(p.ns % 1000 for p in contents[0].packets), "no stamp has nanoseconds")


@case("VLAN tags are put back, socket", "socket", user=False)
@case("VLAN tags are put back, tpacket2", "tpacket2", user=False)
@case("VLAN tags are put back, tpacket3", "tpacket3", user=False)
def vlan(folder, backend):
    paths, _, contents = record(folder, "--io", backend, count=300, send=("--vlan", 42, "--size", 100))
    check_readable(paths[0], tshark=backend == "tpacket3")
    for p in contents[0].packets:
        check_equal(p.data[12:16], b"\x81\x00\x00\x2a", "tag")
        check_equal((len(p.data), p.wire_len), (100, 100), "length with the tag")


@case("jumbo frames, socket", "socket", user=False)
@case("jumbo frames, tpacket2", "tpacket2", user=False)
@case("jumbo frames, tpacket3", "tpacket3", user=False)
def jumbo(folder, backend):
    ip("link", "set", "ws0", "mtu", "9000")
    ip("link", "set", "ws1", "mtu", "9000", far=True)
    paths, document, contents = record(folder, "--io", backend, count=300, send=("--size", 9014))
    check_readable(paths[0], tshark=False)
    check(all(len(p.data) == p.wire_len == 9014 for p in contents[0].packets), "not whole")
    check_equal(document["interfaces"][0]["truncated"], 0, "truncated")


@case("empty and tiny packets", user=False)
def tiny(folder):
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "-w", path, "--json")
    script = """if True:
        import socket
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        raw.bind(("ws1", 0))
        for n in range(0, 60):
            raw.send(b"\\xff" * 12 + b"\\x88\\xb5" + b"x" * n)
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.sendto(b"", ("198.18.0.1", 9))"""
    run(*far_side(), sys.executable, "-c", script)
    numbered(1)
    wait_for_number(path, 0)
    capture.end()
    contents = check_contents([path], capture.document())[0]
    lengths = [p.wire_len for p in contents.packets if p.data[12:14] == b"\x88\xb5"]
    check_equal(lengths, [14 + n for n in range(60)], "lengths")
    udp = [p for p in contents.packets if p.data[12:14] == b"\x08\x00" and p.data[23] == 17]
    check(any(p.data[38:40] == b"\x00\x08" for p in udp), "no datagram without payload")
    check_readable(path, lines=False)


def second_pair():
    ip("link", "add", "p0", "type", "veth", "peer", "name", "p1")
    for name in ("p0", "p1"):
        ip("link", "set", name, "addrgenmode", "none", "up")
    # Both ends have to see the other, or the first frames are lost.
    wait_until(lambda: "LOWER_UP" in ip("link", "show", "p1"), "the link")


@case("several interfaces in one file")
def several(folder):
    second_pair()
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0,p0,p1", "-w", path, "--json", ready=3)
    sent = numbered(1000, "--rate", 20000)
    local = numbered(1000, "--rate", 20000, interface="p0", far=False, offset=5000)
    wait_for_number(path, 5999)
    capture.end()
    document = capture.document()
    contents = check_contents([path], document)[0]
    check_equal([i["name"] for i in contents.interfaces], ["ws0", "p0", "p1"], "names")
    counts = [i["received"] + i["dropped_kernel"] for i in document["interfaces"]]
    check_equal(counts, [sent, local, local], "frames of each")
    kinds = [{p.flags and p.flags & 3 for p in contents.packets if p.interface == i} for i in range(3)]
    check_equal(kinds, [{1}, {2}, {1}], "directions: in, out, in")
    times = [p.ns for p in contents.packets]
    check(times == sorted(times), "not in the order of time over all interfaces")
    check_readable(path)


@case("interfaces in two namespaces")
def namespaces(folder):
    far = f"ws1@{os.environ['WIRESTAMP_LAB_NS1']}"
    path = os.path.join(folder, "x.pcapng")
    capture = Running(f"ws0,{far}", "-w", path, "--json", ready=2)
    numbered(500, "--rate", 20000)
    wait_for_number(path, 499)
    capture.end()
    document = capture.document()
    contents = check_contents([path], document)[0]
    check_equal([i["name"] for i in contents.interfaces], ["ws0", far], "names")
    counts = [i["received"] + i["dropped_kernel"] for i in document["interfaces"]]
    check_equal(counts, [500, 500], "frames of each")


@case("a file for each interface")
def split(folder):
    second_pair()
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0,p1", "-w", path, "--split", "--json", ready=2)
    numbered(500)
    numbered(300, interface="p0", far=False)
    first, second = (os.path.join(folder, f"x-{name}.pcapng") for name in ("ws0", "p1"))
    wait_for_number([first], 499)
    wait_for_number([second], 299)
    capture.end()
    document = capture.document()
    check_equal(sorted(os.listdir(folder)), ["x-p1.pcapng", "x-ws0.pcapng"], "files")
    for which, other, count in ((first, 0, 500), (second, 1, 300)):
        contents = check_contents([which])[0]
        counts = document["interfaces"][other]
        check_equal(len(contents.packets), counts["written"], f"packets in {which}")
        check_equal(counts["received"] + counts["dropped_kernel"], count, "frames")
        check_readable(which, tshark=False)


@case("compressed by zstd")
def compressed(folder):
    paths, _, document = record_compressed(folder, count=2000)
    packets = check_readable(paths[0])
    check_equal(packets, document["interfaces"][0]["written"], "packets in the file")


@case("several workers, merged in order", user=False)
def workers(folder):
    paths, document, contents = record(
        folder, "--workers", "2", count=20000, send=("--flows", 64, "--rate", 100000))
    check_equal(document["interfaces"][0]["workers"], 2, "workers")
    check_equal(document["late_merged"], 0, "late_merged")
    check_readable(paths[0], tshark=False)


@case("any: cooked packets", user=False)
def cooked(folder):
    paths, _, contents = record(folder, count=300, interface="any")
    check_equal(contents[0].interfaces[0]["linktype"], 276, "link type")
    check_readable(paths[0])


@case("rotation by size")
def rotation_by_size(folder):
    paths, document, contents = record(folder, "--rotate-size", "20kB", count=3000)
    check(len(paths) > 10, f"{len(paths)} files")
    check_equal([name_of(p)[0] for p in paths], list(range(1, len(paths) + 1)), "numbers of files")
    for path in paths:
        check(os.path.getsize(path) <= 20000, f"{path} has {os.path.getsize(path)} bytes")
    check_equal(document["file"]["begun"], len(paths), "file.begun")
    # The order of the files is that of the packets.
    stamps = [p.ns for c in contents for p in c.packets]
    check(stamps == sorted(stamps), "packets of a later file are older")
    for path in (paths[0], paths[-1]):
        check_readable(path, tshark=False)


@case("rotation keeps the youngest files", user=False)
def rotation_keeps(folder):
    path = os.path.join(folder, "x.pcapng")
    other = os.path.join(folder, "x_00001_20200101T000000Z.pcapng")
    with open(other, "w", encoding="ascii") as file:
        file.write("somebody else's")
    capture = Running("ws0", "-w", path, "--json", "--rotate-size", "20kB", "--keep", "3")
    sent = numbered(3000)

    def last_is_there():
        try:
            return any(sent - 1 in Contents(p, True).numbers() for p in ours(folder))
        except FileNotFoundError:
            return False  # removed while it was looked at

    wait_until(last_is_there, "the last frame")
    capture.end()
    document = capture.document()
    check_equal(len(ours(folder)), 3, "files")
    check(os.path.exists(other), "a file that was there before is gone")
    contents = [Contents(p) for p in ours(folder)]
    numbers = [n for c in contents for n in c.numbers()]
    if not document["interfaces"][0]["dropped_kernel"]:
        check_equal(numbers, list(range(numbers[0], sent)), "numbers in the last files")
    check(document["file"]["begun"] > 10, "few files were begun")


def ours(folder):
    found = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        try:
            if name_of(name)[1] > "2021" and os.path.getsize(path):
                found.append(path)
        except FileNotFoundError:
            pass
    return found


@case("rotation by time", user=False)
def rotation_by_time(folder):
    paths, document, contents = record(
        folder, "--rotate-time", "1s", count=1250, send=("--rate", 500))
    check(3 <= len(paths) <= 5, f"{len(paths)} files in 2.5 s")
    for path, c in zip(paths, contents):
        seconds = {p.ns // 10**9 for p in c.packets}
        check(len(seconds) <= 1, f"{path} has packets of {len(seconds)} seconds")
        if c.packets:
            wanted = time.strftime("%Y%m%dT%H%M%S", time.gmtime(min(seconds)))
            check_equal(name_of(path)[1], wanted, f"time in the name {path}")
        check_readable(path, tshark=False)


@case("rotation of compressed files")
def rotation_compressed(folder):
    paths, _, _ = record_compressed(folder, "--rotate-size", "20kB", count=20000)
    check(len(paths) > 2, f"{len(paths)} files")


@case("SIGHUP begins a new file of a series", user=False)
def rotation_by_signal(folder):
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "-w", path, "--json", "--rotate-time", "1h")
    sent = numbered(100)
    wait_for_number(path, sent - 1)
    capture.send_signal(signal.SIGHUP)
    wait_until(lambda: len(files(path)) == 2, "a second file")
    sent += numbered(100, offset=sent)
    wait_for_number(path, sent - 1)
    capture.end()
    check_contents(files(path), capture.document(), sent)
    check_equal(len(files(path)), 2, "files")
    check_equal(capture.errors(), [], "complaints")


def figures(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        resident = int(re.search(r"^VmRSS:\s*(\d+) kB", file.read(), re.M)[1])
    return resident, len(os.listdir(f"/proc/{pid}/fd"))


@case("hundreds of rotations: neither memory nor descriptors grow", user=False)
def rotation_for_long(folder):
    path = os.path.join(folder, "x.pcapng")
    capture = Running(
        "ws0", "-w", path, "--json", "--rotate-size", "5kB", "--rotate-time", "1s", "--keep", "20",
        "--io", "socket")
    with start_numbered("--rate", 4000, "--seconds", 6) as sender:

        def begun():
            return name_of(ours(folder)[-1])[0] if ours(folder) else 0

        wait_until(lambda: begun() > 60, "60 files")
        early = figures(capture.pid)
        wait_until(lambda: begun() > 350 or sender.poll() is not None, "350 files")
        late = figures(capture.pid)
        sender.terminate()
    capture.end()
    document = capture.document()
    check(document["file"]["rotations"] > 300, f"only {document['file']['rotations']} rotations")
    check_equal(len(ours(folder)), 20, "files at the end")
    check_equal(late[1], early[1], "descriptors")
    with open(PROGRAM, "rb") as file:
        if b"__asan_init" in file.read():
            raise Skip("the address sanitizer keeps freed memory (descriptors were looked at)")
    check(late[0] <= early[0] + 512, f"resident: {early[0]} KiB, then {late[0]} KiB")


# --- Killed ---


@case("SIGKILL: what stands before the cut reads", user=False)
def killed(folder):
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "-w", path, "-q", ready=0)
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path), "the file")
    with start_numbered("--rate", 50000, "--seconds", 20) as sender:
        wait_until(lambda: os.path.getsize(path) > 3000000, "3 MB")
        capture.end(signal.SIGKILL, -signal.SIGKILL)
        sender.terminate()
    contents = Contents(path, may_be_cut=True)
    numbers = contents.numbers()
    lost = sum(p.dropcount for p in contents.packets)
    check(len(numbers) > 10000, f"only {len(numbers)} packets")
    check_equal(numbers[-1] - numbers[0] + 1 - len(numbers), lost, "numbers that are missing")


# --- Quiet links ---


def one_by_one(look, count=3):
    """Single frames, each looked for until it is there. Returns the longest time that took."""
    longest = 0
    for n in range(count):
        numbered(1, offset=n)
        begin = time.monotonic()
        wait_until(lambda: look(n), f"frame {n}", 20)
        longest = max(longest, time.monotonic() - begin)
    check(longest < 2, f"a packet on a quiet link took {longest:.3f} s")


@case("a quiet link as text, socket", "socket", user=False)
@case("a quiet link as text, tpacket2", "tpacket2", user=False)
@case("a quiet link as text, tpacket3", "tpacket3")
def quiet_text(folder, backend):
    capture = Running("ws0", "--io", backend, stdout=subprocess.PIPE)
    out = capture.process.stdout.fileno()
    os.set_blocking(out, False)
    got = b""

    def look(n):
        nonlocal got
        got += read_some(out)
        return got.count(b"\n") > n

    one_by_one(look)
    capture.end()


def read_some(descriptor):
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b""


@case("a quiet link to a pipe, socket", "socket", user=False)
@case("a quiet link to a pipe, tpacket2", "tpacket2", user=False)
@case("a quiet link to a pipe, tpacket3", "tpacket3")
def quiet_pipe(folder, backend):
    capture = Running("ws0", "--io", backend, "-w", "-", stdout=subprocess.PIPE)
    out = capture.process.stdout.fileno()
    os.set_blocking(out, False)
    path = os.path.join(folder, "copy")
    with open(path, "wb", buffering=0) as copy:

        def look(n):
            copy.write(read_some(out))
            return os.path.getsize(path) and n in Contents(path, True).numbers()

        one_by_one(look)
        capture.end()
        while part := read_some(out):
            copy.write(part)
    check_contents([path])


@case("a quiet link to a file, socket", "socket", user=False)
@case("a quiet link to a file, tpacket2", "tpacket2", user=False)
@case("a quiet link to a file, tpacket3", "tpacket3")
def quiet_file(folder, backend, *arguments):
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "--io", backend, "-w", path, *arguments)
    one_by_one(lambda n: files(path) and os.path.getsize(path) and n in Contents(path, True).numbers())
    capture.end()


@case("a quiet link with several workers", user=False)
def quiet_workers(folder):
    quiet_file(folder, "tpacket3", "--workers", "2")


# --- Ended by the user ---


@case("SIGINT at full speed", signal.SIGINT, ())
@case("SIGTERM at full speed", signal.SIGTERM, (), user=False)
@case("SIGINT at full speed, workers", signal.SIGINT, ("--workers", "2"), user=False)
@case("SIGINT at full speed, zstd", signal.SIGINT, ("--compress", "zstd"), user=False)
@case("SIGINT at full speed, rotation", signal.SIGINT, ("--rotate-size", "300kB"), user=False)
def ended(folder, how, arguments):
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "-w", path, "--json", *arguments)
    with start_numbered("--flows", 8, "--seconds", 30) as sender:
        wait_until(lambda: files(path) and sum(map(os.path.getsize, files(path))) > 100000, "packets")
        capture.end(how)
        sender.terminate()
    document = capture.document()
    check_equal((document["complete"], document["fault"]), (False, False), "complete and fault")
    check_equal(document["ended_by"], "stopped by the user", "ended_by")
    if "zstd" not in arguments:
        check_contents(files(path), document)
    check_equal(capture.errors(), [], "complaints")


def stuck(arguments, signals):
    """Its output is taken by nobody; ends by so many signals, more than 200 ms apart."""
    capture = Running("ws0", *arguments, stdout=subprocess.PIPE)
    with start_numbered("--rate", 20000, "--seconds", 30) as sender:
        wait_until(lambda: pipe_is_full(capture.process.stdout), "a full pipe")
        for _ in range(signals - 1):
            capture.send_signal(signal.SIGINT)
            time.sleep(0.4)
            check(not capture.ended(), "it ended although packets were not written yet")
        capture.send_signal(signal.SIGINT)
        try:
            capture.process.wait(15)
        finally:
            sender.terminate()
            capture.process.kill()
    capture.end(None, 1)
    check(capture.said("before all was written"), f"does not say why: {capture.lines}")
    check(capture.said("balanced"), f"no ledger: {capture.lines}")


def pipe_is_full(pipe):
    """Much is in it, and for half a second nothing more came."""
    before = waiting_in(pipe)
    time.sleep(0.5)
    return before > 20000 and waiting_in(pipe) == before


def waiting_in(pipe):
    return struct.unpack("i", fcntl.ioctl(pipe.fileno(), termios.FIONREAD, b"\0" * 4))[0]


@case("the second SIGINT ends what is stuck in a pipe", ("-w", "-"))
@case("the second SIGINT ends text that is stuck in a pipe", ())
@case("the second SIGINT ends zstd that is stuck in a pipe", ("-w", "-", "--compress", "zstd"), user=False)
def stuck_in_a_pipe(_, arguments):
    stuck(arguments, 2)


@case("a pipe that is read again after SIGINT gets everything")
def slow_reader(folder):
    path = os.path.join(folder, "copy")
    capture = Running("ws0", "-w", "-", stdout=subprocess.PIPE)
    sent = numbered(3000)
    capture.send_signal(signal.SIGINT)
    time.sleep(0.3)
    with open(path, "wb") as copy:
        while part := capture.process.stdout.read(65536):
            copy.write(part)
    capture.end(None)
    judged = missing([path], 0, sent)
    check_contents([path])
    check_equal(judged["dropcount"], judged["missing"] if judged["last"] == sent - 1 else judged["dropcount"], "losses")
    check(judged["numbered"] > 1000, "few packets")


@case("SIGUSR1 prints the ledger")
def ledger(_):
    capture = Running("ws0", "--json")
    numbered(100)
    for n in range(1, 4):
        capture.send_signal(signal.SIGUSR1)
        wait_until(lambda n=n: len(capture.said("^ledger ")) >= n, f"ledger {n}")
    capture.end()
    capture.document()
    check_equal(capture.errors(), [], "complaints")


if __name__ == "__main__":
    cases.main()
