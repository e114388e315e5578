#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Judges a load by a capture of it, apart from the program's own code.

    load_judge.py FILE [--gap NS] [--count N] [--against FILE [--speed X]]      prints JSON

FILE is pcapng with stamps in nanoseconds, all of one interface. Millions of packets take seconds: blocks
of one length that follow each other are read as columns.
"""

import argparse
import json
import math
import mmap
import os
import struct
import sys
from array import array
from bisect import bisect_right
from collections import namedtuple

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pcapng_blocks import IF_TSRESOL, INTERFACE, PACKET, SECTION, Damage, options  # noqa: E402

BYTE_ORDER = b"\x4d\x3c\x2b\x1a"  # of little-endian files
HEAD = struct.Struct("<IIIIIII")  # type, length, interface, time (high, low), captured and true length
DATA = HEAD.size
SMALLEST = {SECTION: 28, INTERFACE: 20, PACKET: 32}
TRY_COLUMNS = 8  # blocks of one length before the next ones are read as columns
MOST_COLUMNS = 1 << 16

ETHERTYPE = 12
PROBE = struct.Struct(">BBIHQ")  # magic, version and kind, run id, stream, sequence
MAGIC, VERSION = ord("W"), 1
WITHIN = (64, 128, 256, 512, 1024)

# Probes of one run: the numbers of their packets, and for each its sequence. others: packets that are none.
Probes = namedtuple("Probes", "run_id packets sequences others")


class Packets:
    """The packets of a file as columns: time, place of the contents, length there and on the wire."""

    def __init__(self, path):
        self.path = path
        self.ns, self.at = array("q"), array("Q")
        self.caplen, self.wire_len = array("I"), array("I")
        self.interfaces, self.interface = 0, None
        with open(path, "rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise Damage(f"{path}: empty")
            self.bytes = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        if self.bytes[8:12] != BYTE_ORDER or len(self.bytes) % 4:
            raise Damage(f"{path}: no pcapng file of little-endian machines, or cut off")
        self.words = self.bytes.cast("I")
        self.read_blocks()

    def __len__(self):
        return len(self.ns)

    def __getitem__(self, number):
        """The contents of a packet."""
        at = self.at[number]
        return self.bytes[at : at + self.caplen[number]]

    def damage(self, at, what):
        raise Damage(f"{self.path}: at {at}: {what}")

    def read_blocks(self):
        at, end, same, before, columns = 0, len(self.bytes), 0, 0, TRY_COLUMNS
        contents, words, unpack = self.bytes, self.words, HEAD.unpack_from
        add_ns, add_at, add_caplen, add_wire = (c.append for c in (self.ns, self.at, self.caplen, self.wire_len))
        while at < end:
            if at + DATA > end:
                # A short block of another type, or the rest of one that was cut off.
                at = self.read_other(at, *struct.unpack("<II", contents[at : at + 8].tobytes().ljust(8, b"\0")))
                continue
            kind, length, interface, high, low, caplen, wire_len = unpack(contents, at)
            if kind != PACKET:
                at, same = self.read_other(at, kind, length), 0
                continue
            same = same + 1 if length == before else 0
            before = length
            if same >= TRY_COLUMNS:
                at, full = self.read_columns(at, length, columns)
                columns = min(columns * 2, MOST_COLUMNS) if full else TRY_COLUMNS
                same = same if full else 0
                continue
            following = at + length
            # In one look, since most pass; what does not is looked at again, to say why.
            if (length % 4 or following > end or words[following // 4 - 1] != length
                    or not caplen + 32 <= length or caplen > wire_len or interface != self.interface):
                self.check_block(at, kind, length)
                self.check_packets(at, length, [interface], [caplen], [wire_len])
            add_ns(high << 32 | low)
            add_at(at + DATA)
            add_caplen(caplen)
            add_wire(wire_len)
            at = following

    def check_block(self, at, kind, length):
        if length < SMALLEST.get(kind, 12) or length % 4 or at + length > len(self.bytes):
            self.damage(at, f"block of type {kind} and {length} bytes")
        again = self.words[(at + length) // 4 - 1]
        if again != length:
            self.damage(at, f"block of {length} bytes, {again} at its end")

    def check_packets(self, at, length, interface, caplen, wire_len):
        self.interface = interface[0] if self.interface is None else self.interface
        if self.interface >= self.interfaces or interface.count(self.interface) != len(interface):
            self.damage(at, "packets of another interface, or of one that was not described")
        if max(caplen) > length - SMALLEST[PACKET] or any(map(int.__gt__, caplen, wire_len)):
            self.damage(at, "more captured than there is room for, or than there was")

    def read_other(self, at, kind, length):
        self.check_block(at, kind, length)
        if kind == SECTION and at:
            self.damage(at, "a second section")
        if kind == INTERFACE:
            found = options(bytes(self.bytes[at + 16 : at + length - 4]))
            if found.get(IF_TSRESOL) != b"\x09":
                self.damage(at, "stamps are not in nanoseconds")
            self.interfaces += 1
        return at + length

    def read_columns(self, at, length, most):
        """
        Reads at most so many blocks of this length. Where the one before is of this length, the next one
        begins where it is looked for: so all are blocks up to the first that does not look like one. Returns
        the place behind them, and whether none looked different.
        """
        if length < SMALLEST[PACKET] or length % 4 or at + length > len(self.bytes):
            self.damage(at, f"block of {length} bytes")
        step, first = length // 4, at // 4
        n = min(most, (len(self.bytes) - at) // length)

        def column(word):
            return self.words[first + word : first + n * step : step].tolist()

        wanted = {0: PACKET, 1: length, step - 1: length}
        for word, value in wanted.items():
            got = column(word)
            if got.count(value) != n:
                n = next(k for k, found in enumerate(got) if found != value)
                if n == 0:
                    self.damage(at, f"block of {length} bytes, {got[0]} at its end")
        caplen, wire_len = column(5), column(6)
        self.check_packets(at, length, column(2), caplen, wire_len)
        self.ns.extend(high << 32 | low for high, low in zip(column(3), column(4)))
        self.at.extend(range(at + DATA, at + n * length + DATA, length)[:n])
        self.caplen.extend(caplen)
        self.wire_len.extend(wire_len)
        return at + n * length, n == most


def payload_at(frame):
    """Where the payload of a UDP packet begins, or that of ethertype 0x88B5; None: neither."""
    at = ETHERTYPE
    while frame[at : at + 2] in (b"\x81\x00", b"\x88\xa8") and at < ETHERTYPE + 8:
        at += 4
    kind, at = bytes(frame[at : at + 2]), at + 2
    if kind == b"\x88\xb5":
        return at
    if kind == b"\x08\x00" and len(frame) >= at + 20 and frame[at + 9] == 17:
        fragment = struct.unpack_from(">H", frame, at + 6)[0] & 0x1FFF
        return None if fragment else at + (frame[at] & 15) * 4 + 8
    if kind == b"\x86\xdd" and len(frame) >= at + 40 and frame[at + 6] == 17:
        return at + 40 + 8
    return None


def probes_of(packets, run_id=None):
    """The probes of this run, or of the first probe's."""
    # Most frames have their payload where the one before had it, if what tells the place is alike.
    key, place = None, None
    numbers, sequences, others = array("Q"), array("Q"), 0
    contents, unpack, room = packets.bytes, PROBE.unpack_from, PROBE.size
    for number, (at, caplen) in enumerate(zip(packets.at, packets.caplen)):
        found = contents[at + ETHERTYPE : at + ETHERTYPE + 12].tobytes() if caplen > 24 else None
        # Of IPv4: ethertype, version and length, fragment, protocol. Tags and IPv6 take more than that.
        alike = found and found[:2] == b"\x08\x00" and (found[2], found[8] & 0x1F, found[9], found[11])
        if not alike or alike != key:
            place = payload_at(contents[at : at + caplen])
            key = alike
        if place is None or place + room > caplen:
            others += 1
            continue
        magic, kind, run, _, sequence = unpack(contents, at + place)
        if magic != MAGIC or kind >> 4 != VERSION or (run != run_id and run_id is not None):
            others += 1
            continue
        run_id = run
        numbers.append(number)
        sequences.append(sequence)
    return Probes(run_id, numbers, sequences, others)


