# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of `wirestamp capture` share: captures to wait for, frames to send, files to judge.

Cases are run inside a lab of their own, beside ws0; as root, once more as a user without root.
"""

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from pcapng_blocks import Capture as Contents
from tap import Skip, Tap, check, check_equal

PROGRAM = os.path.abspath(sys.argv[1])
TOOLS = os.path.join(os.path.dirname(PROGRAM), "tests", "tools")
BACKENDS = ("socket", "tpacket2", "tpacket3")
NOBODY = 65534
LIMIT = 30  # seconds after which something hangs
SKIPPED = 77


def run(*command, status=0, **named):
    """A program to its end; status None: any."""
    named.setdefault("stdout", subprocess.PIPE)
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=LIMIT, **named
    )
    done.stderr = done.stderr.decode()
    if status is not None:
        check_equal(done.returncode, status, f"exit status of {command} ({done.stderr.strip()!r})")
    return done


def need(program):
    if not shutil.which(program):
        raise Skip(f"there is no {program}")


def ip(*arguments, far=False):
    return run(*(far_side() if far else []), "ip", *arguments).stdout.decode()


def far_side():
    return ["nsenter", f"--net={os.environ['WIRESTAMP_LAB_NS1']}"]


def wait_until(condition, what, seconds=LIMIT):
    """A state, not a time."""
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        check(time.monotonic() < end, f"waited for {what}")
        time.sleep(0.005)


class Running:
    """A capture that runs. Its first lines on stderr say that it does: packets are received."""

    def __init__(self, *arguments, ready=1, stdout=None, program=PROGRAM, **named):
        self.out = tempfile.TemporaryFile()
        self.lines = []
        self.ready = 0
        self.process = subprocess.Popen(
            [program, "capture", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self.out if stdout is None else stdout,
            stderr=subprocess.PIPE,
            **named,
        )
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self.read_lines, daemon=True)
        self.reader.start()
        if ready:
            wait_until(lambda: self.ready >= ready or self.ended(), "the capture")
            self.reader.join(LIMIT if self.ended() else 0)
            check(self.ready >= ready, f"it does not begin: {self.lines}")

    def read_lines(self):
        for line in self.process.stderr:
            line = line.decode()
            if line.startswith("capturing on "):
                self.ready += 1
            else:
                self.lines.append(line)

    def ended(self):
        return self.process.poll() is not None

    def said(self, pattern):
        return [line for line in self.lines if re.search(pattern, line)]

    def send_signal(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGINT, status=0):
        """Ends it, if number is none waits; checks its exit status."""
        if number is not None:
            self.send_signal(number)
        try:
            got = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.reader.join(LIMIT)
        if status is not None:
            check_equal(got, status, f"exit status ({''.join(self.lines)!r})")
        return self

    def stdout(self):
        self.out.seek(0)
        return self.out.read().decode()

    def document(self, balanced=True):
        document = json.loads(self.stdout())
        check_document(document)
        if balanced:
            check_equal(document["balanced"], True, "balanced")
        return document

    def errors(self):
        """What it complained about."""
        return [line for line in self.lines if line.startswith("wirestamp: ")]


def captured(*arguments, **named):
    """A capture that ends by itself."""
    return Running(*arguments, ready=0, **named).end(None, None)


def check_document(document):
    check_equal((document["format"], document["command"]), ("wirestamp-run/1", "capture"), "kind")
    for i in document["interfaces"]:
        for name, value in i.items():
            if isinstance(value, int):
                check(value >= 0, f"{name} is {value}")
        first = i["offered"] == i["received"] + i["dropped_kernel"] + i["damaged"]
        second = i["received"] == i["filtered"] + i["written"] + i["dropped_writer"]
        check_equal(i["balanced"], first and second, f"balanced of {i}")
        check_equal(i["under_way"], 0, "under_way at the end")
        kept = i["received"] - i["filtered"]
        check_equal(sum(i["stamps"].values()), kept, "sum of stamps")
    balanced = all(i["balanced"] for i in document["interfaces"])
    check_equal(document["balanced"], balanced, "balanced of all")


def start_numbered(*arguments, interface="ws1", far=True, **named):
    command = [*(far_side() if far else []), os.path.join(TOOLS, "numbered"), interface]
    return subprocess.Popen(
        [*command, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **named
    )


def numbered(count, *arguments, offset=0, **named):
    """Sends count frames by ws1, which ws0 receives; all have been sent when it returns."""
    process = start_numbered("--count", count, "--offset", offset, *arguments, **named)
    out = process.communicate(timeout=LIMIT)[0]
    check_equal(process.returncode, 0, "exit status of numbered")
    check_equal(json.loads(out)["sent"], count, "frames sent")
    return count


def wait_for_number(paths, last):
    """Until the frame with that number is in a file (or lost for all to see: then send another)."""

    def is_there():
        return any(last in Contents(p, True).numbers() for p in files(paths) if os.path.getsize(p))

    wait_until(is_there, f"frame {last} in {paths}")


def send_last(path, first, extra=()):
    """Single frames from that number on until one is in the file: it overtakes nothing that was sent
    before. Returns how many were sent."""
    for n in range(200):
        numbered(1, *extra, offset=first + n)
        end = time.monotonic() + 0.25
        while time.monotonic() < end:
            if any(first + n in Contents(p, True).numbers() for p in files(path) if os.path.getsize(p)):
                return n + 1
            time.sleep(0.02)
    raise AssertionError(f"no frame arrives any more in {path}")


def files(paths):
    """Those that a series has, in order."""
    if isinstance(paths, str):
        stem, suffix = os.path.splitext(paths)
        return [paths] if os.path.exists(paths) else sorted(glob.glob(f"{stem}_*{suffix}"))
    return paths


def missing(paths, first, count):
    """The judge's document."""
    command = [os.path.join(TOOLS, "missing"), "--first", str(first), "--count", str(count), *paths]
    return json.loads(run(*command).stdout)


