# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of two hosts share: far sides to start and to end, measurements, documents to check, and
packets.npy read without NumPy.

Cases are run in a lab of their own (capture_lab.Cases), beside ws0; the far side is at ws1.
"""

import json
import math
import os
import re
import signal
import socket
import struct
import subprocess
import threading
from collections import namedtuple

from capture_lab import LIMIT, PROGRAM, far_side, ip, run, wait_until
from run_document import check_ledger, check_near
from tap import check, check_equal

NEAR_IP, FAR_IP = "198.18.0.1", "198.18.0.2"
NEAR_IP6, FAR_IP6 = "2001:db8::1", "2001:db8::2"
PORT, ETHERTYPE = 8620, 0x88B5
SHORT, REQUEST, ANSWER, COLLECT = 1, 3, 4, 5  # kinds of probes
PROBE = struct.Struct(">BBIHQ")  # magic, version and kind, run id, stream, sequence
REQUEST_LEN = 56
UNKNOWN = -(1 << 63)
VERDICTS = "answered other group short malformed repeated limited crowded".split()
MATCHED, LOST, LATE, UNSTAMPED_TX, UNSTAMPED_RX, DUPLICATED, REORDERED = (1 << n for n in range(7))

Row = namedtuple("Row", "run seq flags intended app_tx sched driver_tx wire_tx wire_rx kernel_rx app_rx")
ROW = struct.Struct("<IQI8q")


def mac_of(interface, far=False):
    return re.search(r"link/ether (\S+)", ip("link", "show", interface, far=far))[1]


def counters(interface="ws0"):
    """(received, sent) by an interface of the namespace that this is in."""
    with open("/proc/net/dev", encoding="ascii") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name.strip() == interface:
                numbers = [int(n) for n in rest.split()]
                return numbers[1], numbers[9]
    raise AssertionError(f"there is no {interface}")


def one_line(text):
    """The single line of an error."""
    lines = text.splitlines()
    check_equal(len(lines), 1, f"lines on stderr ({text!r})")
    check(text.startswith("wirestamp: "), f"begins otherwise: {text!r}")
    return text


def add_ipv6():
    """Addresses, and neighbours that know each other; the lab has no link-local addresses to ask from."""
    for name, address, beyond, far in (("ws0", NEAR_IP6, FAR_IP6, False), ("ws1", FAR_IP6, NEAR_IP6, True)):
        ip("addr", "add", f"{address}/64", "dev", name, "nodad", far=far)
        other = mac_of("ws0" if far else "ws1", far=not far)
        ip("neigh", "replace", beyond, "lladdr", other, "dev", name, "nud", "permanent", far=far)


# --- Programs that run ---


class Program:
    """One whose stderr is read line by line; stdout is for its document."""

    def __init__(self, command, **named):
        named.setdefault("stdin", subprocess.DEVNULL)
        self.lines = []
        self.process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **named
        )
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self.read_lines, daemon=True)
        self.reader.start()

    def read_lines(self):
        for line in self.process.stderr:
            self.lines.append(line.decode())

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def ended(self):
        return self.process.poll() is not None

    def said(self, pattern):
        return any(re.search(pattern, line) for line in list(self.lines))

    def wait_for(self, pattern):
        wait_until(lambda: self.said(pattern) or self.ended(), pattern)
        check(self.said(pattern), f"it does not say {pattern!r} but {self.lines}")

    def send_signal(self, number):
        self.process.send_signal(number)

    def end(self, number=None, status=0):
        """number: a signal, None: wait. Returns what it printed."""
        if number is not None:
            self.send_signal(number)
        watch = threading.Timer(LIMIT, self.process.kill)
        watch.start()
        if self.process.stdin:
            self.process.stdin.close()
        out = self.process.stdout.read()
        self.process.wait()
        watch.cancel()
        self.reader.join(LIMIT)
        self.process.stderr.close()
        self.process.stdout.close()
        if status is not None:
            check_equal(self.process.returncode, status, f"exit status ({''.join(self.lines)!r})")
        return out.decode()

    def document(self, number=None, status=0):
        document = json.loads(self.end(number, status))
        check_equal(document["format"], "wirestamp-run/1", "format")
        return document


class Reflector(Program):
    """Answers, or receives only, when it is there."""

    def __init__(self, *arguments, interface="ws1", where=None, wrap=(), program=PROGRAM, **named):
        where = far_side() if where is None else where
        words = [*where, *wrap, program, "reflect", *([interface] if interface else []), *arguments]
        super().__init__([*words, "--json"], **named)
        self.wait_for("^wirestamp: (answering|receiving) at ")

    def result(self, number=signal.SIGINT, status=0):
        """Ends it; its document, checked."""
        document = self.document(number, status)
        check_reflector(document)
        return document


class Attached(Program):
    """As ssh would start it: says that it is ready on stdout, and ends with its input."""

    def __init__(self, *arguments, interface="ws1", where=None, wrap=(), **named):
        where = far_side() if where is None else where
        words = [*where, *wrap, PROGRAM, "reflect", *([interface] if interface else []), *arguments]
        super().__init__([*words, "--attach"], **{"stdin": subprocess.PIPE, **named})
        line = self.process.stdout.readline().decode()
        check(line, f"it is not ready: {self.lines}")
        self.ready = json.loads(line)
        check_equal(self.ready["format"], "wirestamp-ready/1", "format of the first line")

    def result(self, number=None, status=0):
        document = self.document(number, status)
        check_reflector(document)
        return document


class Latency(Program):
    def __init__(self, *arguments, wrap=(), program=PROGRAM, **named):
        super().__init__([*wrap, program, "latency", *arguments, "--json", "-q"], **named)

    def result(self, number=None, status=0, runs=1):
        document = self.document(number, status)
        check_two_way(document, runs)
        return document


def measure(*arguments, runs=1, **named):
    """`latency --tx ws0` with these arguments; the document, checked."""
    return Latency("--tx", "ws0", *arguments, **named).result(runs=runs)


# --- Documents ---


def check_reflector(document):
    check_equal(document["command"], "reflect", "command")
    if document["mode"] == "receiver":
        for each in document["runs"]:
            check(each["first_seq"] <= each["highest_seq"], "first_seq and highest_seq")
            first = each["received"] - each["duplicated"]
            check(each["reordered"] + each["unstamped"] <= 2 * first, "reordered are first copies")
        received = sum(each["received"] for each in document["runs"])
        check_equal(document["received"], received + document["foreign"], "received = runs' + foreign")
        return
    check_equal(document["mode"], "reflector", "mode")
    verdicts = sum(document[name] for name in VERDICTS)
    # Where there is no room to build an answer, nothing is judged.
    check(document["received"] >= verdicts, "received, and what was found of each")
    check(document["sent"] <= document["answered"], "more sent than answered")
    check_equal(document["received"] - verdicts + document["answered"],
                document["sent"] + document["refused"], "received, answered, sent and refused")


def mean_of(bins):
    total = sum(count for _, _, count in bins)
    return sum((low + high - 1) / 2 * count for low, high, count in bins) / total


def check_two_way(document, runs=1):
    check_equal((document["command"], document["mode"]), ("latency", "two-way"), "command and mode")
    check_equal(len(document["runs"]), runs, "runs")
    for r in document["runs"]:
        check_ledger(r)
        two = r["two_way"]
        check_equal(two["exchanges"] + two["incomplete"], r["matched"], "exchanges + incomplete")
        check_equal(r["rtt_ns"]["count"], two["exchanges"], "rtt_ns.count")
        check_equal(r["residence_ns"]["count"], two["exchanges"], "residence_ns.count")
        check_in_bins(r, "rtt")
        if two["lost_forward"] is not None and two["lost_backward"] is not None:
            check_equal(two["lost_forward"] + two["lost_backward"], r["lost"], "lost_forward + lost_backward")
        if not two["incomplete"] and two["exchanges"]:
            whole = r["rtt_ns"]["mean"] + r["residence_ns"]["mean"]
            check_near(r["latency_ns"]["mean"], whole, "mean of latency and of rtt + residence", 1e-9)
        if r["forward_ns"]:
            check_ways(r)


def check_ways(r):
    ways = r["forward_ns"]["count"]
    check_equal(r["backward_ns"]["count"], ways, "backward_ns.count")
    check_equal(r["backward_ns"]["error_bound"], r["forward_ns"]["error_bound"], "bounds of both ways")
    check(ways <= r["rtt_ns"]["count"], "more ways than round trips")
    check_in_bins(r, "forward")
    check_in_bins(r, "backward")
    if ways and ways == r["rtt_ns"]["count"]:
        both = r["forward_ns"]["mean"] + r["backward_ns"]["mean"]
        check(abs(both - r["rtt_ns"]["mean"]) < 1e-6 * r["rtt_ns"]["mean"] + 1e-3,
              f"mean of rtt {r['rtt_ns']['mean']}, of forward + backward {both}")


def check_in_bins(r, name):
    values, bins = r[f"{name}_ns"], r[f"{name}_histogram_ns"]
    inside = sum(count for _, _, count in bins)
    check(inside <= values["count"], f"{name}: more in bins than there are")
    if inside and inside == values["count"]:
        check(math.isclose(values["mean"], mean_of(bins), rel_tol=1e-3, abs_tol=1), f"{name}: mean and bins")
        check(bins[0][0] <= values["min"] < bins[0][1], f"{name}: min is not in the first bin")
        check(bins[-1][0] <= values["max"] < bins[-1][1], f"{name}: max is not in the last bin")


def lost_sequences(r):
    """Where the losses were, sequence by sequence."""
    check_equal(r["losses"]["omitted"], 0, "losses.omitted")
    check_equal(r["losses"]["packets"], r["lost"], "losses.packets")
    return [seq for each in r["losses"]["list"] for seq in range(each["seq"], each["seq"] + each["count"])]


def rows_of(folder):
    """What is in packets.npy, checked against the header."""
    with open(os.path.join(folder, "packets.npy"), "rb") as file:
        data = file.read()
    check_equal(data[:8], b"\x93NUMPY\x01\x00", "magic and version")
    begin = 10 + struct.unpack_from("<H", data, 8)[0]
    header = data[10:begin].decode()
    rows = int(re.search(r"'shape': \((\d+),\)", header)[1])
    check_equal(re.findall(r"\('(\w+)', '(\S+)'\)", header),
                [(n, {"run": "<u4", "seq": "<u8", "flags": "<u4"}.get(n, "<i8")) for n in Row._fields], "columns")
    check_equal(len(data) - begin, rows * ROW.size, "bytes of rows")
    return [Row(*ROW.unpack_from(data, begin + n * ROW.size)) for n in range(rows)]


# --- Frames made by hand ---


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def probe(seq, kind=REQUEST, run_id=7, stream=0, length=REQUEST_LEN, version=1):
    head = PROBE.pack(ord("W"), version << 4 | kind, run_id, stream, seq)
    return (head + b"\0" * max(0, length - len(head)))[:length]


class Frames:
    """Frames from ws0 to ws1, right ones unless they are told otherwise."""

    def __init__(self):
        self.near, self.far = mac_of("ws0"), mac_of("ws1", far=True)

    def ethernet(self, ethertype, payload, dst=None, src=None, vlan=()):
        tags = b"".join(struct.pack(">HH", 0x8100, tag) for tag in vlan)
        head = mac_bytes(dst or self.far) + mac_bytes(src or self.near) + tags + struct.pack(">H", ethertype)
        return (head + payload).ljust(60, b"\0")

    def l2(self, payload, **named):
        return self.ethernet(ETHERTYPE, payload, **named)

    def udp(self, payload, src=NEAR_IP, dst=FAR_IP, sport=PORT, dport=PORT, udp_len=None, ip_len=None,
            options=b"", fragment=0x4000, head_sum=None, mac_dst=None, mac_src=None, vlan=()):
        udp_len = 8 + len(payload) if udp_len is None else udp_len
        pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack(">BBH", 0, 17, udp_len)
        udp = struct.pack(">HHHH", sport, dport, udp_len, 0) + payload
        udp = udp[:6] + struct.pack(">H", checksum(pseudo + udp) or 0xFFFF) + udp[8:]
        words = 5 + len(options) // 4
        ip_len = 4 * words + len(udp) if ip_len is None else ip_len
        head = struct.pack(">BBHHHBBH4s4s", 0x40 | words, 0, ip_len, 0, fragment, 64, 17, 0,
                           socket.inet_aton(src), socket.inet_aton(dst)) + options
        head = head[:10] + struct.pack(">H", checksum(head) if head_sum is None else head_sum) + head[12:]
        return self.ethernet(0x0800, head + udp, dst=mac_dst, src=mac_src, vlan=vlan)


class Wire:
    """Sends frames by ws0, and has all that comes in there."""

    def __init__(self, interface="ws0"):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((interface, 0))
        self.socket.setblocking(False)
        self.frames = []

    def send(self, frame):
        while True:
            try:
                self.socket.send(frame)
                return
            except (BlockingIOError, OSError) as error:
                check(error.errno in (11, 105), f"cannot send: {error}")

    def take(self):
        while True:
            try:
                frame, address = self.socket.recvfrom(65536)
            except BlockingIOError:
                return self.frames
            if address[2] != socket.PACKET_OUTGOING:
                self.frames.append(frame)

    def wait_for_answer(self, seq, run_id=7):
        wait_until(lambda: any(p.seq == seq and p.run_id == run_id for p in self.answers()), f"answer {seq}")

    def answers(self):
        return [p for p in map(read_probe, self.take()) if p and p.kind == ANSWER]

    def others(self):
        """Whatever is no probe, but for the IPv6 stack's own multicast and ARP."""
        return [f for f in self.take() if not read_probe(f) and f[0:2] != b"\x33\x33" and f[12:14] != b"\x08\x06"]


Seen = namedtuple("Seen", "kind run_id stream seq length payload")


def read_probe(frame):
    """None: it is none."""
    at = 12
    while frame[at : at + 2] == b"\x81\x00":
        at += 4
    ethertype = struct.unpack_from(">H", frame, at)[0]
    at += 2
    if ethertype == 0x0800 and frame[at + 9] == 17:
        at += 4 * (frame[at] & 15) + 8
    elif ethertype == 0x86DD and frame[at + 6] == 17:
        at += 48
    elif ethertype != ETHERTYPE:
        return None
    if len(frame) < at + PROBE.size or frame[at] != ord("W"):
        return None
    _, kind, run_id, stream, seq = PROBE.unpack_from(frame, at)
    return Seen(kind & 15, run_id, stream, seq, len(frame), frame[at:])
