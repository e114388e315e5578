# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of `wirestamp latency` against known truth share: runs, their packets, and judges of both.

Cases are run beside ws0 in a lab of their own (capture_lab.Cases). packets.npy is read here by its definition,
without NumPy and without the program.
"""

import json
import os
import re
import signal
import struct
import subprocess
import time
from bisect import bisect_left
from collections import namedtuple

from capture_lab import LIMIT, PROGRAM, run, wait_until
from load_lab import sent_packets
from run_document import check_document
from tap import check, check_equal

INSTANTS = "intended app_tx sched driver_tx wire_tx wire_rx kernel_rx app_rx".split()
KERNEL = ("sched", "driver_tx", "kernel_rx")  # of CLOCK_REALTIME; the program's own are of CLOCK_MONOTONIC
MATCHED, LOST, LATE, UNSTAMPED_TX, UNSTAMPED_RX, DUPLICATED, REORDERED = (1 << n for n in range(7))
FATES = MATCHED | LOST | LATE | UNSTAMPED_TX | UNSTAMPED_RX
UNKNOWN = -(2**63)
HEADER, ROW = 320, struct.Struct("<IQI8q")
DTYPE = [("run", "<u4"), ("seq", "<u8"), ("flags", "<u4"), *((name, "<i8") for name in INSTANTS)]

Row = namedtuple("Row", ["run", "seq", "flags", *INSTANTS])
# What the relay says of a probe: in ns of CLOCK_REALTIME, as the kernel's stamps are.
Passage = namedtuple("Passage", "received before after")


def two_cpus():
    """The sender on one, the receiver on another if there is one: neither is moved on the way."""
    cpus = sorted(os.sched_getaffinity(0))
    return ["--cpu", f"{cpus[0]},{cpus[-1]}"]


class Latency:
    """`latency --lab --json` in the background. end() gives its document, checked."""

    def __init__(self, *arguments, **named):
        self.before = sent_packets()
        self.process = subprocess.Popen(
            [PROGRAM, "latency", "--lab", "--json", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **named,
        )

    def wait_for(self, packets):
        """Until it has sent so many: a state, not a time."""

        def sent():
            check(self.process.poll() is None, "it ended too early")
            return sent_packets() - self.before >= packets

        wait_until(sent, f"{packets} packets")

    def state(self):
        """One letter, as of proc(5)."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0]

    def signal(self, number):
        self.process.send_signal(number)

    def finish(self, status=0):
        try:
            out, self.said = self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        self.said = self.said.decode()
        check_equal(self.process.returncode, status, f"exit status ({self.said!r})")
        return out

    def end(self, status=0, runs=1):
        document = json.loads(self.finish(status))
        check_document(document, runs)
        for each in document["runs"]:
            check_run(each, document)
        return document


def measure(*arguments, runs=1):
    return Latency(*arguments).end(runs=runs)


def kept(folder, *arguments, runs=1, **named):
    """With --packets. The document, and a list of rows for each run, judged against each other."""
    target = os.path.join(folder, "kept")
    document = Latency(*arguments, "--packets", "--out", target, **named).end(runs=runs)
    return document, check_kept(target, document)


# --- packets.npy ---


def read_rows(path):
    """The header says what it is said to say; then the rows."""
    with open(path, "rb") as file:
        contents = file.read()
    check_equal(contents[:8], b"\x93NUMPY\x01\x00", "the first bytes")
    check_equal(struct.unpack_from("<H", contents, 8)[0], HEADER - 10, "length of the header")
    header = contents[10:HEADER].decode("ascii")
    check(header.endswith("\n"), "the header has no end")
    descr = re.search(r"'descr': (\[.*\]), 'fortran_order': False", header)
    check(descr, f"header {header!r}")
    check_equal(re.findall(r"\('(\w+)', '(<\w+)'\)", descr[1]), DTYPE, "columns")
    rows = [Row(*values) for values in ROW.iter_unpack(contents[HEADER:])]
    shape = re.search(r"'shape': \((\d+),\)", header)
    check_equal(int(shape[1]), len(rows), "rows that the header tells of")
    return rows


