#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Frames of traffic as tshark sees them, against what the specification says.

    test_traffic_tshark.py TRAFFIC_FRAMES
"""

import ipaddress
import itertools
import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Skip, Tap, check, check_equal  # noqa: E402

FRAMES = os.path.abspath(sys.argv[1])
FIELDS = """frame.len frame.protocols eth.dst eth.src eth.type eth.padding eth.trailer
    ieee8021ad.id ieee8021ad.priority ieee8021ad.dei vlan.id vlan.priority vlan.dei vlan.etype
    ip.len ip.id ip.flags ip.frag_offset ip.ttl ip.dsfield ip.src ip.dst ip.proto ip.checksum.status
    ipv6.plen ipv6.flow ipv6.tclass ipv6.hlim ipv6.nxt ipv6.src ipv6.dst
    udp.srcport udp.dstport udp.length udp.payload udp.checksum.status
    tcp.srcport tcp.dstport tcp.flags tcp.seq_raw tcp.ack_raw tcp.hdr_len tcp.len tcp.window_size_value
    tcp.urgent_pointer tcp.payload tcp.checksum.status
    icmp.type icmp.code icmp.ident icmp.seq icmp.checksum.status
    icmpv6.type icmpv6.code icmpv6.echo.identifier icmpv6.echo.sequence_number icmpv6.checksum.status
    data.data _ws.expert.severity _ws.expert.message""".split()
# Some dissectors look into payloads, and then find faults with what is no packet of theirs.
OPTIONS = [f"{name}.check_checksum:TRUE" for name in ("ip", "udp", "tcp")]
OPTIONS += ["tcp.analyze_sequence_numbers:FALSE", "udp.process_info:FALSE"]
DECODE = ["udp.port==0-65535,data", "tcp.port==0-65535,data"]
NOTE = 0x400000

UDP, SYN, ECHO, RAW = range(4)
FIXED, RANGE, IMIX = range(3)
PROBE, ZERO, INCREMENT, RANDOM, BYTES, FULL = range(6)  # FULL: PROBE, of the full kind
SRC_MAC, DST_MAC, VLAN, VLAN2, SRC_IP, DST_IP, SRC_PORT, DST_PORT = range(8)
NONE, UP, CHANCE, LIST = range(4)
BITS = {SRC_MAC: 48, DST_MAC: 48, VLAN: 16, VLAN2: 16, SRC_PORT: 16, DST_PORT: 16}
SMALL, LARGE, BIG = 60, 590, 1514
IMIX_LENGTHS = [SMALL, LARGE, SMALL, LARGE, SMALL, SMALL, BIG, SMALL, LARGE, SMALL, LARGE, SMALL]
ONES = (1 << 64) - 1


def mix(x):
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & ONES
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & ONES
    return x ^ x >> 31


def random_at(seed, stream, index):
    golden = 0x9E3779B97F4A7C15
    key = mix(mix(seed + golden & ONES) ^ (stream + 1) * golden & ONES)
    return mix(mix((index + 1) * golden & ONES) ^ key)


def below(bits, limit):
    return bits * limit >> 64


def crc32c(data):
    crc = 0xFFFFFFFF
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Spec:
    """A specification, and what follows from it for each frame."""

    def __init__(self, proto, version, tags, size, fill, vary, flows=0, ethertype=0x88B5, given=False):
        self.proto, self.version, self.size, self.fill = proto, version, size[0], fill % FULL
        self.full, self.intended = fill == FULL, 0x1122334455667788
        self.vary, self.flows, self.ethertype, self.given = vary, flows, ethertype, given
        self.tags = [(1000, 5), (4090, 2)][:tags]
        self.seed = 12345 + fill
        self.dst_mac, self.src_mac = 0x0201FFFFFFFE, 0x02FFFFFFFFFD
        self.src_ip, self.dst_ip = 0xC61200FE, 0xC613FFF0
        if version == 6:
            self.src_ip = 0xFD00000000000001 << 64 | 0xFFFFFFFFFFFFFFFE
            self.dst_ip = 0xFD00000000000002 << 64 | 9
        self.src_port, self.dst_port = 65530, 8620
        self.ttl, self.tos = 77, 0xB9
        self.bytes = bytes.fromhex("c0ffee")
        self.run_id, self.stream = 0xCAFEF00D, 0x4321
        self.l4_len = {UDP: 8, SYN: 20, ECHO: 8, RAW: 0}[proto]
        ip_len = {4: 20, 6: 40, 0: 0}[version]
        self.header_len = 14 + 4 * tags + ip_len + self.l4_len
        self.len_min, self.len_max = (self.header_len if x == "smallest" else x for x in size[1:])
        self.count = {FIXED: 4, RANGE: 6, IMIX: 12}[self.size]

    def header(self):
        """The bytes of a header that is given as such, tags included."""
        header = self.dst_mac.to_bytes(6, "big") + self.src_mac.to_bytes(6, "big")
        for kind, (tag, prio) in zip([0x88A8, 0x8100][-len(self.tags):], self.tags):
            header += struct.pack(">HH", kind, prio << 13 | tag)
        return header + struct.pack(">H", self.ethertype)

    def line(self):
        width = 8 if self.version == 4 else 32
        pairs = {
            "proto": self.proto, "ip_version": self.version, "ttl": self.ttl, "tos": self.tos,
            "src_port": self.src_port, "dst_port": self.dst_port, "ethertype": self.ethertype,
            "flows": self.flows, "size": self.size, "len_min": self.len_min, "len_max": self.len_max,
            "fill": self.fill, "run_id": self.run_id, "stream": self.stream, "seed": self.seed,
            "count": self.count, "bytes": self.bytes.hex(), "probe": 2 if self.full else 1,
            "intended": self.intended,
        }
        if self.given:
            words = [f"{key}={value}" for key, value in pairs.items()]
            return " ".join(words) + self.patterns() + f" header={self.header().hex()}\n"
        pairs.update(dst_mac=f"{self.dst_mac:012x}", src_mac=f"{self.src_mac:012x}")
        if self.version:
            pairs.update(src_ip=f"{self.src_ip:0{width}x}", dst_ip=f"{self.dst_ip:0{width}x}")
        words = [f"{key}={value}" for key, value in pairs.items()]
        words += [f"vlan={tag}:{prio}" for tag, prio in self.tags]
        return " ".join(words) + self.patterns() + "\n"

    def patterns(self):
        words = ""
        for field, (kind, what) in self.vary.items():
            if kind == LIST:
                digits = BITS.get(field, 32 if self.version == 4 else 128) // 4
                what = ",".join(f"{value:0{digits}x}" for value in what)
            words += f" vary={field}:{kind}:{what}"
        return words

    def steps(self, field, n):
        """How far the field is from its base, or None and its value."""
        kind, what = self.vary.get(field, (NONE, 1))
        if kind == LIST:
            return None, what[n % len(what)]
        if kind == UP:
            return n % what, None
        if kind == CHANCE:
            return below(random_at(self.seed, 4 + field, n), what), None
        flow = n % self.flows if self.flows > 1 else 0
        if self.proto == RAW:
            return flow if field == SRC_MAC else 0, None
        return {SRC_PORT: flow % 16384, SRC_IP: flow // 16384}.get(field, 0), None

    def value(self, field, base, bits, n):
        """The base with its lowest bits counted on."""
        steps, value = self.steps(field, n)
        if steps is None:
            return value
        return base >> bits << bits | (base + steps) & (1 << bits) - 1

    def length(self, n):
        if self.size == IMIX:
            return max(IMIX_LENGTHS[n % 12], self.header_len)
        length = self.len_min
        if self.size == RANGE:
            length += below(random_at(self.seed, 1, n), self.len_max - self.len_min + 1)
        return max(length, SMALL)

    def payload(self, n, length):
        probes = self.proto == UDP or self.proto == RAW and self.ethertype == 0x88B5
        if self.fill == PROBE and length >= 16 and probes:
            full = self.full and length >= 32
            kind = 0x12 if full else 0x11
            probe = struct.pack(">BBIHQ", ord("W"), kind, self.run_id, self.stream, n)
            if full:
                probe += struct.pack(">QI", self.intended + n, 0)
                probe += struct.pack(">I", crc32c(probe))
            return probe + bytes(length - len(probe))
        if self.fill == INCREMENT:
            return bytes(i & 0xFF for i in range(length))
        if self.fill == RANDOM:
            words = (random_at(self.seed, 2, i) for i in range(length // 8 + 1))
            return b"".join(word.to_bytes(8, "little") for word in words)[:length]
        if self.fill == BYTES:
            return (self.bytes * (length // len(self.bytes) + 1))[:length]
        return bytes(length)

    def expect_tags(self, n):
        """The fields of the tags, and the type that comes behind them."""
        ids = []
        for i, (base, _) in enumerate(self.tags):
            steps, value = self.steps(VLAN + i, n)
            ids.append(value if steps is None else (base - 1 + steps) % 4094 + 1)
        inner = {4: "0x0800", 6: "0x86dd", 0: f"0x{self.ethertype:04x}"}[self.version]
        names = {0: [], 1: ["vlan"], 2: ["ieee8021ad", "vlan"]}[len(self.tags)]
        fields = {"eth.type": ["0x8100", "0x88a8"][len(names) - 1] if names else inner}
        for name, tag, (_, prio) in zip(names, ids, self.tags):
            fields.update({f"{name}.id": tag, f"{name}.priority": prio, f"{name}.dei": 0})
        if names:
            fields["vlan.etype"] = inner
        return fields

    def expect_l4(self, n, l4_len):
        src = self.value(SRC_PORT, self.src_port, 16, n)
        dst = self.value(DST_PORT, self.dst_port, 16, n)
        payload = self.payload(n, l4_len - self.l4_len).hex()
        if self.proto == UDP:
            return {"udp.srcport": src, "udp.dstport": dst, "udp.length": l4_len,
                    "udp.payload": payload, "udp.checksum.status": 1}
        if self.proto == SYN:
            seq = random_at(self.seed, 3, n) & 0xFFFFFFFF
            return {"tcp.srcport": src, "tcp.dstport": dst, "tcp.flags": "0x0002", "tcp.seq_raw": seq,
                    "tcp.ack_raw": 0, "tcp.hdr_len": 20, "tcp.len": l4_len - 20, "tcp.payload": payload,
                    "tcp.window_size_value": 64240, "tcp.urgent_pointer": 0, "tcp.checksum.status": 1}
        if self.version == 4:
            return {"icmp.type": 8, "icmp.code": 0, "icmp.ident": src, "icmp.seq": n,
                    "icmp.checksum.status": 1}
        return {"icmpv6.type": 128, "icmpv6.code": 0, "icmpv6.echo.identifier": f"0x{src:04x}",
                "icmpv6.echo.sequence_number": n, "icmpv6.checksum.status": 1}

    def expect(self, n):
        """What tshark has to say of frame n. None: whatever it is."""
        length = self.length(n)
        rest = length - self.header_len + self.l4_len
        bits = 32 if self.version == 4 else 64
        fields = {name: "" for name in FIELDS}
        fields.update(self.expect_tags(n))
        fields["frame.len"] = length
        fields["eth.dst"] = self.value(DST_MAC, self.dst_mac, 40, n).to_bytes(6, "big").hex(":")
        fields["eth.src"] = self.value(SRC_MAC, self.src_mac, 40, n).to_bytes(6, "big").hex(":")
        fields["frame.protocols"] = fields["_ws.expert.message"] = fields["_ws.expert.severity"] = None
        fields["data.data"] = self.payload(n, length - self.header_len).hex()
        if self.proto == RAW:
            return fields
        if self.proto == ECHO:
            fields["data.data"] = None  # of which it may take the beginning for a time
        protocol = {UDP: 17, SYN: 6, ECHO: 1 if self.version == 4 else 58}[self.proto]
        src = self.value(SRC_IP, self.src_ip, bits, n)
        dst = self.value(DST_IP, self.dst_ip, bits, n)
        if self.version == 4:
            fields.update({
                "ip.len": 20 + rest, "ip.id": "0x0000", "ip.flags": "0x02", "ip.frag_offset": 0,
                "ip.ttl": self.ttl, "ip.dsfield": f"0x{self.tos:02x}", "ip.proto": protocol,
                "ip.src": ipaddress.IPv4Address(src), "ip.dst": ipaddress.IPv4Address(dst),
                "ip.checksum.status": 1,
            })
        else:
            fields.update({
                "ipv6.plen": rest, "ipv6.flow": "0x0", "ipv6.tclass": f"0x{self.tos:08x}",
                "ipv6.hlim": self.ttl, "ipv6.nxt": protocol,
                "ipv6.src": ipaddress.IPv6Address(src), "ipv6.dst": ipaddress.IPv6Address(dst),
            })
        fields.update(self.expect_l4(n, rest))
        return fields


def make(folder, specs):
    """A capture of the frames of all."""
    path = os.path.join(folder, "traffic.pcapng")
    lines = "".join(spec.line() for spec in specs)
    with open(path, "wb") as file:
        done = subprocess.run(
            [FRAMES], input=lines.encode(), stdout=file, stderr=subprocess.PIPE, timeout=120
        )
    check_equal((done.returncode, done.stderr), (0, b""), "status and words of the writer")
    return path


def fields_of(path):
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=a", "-E", "separator=/t"]
    for option in OPTIONS:
        command += ["-o", option]
    for rule in DECODE:
        command += ["-d", rule]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200
    )
    if done.returncode != 0:
        raise Skip(f"tshark does not run here: {done.stderr.strip()}")
    return [dict(zip(FIELDS, line.split("\t"))) for line in done.stdout.splitlines()]


def same(got, want):
    """Hexadecimal numbers have more or fewer digits in other versions."""
    if want.startswith("0x") and got.startswith("0x"):
        return int(got, 16) == int(want, 16)
    return got == want


def faults(row, spec, n):
    """What is wrong with a frame."""
    found = []
    for name, want in spec.expect(n).items():
        if want is not None and not same(row[name], str(want)):
            found.append(f"{name} is {row[name]!r}, not {str(want)!r}")
    severities = [int(word, 0) for word in row["_ws.expert.severity"].split(",") if word]
    if any(severity >= NOTE for severity in severities):
        found.append(f"says {row['_ws.expert.message']}")
    if "malformed" in row["frame.protocols"]:
        found.append("malformed")
    return found


def judge(specs, path):
    """The number of frames, and those that are wrong, with why."""
    rows = fields_of(path)
    frames = [(spec, n) for spec in specs for n in range(spec.count)]
    check_equal(len(rows), len(frames), "frames")
    wrong = {}
    for i, (row, (spec, n)) in enumerate(zip(rows, frames)):
        found = faults(row, spec, n)
        if found:
            wrong[i] = f"frame {n} of {spec.line()}: " + "; ".join(found)
    return len(rows), wrong


def need_tshark():
    if not shutil.which("tshark"):
        raise Skip("there is no tshark")


def check_specs(specs, least):
    need_tshark()
    with tempfile.TemporaryDirectory() as folder:
        count, wrong = judge(specs, make(folder, specs))
    check(not wrong, f"{len(wrong)} of {count}, first: {next(iter(wrong.values()), '')}")
    check(count >= least, f"only {count} frames")


SIZES = [
    (FIXED, "smallest", "smallest"), (FIXED, 99, 99), (FIXED, 590, 590), (FIXED, 1514, 1514),
    (RANGE, "smallest", 200), (IMIX, 0, 0),
]
RAW_SIZES = [(FIXED, 61, 61)] + SIZES


def variations(proto, version, tags):
    """Patterns of every kind over every field that is there, and flows."""
    there = [SRC_MAC, DST_MAC] + [VLAN, VLAN2][:tags]
    if proto != RAW:
        there += [SRC_IP, DST_IP, SRC_PORT]
    if proto in (UDP, SYN):
        there.append(DST_PORT)
    lists = {SRC_MAC: [2, 0x06AABBCCDDEE], DST_MAC: [0x02DEADBEEF00], VLAN: [7, 4094, 0], VLAN2: [1, 2]}
    lists.update({SRC_IP: [0x0A000001, 0x0AFFFFFE], DST_IP: [0xAC100001, 0xAC1FFFFE, 0xC0A80101]})
    if version == 6:
        lists.update({SRC_IP: [0xFD << 120 | 1, 0xFDFF << 112 | 2], DST_IP: [0xFD01 << 112 | 1 << 63]})
    lists.update({SRC_PORT: [1, 65535, 53], DST_PORT: [9, 10]})
    yield {}, 0
    yield {field: (UP, 3 + field) for field in there}, 0
    yield {field: (CHANCE, 5000 + field) for field in there}, 0
    yield {field: (LIST, lists[field]) for field in there}, 0
    yield {field: (UP, 2) for field in there if field in (DST_MAC, DST_IP, DST_PORT)}, 5
    yield {}, 3


def matrix(proto, version):
    # The headers of others are longer than 61; 99 is as odd.
    sizes = SIZES if version else RAW_SIZES
    fills = range(6) if proto in (UDP, RAW) else range(5)
    for tags, size, fill in itertools.product(range(3), sizes, fills):
        if version == 4 and size[1] == 99 and not (proto == SYN and tags == 2):
            size = (FIXED, 61, 61)
        for vary, flows in variations(proto, version, tags):
            yield Spec(proto, version, tags, size, fill, vary, flows)


def given_headers():
    """Header bytes, of which only the MAC addresses can vary: of probes, and of another ethertype."""
    for tags, ethertype, fill in itertools.product(range(3), (0x88B5, 0x88B6), range(6)):
        for vary, flows in variations(RAW, 0, 0):
            yield Spec(RAW, 0, tags, (RANGE, 60, 100), fill, vary, flows, ethertype, given=True)


def many_flows():
    """Beyond the ports, the addresses count on."""
    for proto, version in ((UDP, 4), (ECHO, 6)):
        spec = Spec(proto, version, 0, (FIXED, 80, 80), ZERO, {}, flows=16390)
        spec.count = 16400
        yield spec


def packets(data):
    """Where the packets of a capture are: (offset, length)."""
    at, found = 0, []
    while at < len(data):
        kind, length = struct.unpack_from("=II", data, at)
        if kind == 6:
            found.append((at + 28, struct.unpack_from("=I", data, at + 20)[0]))
        at += length
    return found


def notices():
    """One bit of one frame: of every byte in turn, the judge says that this frame is wrong, and only it."""
    need_tshark()
    for proto, version, tags in ((UDP, 4, 2), (UDP, 6, 1), (SYN, 4, 0), (ECHO, 6, 0), (ECHO, 4, 1)):
        spec = Spec(proto, version, tags, (FIXED, 90, 90), INCREMENT, {})
        spec.count = 90
        with tempfile.TemporaryDirectory() as folder:
            path = make(folder, [spec])
            with open(path, "r+b") as file:
                data = bytearray(file.read())
                # Frame n has its byte n changed, but for one in ten.
                for n, (off, length) in enumerate(packets(data)):
                    if n % 10 != 9:
                        data[off + n % length] ^= 0x08
                file.seek(0)
                file.write(data)
            _, wrong = judge([spec], path)
        check_equal(sorted(wrong), [n for n in range(90) if n % 10 != 9], "frames found wrong")


def main():
    tap = Tap()
    names = {UDP: "UDP", SYN: "TCP SYN", ECHO: "ICMP echo"}
    for (proto, name), version in itertools.product(names.items(), (4, 6)):
        tap.case(f"{name} over IPv{version}", check_specs, list(matrix(proto, version)), 2000)
    tap.case("plain layer 2", check_specs, list(matrix(RAW, 0)), 2000)
    tap.case("given header bytes", check_specs, list(given_headers()), 1000)
    tap.case("more flows than ports", check_specs, list(many_flows()), 32800)
    tap.case("a judge that notices", notices)
    tap.end()


if __name__ == "__main__":
    main()