def percentile(ordered, share):
    """By the nearest rank; None of nothing."""
    return ordered[max(math.ceil(share / 100 * len(ordered)), 1) - 1] if ordered else None


def rate(ns):
    """Packets a second between the first and the last; None where that is nothing."""
    return (len(ns) - 1) * 1e9 / (ns[-1] - ns[0]) if len(ns) > 1 and ns[-1] > ns[0] else None


def gaps_of(ns, sequences=None):
    """Gaps between neighbours; with sequences only between n and n + 1."""
    if sequences is None:
        return [b - a for a, b in zip(ns, ns[1:])]
    pairs = zip(ns, ns[1:], sequences, sequences[1:])
    return [b - a for a, b, n, following in pairs if following == n + 1]


def judge_deviations(deviations):
    ordered = sorted(map(abs, deviations))
    outside = {limit: len(ordered) - bisect_right(ordered, limit) for limit in WITHIN}
    return {
        "count": len(ordered),
        "p50": percentile(ordered, 50),
        "p99": percentile(ordered, 99),
        "max": ordered[-1] if ordered else None,
        "outside": {limit: n / len(ordered) for limit, n in outside.items()} if ordered else None,
    }


def judge_gaps(gaps, intended_ns=None):
    """The distribution of gaps and, where one is intended, how far from that they are."""
    ordered, mean = sorted(gaps), sum(gaps) / len(gaps) if gaps else None
    return {
        "count": len(gaps),
        "mean": mean,
        "stddev": math.sqrt(sum((g - mean) ** 2 for g in gaps) / len(gaps)) if gaps else None,
        "min": ordered[0] if gaps else None,
        "p50": percentile(ordered, 50),
        "p99": percentile(ordered, 99),
        "max": ordered[-1] if gaps else None,
        "deviation": None if intended_ns is None else judge_deviations(g - intended_ns for g in gaps),
    }


