#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The judge of loads, on captures made by hand.

Usage: test_load_judge.py      Prints TAP. Sends nothing.
"""

import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [HERE, TESTS, os.path.join(TESTS, "net")]
import load_judge  # noqa: E402
from pcapng_blocks import Capture, Damage  # noqa: E402
from tap import Tap, check, check_equal  # noqa: E402
from test_tools import EPOCH, block, interface, packet, section, stamp, statistics  # noqa: E402

RUN = 0xC0FFEE42
MACS = b"\xff" * 6 + b"\x02\0\0\0\0\x01"


def probe(sequence, run=RUN, version=1):
    return struct.pack(">BBIHQ", ord("W"), version << 4 | 1, run, 3, sequence)


def udp4(payload, head=b"", ihl=5, fragment=0x4000, protocol=17, tags=b""):
    length = ihl * 4 + 8 + len(payload)
    return (MACS + tags + b"\x08\0"
            + struct.pack(">BBHHHBBH", 0x40 | ihl, 0, length, 7, fragment, 64, protocol, 0)
            + b"\xc6\x12\x00\x01\xc6\x12\x00\x02" + b"\0" * (ihl * 4 - 20)
            + struct.pack(">HHHH", 49152, 8620, 8 + len(payload), 0) + payload + head)


def udp6(payload, tags=b""):
    return (MACS + tags + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, 8 + len(payload), 17, 64) + b"\xfd" * 32
            + struct.pack(">HHHH", 49152, 8620, 8 + len(payload), 0) + payload)


def layer2(payload):
    return MACS + b"\x88\xb5" + payload


def frame(sequence, length=60, **named):
    return udp4(probe(sequence, **named)).ljust(length, b"\0")


class Files:
    def __init__(self, folder):
        self.folder, self.made = folder, 0

    def path(self, *content):
        self.made += 1
        path = os.path.join(self.folder, f"{self.made}.pcapng")
        with open(path, "wb") as file:
            file.write(b"".join(content))
        return path

    def capture(self, *packets, flags=True):
        """Of (contents, time)."""
        return self.path(section(), interface(), *(packet(d, EPOCH + t, flags=flags) for d, t in packets))

    def read(self, *packets):
        return load_judge.Packets(self.capture(*packets))


def same_as_other_reader(files):
    """Runs of equal blocks of every length, and none; against the reader that goes block by block."""
    chance = random.Random(7)
    blocks, number = [], 0
    for run in [1, 2, 7, 8, 9, 10, 16, 17, 24, 25, 40, 100, 1000, 3000] * 2 + [1] * 50:
        length = chance.randrange(14, 1515)
        for _ in range(run):
            number += 1
            # Of up to 4 lengths that make blocks of one length, some of them cut off.
            data = chance.randbytes(length - length % 4 + chance.randrange(1, 5))
            body = struct.pack("=I", 0) + stamp(EPOCH + number * 4294967291) \
                + struct.pack("=II", len(data), len(data) + number % 2)
            blocks.append(block(6, body + data + b"\0" * (-len(data) % 4)))
        if chance.random() < 0.3:
            blocks.append(statistics(ifrecv=number))
            blocks.append(block(0x4242, b""))
    path = files.path(section(), interface(), *blocks)
    got, wanted = load_judge.Packets(path), Capture(path).packets
    check_equal(len(got), len(wanted), "packets")
    check_equal(list(got.ns), [p.ns for p in wanted], "times")
    check_equal([bytes(got[n]) for n in range(len(got))], [p.data for p in wanted], "contents")
    check_equal(list(got.wire_len), [p.wire_len for p in wanted], "lengths")


def damage(files):
    """Wherever it is, within columns too, it is noticed."""
    good = [packet(frame(n), EPOCH + n) for n in range(60)]
    head = section() + interface()
    size = len(good[0])

    def broken(content, what):
        path = files.path(content)
        try:
            load_judge.Packets(path)
        except Damage:
            return
        raise AssertionError(f"not noticed: {what}")

    load_judge.Packets(files.path(head, *good))
    load_judge.Packets(files.path(head))
    for n in (0, 5, 9, 10, 33, 59):
        for at, value, what in ((4, size + 4, "length"), (4, 0, "length of 0"), (8, 1, "interface"),
                                (20, size, "captured length"), (24, 1, "true length"),
                                (size - 4, size - 4, "length at the end"), (size - 4, 0, "no length")):
            one = bytearray(good[n])
            struct.pack_into("<I", one, at, value)
            broken(head + b"".join(good[:n]) + one + b"".join(good[n + 1:]), f"{what} of packet {n}")
        broken(head + b"".join(good[: n + 1])[:-4], f"cut off in packet {n}")
        broken(head + b"".join(good[: n + 1])[: 8 - size], f"cut off after 8 bytes of packet {n}")
        broken(head + b"".join(good[: n + 1])[: 30 - size], f"cut off after 30 bytes of packet {n}")
        broken(head + b"".join(good[:n]) + head + b"".join(good[n:]), f"another section before packet {n}")
    broken(b"", "nothing")
    broken(b"hello, world, this is no capture", "no capture")
    broken(section() + interface(resolution=6) + b"".join(good), "microseconds")
    broken(section() + b"".join(good), "no interface")
    broken(head + interface("b") + good[0] + packet(frame(1), which=1), "two interfaces, two clocks")


def probes(files):
    tag, outer = b"\x81\0\x60\x07", b"\x88\xa8\0\x02"
    carriers = [frame(0), udp4(probe(1), tags=tag), udp4(probe(2), tags=outer + tag), udp4(probe(3), ihl=8),
                udp6(probe(4)), udp6(probe(5), tags=tag), layer2(probe(6)), frame(7, 1514), frame(8),
                frame(2**64 - 1), frame(2**40)]
    others = [frame(1, run=RUN + 1), frame(1, version=2), udp4(probe(1), protocol=6), udp4(probe(1)[:15]),
              udp4(probe(1), fragment=0x2001), udp4(b"w" + probe(1)[1:]), b"", b"\xff" * 13,
              MACS + b"\x08\x06" + probe(9) * 2, udp6(probe(1))[:70], udp4(probe(1), tags=tag * 3)]
    wanted = [0, 1, 2, 3, 4, 5, 6, 7, 8, 2**64 - 1, 2**40]
    packets = files.read(*((data, n) for n, data in enumerate(carriers + others)))
    found = load_judge.probes_of(packets)
    check_equal(list(found.sequences), wanted, "sequences")
    check_equal(list(found.packets), list(range(len(carriers))), "their packets")
    check_equal((found.others, found.run_id), (len(others), RUN), "others, run")
    # What stands in between changes nothing, whatever was remembered of the frame before.
    mixed = [data for k, one in enumerate(carriers) for data in (one, others[k % len(others)])]
    found = load_judge.probes_of(files.read(*((data, n) for n, data in enumerate(mixed))))
    check_equal(list(found.sequences), wanted, "sequences among others")
    found = load_judge.probes_of(packets, RUN + 1)
    check_equal((list(found.sequences), list(found.packets)), ([1], [len(carriers)]), "another run")


def gaps(files):
    """20 us, of which four are off by known times."""
    times = [n * 20000 for n in range(1001)]
    for number, off in ((10, 256), (20, 257), (30, -5000), (40, 64)):
        # Only the gap before it, and the one after it.
        times[number] += off
    found = load_judge.judge(files.capture(*((frame(n), t) for n, t in enumerate(times))), 20000)
    check_equal(found["pps"], 50000, "rate")
    g = found["gaps_ns"]
    check_equal((g["count"], g["mean"], g["min"], g["max"], g["p50"]), (1000, 20000, 15000, 25000, 20000), "gaps")
    check(math.isclose(g["stddev"], math.sqrt(2 * (256**2 + 257**2 + 5000**2 + 64**2) / 1000)), "deviation")
    d = g["deviation"]
    check_equal(d["outside"], {64: 0.006, 128: 0.006, 256: 0.004, 512: 0.002, 1024: 0.002}, "outside")
    check_equal((d["p50"], d["p99"], d["max"]), (0, 0, 5000), "percentiles")
    check_equal([load_judge.percentile([1, 2, 3, 4], p) for p in (0, 25, 26, 50, 99, 100)], [1, 1, 2, 2, 4, 4],
                "nearest rank")


def lost_have_no_gap(files):
    """Else a lost packet were a gap that is too long; and strangers make no gaps."""
    packets = [(frame(n), n * 1000) for n in range(100) if n not in (50, 51)]
    packets.insert(7, (b"\xff" * 60, 6500))
    found = load_judge.judge(files.capture(*packets), 1000, 100)
    check_equal((found["packets"], found["probes"], found["others"]), (99, 98, 1), "packets")
    check_equal((found["gaps_ns"]["count"], found["gaps_ns"]["max"]), (96, 1000), "gaps")
    check_equal(found["gaps_ns"]["deviation"]["outside"][64], 0, "outside")
    check_equal(found["sequences"]["missing"], 2, "missing")


def sequences(files):
    def of(numbers, count=None):
        found = load_judge.judge_sequences(numbers, count)
        return tuple(found[k] for k in ("distinct", "doubled", "missing", "unexpected", "reordered"))

    check_equal(of(range(10), 10), (10, 0, 0, 0, 0), "all")
    check_equal(of([0, 1, 1, 2, 0, 4], 5), (4, 2, 1, 0, 0), "doubled and missing")
    check_equal(of([0, 2, 1, 4, 3], 5), (5, 0, 0, 0, 2), "reordered")
    check_equal(of([0, 1, 7], 5), (3, 0, 3, 1, 0), "unexpected")
    check_equal(of([5, 7], None), (2, 0, 1, 0, 0), "without a count")
    check_equal(of([7, 5, 5], None), (2, 1, 1, 0, 1), "lowest later")
    check_equal(of([], 5), (0, 0, 5, 0, 0), "none of some")
    check_equal(of([], None), (0, 0, 0, 0, 0), "none")
    found = load_judge.judge(files.capture((b"\xff" * 60, 0)), count=3)
    check_equal(found["sequences"]["missing"], 3, "no probe at all")


def replay(files):
    original = [(bytes([n]) * (60 + n), n * n * 1000) for n in range(100)]
    again = [(data, 77 + t // 2 + (300 if n == 50 else 0)) for n, (data, t) in enumerate(original)]
    against = files.capture(*original)
    found = load_judge.judge(files.capture(*again), against=against, speed=2)["replay"]
    check_equal((found["packets"], found["original"], found["same"]), (100, 100, 100), "packets")
    d = found["gap_deviation"]
    check_equal((d["count"], d["p50"], d["max"], d["outside"][256]), (99, 0, 300, 2 / 99), "gaps")
    d = found["time_deviation"]
    check_equal((d["count"], d["p50"], d["max"], d["outside"][256]), (99, 0, 300, 1 / 99), "times")
    # A wrong speed, a packet too few and another byte are noticed.
    found = load_judge.judge(files.capture(*again), against=against)["replay"]
    check(found["time_deviation"]["p50"] > 100000, "a wrong speed")
    found = load_judge.judge(files.capture(*again[:-1]), against=against, speed=2)["replay"]
    check_equal((found["packets"], found["same"]), (99, 99), "one is missing at the end")
    found = load_judge.judge(files.capture(*again[:20], *again[21:]), against=against, speed=2)["replay"]
    check_equal((found["packets"], found["same"]), (99, 20), "one is missing in between")
    other = again[:30] + [(again[30][0][:-1] + b"\0", again[30][1])] + again[31:]
    found = load_judge.judge(files.capture(*other), against=against, speed=2)["replay"]
    check_equal(found["same"], 30, "one differs in its last byte")
    found = load_judge.judge(files.capture((b"\0" * 60, 0)), against=against)["replay"]
    check_equal((found["same"], found["gap_deviation"]["p99"]), (1, None), "one alone")


def drifting(files):
    """Each gap nearly right, and the sum wrong."""
    original = files.capture(*((b"\1" * 60, n * 1000) for n in range(1000)))
    found = load_judge.judge(files.capture(*((b"\1" * 60, n * 1001) for n in range(1000))), against=original)
    check_equal(found["replay"]["gap_deviation"]["max"], 1, "gaps")
    check_equal(found["replay"]["time_deviation"]["max"], 999, "times")


def many(files):
    """Numbers beyond one step of columns."""
    count = 150000
    data, head = bytearray(packet(frame(0), EPOCH)), [section(), interface()]
    blocks = []
    for n in range(count):
        ns = EPOCH + n * 5000
        struct.pack_into("<II", data, 12, ns >> 32, ns & 0xFFFFFFFF)
        struct.pack_into(">Q", data, 28 + 50, n)
        blocks.append(bytes(data))
    found = load_judge.judge(files.path(*head, *blocks), 5000, count)
    check_equal((found["packets"], found["probes"]), (count, count), "packets")
    check_equal((found["sequences"]["missing"], found["sequences"]["doubled"]), (0, 0), "sequences")
    check_equal((found["pps"], found["gaps_ns"]["stddev"]), (200000, 0), "rate")


def command_line(files):
    program = os.path.join(TESTS, "net", "load_judge.py")

    def run(*arguments):
        return subprocess.run([sys.executable, program, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)

    path = files.capture(*((frame(n), n * 100) for n in range(20)))
    done = run(path, "--gap", "100", "--count", "21", "--against", path, "--run-id", hex(RUN))
    check_equal((done.returncode, done.stderr), (0, ""), "status")
    found = json.loads(done.stdout)
    check_equal((found["pps"], found["sequences"]["missing"], found["replay"]["same"]), (1e7, 1, 20), "document")
    for bad in (files.path(b"no capture"), files.folder + "/nowhere"):
        done = run(bad)
        check_equal((done.returncode, done.stdout, len(done.stderr.splitlines())), (1, "", 1), bad)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        files = Files(folder)
        for case in (same_as_other_reader, damage, probes, gaps, lost_have_no_gap, sequences, replay, drifting, many,
                     command_line):
            tap.case(f"load_judge: {case.__name__.replace('_', ' ')}", case, files)
    tap.end()


if __name__ == "__main__":
    main()