def check_readable(path, tshark=True, lines=True):
    """Other programs read it, and complain about nothing. Returns how many packets capinfos sees.

    lines: tcpdump prints one for each packet, as it does for those that it knows.
    """
    need("capinfos")
    info = run("capinfos", "-M", "-c", "-t", path, status=0)
    check_equal(info.stderr, "", f"capinfos {path}")
    packets = int(re.search(r"packets:\s+(\d+)", info.stdout.decode())[1])
    if tshark:
        fields = ["-e", "frame.number", "-e", "frame.time_epoch"]
        home = dict(os.environ, HOME=os.path.dirname(path))  # not one that may not be read
        done = run("tshark", "-n", "-r", path, "-T", "fields", *fields, env=home)
        # As root it warns of itself.
        said = [l for l in done.stderr.splitlines() if l and "superuser" not in l and "root" not in l]
        check_equal(said, [], f"tshark {path}")
        stamps = [line.split("\t")[1] for line in done.stdout.decode().splitlines()]
        check_equal(len(stamps), packets, f"packets that tshark sees in {path}")
        check(all(re.fullmatch(r"\d+\.\d{9}", s) for s in stamps), "9 digits of a second")
    if not path.endswith(".zst"):
        done = run(*as_nobody_else(), "tcpdump", "-nr", path)
        said = [l for l in done.stderr.splitlines() if not l.startswith(("reading from", "Warning: "))]
        check_equal(said, [], f"tcpdump {path}")
        if lines:
            seen = len(done.stdout.splitlines())
            check_equal(seen, packets, f"packets that tcpdump sees in {path}")
    return packets


