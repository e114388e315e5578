#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""wirestamp latency with the options of load: what is on the wire is what was asked for, and all of it is matched.

    test_latency_traffic.py WIRESTAMP [TEXT]      runs the cases whose titles contain TEXT
"""

import os
import re
import signal
import struct
import sys
from collections import Counter, namedtuple

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import latency_lab as lab  # noqa: E402
from capture_lab import Cases, ip, wait_until  # noqa: E402
from latency_lab import kept, two_cpus  # noqa: E402
from load_judge import PROBE, payload_at, probes_of  # noqa: E402
from load_lab import Arrivals, dry_run  # noqa: E402
from tap import check, check_equal  # noqa: E402

cases = Cases(__file__)
case = cases.case
COUNT = 2000
RATE = ["--rate", "10kpps"]

# A frame's fields, by a reading of our own. tags: (TPID, priority, VLAN).
Frame = namedtuple("Frame", "seq length dst_mac src_mac tags kind tos ttl src dst sport dport")


def read_frame(data):
    at, tags = 12, []
    while bytes(data[at : at + 2]) in (b"\x81\x00", b"\x88\xa8"):
        tpid, tci = struct.unpack_from(">HH", data, at)
        tags.append((tpid, tci >> 13, tci & 0xFFF))
        at += 4
    kind = struct.unpack_from(">H", data, at)[0]
    ip_at = at + 2
    tos = ttl = src = dst = sport = dport = None
    if kind == 0x0800:
        tos, ttl = data[ip_at + 1], data[ip_at + 8]
        src, dst = bytes(data[ip_at + 12 : ip_at + 16]), bytes(data[ip_at + 16 : ip_at + 20])
        check_equal(checksum(data[ip_at : ip_at + 20]), 0, "sum of the IPv4 header")
    elif kind == 0x86DD:
        tos = struct.unpack_from(">H", data, ip_at)[0] >> 4 & 0xFF
        ttl = data[ip_at + 7]
        src, dst = bytes(data[ip_at + 8 : ip_at + 24]), bytes(data[ip_at + 24 : ip_at + 40])
    at = payload_at(data)
    if kind != 0x88B5:
        sport, dport, length, got = struct.unpack_from(">HHHH", data, at - 8)
        pseudo = src + dst + struct.pack(">II", length, 17)
        check(kind == 0x0800 and not got or checksum(pseudo + bytes(data[at - 8 : at - 8 + length])) == 0, "UDP sum")
    seq = PROBE.unpack_from(data, at)[4]
    macs = (bytes(data[:6]).hex(":"), bytes(data[6:12]).hex(":"))
    return Frame(seq, len(data), *macs, tags, kind, tos, ttl, src, dst, sport, dport)


def checksum(data):
    data = bytes(data) + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def exchange(folder, *arguments, count=COUNT):
    """A run whose frames are captured where they arrive: the run, its rows, the frames by sequence."""
    arrivals = Arrivals(folder)
    document, (rows,) = kept(folder, *two_cpus(), *RATE, "--count", count, *arguments)
    each = document["runs"][0]
    lab.check_nothing_else(each)
    check_equal((each["sent"], each["matched"], each["lost"]), (count, count, 0), "sent, matched, lost")

    def all_there():
        packets = arrivals.look(count)
        return packets and len(probes_of(packets, document["run_id"]).packets) >= count and packets

    packets = wait_until(all_there, f"{count} probes in the capture")
    arrivals.capture.end(signal.SIGINT)
    probes = probes_of(packets, document["run_id"])
    frames = {f.seq: f for f in (read_frame(packets[n]) for n in probes.packets)}
    check_equal(sorted(frames), list(range(count)), "sequences on the wire")
    return document, rows, [frames[n] for n in range(count)]


def mac_of(far):
    return re.search(r"link/ether (\S+)", ip("link", "show", "ws1" if far else "ws0", far=far))[1]


@case("as it is: addresses, ports, length")
def plain(folder):
    document, _, frames = exchange(folder)
    wanted = (mac_of(True), mac_of(False), [], 0x0800, 0, 64, bytes([198, 18, 0, 1]), bytes([198, 18, 0, 2]))
    for f in frames:
        check_equal((f.dst_mac, f.src_mac, f.tags, f.kind, f.tos, f.ttl, f.src, f.dst), wanted, "frame")
        check_equal((f.sport, f.dport, f.length), (8620, 8620, 60), "ports and length")


# --- When ---


@case("--pattern poisson: the schedule of load, by its seed")
def poisson(folder):
    words = ["--pattern", "poisson", "--seed", 11]
    document, rows, _ = exchange(folder, *words)
    each = document["runs"][0]
    check_equal((each["pattern"], each["seed"], document["seed"]), ("poisson", 11, 11), "pattern and seed")
    offsets = [r.intended - rows[0].intended for r in rows]
    packets, schedule, _ = dry_run(os.path.join(folder, "dry.pcapng"), *RATE, "--count", COUNT, *words)
    check_equal(each["schedule_hash"], schedule, "schedule_hash, and that of load")
    check_equal(offsets, [ns - packets.ns[0] for ns in packets.ns], "intended times, and those of load")
    gaps = [b - a for a, b in zip(offsets, offsets[1:])]
    # Of exponential gaps 1/e are above the mean.
    share = sum(g > 100000 for g in gaps) / len(gaps)
    check(0.33 < share < 0.41, f"{share} of the gaps are above the mean")
    _, other, _ = dry_run(os.path.join(folder, "other.pcapng"), *RATE, "--count", COUNT, *words[:-1], 12)
    check(other != schedule, "another seed, the same schedule")


@case("--pattern burst:50")
def bursts(folder):
    document, rows, _ = exchange(folder, "--pattern", "burst:50")
    check_equal(document["runs"][0]["pattern"], "burst", "pattern")
    start = rows[0].intended
    wanted = [start + n // 50 * 50 * 100000 for n in range(COUNT)]
    check_equal([r.intended for r in rows], wanted, "intended times")


# --- What ---


@case("--size imix")
def imix(folder):
    document, _, frames = exchange(folder, "--size", "imix", count=1200)
    each = document["runs"][0]
    check_equal(Counter(f.length + 4 for f in frames), {64: 700, 594: 400, 1518: 100}, "sizes")
    check_equal((each["len"], each["size"]), (None, None), "len and size of frames that differ")
    bits = sum(f.length + 4 for f in frames) * 8 / len(frames)
    check(abs(each["frame_bits"] - bits) < 1e-6 * bits, f"frame_bits {each['frame_bits']}, not {bits}")


@case("--size 100-300")
def sizes(folder):
    document, _, frames = exchange(folder, "--size", "100-300", "--seed", 5)
    lengths = Counter(f.length + 4 for f in frames)
    check(100 <= min(lengths) < 110 and 290 < max(lengths) <= 300, f"sizes {min(lengths)} to {max(lengths)}")
    check(len(lengths) > 150, f"{len(lengths)} sizes")


@case("--vlan 7:3, --carrier udp", ["--vlan", "7:3"], [(0x8100, 3, 7)], 0x0800)
@case("--vlan 7:3, --carrier l2", ["--vlan", "7:3", "--carrier", "l2"], [(0x8100, 3, 7)], 0x88B5)
@case("--vlan, two tags", ["--vlan", "100:5,200"], [(0x88A8, 5, 100), (0x8100, 0, 200)], 0x0800)
def vlan(folder, words, tags, kind):
    document, _, frames = exchange(folder, *words)
    for f in frames:
        check_equal((f.tags, f.kind), (tags, kind), "tags and ethertype")
    check_equal(document["carrier"], "l2" if kind == 0x88B5 else "udp", "carrier")


@case("--flows 7")
def flows(folder):
    _, _, frames = exchange(folder, "--flows", 7, count=700)
    check_equal(sorted(Counter(f.sport for f in frames).values()), [100] * 7, "frames of each flow")
    check_equal({f.dport for f in frames}, {8620}, "destination ports")


@case("IPv6")
def ipv6(folder):
    words = ["--src", "2001:db8::1", "--dst", "2001:db8::2", "--tos", "0xb8", "--ttl", 9]
    document, _, frames = exchange(folder, *words)
    prefix = bytes.fromhex("20010db8") + bytes(11)
    for f in frames:
        got = (f.kind, f.src, f.dst, f.tos, f.ttl, f.length + 4)
        check_equal(got, (0x86DD, prefix + b"\1", prefix + b"\2", 0xB8, 9, 82), "frame")


@case("IPv6 with a tag, sizes and flows")
def ipv6_more(folder):
    words = ["--src", "2001:db8::1", "--dst", "2001:db8::2", "--vlan", 9, "--size", "200-400", "--flows", 3]
    document, _, frames = exchange(folder, *words, count=900)
    check_equal(sorted(Counter(f.sport for f in frames).values()), [300] * 3, "frames of each flow")
    check_equal({(f.kind, tuple(f.tags)) for f in frames}, {(0x86DD, ((0x8100, 0, 9),))}, "kinds and tags")


@case("--vary: MACs, addresses and ports")
def vary(folder):
    words = ["--vary", "src-mac=inc:5", "--vary", "src=inc:4", "--vary", "sport=list:1000,2000,3000",
             "--src-mac", "02:00:00:00:00:10", "--src", "198.18.0.10"]
    _, _, frames = exchange(folder, *words, count=1200)
    macs = [f"02:00:00:00:00:{0x10 + n % 5:02x}" for n in range(1200)]
    check_equal([f.src_mac for f in frames], macs, "source MACs")
    check_equal([f.src[3] for f in frames], [10 + n % 4 for n in range(1200)], "source addresses")
    check_equal([f.sport for f in frames], [1000 + n % 3 * 1000 for n in range(1200)], "source ports")
    seeded = ["--vary", "sport=random:1000", "--udp", "5000:8620", "--seed"]
    again = []
    for turn, seed in enumerate((3, 3, 4)):
        inner = os.path.join(folder, str(turn))
        os.mkdir(inner)
        _, _, frames = exchange(inner, *seeded, seed, count=600)
        again.append([f.sport for f in frames])
    check(again[0] == again[1] != again[2], "not by the seed")
    check(len(set(again[0])) > 300 and 5000 <= min(again[0]) <= max(again[0]) < 6000, f"{sorted(set(again[0]))}")


if __name__ == "__main__":
    cases.main()