def judge_sequences(sequences, count=None):
    """
    count: 0 to count - 1 were to come; without, what lies between the lowest and the highest that came.
    reordered: those lower than one that came before; second copies are doubled instead.
    """
    seen, doubled, reordered, highest = set(), 0, 0, -1
    for n in sequences:
        if n == highest + 1:
            highest = n
            seen.add(n)
        elif n in seen:
            doubled += 1
        else:
            seen.add(n)
            reordered += n < highest
            highest = max(highest, n)
    first = 0 if count is not None or not seen else min(seen)
    end = count if count is not None else highest + 1
    unexpected = sum(not first <= n < end for n in seen)
    return {
        "distinct": len(seen),
        "doubled": doubled,
        "missing": end - first - (len(seen) - unexpected),
        "unexpected": unexpected,
        "reordered": reordered,
    }


def compare(packets, original, speed=1):
    """
    A replay against what was replayed, packet by packet. frames: how many from the beginning on are the same,
    byte by byte; of these, gaps against the original's, and the distance of each from the first.
    """
    most = min(len(packets), len(original))
    same = next((n for n in range(most) if bytes(packets[n]) != bytes(original[n])), most)
    ns, wanted = packets.ns[:same], original.ns[:same]
    gaps = [a - b / speed for a, b in zip(gaps_of(ns), gaps_of(wanted))]
    drift = [(a - ns[0]) - (b - wanted[0]) / speed for a, b in zip(ns, wanted)]
    return {
        "packets": len(packets),
        "original": len(original),
        "same": same,
        "gap_deviation": judge_deviations(gaps),
        "time_deviation": judge_deviations(drift[1:]),
    }


def judge(path, gap_ns=None, count=None, against=None, speed=1, run_id=None):
    """All of it as one document. Where there are probes, rate and gaps are theirs alone."""
    packets = Packets(path)
    probes = probes_of(packets, run_id)
    ns, sequences = packets.ns, None
    if probes.packets:
        ns, sequences = array("q", map(ns.__getitem__, probes.packets)), probes.sequences
    return {
        "packets": len(packets),
        "probes": len(probes.packets),
        "others": probes.others,
        "run_id": probes.run_id,
        "pps": rate(ns),
        "gaps_ns": judge_gaps(gaps_of(ns, sequences), gap_ns),
        "sequences": judge_sequences(probes.sequences, count) if sequences is not None or count else None,
        "replay": compare(packets, Packets(against), speed) if against else None,
    }


def main():
    parser = argparse.ArgumentParser(description="Judges a load by a capture of it.")
    parser.add_argument("file")
    parser.add_argument("--gap", type=float, metavar="NS", help="the intended gap")
    parser.add_argument("--count", type=int, help="how many numbers were to come, from 0 on")
    parser.add_argument("--against", metavar="FILE", help="what was replayed")
    parser.add_argument("--speed", type=float, default=1)
    parser.add_argument("--run-id", type=lambda text: int(text, 0))
    o = parser.parse_args()
    try:
        found = judge(o.file, o.gap, o.count, o.against, o.speed, o.run_id)
    except (Damage, OSError) as why:
        sys.exit(f"load_judge: {why}")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