def check_kept(target, document):
    """Of a run that kept everything: run.json is the document, and packets.npy has what that tells."""
    with open(os.path.join(target, "run.json"), encoding="utf-8") as file:
        check_equal(json.load(file), document, "run.json, and what was printed")
    rows = read_rows(os.path.join(target, "packets.npy"))
    facts = document["packets"]
    check_equal((facts["rows"], facts["dropped"]), (len(rows), 0), "rows and dropped")
    for name, clock in facts["columns"].items():
        wanted = "realtime" if name in KERNEL else "monotonic" if "wire" not in name else None
        check_equal(clock, wanted, f"clock of {name}")
    check_equal(len(rows), sum(r["sent"] for r in document["runs"]), "rows, and packets sent")
    keys = [(r.run, r.seq) for r in rows]
    check(all(a < b for a, b in zip(keys, keys[1:])), "rows are not in order of (run, seq)")
    parts = []
    for number, each in enumerate(document["runs"]):
        parts.append([r for r in rows if r.run == number])
        check_rows(each, parts[-1])
    return parts


def latency_of(row):
    return row.kernel_rx - row.driver_tx


def check_rows(run, rows):
    """The counts, percentiles and stages of a run with kernel stamps, computed anew."""
    check_equal(len(rows), run["sent"], "rows of a run")
    for r in rows:
        check(bin(r.flags & FATES).count("1") == 1 or r.flags & FATES == UNSTAMPED_TX | UNSTAMPED_RX,
              f"more than one fate, or none: {r}")
        arrived = not r.flags & LOST
        check_equal((r.kernel_rx != UNKNOWN, r.app_rx != UNKNOWN), (arrived, arrived), f"arrival of {r}")
        # Of what was on its way as an interface went, the stamp may be gone as well.
        check(r.app_tx != UNKNOWN and (r.driver_tx != UNKNOWN or r.flags & LOST), f"no departure: {r}")
        check_equal((r.wire_tx, r.wire_rx), (UNKNOWN, UNKNOWN), "hardware stamps")
    for name, flag in (("matched", MATCHED), ("lost", LOST), ("late_arrivals", LATE), ("reordered", REORDERED)):
        check_equal(sum(bool(r.flags & flag) for r in rows), run[name], f"rows that are {name}")
    matched = [r for r in rows if r.flags & MATCHED]
    check_sample(run["latency_ns"], map(latency_of, matched), "latency_ns", run["histogram_ns"])
    lateness = [r.app_tx - r.intended for r in rows if r.intended != UNKNOWN]
    check_sample(run["stages_ns"]["intended_to_app"], lateness, "intended_to_app")


