# SPDX-License-Identifier: BSD-2-Clause
"""Checks a latency document by computing everything again from its fields, apart from the program."""

import math
import re

from tap import check, check_equal

ARRIVED = ("matched", "unstamped_tx", "unstamped_rx", "unstamped_both", "late_arrivals")
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999, "p99.999": 0.99999}
COUNTS = """attempted sent failed received matched unstamped_tx unstamped_rx unstamped_both lost
    late_arrivals duplicated foreign malformed reordered beyond_history negative below_range
    above_range late elapsed_ns stamps_missing stamps_stray rx_freezes""".split()
CAUSES = ("none", "link", "backpressure", "cpu", "rate-control", "unknown")
BACKENDS = ("tpacket3", "tpacket2", "socket")
ORIGINS = ("hardware", "software", "at_copy", "user", "none", None)


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_real(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_near(got, wanted, what, relative=1e-6):
    check(math.isclose(got, wanted, rel_tol=relative, abs_tol=1e-6), f"{what}: {got}, not {wanted}")


def check_document(document, runs=None):
    """The whole document; runs is how many there have to be."""
    check_equal(document["format"], "wirestamp-run/1", "format")
    check_equal(document["command"], "latency", "command")
    check(re.match(r"\d+\.\d+\.\d+", document["version"]), f"version {document['version']!r}")
    check(document["argv"] and all(isinstance(a, str) for a in document["argv"]), "argv")
    check(
        re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", document["started"]),
        f"started {document['started']!r}",
    )
    check(all(isinstance(w, str) and w for w in document["warnings"]), "warnings")
    for name in ("hostname", "kernel", "arch", "cpu", "cpus", "governor", "clocksource"):
        value = document["host"][name]
        check(value is None or value, f"host.{name} is {value!r}: unknown has to be null")
    if runs is not None:
        check_equal(len(document["runs"]), runs, "number of runs")
    for name in ("io", "io_tx"):
        check(document[name] in BACKENDS, f"{name} is {document[name]!r}")
    for run in document["runs"]:
        check_equal((run["io"], run["io_tx"]), (document["io"], document["io_tx"]), "io of a run")
        check_run(run)


def check_run(run):
    for name in COUNTS:
        check(is_count(run[name]), f"{name} is {run[name]!r}, no count")
    check_ledger(run)
    check_rates(run)
    check_latencies(run)
    check_gaps(run)
    check(run["limit"]["cause"] in CAUSES, f"limit.cause {run['limit']['cause']!r}")
    check(run["stamps"]["tx"] in ORIGINS, f"stamps.tx {run['stamps']['tx']!r}")
    check(run["stamps"]["rx"] in ORIGINS, f"stamps.rx {run['stamps']['rx']!r}")
    check(isinstance(run["complete"], bool), "complete")
    check_equal(run["ended_by"] is None, run["complete"], "ended_by is null exactly if complete")
    if run["complete"] and run["planned"] is not None:
        check_equal(run["attempted"], run["planned"], "attempted of a complete run")


def check_ledger(run):
    arrived = sum(run[name] for name in ARRIVED)
    check_equal(run["attempted"], run["sent"] + run["failed"], "attempted = sent + failed")
    check_equal(run["sent"], arrived + run["lost"], "sent = what its sequences ended in")
    check_equal(
        run["received"],
        arrived + run["duplicated"] + run["foreign"] + run["malformed"],
        "received = what its packets were",
    )
    if run["offered_rx"] is not None and run["dropped_rx"] is not None:
        check_equal(run["offered_rx"], run["received"] + run["dropped_rx"], "offered_rx")
    check(run["reordered"] <= arrived, "more reordered than arrived")
    check(run["beyond_history"] <= run["duplicated"], "beyond_history is a part of duplicated")
    in_bins = sum(count for _, _, count in run["histogram_ns"])
    outside = run["negative"] + run["below_range"] + run["above_range"]
    check_equal(in_bins + outside, run["matched"], "histogram and what is outside = matched")
    check_equal(run["latency_ns"]["count"], run["matched"], "latency_ns.count")
    check_equal(run["balanced"], True, "balanced")


def check_rates(run):
    bits = run["frame_bits"]
    if run["len"] is None:
        check_equal(run["size"], None, "size of frames that differ")
    else:
        check_equal((run["size"], bits), (run["len"] + 4, run["len"] * 8 + 32), "size counts the FCS")
    seconds = run["elapsed_ns"] / 1e9
    if seconds > 0:
        check_near(run["attempted_pps"] * seconds, run["attempted"], "attempted_pps")
        check_near(run["accepted_pps"] * seconds, run["sent"], "accepted_pps")
        check_near(run["accepted_bps"], run["accepted_pps"] * bits, "accepted_bps")
    if run["requested_pps"] is None:
        check_equal(run["requested_bps"], None, "requested_bps of a flat-out run")
        check_equal(run["schedule_hash"], None, "schedule_hash of a flat-out run")
    else:
        check(run["requested_pps"] > 0, "requested_pps")
        check_near(run["requested_bps"], run["requested_pps"] * bits, "requested_bps")
        check(re.match(r"[0-9a-f]{16}$", run["schedule_hash"]), f"{run['schedule_hash']!r}")
    check(is_count(run["seed"]), f"seed {run['seed']!r}")
    check(run["wire_pps"] is None or is_real(run["wire_pps"]), f"wire_pps {run['wire_pps']!r}")


def check_sample(sample, what, names):
    """Count, extremes, mean and the like of any set of durations."""
    count = sample["count"]
    check(is_count(count), f"{what}.count is {count!r}")
    for name in names:
        value = sample[name]
        check(value is None or isinstance(value, int), f"{what}.{name} is {value!r}, no integer")
    for name, least in (("min", 1), ("max", 1), ("mean", 1), ("stddev", 2)):
        if name in sample:
            known = sample[name] is not None
            check_equal(known, count >= least, f"{what}.{name} of {count} is known")
    if count:
        check(sample["min"] <= sample["max"], f"{what}: min > max")
        slack = 1e-6 * max(abs(sample["min"]), abs(sample["max"]), 1)
        check(sample["min"] - slack <= sample["mean"] <= sample["max"] + slack, f"{what}.mean")


def check_latencies(run):
    sample = run["latency_ns"]
    check_sample(sample, "latency_ns", ["min", "max", *QUANTILES])
    bound = sample["error_bound"]
    check(bound is None or is_count(bound), f"error_bound {bound!r}")
    previous = 0
    for low, high, count in run["histogram_ns"]:
        check(previous <= low < high, f"bins overlap or are out of order at {low}")
        check(count > 0, f"an empty bin at {low}")
        # Three significant digits; below 2048 ns every value has a bin.
        check(high - low <= max(1, low / 1000), f"the bin at {low} is too wide")
        previous = high
    outside = run["negative"] + run["below_range"] + run["above_range"]
    if run["histogram_ns"] and not outside:
        bins = run["histogram_ns"]
        check(bins[0][0] <= sample["min"] < bins[0][1], "min is not in the first bin")
        check(bins[-1][0] <= sample["max"] < bins[-1][1], "max is not in the last bin")
        middle = sum((low + high - 1) / 2 * count for low, high, count in bins) / run["matched"]
        check_near(sample["mean"], middle, "mean against the histogram", 1e-3)
    last = None
    for name, quantile in QUANTILES.items():
        value = sample[name]
        wanted = quantile_bin(run, quantile)
        if wanted is None:
            check_equal(value, None, f"{name} of {sample['count']} values")
            continue
        low, high = wanted
        check(value is not None, f"{name} of {sample['count']} values is null")
        check(low <= value < high, f"{name} {value} is not in its bin [{low}, {high})")
        check(last is None or value >= last, f"{name} is below the one before")
        last = value


def quantile_bin(run, quantile):
    """The bin of the nearest rank; None if the sample is too small, or the rank is outside the bins."""
    count = run["latency_ns"]["count"]
    # 1 - quantile is not exact; the count that it asks for is a whole number.
    if count < round(1 / (1 - quantile)):
        return None
    rank = math.ceil(round(count * quantile, 6))
    rank -= run["negative"] + run["below_range"]
    if rank <= 0:
        return None
    for low, high, inside in run["histogram_ns"]:
        rank -= inside
        if rank <= 0:
            return low, high
    return None


def check_gaps(run):
    gaps = run["gaps_ns"]
    check_sample(gaps, "gaps_ns", ["min", "max", "p1", "p50", "p99", "p99.9"])
    check(gaps["count"] <= max(0, run["sent"] - 1), "more gaps than between the sent packets")
    within = [gaps["within"][str(limit)] for limit in (64, 128, 256, 512, 1024)]
    if None not in within:
        check(within == sorted(within), f"within does not grow: {within}")
        check(within[-1] <= max(gaps["count"], 1), "more gaps within than there are")
