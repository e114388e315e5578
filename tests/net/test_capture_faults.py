#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""wirestamp capture when something is wrong, and its options one by one, over a private veth pair.

    test_capture_faults.py WIRESTAMP [TEXT]      runs the cases whose titles contain TEXT
"""

import json
import os
import re
import signal
import stat
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import (  # noqa: E402
    BACKENDS, Cases, NOBODY, PROGRAM, Running, captured, check_contents, files, ip, need, numbered, run,
    send_last, start_numbered, wait_for_number, wait_until,
)
from pcapng_blocks import Capture as Contents  # noqa: E402
from tap import Skip, check, check_equal  # noqa: E402

cases = Cases(__file__)
case = cases.case


def check_one_line(capture, pattern):
    check_equal(len(capture.errors()), 1, f"lines of complaint ({capture.lines})")
    check(re.search(pattern, capture.errors()[0]), f"does not say {pattern!r}: {capture.errors()}")


def check_refused(status, pattern, *arguments, **named):
    done = captured(*arguments, **named)
    check_equal(done.process.returncode, status, f"exit status of {arguments} ({done.lines})")
    check_one_line(done, pattern)
    check_equal(len(done.lines), 1, f"lines on stderr of {arguments} ({done.lines})")
    if named.get("stdout") is None:
        check_equal(done.stdout(), "", f"stdout of {arguments}")


# --- What cannot begin ---


@case("refused: interfaces")
def no_interface(_):
    far = os.environ["WIRESTAMP_LAB_NS1"]
    check_refused(1, "^wirestamp: nope: no such interface", "nope")
    check_refused(1, "ws0@nope: no such network namespace", "ws0@nope")
    check_refused(1, f"ws0@{far}: no such interface", f"ws0@{far}")
    check_refused(1, "/etc/passwd: cannot open network namespace", "ws0@/etc/passwd")
    check_refused(2, "needs an interface")
    check_refused(2, "an empty name", "ws0,")
    check_refused(2, "given twice", "ws0,ws0")


@case("refused: filters")
def no_filter(_):
    check_refused(1, "^wirestamp: filter: .*pcap-filter", "ws0", "tcp prot 5")
    check_refused(1, "^wirestamp: filter: ", "ws0", "(((")


@case("refused: files")
def no_file(folder):
    nowhere = os.path.join(folder, "nowhere", "x.pcapng")
    check_refused(1, "nowhere/x.pcapng: cannot be written: No such file", "ws0", "-w", nowhere)
    check_refused(1, "Is a directory", "ws0", "-w", folder)
    check_refused(2, "-w - --json", "ws0", "-w", "-", "--json")
    check_refused(2, "-w -: ", "ws0", "-w", "-", "--rotate-size", "1MB")
    check_refused(1, "exists", "ws0", "--out", folder)
    check_equal(os.listdir(folder), [], "what is left")


@case("refused: nothing is left of --out")
def out_is_removed(folder):
    """A run that cannot begin leaves no directory that stands in the way of the next."""
    out = os.path.join(folder, "kept")
    check_refused(1, "cannot be written", "ws0", "--out", out, "-w", os.path.join(folder, "no", "x"))
    check_equal(os.listdir(folder), [], "what is left")


@case("refused: values", user=False)
def no_value(_):
    for arguments in (
        ("--snaplen", "x"), ("--count", "0"), ("--workers", "65"), ("--rotate-size", "1"), ("--keep", "2"),
        ("--direction", "up"), ("--io", "pcap"), ("--stamp", "fast"), ("--compress", "xz", "-w", "x"),
        ("--block-timeout", "0ms"), ("--buffer", "5GiB"), ("--promisc", "--nope"),
    ):
        done = captured("ws0", *arguments)
        check_equal(done.process.returncode, 2, f"exit status of {arguments} ({done.lines})")
        check_one_line(done, "^wirestamp: ")


@case("refused: more threads than there can be")
def too_many_workers(folder):
    for n in range(5):
        ip("link", "add", f"d{n}", "type", "veth", "peer", "name", f"e{n}")
        ip("link", "set", f"d{n}", "up")
    done = captured("d0,d1,d2,d3,d4", "--workers", "60", "-d", "1ms")
    check_equal(done.process.returncode, 2, f"exit status ({done.lines})")
    check_one_line(done, "--workers")


@case("refused: a CPU that is not there")
def no_cpu(_):
    check_refused(1, "--cpu: .*1000", "ws0", "--cpu", "0,1000", "-d", "1ms")


@case("refused: hardware stamps")
def no_hardware(_):
    check_refused(1, "^wirestamp: ws0: no hardware stamps", "ws0", "--stamp", "hardware")


@case("refused: down")
def down(_):
    ip("link", "set", "ws0", "down")
    check_refused(1, "^wirestamp: ws0: is down", "ws0")


@case("refused: a terminal", user=False)
def terminal(_):
    import pty

    ours, theirs = pty.openpty()
    try:
        check_refused(1, "terminal", "ws0", "-w", "-", stdout=theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def need_other_users():
    """In a user namespace of one user, nobody can become another."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        if int(file.read().split()[2]) <= 65535:
            raise Skip("needs more than one user: not started as root")


