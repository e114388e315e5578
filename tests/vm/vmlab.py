# SPDX-License-Identifier: BSD-2-Clause
"""What the laboratory's guest tests share: the interfaces, programs with a time limit, and witnesses of stamps.

Imported in the guest only, where tests run as root. The witnesses know nothing of the program under test.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import mmap
import os
import re
import select
import socket
import struct
import subprocess
import time
from collections import namedtuple

from tap import check

LIMIT = 60
PROGRAM = os.environ.get("WIRESTAMP", "wirestamp")
MODULES = os.environ.get("WS_VM_MODULES", "")
KERNEL = os.environ.get("WS_VM_KERNEL", "")
# Two on one wire; e1000e and virtio on another. None where the guest has no such card.
IGB0, IGB1 = os.environ.get("WS_VM_IGB0"), os.environ.get("WS_VM_IGB1")
E1000E, VIRTIO = os.environ.get("WS_VM_E1000E"), os.environ.get("WS_VM_VIRTIO")


def kernel_version():
    """(major, minor) of the running kernel."""
    return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())


# Programs.


def run(*command, status=0, limit=LIMIT, **named):
    """Runs to its end and checks the exit status (None: any). Returns the CompletedProcess, with text."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, **named
    )
    if status is not None:
        check(
            done.returncode == status,
            f"{' '.join(words)}: exit status {done.returncode}, wanted {status}: {done.stdout}{done.stderr}",
        )
    return done


def wirestamp(*arguments, status=0, limit=LIMIT, **named):
    """The program with --json. Returns (the document, or None if it printed none; what it said on stderr)."""
    done = run(PROGRAM, *arguments, "--json", status=status, limit=limit, **named)
    return json.loads(done.stdout) if done.stdout.strip() else None, done.stderr


def wait_until(true, what, limit=LIMIT):
    """Returns what true() does as soon as that is true."""
    deadline = time.monotonic() + limit
    while True:
        got = true()
        if got:
            return got
        check(time.monotonic() < deadline, f"not within {limit} s: {what}")
        time.sleep(0.05)


# Interfaces.


def carrier(name):
    try:
        with open(f"/sys/class/net/{name}/carrier", encoding="ascii") as file:
            return file.read().strip() == "1"
    except OSError:
        return False


def up(*names, limit=30):
    """Switches them on and waits for their links: an igb's takes about 3 s."""
    for name in names:
        run("ip", "link", "set", name, "up")
    for name in names:
        wait_until(lambda name=name: carrier(name), f"{name} has a link", limit)


def down(*names):
    for name in names:
        run("ip", "link", "set", name, "down")


@contextlib.contextmanager
def namespace(name):
    """A network namespace by name, with lo up. What is moved into it comes back at its end."""
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        run("ip", "netns", "del", name)


def mac(name):
    with open(f"/sys/class/net/{name}/address", encoding="ascii") as file:
        return bytes.fromhex(file.read().strip().replace(":", ""))


def statistics(name):
    """The driver's counters: ethtool -S as a dict."""
    said = run("ethtool", "-S", name).stdout
    return {m[1]: int(m[2]) for m in re.finditer(r"^\s+(\S[^:]*): (\d+)$", said, re.M)}


def kernel_warnings():
    """Lines of the kernel's log that no test may cause."""
    said = run("dmesg").stdout
    return [line for line in said.splitlines() if re.search(r"WARNING:|BUG:|Oops|Call Trace|sleeping function", line)]


# What ethtool and linuxptp say about stamps.

# flags, tx and rx are lists of names as ethtool prints them; clock is the PTP clock's number, or None.
Stamping = namedtuple("Stamping", "flags clock tx rx")


def parse_stamping(text):
    """Of what `ethtool -T` prints."""
    sections = {}
    section = None
    clock = None
    for line in text.splitlines():
        number = re.match(r"(?:PTP Hardware Clock|Hardware timestamp provider index): (\S+)", line)
        if number:
            clock = int(number[1]) if number[1].isdigit() else None
        elif re.match(r"\S.*:", line):
            section = line.partition(":")[0]
            sections[section] = []
        elif line.startswith(("\t", " ")) and section:
            sections[section].append(line.split()[0])
    return Stamping(
        sections.get("Capabilities", []),
        clock,
        sections.get("Hardware Transmit Timestamp Modes", []),
        sections.get("Hardware Receive Filter Modes", []),
    )


def stamping(name):
    """What the card claims."""
    return parse_stamping(run("ethtool", "-T", name).stdout)


def hwstamp(name):
    """(tx_type, rx_filter), numbers of linux/net_tstamp.h: how the card is set, with hwstamp_ctl as the witness."""
    said = run("hwstamp_ctl", "-i", name).stdout
    return tuple(int(n) for n in re.search(r"tx_type (\d+)\s+rx_filter (\d+)", said).groups())


