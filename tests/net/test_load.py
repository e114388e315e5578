#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""wirestamp load over a private veth pair: what is sent is what arrives, byte by byte, and once.

    test_load.py WIRESTAMP [TEXT]      runs the cases whose titles contain TEXT

A busy machine may miss rates and times; nothing here asserts that it does not. What is asserted is what
holds on any machine: which frames, how often, not before their time, and that all accounts agree.
"""

import os
import signal
import struct
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import Cases, PROGRAM, ip, run  # noqa: E402
from load_judge import judge_sequences, probes_of  # noqa: E402
from load_lab import (  # noqa: E402
    Arrivals, Load, check_same_frames, dry_run, load, one_cpu, one_line,
)
from tap import check, check_equal  # noqa: E402

cases = Cases(__file__)
case = cases.case
COUNT = 20000


def check_once(packets, count, lost=0):
    """The sequences 0 to count - 1, each once, but for those that were lost and counted."""
    probes = probes_of(packets)
    check_equal(probes.others, 0, "packets that are no probes")
    judged = judge_sequences(probes.sequences, count)
    check_equal((judged["doubled"], judged["unexpected"]), (0, 0), "sequences twice, and unexpected")
    check_equal(judged["missing"], lost, "missing sequences, and packets lost where it is counted")
    return probes


def part(packets, begin, end):
    """A stretch of the packets; Packets has no slices."""

    class Part:
        bytes = packets.bytes
        ns, at = packets.ns[begin:end], packets.at[begin:end]
        caplen, wire_len = packets.caplen[begin:end], packets.wire_len[begin:end]

        def __len__(self):
            return len(self.ns)

        def __getitem__(self, number):
            return packets[begin + number]

    return Part()


# --- Which frames, and how often ---


@case("socket: all arrive once, the same as in the dry run", "socket")
@case("tpacket2: all arrive once, the same as in the dry run", "tpacket2", user=False)
@case("tpacket3: all arrive once, the same as in the dry run", "tpacket3", user=False)
def all_arrive(folder, backend):
    dry, schedule, frames = dry_run(
        os.path.join(folder, "dry.pcapng"), "--rate", "50kpps", "--count", COUNT, "--flows", 7, "--seed", 3)
    check_equal([dry.ns[n] for n in (0, 1, COUNT - 1)], [0, 20000, (COUNT - 1) * 20000], "intended times")
    for bypass in ("on", "off"):
        arrivals = Arrivals(folder, f"{bypass}.pcapng")
        document, _ = load(
            "--io", backend, "--bypass", bypass, "--rate", "50kpps,max", "--count", COUNT,
            "--flows", 7, "--seed", 3, *one_cpu(), runs=2)
        check_equal((document["io"], document["qdisc_bypass"]), (backend, bypass == "on"), "io, bypass")
        paced, flat_out = document["runs"]
        packets = arrivals.end(document["runs"])
        check_equal((paced["schedule_hash"], paced["frames_hash"]), (schedule, frames), "hashes")
        check_equal(flat_out["frames_hash"], frames, "hash of the same frames as fast as it goes")
        check_equal([r["planned"] for r in (paced, flat_out)], [COUNT, COUNT], "planned")
        check_equal(paced["wire"] + flat_out["wire"] + arrivals.lost, 2 * COUNT, "wire, and lost")
        for r, begin in ((paced, 0), (flat_out, paced["wire"])):
            stretch = part(packets, begin, begin + r["wire"])
            probes = check_once(stretch, COUNT, COUNT - r["wire"])
            check_same_frames(stretch, probes, dry)
            if not arrivals.lost:
                check_equal((r["sent"], r["wire"], r["failed"]), (COUNT, COUNT, 0), "sent, wire, failed")
                check_equal(list(probes.sequences), list(range(COUNT)), "order")


@case("two workers send every sequence once", user=False)
def two_workers(folder):
    _, schedule, frames = dry_run(
        os.path.join(folder, "dry.pcapng"), "--rate", "50kpps", "--count", COUNT)
    for number, (rate, backend) in enumerate((("50kpps", "socket"), ("max", "tpacket3"))):
        arrivals = Arrivals(folder, f"{number}.pcapng")
        document, r = load(
            "--workers", "2", "--force", "--io", backend, "--rate", rate, "--count", COUNT)
        check_equal((document["workers"], len(document["cpus"])), (2, 2), "workers and their CPUs")
        packets = arrivals.end([r])
        check_once(packets, COUNT, COUNT - r["wire"])
        check_equal(r["wire"] + arrivals.lost, COUNT, "wire, and lost")
        check_equal(r["frames_hash"], frames, "frames_hash")
        check_equal(r["schedule_hash"], schedule if rate != "max" else None, "schedule_hash")


@case("two workers as fast as it goes: no gap up to the last", "--workers", "2", "--force", user=False)
@case("one worker as fast as it goes: no gap up to the last")
def flat_out_for_a_while(folder, *arguments):
    arrivals = Arrivals(folder)
    _, r = load(*arguments, "--rate", "max", "--duration", "100ms")
    check(r["complete"], f"ended by {r['ended_by']}")
    check_equal(r["requested_pps"], None, "requested_pps")
    check(r["elapsed_ns"] >= 100_000_000, f"elapsed_ns {r['elapsed_ns']}")
    packets = arrivals.end([r])
    check_once(packets, r["due"], r["due"] - r["wire"])


@case("rates in a row, each for a while", user=False)
def rates_in_a_row(folder):
    document, _ = load("--rate", "1kpps:3kpps:1kpps", "--duration", "100ms", runs=3)
    check_equal([r["requested_pps"] for r in document["runs"]], [1000, 2000, 3000], "requested_pps")
    check_equal([r["planned"] for r in document["runs"]], [100, 200, 300], "planned")
    check(all(r["elapsed_ns"] >= 100_000_000 for r in document["runs"]), "ended before its time")


# --- When ---


def offsets(packets, probes, dry):
    """For each packet, how long after its intended time it came, the earliest at 0."""
    found = [packets.ns[k] - dry.ns[n] for k, n in zip(probes.packets, probes.sequences)]
    return [ns - min(found) for ns in found], min(found)


@case("cbr: nothing before its time", "cbr")
@case("poisson: nothing before its time", "poisson", user=False)
@case("bursts: nothing before its time", "burst:8", user=False)
def not_before_its_time(folder, pattern):
    """
    The start is not known to the receiver, but it is the same for all. Late ones are later; if some
    were too early, hardly any packet would be as early as these.
    """
    arguments = ["--rate", "2kpps", "--count", 600, "--pattern", pattern, "--seed", 5]
    dry, schedule, frames = dry_run(os.path.join(folder, "dry.pcapng"), *arguments)
    arrivals = Arrivals(folder)
    _, r = load(*arguments, *one_cpu())
    packets = arrivals.end([r])
    probes = check_once(packets, 600, 600 - r["wire"])
    check_equal((r["schedule_hash"], r["frames_hash"]), (schedule, frames), "hashes")
    check_same_frames(packets, probes, dry)
    after, _ = offsets(packets, probes, dry)
    soon = sum(ns < 5_000_000 for ns in after)
    check(soon > 600 // 50, f"only {soon} come when the earliest do: those are early")
    # The earliest packet that could be: no sooner than the start. The last one: not before its time.
    check(packets.ns[-1] - packets.ns[0] >= dry.ns[-1] - after[0] - 1_000_000, "span")
    if pattern == "burst:8":
        check_equal(len(set(dry.ns)), 600 // 8, "times of bursts")
        check_equal(dry.ns[8] - dry.ns[7], 4_000_000, "time between bursts")


def held_up(*arguments):
    """A load that has no CPU for a while, in its middle."""
    process = Load("--rate", "2kpps", "--count", "1600", *one_cpu(), *arguments)
    process.wait_for(200)
    process.signal(signal.SIGSTOP)
    time.sleep(0.2)
    process.signal(signal.SIGCONT)
    document, said = process.end()
    check_equal(said, "", "stderr")
    return document


@case("--late skip keeps the grid", user=False)
def late_skip(folder):
    dry, _, _ = dry_run(os.path.join(folder, "dry.pcapng"), "--rate", "2kpps", "--count", 1600)
    arrivals = Arrivals(folder)
    document = held_up("--late", "skip")
    r = document["runs"][0]
    packets = arrivals.end([r])
    check_equal(document["late"], "skip", "late")
    # 200 ms are 400 packets; but for those at the edges all were too late by a whole gap.
    check(r["skipped"] >= 300, f"only {r['skipped']} skipped")
    check_equal(r["due"], 1600, "due")
    probes = probes_of(packets)
    judged = judge_sequences(probes.sequences, 1600)
    check_equal((judged["doubled"], judged["unexpected"]), (0, 0), "sequences twice, and unexpected")
    check_equal(judged["missing"], r["skipped"] + r["failed"], "missing sequences, and skipped ones")
    # The hole is in the middle, and nothing of it is sent afterwards.
    holes = [b - a for a, b in zip(probes.sequences, probes.sequences[1:])]
    check(min(holes) == 1 and max(holes) >= 300, f"holes {min(holes)} to {max(holes)}")
    check(any(said for said in document["warnings"] if "skip" in said), "no warning tells of it")
    # Those before and behind the hole belong to the same grid.
    after, _ = offsets(packets, probes, dry)
    at = holes.index(max(holes)) + 1
    for side in (after[:at], after[at:]):
        check(min(side) < 500_000, f"a side of the hole is {min(side)} ns off the grid")


@case("--late catch-up sends all nevertheless", user=False)
def late_catch_up(folder):
    arrivals = Arrivals(folder)
    document = held_up()
    r = document["runs"][0]
    packets = arrivals.end([r])
    check_once(packets, 1600, 1600 - r["wire"])
    check_equal((document["late"], r["skipped"]), ("catch-up", 0), "late, and skipped")
    check(r["late"] >= 300, f"only {r['late']} late")
    check(r["lateness_max_ns"] >= 150_000_000, f"lateness_max_ns {r['lateness_max_ns']}")
    check(r["stalls"] >= 1, "no stall")


@case("stamps of departures: none, of the program, of the kernel")
def stamps(folder):
    for kind in ("none", "user", "software"):
        _, r = load("--stamp", kind, "--rate", "5kpps", "--count", 500)
        gaps = r["gaps_ns"]
        check_equal(gaps["origin"], None if kind == "none" else kind, "origin")
        wanted = 0 if kind == "none" else r["sent"]
        check_equal(gaps["stamps_wanted"], wanted, "stamps_wanted")
        come = wanted - gaps["stamps_missing"] - gaps["stamps_unread"]
        check(gaps["count"] <= max(come - 1, 0), f"{gaps['count']} gaps of {come} stamps")
        if not r["failed"] and come == 500:
            check_equal(gaps["count"], 499, "gaps")
            # Their sum is a stretch of time: of one that lasts at least as long as planned.
            check(gaps["mean"] * 499 >= 499 * 200_000 - r["lateness_max_ns"] - 1_000_000, "mean gap")


# --- Replay ---


def ethernet(kind, payload, destination=b"\x02\0\0\0\0\7"):
    return destination + b"\x02\0\0\0\0\1" + kind + payload


def frames_to_replay():
    """Of all lengths that fit; every 50th does not."""
    for n in range(200):
        mark = struct.pack(">I", n)
        if n % 50 == 49:
            yield ethernet(b"\x88\xb5", mark + bytes(2000 + n)), False
        elif n == 10:
            yield ethernet(b"\x81\x00", b"\x00\x2a\x88\xb5" + mark + bytes(1496)), True  # 4 bytes longer
        elif n == 11:
            yield ethernet(b"\x88\xb5", mark + bytes(1497)), False  # one byte too long
        elif n % 5 == 1:
            yield ethernet(b"\x81\x00", b"\x60\x2a\x88\xb5" + mark + bytes(46 + n)), True
        elif n % 5 == 2:
            yield ethernet(b"\x88\xa8", b"\x00\x07\x81\x00\x00\x08\x88\xb5" + mark + bytes(200)), True
        elif n % 5 == 3:
            yield ethernet(b"\x88\xb5", mark), True  # shorter than a wire allows
        else:
            yield ethernet(b"\x88\xb5", mark + bytes((n + k) & 255 for k in range(n * 7))), True


def write_pcap(path, frames, gap_ns):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for n, frame in enumerate(frames):
            ns = 1_600_000_000_999_999_999 + n * gap_ns
            file.write(struct.pack("<IIII", ns // 10**9, ns % 10**9, len(frame), len(frame)) + frame)


def check_same(packets, wanted):
    check_equal(len(packets), len(wanted), "frames")
    for n, frame in enumerate(wanted):
        got = bytes(packets[n])
        if got != frame:
            said = f"{got[:60].hex()} ({len(got)} bytes), not {frame[:60].hex()} ({len(frame)} bytes)"
            raise AssertionError(f"frame {n} is {said}")


@case("a replay, with its own times and faster", "socket")
@case("a replay with its own times and faster, ring", "tpacket3", user=False)
def replay(folder, backend):
    """Frames are 2 ms apart. What does not fit the MTU is counted and named."""
    path = os.path.join(folder, "in.pcap")
    frames = list(frames_to_replay())
    write_pcap(path, [frame for frame, _ in frames], 2_000_000)
    fits = [frame for frame, fit in frames if fit]
    times = [n * 2_000_000 for n, (_, fit) in enumerate(frames) if fit]
    for speed in (1, 2):
        dry, schedule, hashed = dry_run(
            os.path.join(folder, f"dry{speed}.pcapng"), "--pcap", path, "--speed", speed)
        check_same(dry, fits)
        check_equal(list(dry.ns), [(ns - times[0]) // speed for ns in times], "intended times")
        arrivals = Arrivals(folder, f"{speed}.pcapng")
        document, r = load("--pcap", path, "--speed", speed, "--io", backend, *one_cpu())
        packets = arrivals.end([r])
        if not arrivals.lost:
            check_same(packets, fits)
            check_equal(r["bytes"], sum(map(len, fits)), "bytes")
        told = document["replay"]
        left = (told["frames"], told["too_long"], told["too_short"], told["truncated"], told["speed"])
        check_equal(left, (200, 200 - len(fits), 0, 0, speed), "frames of the file, and those left out")
        said = [w for w in document["warnings"] if "do not fit" in w]
        check(len(said) == 1 and "number 12" in said[0] and path in said[0], f"it says {said}")
        check_equal((r["schedule_hash"], r["frames_hash"]), (schedule, hashed), "hashes")
        check_equal((r["pattern"], r["planned"], r["sent"]), ("replay", len(fits), r["wire"]), "run")
        check(r["elapsed_ns"] >= times[-1] // speed, f"elapsed_ns {r['elapsed_ns']} at {speed}")
        # Twice as fast is earlier over than the first packet late: whatever held it up is told.
        most = times[-1] // speed + 4_000_000 + r["lateness_max_ns"] + 1_000_000_000
        check(r["elapsed_ns"] < most, f"elapsed_ns {r['elapsed_ns']} at {speed}")


@case("a replay at a rate, again and again", user=False)
def replay_at_a_rate(folder):
    path = os.path.join(folder, "in.pcap")
    frames = [frame for frame, fit in frames_to_replay() if fit]
    write_pcap(path, frames, 2_000_000)
    arrivals = Arrivals(folder)
    document, r = load("--pcap", path, "--rate", "10kpps", "--count", 1000, *one_cpu())
    packets = arrivals.end([r])
    check_equal((r["planned"], r["requested_pps"], r["pattern"]), (1000, 10000, "cbr"), "run")
    check_equal((document["replay"]["speed"], document["replay"]["frames"]), (None, len(frames)), "replay")
    if not arrivals.lost:
        check_same(packets, [frames[n % len(frames)] for n in range(1000)])
    # A count ends a replay with its own times, and cannot be more than the file has.
    _, r = load("--pcap", path, "--count", 20)
    check_equal((r["planned"], r["sent"] + r["failed"]), (20, 20), "planned and attempted")
    done = run(PROGRAM, "load", "--lab", "--pcap", path, "--count", "100000", status=1)
    check("--count 100000" in one_line(done.stderr), done.stderr)


@case("a replay of jumbo frames where they fit", user=False)
def replay_jumbo(folder):
    ip("link", "set", "ws0", "mtu", "9000")
    ip("link", "set", "ws1", "mtu", "9000", far=True)
    path = os.path.join(folder, "in.pcap")
    frames = [ethernet(b"\x88\xb5", struct.pack(">I", n) + bytes(8996)) for n in range(20)]
    write_pcap(path, frames, 1_000_000)
    for backend in ("socket", "tpacket2", "tpacket3"):
        arrivals = Arrivals(folder, f"{backend}.pcapng")
        document, r = load("--pcap", path, "--io", backend, *one_cpu())
        packets = arrivals.end([r])
        check_equal((r["sent"], document["replay"]["too_long"]), (r["wire"], 0), "sent, and too_long")
        if not arrivals.lost:
            check_same(packets, frames)


if __name__ == "__main__":
    cases.main()
