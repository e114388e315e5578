#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lines of packets against tshark's fields of the same packets.

    test_packet_line_tshark.py PACKET_LINES
"""

import ipaddress
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Skip, Tap, check, check_equal  # noqa: E402

LINES = os.path.abspath(sys.argv[1])
FIELDS = """frame.len frame.cap_len frame.time_epoch ip.src ip.dst ipv6.src ipv6.dst udp.srcport udp.dstport
    udp.length tcp.srcport tcp.dstport tcp.len tcp.flags vlan.id icmp.type icmp.ident icmp.seq icmpv6.type
    icmpv6.echo.identifier icmpv6.echo.sequence_number arp.opcode arp.src.proto_ipv4 arp.dst.proto_ipv4
    ip.frag_offset ip.flags.mf ip.id ipv6.fraghdr.offset eth.src eth.dst""".split()
ETHERNET, RAW, SLL2 = 1, 101, 276


def inner(rng, kind):
    """A transport's bytes and its protocol number, for IPv4 and IPv6."""
    payload = rng.randbytes(rng.randrange(0, 60))
    ports = rng.randrange(20000, 30000), rng.randrange(20000, 30000)
    if kind == "udp":
        return 17, 17, struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    if kind == "tcp":
        words = rng.choice([5, 5, 8])
        head = struct.pack("!HHIIBBHHH", *ports, 1, 1, words << 4, rng.randrange(256), 1000, 0, 0)
        return 6, 6, head + b"\1" * (words - 5) * 4 + payload
    kinds = rng.choice([(8, 128), (0, 129)])
    echo = struct.pack("!BBHHH", 0, 0, 0, rng.randrange(65536), rng.randrange(65536)) + payload
    return 1, 58, kinds, echo


def address6(rng):
    words = [rng.choice([0, 0, rng.randrange(65536), rng.randrange(256)]) for _ in range(8)]
    words[0] = 0x2001
    return struct.pack("!8H", *words)


def ip_packet(rng):
    """(ethertype, bytes)"""
    made = inner(rng, rng.choice(["udp", "tcp", "echo"]))
    v6 = rng.random() < 0.5
    protocol, payload = made[v6], made[-1]
    if len(made) == 4:
        payload = bytes([made[2][v6]]) + payload[1:]
    if v6:
        extension = b""
        if rng.random() < 0.3:
            extension, protocol = bytes([protocol, 0, 1, 4, 0, 0, 0, 0]), 60
        if rng.random() < 0.2:
            offset = rng.choice([0, 1480])
            fragment = struct.pack("!BBHI", protocol, 0, offset | 1, 77)
            extension, protocol = fragment + extension, 44
        payload = extension + payload
        head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
        return 0x86DD, head + address6(rng) + address6(rng) + payload
    options = b"\1" * rng.choice([0, 0, 4, 12])
    fragment = rng.choice([0, 0, 0, 0x4000, 0x2000, 0x2000 | 185, 370])
    head = struct.pack(
        "!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload),
        rng.randrange(65536), fragment, 64, protocol, 0,
    )
    return 0x0800, head + rng.randbytes(8) + options + payload


def arp(rng):
    return 0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, rng.choice([1, 2])) + rng.randbytes(20)


def packets(rng, linktype):
    for _ in range(400):
        kind, payload = arp(rng) if rng.random() < 0.1 and linktype != RAW else ip_packet(rng)
        if linktype == RAW:
            yield payload
        elif linktype == SLL2:
            yield struct.pack("!HHIHBB", kind, 0, 3, 1, 4, 6) + rng.randbytes(6) + b"\0\0" + payload
        else:
            tags = b""
            for _ in range(rng.choice([0, 0, 1, 2])):
                tags += struct.pack("!HH", 0x8100, rng.randrange(4096))
            frame = b"\2" + rng.randbytes(5) + b"\2" + rng.randbytes(5)
            yield (frame + tags + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def write_pcap(path, linktype, these):
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, linktype))
        for i, data in enumerate(these):
            file.write(struct.pack("=IIII", 1700000000 + i, 123456789, len(data), len(data)) + data)


