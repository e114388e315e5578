#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""wirestamp latency --packets: every packet's row against run.json, CSV, NumPy and reports; also of runs that end
early or on a full disk.

    test_latency_packets.py WIRESTAMP [TEXT]      runs the cases whose titles contain TEXT
"""

import csv
import json
import math
import os
import signal
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import latency_lab as lab  # noqa: E402
from capture_lab import PROGRAM, Cases, Skip, ip, run  # noqa: E402
from latency_lab import Latency, kept, latency_of, two_cpus  # noqa: E402
from relay_lab import Between  # noqa: E402
from tap import check, check_equal  # noqa: E402

cases = Cases(__file__)
case = cases.case


def check_csv(target, rows):
    """The same values as text, an empty one for what is unknown."""
    with open(os.path.join(target, "packets.csv"), encoding="ascii", newline="") as file:
        lines = list(csv.reader(file))
    check_equal(lines[0], ["run", "seq", "flags", *(f"{name}_ns" for name in lab.INSTANTS)], "names")
    wanted = [["" if v == lab.UNKNOWN else str(v) for v in row] for row in rows]
    check(lines[1:] == wanted, "packets.csv and packets.npy differ")


def report(*arguments, status=0):
    return run(PROGRAM, "report", *arguments, status=status)


# --- All of it ---


@case("rows of several rates, with CSV and NumPy")
def several(folder):
    rates = ["1kpps", "5kpps", "20kpps"]
    document, parts = kept(folder, *two_cpus(), "--rate", ",".join(rates), "--duration", "400ms", "--csv",
                           "--waterfall", runs=3)
    target = os.path.join(folder, "kept")
    check_equal(sorted(os.listdir(target)), ["packets.csv", "packets.npy", "run.json"], "what is kept")
    check_equal([len(rows) for rows in parts], [400, 2000, 8000], "rows of each rate")
    rows = [row for part in parts for row in part]
    check_csv(target, rows)
    for part, gap in zip(parts, (1000000, 200000, 50000)):
        check_equal([r.seq for r in part], list(range(len(part))), "sequences")
        # The plan is exact, whatever became of it.
        check_equal({b.intended - a.intended for a, b in zip(part, part[1:])}, {gap}, "intended gaps")
        for row in part:
            check(row.intended <= row.app_tx, f"sent before its time: {row}")
            check(row.sched <= row.driver_tx, f"{row}")
            if row.flags & lab.MATCHED:
                check(row.driver_tx <= row.kernel_rx and row.app_tx <= row.app_rx, f"{row}")
    numpy = lab.with_numpy(os.path.join(target, "packets.npy"))
    if numpy is None:
        raise Skip("no NumPy (python3-numpy); all else is as it should be")
    sums = [sum(getattr(r, name) for r in rows) % 2**64 for name in rows[0]._fields]
    check_equal(numpy, [list(rows[0]._fields), len(rows), sums], "what NumPy reads")


@case("jitter, and variation, computed anew")
def spread(folder):
    """RFC 3550's jitter is of the order of arrival; on one path that is the order of sequences."""
    document, (rows,) = kept(folder, *two_cpus(), "--rate", "10kpps", "--count", 5000)
    each = document["runs"][0]
    check_equal((each["matched"], each["reordered"]), (5000, 0), "matched and reordered")
    jitter, values = 0.0, []
    transits = [latency_of(r) for r in rows]
    for a, b in zip(transits, transits[1:]):
        jitter += (abs(b - a) - jitter) / 16
        values.append(jitter)
    wanted = {"rfc3550_mean": sum(values) / len(values), "rfc3550_max": max(values), "rfc3550_last": jitter}
    for name, value in wanted.items():
        got = each["jitter_ns"][name]
        check(math.isclose(got, value, rel_tol=1e-6), f"{name} {got}, not {value}")
    check_equal(each["pdv_ns"], each["latency_ns"]["p99.9"] - min(transits), "pdv_ns")
    transits.sort()
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        low, high = each["latency_ns"]["confidence"][name]
        exact = lab.percentile(transits, share)
        check(low <= exact <= high, f"{name}: [{low}, {high}] without {exact}")


@case("flat out, packets have no intended time")
def flat_out(folder):
    document, (rows,) = kept(folder, "--rate", "max", "--count", 20000)
    each = document["runs"][0]
    check_equal({r.intended for r in rows}, {lab.UNKNOWN}, "intended times")
    check_equal((each["latency_intended_ns"], each["stages_ns"]["intended_to_app"]["count"]), (None, 0), "of none")


# --- Runs that end otherwise ---


@case("Ctrl-C in the second rate", signal.SIGINT)
@case("SIGTERM in the second rate", signal.SIGTERM)
def stopped(folder, number):
    target = os.path.join(folder, "kept")
    latency = Latency("--rate", "20kpps,4kpps", "--count", 8000, "--packets", "--csv", "--out", target)
    latency.wait_for(9000)
    latency.signal(number)
    document = latency.end(runs=2)
    check_equal([r["complete"] for r in document["runs"]], [True, False], "complete")
    parts = lab.check_kept(target, document)
    check(1000 <= len(parts[1]) < 8000, f"{len(parts[1])} rows of the second rate")
    check_csv(target, parts[0] + parts[1])
    series = json.loads(report(target, "--json").stdout)["series"]
    check_equal([(x["complete"], x["sent"]) for x in series], [(True, 8000), (False, len(parts[1]))], "reported")