def set_hwstamp(name, tx, rx, status=0):
    """Another program's setting. Returns (tx_type, rx_filter) as they then are."""
    run("hwstamp_ctl", "-i", name, "-t", tx, "-r", rx, status=status)
    return hwstamp(name)


SIOCSHWTSTAMP, SIOCGHWTSTAMP = 0x89B0, 0x89B1


def ioctl_hwstamp(name, tx=None, rx=None):
    """The same without linuxptp: sets if tx is given. Returns (tx_type, rx_filter); raises OSError."""
    config = (ctypes.c_int * 3)(0, tx or 0, rx or 0)
    request = struct.pack("16sQ16x", name.encode(), ctypes.addressof(config))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCGHWTSTAMP if tx is None else SIOCSHWTSTAMP, request)
    return config[1], config[2]


class Clock:
    """A PTP clock: reads, steps and rates, in ns and ppb."""

    class Timex(ctypes.Structure):
        _fields_ = [
            ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
            ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
            ("constant", ctypes.c_long), ("precision", ctypes.c_long), ("tolerance", ctypes.c_long),
            ("seconds", ctypes.c_long), ("fraction", ctypes.c_long), ("rest", ctypes.c_long * 18),
        ]

    ADJ_FREQUENCY, ADJ_SETOFFSET, ADJ_NANO = 0x0002, 0x0100, 0x2000

    def __init__(self, interface):
        number = stamping(interface).clock
        check(number is not None, f"{interface} has no PTP clock")
        self.file = open(f"/dev/ptp{number}", "rb+", buffering=0)
        # A clock by descriptor (clock_gettime(2)).
        self.id = (~self.file.fileno() << 3) | 3

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()

    def read(self):
        return time.clock_gettime_ns(self.id)

    def offset(self, reads=9):
        """This clock minus the system's, ns, of the read that took the shortest time; and half that time."""
        best = None
        for _ in range(reads):
            before, there, after = time.time_ns(), self.read(), time.time_ns()
            if best is None or after - before < best[1]:
                best = (there - (before + after) // 2, after - before)
        return best[0], best[1] / 2

    def adjust(self, timex):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.clock_adjtime(ctypes.c_int(self.id), ctypes.byref(timex)) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def step(self, ns):
        seconds, fraction = divmod(ns, 10**9)
        self.adjust(self.Timex(modes=self.ADJ_SETOFFSET | self.ADJ_NANO, seconds=seconds, fraction=fraction))

    def rate(self, ppb):
        # In units of 2^-16 ppm. On the emulated igb the clock jumps with it.
        self.adjust(self.Timex(modes=self.ADJ_FREQUENCY, freq=round(ppb * 65.536)))


# Frames with stamps, by a plain packet socket.

ETH_P_ALL, ETH_P_1588 = 0x0003, 0x88F7
SO_TIMESTAMPING = SCM_TIMESTAMPING = 37
SOL_PACKET, PACKET_TX_TIMESTAMP, MSG_ERRQUEUE, PACKET_OUTGOING = 263, 16, 0x2000, 4
SO_RCVBUFFORCE = 33
TX_HARDWARE, TX_SOFTWARE, RX_HARDWARE, RX_SOFTWARE, SOFTWARE, RAW_HARDWARE, OPT_ID, OPT_TSONLY, OPT_TX_SWHW = (
    1, 2, 4, 8, 16, 64, 128, 2048, 16384,
)
ALL_STAMPS = (
    TX_HARDWARE | TX_SOFTWARE | RX_HARDWARE | RX_SOFTWARE | SOFTWARE | RAW_HARDWARE | OPT_ID | OPT_TSONLY | OPT_TX_SWHW
)

# software and hardware in ns, or None; of the receiver: the frame; of the sender: the number of the frame.
Stamp = namedtuple("Stamp", "what software hardware")


def nanoseconds(data, number):
    seconds, fraction = struct.unpack_from("qq", data, 16 * number)
    return seconds * 10**9 + fraction if seconds or fraction else None


class PacketSocket:
    """Sends and receives whole frames on an interface, with all stamps."""

    def __init__(self, name, protocol=ETH_P_ALL, flags=ALL_STAMPS):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        self.socket.bind((name, protocol))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags)
        self.address = mac(name)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def send(self, frame):
        self.socket.send(frame)

    def transmit_stamps(self, count, limit=2):
        """[Stamp] by the frames' numbers, of the first `count` reports to come. Software and hardware come apart."""
        stamps = []
        poll = select.poll()
        poll.register(self.socket, 0)
        deadline = time.monotonic() + limit
        while len(stamps) < count and time.monotonic() < deadline:
            if not poll.poll(50):
                continue
            with contextlib.suppress(BlockingIOError):
                _, control, _, _ = self.socket.recvmsg(0, 512, MSG_ERRQUEUE | socket.MSG_DONTWAIT)
                found = {(level, kind): data for level, kind, data in control}
                times = found.get((socket.SOL_SOCKET, SCM_TIMESTAMPING))
                error = found.get((SOL_PACKET, PACKET_TX_TIMESTAMP))
                if times and error:
                    # struct sock_extended_err: ee_data, at 12, is the key.
                    key = struct.unpack_from("I", error, 12)[0]
                    stamps.append(Stamp(key, nanoseconds(times, 0), nanoseconds(times, 2)))
        return stamps

    def receive(self, wanted=lambda frame: True, limit=2):
        """The next frame that came from the wire and is wanted, as a Stamp; None if there is none in time."""
        deadline = time.monotonic() + limit
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            try:
                frame, control, _, address = self.socket.recvmsg(65536, 512, 0)
            except OSError as error:
                # The error queue is not read here.
                if error.errno in (errno.EAGAIN, errno.ENOMSG):
                    continue
                raise
            if address[2] == PACKET_OUTGOING or not wanted(frame):
                continue
            times = next((data for level, kind, data in control if kind == SCM_TIMESTAMPING), None)
            software, hardware = (nanoseconds(times, 0), nanoseconds(times, 2)) if times else (None, None)
            return Stamp(frame, software, hardware)