@case("refused: no permission", user=False)
def no_permission(_):
    """Somebody who is root in no namespace; the interface is that of the lab."""
    need_other_users()
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
    done = run(*become, PROGRAM, "capture", "ws0", "icmp", status=1)
    check(re.fullmatch(r"wirestamp: ws0: [^\n]*CAP_NET_RAW[^\n]*\n", done.stderr), done.stderr)


# --- Options ---


def short_capture(folder, *arguments, count=50, interface="ws0", send=()):
    """Captures some frames; returns the document and the contents."""
    path = os.path.join(folder, "x.pcapng")
    capture = Running(interface, "-w", path, "--json", *arguments)
    sent = numbered(count, *send)
    send_last(path, sent, send)
    capture.end()
    check_equal(capture.errors(), [], "complaints")
    document = capture.document()
    return document, check_contents([path], document)[0]


@case("--count, socket", "socket", user=False)
@case("--count, tpacket2", "tpacket2", user=False)
@case("--count, tpacket3", "tpacket3")
def count(folder, backend):
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "-w", path, "--json", "--count", "777", "--io", backend)
    numbered(5000)
    capture.end(None)
    document = capture.document()
    check_equal((document["complete"], document["fault"]), (True, False), "complete and fault")
    check_equal(document["interfaces"][0]["written"], 777, "written")
    check_equal(len(check_contents([path], document)[0].packets), 777, "packets in the file")


@case("--count with several workers and interfaces", user=False)
def count_of_workers(folder):
    far = f"ws1@{os.environ['WIRESTAMP_LAB_NS1']}"
    path = os.path.join(folder, "x.pcapng")
    capture = Running(f"ws0,{far}", "-w", path, "--json", "--count", "777", "--workers", "2", ready=2)
    numbered(5000, "--flows", 64)
    capture.end(None)
    document = capture.document()
    check_equal(sum(i["written"] for i in document["interfaces"]), 777, "written")
    check_contents([path], document)


@case("--duration", user=False)
def duration(_):
    capture = captured("ws0", "--json", "--duration", "300ms")
    document = capture.end(None).document()
    check(document["elapsed_ns"] >= 300_000_000, f"elapsed_ns {document['elapsed_ns']}")
    check_equal((document["complete"], document["ended_by"]), (True, None), "complete and ended_by")


@case("--snaplen, socket", "socket", user=False)
@case("--snaplen, tpacket2", "tpacket2", user=False)
@case("--snaplen, tpacket3", "tpacket3")
def snaplen(folder, backend):
    document, contents = short_capture(folder, "--snaplen", "100", "--io", backend, send=("--size", 1000))
    check_equal({(len(p.data), p.wire_len) for p in contents.packets}, {(100, 1000)}, "lengths")
    check_equal(contents.interfaces[0]["snaplen"], 100, "snap length of the file")
    check_equal(document["interfaces"][0]["truncated"], len(contents.packets), "truncated")


@case("--snaplen of tagged frames", user=False)
def snaplen_vlan(folder):
    for backend in BACKENDS:
        _, contents = short_capture(
            folder, "--snaplen", "100", "--io", backend, send=("--size", 1000, "--vlan", 5))
        check_equal({(len(p.data), p.wire_len) for p in contents.packets}, {(100, 1000)}, f"lengths by {backend}")