def as_nobody_else():
    """tcpdump wants to become another user when it is root; who is root in the lab alone cannot."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        whole = int(file.read().split()[2]) > 1
    return [] if whole else ["unshare", "-U"]


def check_contents(paths, document=None, sent=None):
    """Every file: complete, in order; all together: what the document says. Returns their contents."""
    contents = [Contents(p) for p in paths]
    for path, c in zip(paths, contents):
        check(c.ended, f"{path} has no statistics of each interface at its end")
        for i in range(len(c.interfaces)):
            times = [p.ns for p in c.packets if p.interface == i]
            check(times == sorted(times), f"{path}: times of interface {i} go backwards")
    packets = sum(len(c.packets) for c in contents)
    if document:
        written = sum(i["written"] for i in document["interfaces"])
        check_equal(packets, written, "packets in files, and what was written")
        told = sum(p.dropcount for c in contents for p in c.packets)
        dropped = sum(i["dropped_kernel"] + i["dropped_writer"] for i in document["interfaces"])
        check(told <= dropped, f"packets tell of {told} lost, but only {dropped} were")
    if sent is not None:
        judged = missing(paths, 0, sent)
        check_equal((judged["duplicates"], judged["unexpected"]), (0, 0), "twice, and unexpected")
        dropped = sum(i["dropped_kernel"] + i["dropped_writer"] for i in document["interfaces"])
        check_equal(judged["missing"], dropped, "numbers that are missing, and what was dropped")
        check_equal(packets + dropped, sent, "in files and dropped")
    return contents


class Cases:
    """Registers the cases of a file, and runs each inside a lab."""

    def __init__(self, script):
        self.script = os.path.abspath(script)
        self.all = {}

    def case(self, title, *arguments, user=True, mounts=False, root=True):
        """Decorator. user: also as a user without root; mounts: with a mount namespace of its own."""

        def register(function):
            name = f"{function.__name__}-{len(self.all)}"
            self.all[name] = (title, function, arguments, user, mounts, root)
            return function

        return register

    def inside(self, name, prefix, mounts):
        folder = tempfile.mkdtemp(prefix="wirestamp-test-")
        os.chmod(folder, 0o777)
        python = "/usr/bin/python3" if prefix else sys.executable
        command = [*prefix, PROGRAM, "lab", "--", *(["unshare", "-m"] if mounts else []), python]
        try:
            done = subprocess.run(
                [*command, self.script, PROGRAM, "--inside", name, folder],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=3 * LIMIT,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if done.returncode == SKIPPED:
            raise Skip(done.stdout.strip())
        check_equal(done.returncode, 0, f"exit status inside the lab\n{done.stdout}")

    def main(self):
        if "--inside" in sys.argv:
            name, folder = sys.argv[3:5]
            _, function, arguments, _, _, _ = self.all[name]
            try:
                function(folder, *arguments)
            except Skip as why:
                print(why)
                sys.exit(SKIPPED)
            return
        only = sys.argv[2] if len(sys.argv) > 2 else ""
        tap = Tap()
        done = run(PROGRAM, "lab", "--", "true", status=None)
        if done.returncode != 0:
            print(f"1..0 # SKIP no lab here: {done.stderr.strip()}")
            return
        users = [("", [])]
        if os.geteuid() == 0:
            become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            users.append((", as a user", become))
            if run(*become, PROGRAM, "lab", "--", "true", status=None).returncode != 0:
                users[1] = (", as a user", None)
        # Whoever runs a file more than once need not do everything as a user each time.
        once = "WIRESTAMP_TEST_ONCE" in os.environ
        for suffix, prefix in users:
            for name, (title, _, _, user, mounts, root) in self.all.items():
                wanted = user and not (once and root) if suffix else root
                if only in title + suffix and wanted:
                    tap.case(title + suffix, self.as_somebody, name, prefix, mounts)
        tap.end()

    def as_somebody(self, name, prefix, mounts):
        if prefix is None:
            raise Skip("no lab for a user without root here")
        self.inside(name, prefix, mounts)
