# SPDX-License-Identifier: BSD-2-Clause
"""How evenly packets came: read from a capture with the receiver's kernel stamps.

    bench/spacing.py FILE.pcapng PPS
"""

import json
import os
import struct
import sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "net")
sys.path.append(TESTS)
from load_judge import Damage, Packets  # noqa: E402

NEAR_NS, WITHIN_NS = 256, 5000
NUMBER_AT = 42  # the data of UDP over IPv4


def read_packets(path):
    """Stamps in ns and the numbers that the packets carry, two sequences, in the order of the file."""
    packets = Packets(path)
    number = struct.Struct(">I").unpack_from
    numbers = [number(packets.bytes, at + NUMBER_AT)[0] if length >= NUMBER_AT + 4 else 0
               for at, length in zip(packets.at, packets.caplen)]
    return packets.ns, numbers


def percentile(ordered, share):
    """Of a sorted list: the smallest value that this share of all do not exceed."""
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def deviations(off):
    """off: how far each gap is from what it should be, ns."""
    off = sorted(map(abs, off))
    return {
        "gaps": len(off),
        "near": sum(value <= NEAR_NS for value in off) / len(off),
        "within": sum(value <= WITHIN_NS for value in off) / len(off),
        "p50_ns": percentile(off, 0.5),
        "p99_ns": percentile(off, 0.99),
        "max_ns": off[-1],
    }


def judge_rate(stamps, pps, skip_s, seconds):
    """A window of this many seconds, after the first skip_s: there the sender is what it is."""
    if len(stamps) < 3:
        raise ValueError(f"{len(stamps)} packets came")
    first = stamps[0] + int(skip_s * 1e9)
    last = first + int(seconds * 1e9)
    taken = [t for t in stamps if first <= t <= last]
    if len(taken) < 3:
        raise ValueError(f"{len(taken)} packets came in {seconds} s")
    period = 1e9 / pps
    figures = deviations(b - a - period for a, b in zip(taken, taken[1:]))
    if max(taken[0] - first, last - taken[-1]) < (last - first) / 100:
        mean = (len(taken) - 1) * 1e9 / (taken[-1] - taken[0])
    else:
        # In bursts, with silence at an end of the window that belongs to it.
        mean = len(taken) * 1e9 / (last - first)
    figures.update(pps=mean, error=mean / pps - 1)
    return figures


def judge_replay(stamps, numbers, times_us):
    """Against the file: neighbours there that both came, one after the other."""
    off = []
    for n, stamp, following, next_stamp in zip(numbers, stamps, numbers[1:], stamps[1:]):
        if following == n + 1 and following < len(times_us):
            off.append(next_stamp - stamp - (times_us[following] - times_us[n]) * 1000)
    if not off:
        raise ValueError("no neighbours came")
    figures = deviations(off)
    figures.update(missing=len(times_us) - len(set(numbers)))
    taken_ns = stamps[-1] - stamps[0]
    figures["error"] = (times_us[-1] - times_us[0]) * 1000 / taken_ns - 1 if taken_ns else None
    return figures


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        stamps, _ = read_packets(sys.argv[1])
    except (Damage, OSError) as why:
        print(f"spacing: {why}", file=sys.stderr)
        return 1
    if len(stamps) < 3:
        print(f"spacing: {sys.argv[1]}: {len(stamps)} packets", file=sys.stderr)
        return 1
    whole = (stamps[-1] - stamps[0]) / 1e9
    print(json.dumps(judge_rate(stamps, float(sys.argv[2]), 0, whole), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