@case("--direction, socket", "socket", user=False)
@case("--direction, tpacket2", "tpacket2", user=False)
@case("--direction, tpacket3", "tpacket3")
def direction(folder, backend):
    """Frames of both directions, and which are seen."""
    path = os.path.join(folder, "x.pcapng")
    for wish, wanted in (("in", [0]), ("out", [1]), ("both", [0, 1])):
        capture = Running("ws0", "-w", path, "--io", backend, "--direction", wish)
        numbered(20)
        numbered(20, offset=1000, interface="ws0", far=False)
        last = 1019 if wish != "in" else 19
        wait_for_number(path, last)
        capture.end()
        contents = Contents(path)
        got = sorted({n // 1000 for n in contents.numbers()})
        check_equal(got, wanted, f"directions that are seen with {wish}")
        for p, n in zip(contents.packets, contents.numbers()):
            check_equal(p.flags & 3, 2 if n >= 1000 else 1, "direction in the packet's flags")


def promiscuity():
    return json.loads(ip("-d", "-j", "link", "show", "ws0"))[0]["promiscuity"]


@case("--promisc, and what is left of it", signal.SIGINT)
@case("--promisc, killed", signal.SIGKILL, user=False)
def promisc(folder, how):
    other = ("--mac", "02:00:00:00:00:77")
    before = promiscuity()
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "-w", path, "--promisc")
    check_equal(promiscuity(), before + 1, "promiscuity during the capture")
    numbered(10, *other)
    wait_for_number(path, 9)
    kinds = {p.flags for p in Contents(path, True).packets}
    check_equal(kinds, {1 | 4 << 2}, "flags: in, promiscuous")
    capture.end(how, None)
    wait_until(lambda: promiscuity() == before, "promiscuity as it was")


@case("filters", user=False)
def filters(folder):
    for text, wanted in (
        ("udp port 9", True), ("tcp", False), ("vlan 5", False), ("ether broadcast", True),
        ("not udp", False), ("greater 500", False), ("src host 198.18.0.1", True),
    ):
        path = os.path.join(folder, "x.pcapng")
        capture = Running("ws0", "-w", path, "--json", *text.split())
        numbered(20)
        if wanted:
            wait_for_number(path, 19)
        capture.end()
        document = capture.document()
        check_equal(document["interfaces"][0]["offered"], 20 if wanted else 0, f"packets for {text!r}")
        check_equal(document["filter"], text, "filter of the document")
        check_equal(check_contents([path], document)[0].interfaces[0]["filter"], text, "if_filter")


@case("filters of tags, socket", "socket", user=False)
@case("filters of tags, tpacket2", "tpacket2", user=False)
@case("filters of tags, tpacket3", "tpacket3")
def filter_vlan(folder, backend):
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "-w", path, "--json", "--io", backend, "vlan 5 and udp port 9")
    numbered(20)
    numbered(20, "--vlan", 6, offset=20)
    numbered(20, "--vlan", 5, offset=40)
    wait_for_number(path, 59)
    capture.end()
    contents = check_contents([path], capture.document())[0]
    check_equal(contents.numbers(), list(range(40, 60)), "numbers")


@case("--stamp, --io and --realtime", user=False)
def stamps(folder):
    document, _ = short_capture(folder, "--stamp", "user")
    counts = document["interfaces"][0]
    check_equal(counts["stamps"]["user"], counts["received"], "stamps by the program")
    document, _ = short_capture(folder, "--stamp", "software")
    counts = document["interfaces"][0]
    check_equal(counts["stamps"]["user"] + counts["stamps"]["hardware"], 0, "other stamps than the kernel's")
    for backend in BACKENDS:
        document, _ = short_capture(folder, "--io", backend)
        check_equal(document["interfaces"][0]["io"], backend, "io")
    allowed = sorted(os.sched_getaffinity(0))
    short_capture(folder, "--cpu", f"{allowed[0]},{allowed[-1]}")
    short_capture(folder, "--realtime")


def policies(pid):
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm", encoding="ascii") as file:
            found[file.read().strip()] = os.sched_getscheduler(int(task))
    return found


@case("--realtime is had or said not to be")
def realtime(_):
    capture = Running("ws0", "--json", "--realtime")
    wait_until(lambda: "ws-reader" in policies(capture.pid), "the reader")
    numbered(1)
    had = policies(capture.pid)["ws-reader"] == os.SCHED_FIFO
    check(policies(capture.pid)["ws-writer"] == os.SCHED_OTHER, "the writer has real-time priority")
    capture.end()
    warned = any(w.startswith("--realtime") for w in capture.document()["warnings"])
    check(had != warned, f"real-time priority: had {had}, warned {warned}")