@case("the interface is removed in mid-run")
def removed(folder):
    target = os.path.join(folder, "kept")
    latency = Latency("--rate", "4kpps", "--count", 100000, "--packets", "--csv", "--out", target)
    latency.wait_for(2000)
    ip("link", "del", "ws0")
    document = latency.end(status=1)
    check_equal(len(latency.said.splitlines()), 1, f"lines on stderr ({latency.said!r})")
    each = document["runs"][0]
    check(not each["complete"] and each["sent"] >= 2000, "what was sent until then")
    (rows,) = lab.check_kept(target, document)
    check_csv(target, rows)
    report(target, "-o", os.path.join(folder, "report.html"))


@case("the disk is full in mid-run", mounts=True)
def full_disk(folder):
    """Nothing else is lost: the run goes on, run.json is whole, and what rows there are can be read."""
    done = run("mount", "-t", "tmpfs", "-o", "size=5m,mode=777", "tmpfs", folder, status=None)
    if done.returncode != 0:
        raise Skip(f"no file system of our own: {done.stderr.strip()}")
    target = os.path.join(folder, "kept")
    latency = Latency("--rate", "40kpps,5kpps", "--count", 60000, "--packets", "--csv", "--out", target)
    latency.wait_for(62000)
    latency.signal(signal.SIGINT)  # in the second rate
    document = latency.end(status=1, runs=2)
    said = latency.said.splitlines()
    check_equal(len(said), 1, f"lines on stderr ({latency.said!r})")
    check("packets.npy: No space left" in said[0], said[0])
    facts = document["packets"]
    sent = sum(r["sent"] for r in document["runs"])
    check_equal(facts["rows"] + facts["dropped"], sent, "rows and dropped")
    check(0 < facts["rows"] < sent, f"rows {facts['rows']}")
    check_equal(document["runs"][0]["sent"], 60000, "sent at the first rate")
    with open(os.path.join(target, "run.json"), encoding="utf-8") as file:
        check_equal(json.load(file), document, "run.json, and what was printed")
    rows = lab.read_rows(os.path.join(target, "packets.npy"))
    check_equal(len(rows), facts["rows"], "rows in the file")
    check_equal([r.seq for r in rows], list(range(len(rows))), "sequences")
    report(target, "--json")


# --- Reports ---


@case("a report has the figures of run.json")
def reported(folder):
    with Between() as between, between.relay("--probes", "--hold", "200us", "--lose", "1/100", "--duplicate",
                                             "1/150", "--swap", "1/70"):
        document, _ = kept(folder, *two_cpus(), "--rate", "2kpps,5kpps", "--count", 2000, "--waterfall", runs=2)
    target = os.path.join(folder, "kept")
    found = json.loads(report(target, "--json").stdout)
    check_equal((found["format"], len(found["documents"])), ("wirestamp-report/1", 1), "format and documents")
    check_equal([x["rate"] for x in found["series"]], ["2kpps", "5kpps"], "rates")
    for each, x in zip(document["runs"], found["series"]):
        for name in """sent received matched lost duplicated reordered late_arrivals planned elapsed_ns requested_pps
                accepted_pps complete balanced""".split():
            check_equal(x[name], each[name], f"{name} of the report")
        got, wanted = x["latency_ns"], each["latency_ns"]
        check_equal(got.keys(), wanted.keys(), "latency_ns of the report")
        for name, value in wanted.items():
            # What is not whole may lose its last digit as text.
            same = math.isclose(got[name], value, rel_tol=1e-12) if isinstance(value, float) else got[name] == value
            check(same, f"latency_ns.{name} of the report: {got[name]}, not {value}")
        check(each["lost"] and each["duplicated"] and each["reordered"], "nothing happened in this run")
    for name, start in (("r.html", b"<!"), ("r.csv", b""), ("r.svg", b"<?xml"), ("r.png", b"\x89PNG"),
                        ("r.txt", b""), ("r.json", b"{"), ("r.pdf", b"%PDF")):
        path = os.path.join(folder, name)
        done = report(target, "-o", path, status=None)
        if done.returncode and "gnuplot" in done.stderr:
            raise Skip("no gnuplot")
        check_equal((done.returncode, done.stderr), (0, ""), f"-o {name}")
        with open(path, "rb") as file:
            contents = file.read()
        check(contents.startswith(start) and len(contents) > 100, f"{name} begins {contents[:20]}")
    for plot in ("histogram", "cdf", "tail", "time", "rates", "gaps", "waterfall"):
        report(target, "--plot", plot, "-o", os.path.join(folder, f"{plot}.svg"))
    text = report(target).stdout.decode()
    check("2kpps" in text and "5kpps" in text, text)
    with open(os.path.join(folder, "r.csv"), encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    check_equal([int(line["sent"]) for line in table], [r["sent"] for r in document["runs"]], "sent in the CSV")


@case("two runs compared: the one through a longer hold is slower")
def compared(folder):
    with Between() as between:
        for name, hold in (("a", "200us"), ("b", "2ms")):
            os.mkdir(os.path.join(folder, name))
            with between.relay("--probes", "--hold", hold):
                kept(os.path.join(folder, name), *two_cpus(), "--rate", "2kpps", "--count", 2000)
    both = [os.path.join(folder, name, "kept") for name in "ab"]
    text = report("--compare", *both).stdout.decode()
    check("slower" in text, text)
    text = report("--compare", *reversed(both)).stdout.decode()
    check("faster" in text, text)
    text = report("--compare", both[0], both[0]).stdout.decode()
    check("not distinguishable" in text or "distinguish" in text, text)


if __name__ == "__main__":
    cases.main()