def percentile(ordered, share):
    """By the nearest rank."""
    rank = -(-len(ordered) * round(share * 10**9) // 10**9)
    return ordered[max(rank, 1) - 1]


def check_sample(summary, values, what, bins=None):
    """A summary against an exact sort: percentiles are the upper edge of a bin of three digits."""
    values = sorted(values)
    check_equal(summary["count"], len(values), f"{what}.count")
    if not values:
        return
    check_equal((summary["min"], summary["max"]), (values[0], values[-1]), f"{what}: extremes")
    mean = sum(values) / len(values)
    check(abs(summary["mean"] - mean) <= 1e-6 * max(abs(mean), 1), f"{what}.mean {summary['mean']}, not {mean}")
    for name in ("p50", "p90", "p99", "p99.9", "p99.99"):
        share = float(name[1:]) / 100
        if summary.get(name) is None or values[0] < 0:
            continue
        exact = percentile(values, share)
        check(exact <= summary[name] <= exact + exact // 1024 + 1, f"{what}.{name} {summary[name]}, not {exact}")
    for low, high, count in bins or []:
        inside = bisect_left(values, high) - bisect_left(values, low)
        check_equal(count, inside, f"{what}: values in the bin [{low}, {high})")


# --- Documents ---


def check_run(run, document):
    """What must hold in each run between its ledger, its losses, its order and the run over time."""
    # Whoever was late was not there in time, whenever it was seen.
    check_equal(run["losses"]["packets"], run["lost"] + run["late_arrivals"], "losses.packets")
    listed = run["losses"]["list"]
    check_equal(run["losses"]["episodes"], len(listed) + run["losses"]["omitted"], "losses.episodes")
    if not run["losses"]["omitted"]:
        check_equal(sum(l["count"] for l in listed), run["losses"]["packets"], "losses in the list")
    check(all(a["seq"] + a["count"] < b["seq"] + 1 for a, b in zip(listed, listed[1:])), "losses overlap")
    check_equal(max((l["count"] for l in listed), default=0), run["losses"]["longest"], "longest")
    order = run["reordering"]
    check_equal(order["reordered"], run["reordered"], "reordering.reordered")
    extents = sum(count for _, _, count in order["extents"])
    check_equal(extents + order["unknown"], run["reordered"], "reordered by extent")
    columns = run["timeline"]["columns"]
    sums = {"sent": run["sent"], "lost": run["losses"]["packets"], "count": run["matched"]}
    sums["unstamped"] = run["unstamped_tx"] + run["unstamped_rx"] + run["unstamped_both"]
    for name in ("duplicated", "reordered", "late_arrivals"):
        sums[name] = run[name]
    for name, wanted in sums.items():
        check_equal(sum(c[name] for c in columns), wanted, f"{name} of the timeline")
    for n, c in enumerate(columns):
        check_equal(c["at_ns"], n * run["timeline"]["width_ns"], "at_ns of a column")
        check_equal(sum(count for _, _, count in c["cells"]), c["count"], "cells of a column")
    check_equal(run["stream"], document["runs"].index(run), "stream")
    check_equal(run["run_id"], document["run_id"], "run_id")


def check_nothing_else(run):
    """What would make known truth unknown: drops of the tool's own, and stamps that did not come."""
    for name in ("dropped_rx", "unstamped_tx", "unstamped_rx", "unstamped_both", "malformed", "failed"):
        check_equal(run[name], 0, name)


def extents_of(arrived):
    """Of the sequences in order of arrival, first copies: RFC 4737, 3.3 and 4.2.1, word by word."""
    seen, first, found = set(), [], {}
    for seq in arrived:
        if seq not in seen:
            seen.add(seq)
            first.append(seq)
    highest, tops = -1, []  # tops: (place, sequence) of those greater than all before
    for place, seq in enumerate(first):
        if seq > highest:
            highest = seq
            tops.append((place, seq))
            continue
        low, high = 0, len(tops) - 1
        while low < high:  # the first that is greater
            middle = (low + high) // 2
            low, high = (low, middle) if tops[middle][1] > seq else (middle + 1, high)
        found[seq] = place - tops[low][0]
    return found


def binned(extents):
    """As run.json bins them: 1, 2, 3-4, 5-8..."""
    bins = {}
    for extent in extents:
        b = (extent - 1).bit_length()
        bins[b] = bins.get(b, 0) + 1
    return [[2 ** (b - 1) + 1 if b else 1, 2**b + 1, bins[b]] for b in sorted(bins)]


def runs_of(seqs):
    """[(first, how many)...] of neighbours."""
    found = []
    for seq in sorted(seqs):
        if found and seq == found[-1][0] + found[-1][1]:
            found[-1][1] += 1
        else:
            found.append([seq, 1])
    return [tuple(each) for each in found]


def passages(path):
    """What relay --times wrote of the way forward: {sequence: Passage}."""
    found = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            way, _, _, _, seq, *times = line.split()
            if way == "forward":
                found[int(seq)] = Passage(*map(int, times))
    return found


def stop_for(process, seconds):
    """Holds a process up for so long at least. Returns the two instants, of CLOCK_MONOTONIC, between which it
    surely did nothing."""
    process.signal(signal.SIGSTOP)
    wait_until(lambda: process.state() == "T", "the process to stop")
    stopped = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    time.sleep(seconds)
    resumed = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    process.signal(signal.SIGCONT)
    return stopped, resumed


NUMPY = """
import json, sys, numpy
p = numpy.load(sys.argv[1])
print(json.dumps([p.dtype.names, len(p), [int(p[n].astype("u8").sum()) for n in p.dtype.names]]))
"""


def with_numpy(path):
    """(names, rows, sum of each column modulo 2^64) as NumPy reads it; None where there is no NumPy."""
    for folder in os.environ.get("PATH", "").split(":"):
        python = os.path.join(folder, "python3")
        if os.access(python, os.X_OK) and run(python, "-c", "import numpy", status=None).returncode == 0:
            return json.loads(run(python, "-c", NUMPY, path).stdout)
    return None