@case("--out keeps the result and the packets", user=False)
def out(folder):
    kept = os.path.join(folder, "kept")
    capture = Running("ws0", "--out", kept, "--json")
    path = os.path.join(kept, "capture.pcapng")
    numbered(100)
    wait_for_number(path, 99)
    capture.end()
    with open(os.path.join(kept, "run.json"), encoding="utf-8") as file:
        check_equal(file.read(), capture.stdout(), "run.json")
    check_contents([path], capture.document(), 100)
    check_equal(sorted(os.listdir(kept)), ["capture.pcapng", "run.json"], "files")


@case("files belong to who called sudo", user=False)
def sudo(folder):
    """SUDO_UID by hand. The folder is that user's, later files are made with that user's rights."""
    need_other_users()
    caller = 12345
    os.chown(folder, caller, caller)
    os.chmod(folder, 0o755)
    path = os.path.join(folder, "x.pcapng")
    env = dict(os.environ, SUDO_UID=str(caller), SUDO_GID=str(caller), SUDO_USER="somebody")
    capture = Running("ws0", "-w", path, "--json", "--rotate-size", "5kB", env=env)
    sent = numbered(500)
    sent += send_last(path, sent)
    with open(f"/proc/{capture.pid}/status", encoding="utf-8") as file:
        uids = re.search(r"^Uid:\s*(.*)", file.read(), re.M)[1].split()
    check_equal(set(uids), {str(caller)}, "users of the process")
    capture.end()
    check(len(files(path)) > 5, f"{len(files(path))} files")
    for name in files(path):
        check_equal((os.stat(name).st_uid, os.stat(name).st_gid), (caller, caller), f"owner of {name}")
    check_contents(files(path), capture.document(), sent)


@case("files belong to who called sudo, in a folder of root's", user=False)
def sudo_elsewhere(folder):
    need_other_users()
    os.chmod(folder, 0o755)
    path = os.path.join(folder, "x.pcapng")
    env = dict(os.environ, SUDO_UID="12345", SUDO_GID="12345", SUDO_USER="somebody")
    capture = Running("ws0", "-w", path, "--json", "--rotate-size", "5kB", env=env)
    sent = numbered(500)
    sent += send_last(path, sent)
    capture.end()
    check(len(files(path)) > 5, f"{len(files(path))} files")
    for name in files(path):
        check_equal((os.stat(name).st_uid, os.stat(name).st_gid), (12345, 12345), f"owner of {name}")


# --- What happens on the way ---


@case("down and up again, socket", "socket", user=False)
@case("down and up again, tpacket2", "tpacket2", user=False)
@case("down and up again, tpacket3", "tpacket3")
def down_and_up(folder, backend):
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "-w", path, "--json", "--io", backend)
    numbered(10)
    wait_for_number(path, 9)
    for n in range(1, 3):
        ip("link", "set", "ws0", "down")
        wait_until(lambda n=n: len(capture.said("ws0: went down")) == n, "the word that it is down")
        ip("link", "set", "ws0", "up")
        wait_until(lambda: "LOWER_UP" in ip("link", "show", "ws0"), "the carrier")
        numbered(10, offset=100 * n)
        send_last(path, 100 * n + 10)
        wait_until(lambda n=n: len(capture.said("ws0: is up again")) == n, "the word that it is up")
    capture.end()
    document = capture.document()
    check_equal(document["interfaces"][0]["downs"], 2, "downs")
    check_equal(document["fault"], False, "fault")
    check_contents([path], document)


@case("removed, socket", "socket", user=False)
@case("removed, tpacket2", "tpacket2", user=False)
@case("removed, tpacket3", "tpacket3")
def removed(folder, backend):
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "-w", path, "--json", "--io", backend)
    sent = numbered(100)
    wait_for_number(path, 99)
    ip("link", "del", "ws0")
    capture.end(None, 1)
    check_equal(len(capture.said("ws0: was removed")), 1, f"{capture.lines}")
    document = capture.document()
    check_equal((document["complete"], document["fault"]), (False, True), "complete and fault")
    check_equal(document["interfaces"][0]["removed"], True, "removed")
    check_contents([path], document, sent)


@case("one of two is removed", user=False)
def one_removed(folder):
    ip("link", "add", "p0", "type", "veth", "peer", "name", "p1")
    ip("link", "set", "p0", "up")
    ip("link", "set", "p1", "up")
    path = os.path.join(folder, "x.pcapng")
    capture = Running("p1,ws0", "-w", path, "--json", "--workers", "2", ready=2)
    ip("link", "del", "p0")
    wait_until(lambda: capture.said("p1: was removed"), "the word that it is gone")
    numbered(100)
    wait_for_number(path, 99)
    capture.end(status=1)
    document = capture.document()
    check_equal([i["removed"] for i in document["interfaces"]], [True, False], "removed")
    check_equal(len(capture.errors()), len(set(capture.errors())), f"said twice: {capture.errors()}")
    check_contents([path], document)