def fields_of(path):
    command = ["tshark", "-r", path, "-T", "fields", "-E", "occurrence=a", "-E", "separator=/t"]
    command += ["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    if done.returncode != 0:
        raise Skip(f"tshark does not run here: {done.stderr.strip()}")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return [dict(zip(FIELDS, row)) for row in rows]


def endpoints(f):
    """'a:1 > b:2' as the line has it."""
    src, dst = f["ip.src"] or f["ipv6.src"], f["ip.dst"] or f["ipv6.dst"]
    ports = f["udp.srcport"] or f["tcp.srcport"], f["udp.dstport"] or f["tcp.dstport"]
    if not ports[0]:
        return f"{src} > {dst}"
    form = "[{}]:{}" if f["ipv6.src"] else "{}:{}"
    return f"{form.format(src, ports[0])} > {form.format(dst, ports[1])}"


def wanted(f):
    """What has to stand in the line."""
    words = [f" {f['frame.len']} "]
    if f["vlan.id"]:
        words += [f"vlan {i} " if int(i) < 4096 else "" for i in f["vlan.id"].split(",")]
    if f["arp.opcode"] == "1":
        return words + [f"who-has {f['arp.dst.proto_ipv4']} tell {f['arp.src.proto_ipv4']}"]
    if f["arp.opcode"]:
        return words + [f"ARP {f['arp.src.proto_ipv4']} is-at "]
    if f["ip.src"] or f["ipv6.src"]:
        words.append(("IPv4 " if f["ip.src"] else "IPv6 "))
        words.append(f" {endpoints(f)}")
    later = f["ip.frag_offset"] not in ("", "0") or f["ipv6.fraghdr.offset"] not in ("", "0")
    if later or f["ip.flags.mf"] in ("1", "True") or f["ipv6.fraghdr.offset"]:
        return words + [" fragment "]
    if f["udp.length"]:
        words.append(f" len {int(f['udp.length']) - 8}")
    if f["tcp.flags"]:
        flags = int(f["tcp.flags"], 16) & 0xFF
        text = "".join(c for i, c in enumerate("FSRP.UEW") if flags >> i & 1) or "none"
        words.append(f" [{text}] len {f['tcp.len']}")
    if f["icmp.type"]:
        ident, seq = f["icmp.ident"].split(",")[0], f["icmp.seq"].split(",")[0]
        name = {"8": "echo request", "0": "echo reply"}[f["icmp.type"]]
        words.append(f" {name} id {ident} seq {seq}")
    if f["icmpv6.type"]:
        name = {"128": "echo request", "129": "echo reply"}[f["icmpv6.type"]]
        ident = int(f["icmpv6.echo.identifier"], 0)
        words.append(f" {name} id {ident} seq {f['icmpv6.echo.sequence_number']}")
    return words


def compare(linktype):
    if not shutil.which("tshark"):
        raise Skip("there is no tshark")
    these = list(packets(random.Random(linktype), linktype))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bundle.pcap")
        write_pcap(path, linktype, these)
        rows = fields_of(path)
        done = subprocess.run(
            [LINES, path], capture_output=True, text=True, timeout=60, env={**os.environ, "TZ": "UTC0"}
        )
    check_equal(done.returncode, 0, f"exit status ({done.stderr!r})")
    lines = done.stdout.splitlines()
    check_equal((len(lines), len(rows)), (len(these), len(these)), "lines, and tshark's")
    compared = 0
    for data, line, row in zip(these, lines, rows):
        # What tshark says of packets within packets (none here) would follow a comma.
        row = {name: value if name == "vlan.id" else value.split(",")[0] for name, value in row.items()}
        if row["ipv6.src"]:
            row["ipv6.src"] = str(ipaddress.ip_address(row["ipv6.src"]))
            row["ipv6.dst"] = str(ipaddress.ip_address(row["ipv6.dst"]))
        check(re.match(r"\d\d:\d\d:\d\d\.123456789 ", line), f"time: {line}")
        for word in wanted(row):
            check(word in f"{line} ", f"no {word!r} in {line!r} ({data.hex()})")
            compared += 1
    check(compared > 3 * len(these), f"only {compared} words compared")


def main():
    tap = Tap()
    tap.case("Ethernet, with and without tags", compare, ETHERNET)
    tap.case("raw IP", compare, RAW)
    tap.case("Linux cooked, version 2", compare, SLL2)
    tap.end()


if __name__ == "__main__":
    main()