def ptp_message(kind=0, sequence=0, length=44):
    """A PTP version 2 message: kind 0 is Sync, 1 Delay_Req."""
    head = struct.pack("!BBHBBHq4x", kind, 2, length, 127, 0, 0x0400, 0)
    return (head + bytes(10) + struct.pack("!HBb", sequence, 0, 0x7F) + bytes(10)).ljust(length, b"\0")


def ethernet(source, destination, ethertype, payload, vlan=None):
    tag = struct.pack("!HH", 0x8100, vlan) if vlan is not None else b""
    return (destination + source + tag + struct.pack("!H", ethertype) + payload).ljust(60, b"\0")


def of_a_run(frame, least):
    """Whether it is a short probe of the program's in a layer 2 PTP message, and its number that large.

    A trial's frames go ahead of a run, on a stream of their own (0xffff).
    """
    stream, number = struct.unpack_from("!HQ", frame.ljust(78, b"\0"), 68)
    return frame[12:14] == b"\x88\xf7" and stream != 0xFFFF and number >= least


class Latch:
    """Frees the emulated igb's receive register, without which only the first frame is stamped. For a `with`.

    A frame that comes before the register is free again is not stamped: a matter of the rate, and of how busy the
    host is. `freed` says at the end how often each was freed.
    """

    TSYNCRXCTL, VALID = 0xB620, 1

    def __init__(self, *names):
        self.names = names or (IGB0, IGB1)

    def __enter__(self):
        self.process = subprocess.Popen(
            ["igb_latch", *self.names], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        line = self.process.stdout.readline()
        if line != b"ready\n":
            self.process.kill()
            raise AssertionError(f"igb_latch: {line!r} {self.process.communicate()[1]!r}")
        self.maps = []
        for name in self.names:
            with open(f"/sys/class/net/{name}/device/resource0", "r+b", buffering=0) as file:
                self.maps.append(mmap.mmap(file.fileno(), 0x20000))
        return self

    def wait_free(self):
        """Until no register holds a stamp: the next Sync will get one."""

        def free():
            # Read as one word: the card knows no bytes.
            words = [ctypes.c_uint32.from_buffer(m, self.TSYNCRXCTL).value for m in self.maps]
            return not any(word & self.VALID for word in words)

        wait_until(free, "the receive registers are free", 5)

    def __exit__(self, *exc):
        # It ends with its input, and so even if this program is killed.
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        said = self.process.stdout.read().decode()
        self.freed = {m[1]: int(m[2]) for m in re.finditer(r"^(\S+): (\d+) freed$", said, re.M)}
        for stream in (self.process.stdout, self.process.stderr, *self.maps):
            stream.close()


# The project's test modules.


def insmod(name, **parameters):
    """Loads a module of tests/vm/modules. A list is an array."""

    def text(value):
        return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

    path = os.path.join(MODULES, f"{name}.ko")
    check(MODULES and os.path.exists(path), f"the module {name} was not built")
    run("insmod", path, *(f"{key}={text(value)}" for key, value in parameters.items()))


def rmmod(name):
    run("rmmod", name)


@contextlib.contextmanager
def module(name, **parameters):
    insmod(name, **parameters)
    try:
        yield
    finally:
        rmmod(name)


def set_parameter(module_name, parameter, value):
    with open(f"/sys/module/{module_name}/parameters/{parameter}", "w", encoding="ascii") as file:
        file.write(",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))


def get_parameter(module_name, parameter):
    with open(f"/sys/module/{module_name}/parameters/{parameter}", encoding="ascii") as file:
        return file.read().strip()