@case("the reader of text goes", ())
@case("the reader of a stream goes", ("-w", "-"))
def pipe_closed(_, arguments):
    capture = Running("ws0", *arguments, stdout=subprocess.PIPE)
    with start_numbered("--rate", 5000, "--seconds", 30) as sender:
        got = capture.process.stdout.read(100)
        capture.process.stdout.close()
        capture.end(None, 1)
        sender.terminate()
    check_equal(len(got), 100, "bytes that it read")
    check_one_line(capture, "stdout: Broken pipe")
    check(capture.said("balanced"), f"no ledger: {capture.lines}")


@case("a folder that becomes unwritable")
def folder_unwritable(folder):
    inner = os.path.join(folder, "inner")
    os.mkdir(inner)
    path = os.path.join(inner, "x.pcapng")
    # Root may write anywhere: then it is done by somebody's rights, as under sudo.
    env = dict(os.environ)
    with open("/proc/self/uid_map", encoding="ascii") as file:
        if int(file.read().split()[2]) > 1:
            os.chown(inner, 12345, 12345)
            env.update(SUDO_UID="12345", SUDO_GID="12345", SUDO_USER="somebody")
    capture = Running("ws0", "-w", path, "--json", "--rotate-size", "5kB", env=env)
    sent = numbered(200)
    sent += send_last(path, sent)
    before = len(files(path))
    os.chmod(inner, 0o555)
    sent += numbered(500, offset=sent)
    sent += send_last(path, sent)
    wait_until(lambda: capture.said("next file cannot be made"), "the word")
    check_equal(len(files(path)), before, "files")
    os.chmod(inner, 0o755)
    sent += numbered(300, offset=sent)
    sent += send_last(path, sent)
    wait_until(lambda: len(files(path)) > before, "new files again")
    capture.end()
    check_one_line(capture, "next file cannot be made: Permission denied")
    document = capture.document()
    check(document["file"]["rotation_failures"] > 0, "rotation_failures")
    check_contents(files(path), document, sent)


def make_disk(folder, size):
    disk = os.path.join(folder, "disk")
    os.mkdir(disk)
    done = run("mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", disk, status=None)
    if done.returncode != 0:
        raise Skip(f"no file system of our own here: {done.stderr.strip()}")
    return disk


@case("a full disk", (), mounts=True)
@case("a full disk, rotation", ("--rotate-size", "50kB"), mounts=True)
@case("a full disk, rotation of large files", ("--rotate-size", "250kB"), mounts=True)
@case("a full disk, several workers", ("--workers", "2"), mounts=True)
def full_disk(folder, arguments):
    disk = make_disk(folder, "300k")
    path = os.path.join(disk, "x.pcapng")
    capture = Running("ws0", "-w", path, "--json", *arguments)
    with start_numbered("--rate", 20000, "--seconds", 30, "--flows", 8) as sender:
        capture.end(None, 1)
        sender.terminate()
    said = [line for line in capture.errors() if "next file" not in line]
    check_equal(len(said), 1, f"lines of complaint ({capture.lines})")
    check("No space left" in said[0], said[0])
    check_full(files(path), capture.document())


def check_full(paths, document):
    """The last file has been cut, and has no statistics."""
    counts = document["interfaces"][0]
    contents = [Contents(p) for p in paths]
    check_equal(sum(len(c.packets) for c in contents), counts["written"], "packets in files, and written")
    check(counts["written"] > 0 and counts["dropped_writer"] > 0, f"{counts}")
    check_equal((document["complete"], document["fault"]), (False, True), "complete and fault")
    numbers = [n for c in contents for n in c.numbers()]
    lost = sum(p.dropcount for c in contents for p in c.packets)
    check_equal(numbers[-1] - numbers[0] + 1 - len(numbers), lost, "missing before the cut")


