# SPDX-License-Identifier: BSD-2-Clause
"""The place where bench/load.py measures: the lab's far side, and programs that are run there and ended."""

import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time

import load_tools

START_S, END_S = 10, 5
SO_ATTACH_FILTER = 26
CLONE_NEWNET = 0x40000000


class Failed(Exception):
    """One run came to nothing; says why."""


class Lab:
    """The two sides. The far one is entered once, for a socket and a file that stay there."""

    def __init__(self):
        self.far = ["nsenter", f"--net={os.environ['WIRESTAMP_LAB_NS1']}"]
        self.mac = {"ws0": self.address([], "ws0"), "ws1": self.address(self.far, "ws1")}
        libc = ctypes.CDLL(None, use_errno=True)
        # Kept: SO_ATTACH_FILTER is given its address.
        nothing = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0))
        with open("/proc/self/ns/net", "rb") as here, \
                open(os.environ["WIRESTAMP_LAB_NS1"], "rb") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "cannot enter the far side")
            try:
                self.counters = os.open("/proc/thread-self/net/dev", os.O_RDONLY | os.O_CLOEXEC)
                # Owned, so that the host answers nothing with ICMP; full before the first packet.
                self.owner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self.owner.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                                      struct.pack("HL", 1, ctypes.addressof(nothing)))
                self.owner.bind((load_tools.TARGET, load_tools.PORT))
            finally:
                if libc.setns(here.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "cannot come back")

    @staticmethod
    def address(prefix, name):
        done = subprocess.run([*prefix, "ip", "-j", "link", "show", "dev", name], check=True,
                              stdout=subprocess.PIPE, env={**os.environ, "PATH": load_tools.PATH})
        return bytes.fromhex(json.loads(done.stdout)[0]["address"].replace(":", ""))

    def received(self):
        """Packets that ws1 received so far, and when that was, ns."""
        before = time.monotonic_ns()
        text = os.pread(self.counters, 65536, 0).decode()
        after = time.monotonic_ns()
        for line in text.splitlines():
            name, _, fields = line.partition(":")
            if name.strip() == "ws1":
                return int(fields.split()[1]), (before + after) // 2
        raise Failed("ws1 is gone")


class Running:
    """A program with its children, in a session of its own: it can be ended without harm to others."""

    def __init__(self, bench, command, cpus, stdin=None):
        # nsenter becomes the program.
        self.name = next(word for word in command if not word.startswith(("nsenter", "--net")))
        self.status = None
        command = ["taskset", "-c", cpus, *command]
        bench.tell(command, stdin)
        self.said, self.complaint = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        source = open(stdin, "rb") if stdin else subprocess.PIPE
        try:
            self.process = subprocess.Popen(
                command, stdin=source, stdout=self.said, stderr=self.complaint, cwd=bench.dir,
                start_new_session=True, env={**os.environ, "PATH": load_tools.PATH})
        finally:
            if stdin:
                source.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        self.said.close()
        self.complaint.close()

    def text(self, file):
        file.seek(0)
        return file.read().decode(errors="replace")

    def alive(self):
        """It is not reaped before end(), so that its number stays its own."""
        if self.status is None:
            done = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            self.status = done.si_status if done else None
        return self.status is None

    def cpu_ns(self):
        """CPU time so far of the whole group with its threads; those that ended are not in it."""
        total = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                    # After the name: state, parent, group.
                    if int(file.read().rpartition(")")[2].split()[2]) != self.process.pid:
                        continue
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                        total += int(file.read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass
        return total

    def wait(self, seconds):
        """Returns whether it ended in time."""
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self.alive()

    def why(self):
        """What it said last: most likely why it failed."""
        words = self.text(self.complaint) + self.text(self.said)
        last = next((line.strip() for line in reversed(words.splitlines()) if line.strip()),
                    "it said nothing")
        return f"{os.path.basename(self.name)}: status {self.status} ({last[:200]})"

    def end(self):
        """SIGINT, and after a while SIGKILL. Returns what it printed."""
        if self.process.returncode is None:
            self.group(signal.SIGINT)
            self.wait(END_S)
            # Its children, too: a group lasts while one of them does.
            self.group(signal.SIGKILL)
            self.process.wait()
            if self.process.stdin:
                self.process.stdin.close()
        return self.text(self.said)

    def group(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def wait_for(self, condition, what):
        deadline = time.monotonic() + START_S
        while not condition():
            if not self.alive():
                raise Failed(self.why())
            if time.monotonic() > deadline:
                raise Failed(f"{os.path.basename(self.name)}: {what} after {START_S} s")
            time.sleep(0.01)


def listens(pid):
    """Whether the process' namespace has a packet socket that takes packets."""
    try:
        with open(f"/proc/{pid}/net/packet", encoding="ascii") as file:
            # sk RefCnt Type Proto Iface R ...
            rows = [line.split() for line in file.readlines()[1:]]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(row[3] != "0000" and row[4] != "0" and row[5] == "1" for row in rows)
