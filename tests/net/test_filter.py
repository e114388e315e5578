#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Capture filters in the kernel: what passes, against what passes tcpdump's own on the same frames.

    test_filter.py WIRESTAMP FILTER_SOCKETS

Frames are sent inside a lab, to addresses that are nobody's; each has a number in its last two bytes.
"""

import fcntl
import os
import re
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
from tap import Skip, Tap, check, check_equal  # noqa: E402

PROGRAM, SOCKETS = (os.path.abspath(path) for path in sys.argv[1:3])
LIMIT = 120
LAST_TYPE = 0x88B6
DST, SRC = bytes.fromhex("020000000077"), bytes.fromhex("020000000088")
GROUP = bytes.fromhex("01005e010203")
ETHER, COOKED = 14, 20


def udp(dport, size=8):
    return struct.pack("!HHHH", 5000, dport, size, 0) + bytes(size - 8)


def ipv4(protocol, payload, options=b""):
    words = 5 + len(options) // 4
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | words, 0, 4 * words + len(payload), 1, 0, 64, protocol, 0,
        bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]),
    )
    return head + options + payload


def ipv6(protocol, payload):
    addresses = bytes.fromhex("fd00" + "00" * 13 + "01" + "fd00" + "00" * 13 + "02")
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + addresses + payload


def frame(kind, payload, tags=(), dst=DST):
    """tags: (ethertype, id)."""
    head = dst + SRC + b"".join(struct.pack("!HH", *tag) for tag in tags)
    return (head + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def frames():
    """Each with its number at its end."""
    tcp = struct.pack("!HHIIBBHHH", 5000, 80, 1, 0, 0x50, 2, 0, 0, 0)
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + SRC + bytes(14)
    vlan5, vlan6 = (0x8100, 5), (0x8100, 6)
    plain = [
        frame(0x0800, ipv4(17, udp(53))),
        frame(0x0800, ipv4(17, udp(80))),
        frame(0x0800, ipv4(17, udp(53), options=bytes(8))),
        frame(0x0800, ipv4(1, bytes([8, 0]) + bytes(30))),
        frame(0x0800, ipv4(6, tcp)),
        frame(0x0806, arp),
        frame(0x86DD, ipv6(17, udp(53))),
        frame(0x86DD, ipv6(58, bytes([128, 0]) + bytes(30))),
        frame(0x0800, ipv4(17, udp(53, 900))),
        frame(0x0800, ipv4(17, udp(53)), dst=GROUP),
        frame(0x88B5, bytes(46)),
    ]
    tagged = [
        frame(0x0800, ipv4(17, udp(53)), [vlan5]),
        frame(0x0800, ipv4(17, udp(80)), [vlan5]),
        frame(0x0800, ipv4(17, udp(53)), [vlan6]),
        frame(0x86DD, ipv6(17, udp(53)), [vlan5]),
        frame(0x0806, arp, [vlan5]),
        frame(0x0800, ipv4(17, udp(53)), [(0x88A8, 7), vlan5]),
        frame(0x0800, ipv4(17, udp(53)), [(0x88A8, 5), vlan6]),
    ]
    return number(plain + tagged), len(plain)


def number(these):
    return [f + struct.pack("!H", i) for i, f in enumerate(these)]


def send(interface, these):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((interface, 0))
        for f in [*these, frame(LAST_TYPE, bytes(46)) + b"\xff\xff"]:
            s.send(f)


FILTERS = [
    "udp port 53",
    "icmp",
    "ip6",
    "not arp",
    "greater 500",
    "icmp6 or tcp",
    "udp and dst port 53 and host 10.0.0.2",
    "tcp[tcpflags] & tcp-syn != 0",
    "ip[0] & 0xf > 5",
    "ether proto 0x88b5",
]
# What tcpdump cannot do on all interfaces at once.
OF_ETHERNET = [
    "vlan",
    "vlan 5 and udp port 53",
    "vlan 5 and not udp",
    "vlan 7 and vlan 5 and udp",
    "udp and not vlan",
    "ether host 02:00:00:00:00:88 and icmp",
    "ether multicast",
]


def far(*command):
    return ["nsenter", "--net=" + os.environ["WIRESTAMP_LAB_NS1"], *command]


class Listening:
    """The sockets' program on the far side."""

    def __init__(self, mode, interface, filters, snaplen=0, enter=far):
        self.filters = filters
        self.process = subprocess.Popen(
            enter(SOCKETS, mode, interface, str(snaplen), *filters),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.errors = []
        for line in self.process.stdout:
            if line == "ready\n":
                break
            self.errors.append(line.strip())

    def pairs(self):
        """For each filter: a list of (number, length)."""
        out, self.said = self.process.communicate(timeout=LIMIT)
        check_equal(self.errors, [], "errors")
        check_equal(self.process.returncode, 0, f"exit status ({out!r} {self.said!r})")
        lines = out.split("\n")[: len(self.filters)]
        return [[tuple(map(int, w.split("/"))) for w in line.split()] for line in lines]

    def numbers(self):
        return [[n for n, _ in pairs] for pairs in self.pairs()]


class Tcpdump:
    """One on the far side for each filter."""

    def __init__(self, interface, filters, folder):
        self.files, self.processes = [], []
        if not shutil.which("tcpdump"):
            raise Skip("there is no tcpdump")
        for i, text in enumerate(filters):
            self.files.append(os.path.join(folder, f"{interface}-{i}.pcap"))
            # With its own snap length this mode's ring has room for eight packets.
            command = ["tcpdump", "-Z", "root", "-n", "-s", "2000", "-i", interface]
            command += ["--immediate-mode", "-U", "-w"]
            self.processes.append(
                subprocess.Popen(
                    far(*command, self.files[-1], text),
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                    text=True,
                )
            )
        for process in self.processes:
            if "listening on" not in self.line(process, "listening on"):
                self.end()
                raise Skip("tcpdump does not run here")

    @staticmethod
    def line(process, word):
        """The next line on stderr with the word; empty at the end."""
        for line in process.stderr:
            if word in line:
                return line
        return ""

    def end(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.communicate(timeout=LIMIT)

    def numbers(self):
        """To be called when all frames have come in: then the kernel's count is final."""
        until = time.monotonic() + LIMIT
        for process in self.processes:
            while True:
                check(time.monotonic() < until, "tcpdump does not read what has come")
                process.send_signal(signal.SIGUSR1)
                line = self.line(process, "captured")
                counts = re.fullmatch(r".*?(\d+) packets? captured, (\d+) .*by filter, (\d+) .*\n", line)
                check(counts, f"no counts: {line!r}")
                check_equal(counts[3], "0", "dropped by tcpdump")
                if counts[1] == counts[2]:
                    break
                time.sleep(0.02)
        self.end()
        found = [[struct.unpack("!H", p[-2:])[0] for p in packets(path)] for path in self.files]
        return [[n for n in numbers if n != 0xFFFF] for numbers in found]


def packets(path):
    """The packets of a pcap file, as far as it is written."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return []
    found, at = [], 24
    while at + 16 <= len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        if at + 16 + length > len(data):
            break
        found.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return found


def against_tcpdump(mode, interface, filters):
    these, _ = frames()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        theirs = Tcpdump(interface, filters, folder)
        ours = Listening(mode, "ws1", filters)
        send("ws0", these)
        got, wanted = ours.numbers(), theirs.numbers()
    for text, g, w in zip(filters, got, wanted):
        check_equal(g, w, f"'{text}'")
        # libpcap does not find a second tag behind one that the kernel keeps.
        check(w or text.count("vlan") == 2, f"'{text}' lets nothing pass")
    check(any(len(w) < len(these) for w in wanted), "nothing is filtered")


def raw():
    against_tcpdump("raw", "ws1", FILTERS + OF_ETHERNET)


def cooked():
    against_tcpdump("cooked", "any", FILTERS)


def cooked_ethernet():
    against_tcpdump("cooked", "ws1", OF_ETHERNET)


def lengths():
    """`len` counts the frame on an interface, and the cooked header with cooked packets."""
    exact = frame(0x0800, ipv4(17, udp(53, 200)))
    these = number([exact])
    size = len(these[0])
    cooked_size = size - ETHER + COOKED
    texts = [f"len = {size}", f"len = {cooked_size}", f"less {size - 1}", f"greater {size}"]
    on_interface, on_all = Listening("raw", "ws1", texts), Listening("cooked", "ws1", texts)
    send("ws0", these)
    check_equal(on_interface.numbers(), [[0], [], [], [0]], "on an interface")
    check_equal(on_all.numbers(), [[], [0], [], [0]], "cooked")


def snapped():
    """The header of a cooked packet does not count."""
    texts = ["", "udp port 53", "vlan 5 and udp port 80"]
    these, _ = frames()
    for mode in ("raw", "cooked"):
        listening = Listening(mode, "ws1", texts, snaplen=40)
        send("ws0", these)
        got = listening.pairs()
        check_equal(len(got[0]), len(these), f"{mode}: packets")
        check(len(got[1]) > 2 and len(got[2]) == 1, f"{mode}: packets {got[1:]}")
        check_equal({length for pairs in got for _, length in pairs}, {40}, f"{mode}: lengths")


def outgoing():
    """What the interface itself sends, and no more; also without a text, and on all interfaces."""
    these, plain = frames()
    texts = ["", "udp port 53", "icmp"]
    both_ways = Listening("raw", "ws1", texts)
    listening = [Listening(mode, "ws1", texts) for mode in ("out", "cooked-out")]
    by_text = ["outbound", "outbound and udp port 53", "icmp and not inbound"]
    listening += [Listening(mode, "ws1", by_text) for mode in ("raw", "cooked")]
    # From here they come in, and get numbers that those below do not have.
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind(("ws0", 0))
        for f in these:
            s.send(f[:-2] + b"\x10\x00")
    sender = [
        sys.executable, os.path.abspath(__file__), PROGRAM, SOCKETS, "--send", "ws1", str(plain)
    ]
    done = subprocess.run(far(*sender), capture_output=True, text=True, timeout=LIMIT)
    check_equal(done.returncode, 0, f"exit status of the sender ({done.stderr!r})")
    both = both_ways.numbers()
    check(0x1000 in both[1] and 0 in both[1], f"not both directions: {both}")
    wanted = [sorted(set(n for n in numbers if n != 0x1000)) for numbers in both]
    check(len(wanted[0]) == plain and len(wanted[1]) > 2, f"sent: {wanted}")
    for each in listening:
        check_equal(each.numbers(), wanted, "outgoing ones")


TUNSETIFF, TUNSETLINK, SIOCSIFFLAGS = 0x400454CA, 0x400454CD, 0x8914
IFF_TUN, IFF_NO_PI, IFF_UP = 1, 0x1000, 1
ARPHRD_PPP = 512


def open_tun(name, hardware=None):
    """A device without a link-layer header, on this side; what is written to it comes in there."""
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        if hardware is not None:
            fcntl.ioctl(fd, TUNSETLINK, hardware)
    except OSError as why:
        raise Skip(f"no tun device: {why}") from why
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), IFF_UP))
    return fd


def on_tun(mode, hardware, linktype):
    fd = open_tun("tun0", hardware)
    texts = ["udp port 53", "ip6", "udp[2:2] = 80"]
    listening = Listening(mode, "tun0", texts, enter=lambda *command: list(command))
    payloads = [ipv4(17, udp(53)), ipv4(17, udp(80)), ipv6(17, udp(53)), ipv4(1, bytes(20))]
    for number_, packet in enumerate(payloads):
        os.write(fd, packet + struct.pack("!H", number_))
    os.write(fd, payloads[-1] + b"\xff\xff")
    # The kernel speaks IPv6 there by itself, now and then; its packets have no such numbers.
    got = [[n for n in numbers if n < len(payloads)] for numbers in listening.numbers()]
    check_equal(got, [[0, 2], [2], [1]], "numbers")
    check(f"linktype {linktype}\n" in listening.said, f"linktype: {listening.said!r}")
    os.close(fd)


def tun():
    on_tun("raw", None, 101)


def ppp_is_cooked():
    """libpcap cannot make sense of what PPP devices have before the packet."""
    fd = open_tun("ppp7", ARPHRD_PPP)
    texts = ["udp port 53"]
    listening = Listening("raw", "ppp7", texts, enter=lambda *command: list(command))
    listening.process.kill()
    _, said = listening.process.communicate(timeout=LIMIT)
    os.close(fd)
    check("linktype 276\n" in said, f"linktype: {said!r}")
    on_tun("cooked-on", None, 276)


def errors():
    def error(mode, interface, text, prefix=()):
        done = subprocess.run(
            [*prefix, SOCKETS, mode, interface, "0", text],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT,
        )
        lines = done.stdout.splitlines()
        check_equal((done.returncode, len(lines)), (1, 1), f"status and lines ({done.stdout!r})")
        check_equal(done.stderr, "", "stderr")
        return lines[0].split(" ", 2)[1:]

    for mode in ("raw", "cooked"):
        check("syntax error" in error(mode, "ws0", "udp port")[1], "syntax")
        check_equal(error(mode, "ws0", "port 70000")[0], "22", "port 70000")
    check_equal(error("raw", "nosuch0", "udp")[0], "19", "no such interface")
    check_equal(error("raw", "any", "udp")[0], "19", "any")
    subprocess.run(["ip", "link", "set", "ws0", "down"], check=True, timeout=LIMIT)
    check_equal(error("raw", "ws0", "udp")[0], "100", "down")
    weak = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]
    if subprocess.run([*weak, "true"], capture_output=True, timeout=LIMIT).returncode == 0:
        for mode, text in (("raw", "udp"), ("cooked", "vlan 5")):
            number_, why = error(mode, "lo", text, weak)
            check_equal(number_, "1", f"without rights ({why})")
            check("CAP_NET_RAW" in why, f"does not name the right: {why!r}")


INSIDE = {
    "raw": raw, "cooked": cooked, "ethernet": cooked_ethernet, "lengths": lengths,
    "snapped": snapped, "outgoing": outgoing, "tun": tun, "ppp": ppp_is_cooked, "errors": errors,
}


def inside(name):
    if name != "errors" and not shutil.which("nsenter"):
        raise Skip("there is no nsenter")
    done = subprocess.run(
        [PROGRAM, "lab", "--", sys.executable, os.path.abspath(__file__), PROGRAM, SOCKETS, "--inside", name],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2 * LIMIT,
    )
    if done.returncode == 77:
        raise Skip(done.stdout.strip())
    check_equal(done.returncode, 0, f"exit status inside the lab\n{done.stdout}{done.stderr}")


def main_inside(name):
    try:
        INSIDE[name]()
    except Skip as why:
        print(why)
        sys.exit(77)


def main():
    tap = Tap()
    lab = subprocess.run(
        [PROGRAM, "lab", "--", "true"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT,
    )
    if lab.returncode != 0:
        print(f"1..0 # SKIP no lab here: {lab.stderr.strip()}")
        return
    tap.case("on an interface, against tcpdump", inside, "raw")
    tap.case("cooked, against tcpdump", inside, "cooked")
    tap.case("cooked, what only Ethernet has, against tcpdump on the interface", inside, "ethernet")
    tap.case("lengths", inside, "lengths")
    tap.case("snap length", inside, "snapped")
    tap.case("only what is sent", inside, "outgoing")
    tap.case("an interface without a link-layer header", inside, "tun")
    tap.case("an interface that has to be cooked", inside, "ppp")
    tap.case("errors", inside, "errors")
    tap.end()


if __name__ == "__main__":
    if "--inside" in sys.argv:
        main_inside(sys.argv[4])
    elif "--send" in sys.argv:
        send(sys.argv[4], frames()[0][: int(sys.argv[5])])
    else:
        main()