@case("a full disk, compressed", (), mounts=True)
@case("a full disk, rotation of compressed files", ("--rotate-size", "50kB"), mounts=True)
def full_disk_compressed(folder, arguments):
    need("zstd")
    disk = make_disk(folder, "300k")
    path = os.path.join(disk, "x.pcapng.zst")
    capture = Running("ws0", "-w", path, "--json", "--compress", "zstd", *arguments)
    with start_numbered("--seconds", 60, "--flows", 8, "--size", 200, "--rate", 60000) as sender:
        capture.end(None, 1)
        sender.terminate()
    said = [line for line in capture.errors() if "next file" not in line]
    check_equal(len(said), 1, f"lines of complaint ({capture.lines})")
    check("No space left" in said[0], said[0])
    paths = []
    for name in sorted(os.listdir(disk)):
        paths.append(os.path.join(folder, name[:-4]))
        run("zstd", "-qd", os.path.join(disk, name), "-o", paths[-1])
    check_full(paths, capture.document())


@case("a limit on the size of files")
def file_limit(folder):
    import resource

    path = os.path.join(folder, "x.pcapng")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))  # noqa: E731
    capture = Running("ws0", "-w", path, "--json", stdout=subprocess.PIPE, preexec_fn=limit)
    with start_numbered("--rate", 20000, "--seconds", 30) as sender:
        out_text = capture.process.stdout.read()
        capture.end(None, 1)
        sender.terminate()
    check_one_line(capture, "File too large")
    check_full([path], json.loads(out_text))


@case("SIGHUP begins a file that was moved away anew", True)
@case("SIGHUP begins a second file", False, user=False)
def hangup(folder, moved):
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "-w", path, "--json")
    sent = numbered(10)
    sent += send_last(path, sent)
    first = path
    if moved:
        first = os.path.join(folder, "moved")
        os.rename(path, first)
    before = set(os.listdir(folder))
    capture.send_signal(signal.SIGHUP)
    second = os.path.join(folder, wait_until(lambda: set(os.listdir(folder)) - before, "a file").pop())
    check_equal(second == path, moved, "it has the old name")
    sent += numbered(10, offset=sent)
    sent += send_last(second, sent)
    capture.end()
    check_equal(capture.errors(), [], "complaints")
    check_contents([first, second], capture.document(), sent)


@case("SIGHUP ends what has no file", (), user=False)
@case("SIGHUP ends a stream", ("-w", "-"), user=False)
def hangup_ends(_, arguments):
    capture = Running("ws0", *arguments)
    numbered(10)
    capture.end(signal.SIGHUP)
    check_equal(capture.errors(), [], "complaints")
    check(capture.said("balanced"), f"no ledger: {capture.lines}")


@case("a FIFO that nobody reads", user=False)
def fifo(folder):
    path = os.path.join(folder, "fifo")
    os.mkfifo(path)
    capture = Running("ws0", "-w", path, "--json")
    numbered(10)
    capture.end(signal.SIGINT, None)
    check(capture.process.returncode in (0, 1), f"exit status {capture.process.returncode}")
    check(stat.S_ISFIFO(os.stat(path).st_mode), "the FIFO is gone")


# --- Reading ---


@case("-r reads what was written, and says what is wrong")
def reading(folder):
    path = os.path.join(folder, "x.pcapng")
    capture = Running("ws0", "-w", path, "--json")
    numbered(100)
    wait_for_number(path, 99)
    capture.end()

    def read(*arguments, status=0):
        done = captured("-r", *arguments)
        check_equal(done.process.returncode, status, f"exit status of {arguments} ({done.lines})")
        return done

    check_equal(len(read(path).stdout().splitlines()), 100, "lines")
    check_equal(len(read(path, "-c", "7").stdout().splitlines()), 7, "lines with -c 7")
    check_equal(read(path, "tcp").stdout(), "", "lines of tcp")
    check_equal(len(read(path, "udp", "port", "9").stdout().splitlines()), 100, "lines of udp")
    document = json.loads(read(path, "--json", "udp").stdout())
    check_equal(document["command"], "capture", "command")
    cut = os.path.join(folder, "cut")
    with open(path, "rb") as whole, open(cut, "wb") as part:
        part.write(whole.read()[:-500])
    done = read(cut, status=1)
    check_one_line(done, "cut")
    check(len(done.stdout().splitlines()) > 80, "packets before the cut are not shown")
    json.loads(read(cut, "--json", status=1).stdout())
    for content in (b"", b"no capture at all, but long enough to be looked at\n" * 10, b"\n\r\r\n"):
        with open(cut, "wb") as part:
            part.write(content)
        check_refused(1, "cut: ", "-r", cut)
    check_refused(1, "No such file", "-r", os.path.join(folder, "nothing"))
    check_refused(1, "irectory|format", "-r", folder)
    check_refused(1, "^wirestamp: filter: ", "-r", path, "tcp prot 5")


if __name__ == "__main__":
    cases.main()
