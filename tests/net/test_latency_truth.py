#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""wirestamp latency against known truth: a relay that holds, loses, doubles and swaps probes, and says which.

    test_latency_truth.py WIRESTAMP [TEXT]      runs the cases whose titles contain TEXT

How exact the truth is. All stamps of the kernel and of the relay are of one clock, and are taken on the way in an
order that no load on the machine changes: transmit stamp at ws0 (A), receive stamp at the relay's side of that pair
(B), the relay's own before (C) and after (D) its send call, and in between, as a veth receives within the call that
sends, the receive stamp at ws1 (E). So for each single packet A <= B <= C <= E <= D, without any tolerance. What the
relay cannot see is A: its hold C - B is at most the latency E - A, and D - B at least E - B. B - A is a few hundred
instructions of the kernel's between two stamps; of many packets the median is below SEAM_NS however busy the machine
is, and its own value is known from the relay's B.
"""

import os
import statistics
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import latency_lab as lab  # noqa: E402
from capture_lab import Cases, Skip, run  # noqa: E402
from latency_lab import Latency, binned, extents_of, kept, latency_of, runs_of, two_cpus  # noqa: E402
from relay_lab import RELAY, Between, Relay, after_harm  # noqa: E402
from tap import check, check_equal  # noqa: E402

cases = Cases(__file__)
case = cases.case
SEAM_NS = 5000
US, MS = 1000, 1000_000


def pinned(between, *arguments, **named):
    """A relay that is not moved to another CPU between two packets: that may let one overtake the other."""
    cpu = str(max(os.sched_getaffinity(0)))
    return Relay([*between.inside(), "taskset", "-c", cpu, RELAY, "ra", "rb"], ["--probes", *arguments], **named)


def through(folder, between, options, relay_options, status=0):
    """A run through a relay: the run, its rows, what the relay did, the harms and times that it logged."""
    times, log = os.path.join(folder, "times"), os.path.join(folder, "log")
    with pinned(between, "--times", times, *relay_options, log=log) as relay:
        document, (rows,) = kept(folder, *two_cpus(), *options)
        done = relay.end()["forward"]
    each = document["runs"][0]
    check_equal((done["dropped"], done["unstamped"]), (0, 0), "lost or not stamped in the relay")
    check_equal(done["probes"], each["sent"], "probes that the relay saw, and that were sent")
    lab.check_nothing_else(each)
    return document, rows, done, relay.harms(), lab.passages(times)


def check_passages(rows, passages):
    """A <= B <= C <= E <= D of each packet. Returns the values of B - A."""
    seams = []
    for row in rows:
        if row.flags & lab.LOST:
            check(row.seq not in passages, f"lost, but it left the relay: {row}")
            continue
        p = passages[row.seq]
        # Of one that was doubled, the first copy is what the relay's times are about.
        order = [row.driver_tx, p.received, p.before, row.kernel_rx, p.after]
        check(order == sorted(order), f"not in order: {order}, {row}")
        seams.append(p.received - row.driver_tx)
    return seams


# --- Delay ---


@case("a known delay: 10 us", "10us", 10 * US, 4000)
@case("a known delay: 100 us", "100us", 100 * US, 4000)
@case("a known delay: 1 ms", "1ms", MS, 2000)
@case("a known delay: 10 ms", "10ms", 10 * MS, 2000)
def delay(folder, hold, ns, count):
    with Between() as between:
        options = ["--rate", "4kpps", "--count", count]
        document, rows, done, harms, passages = through(folder, between, options, ["--hold", hold])
    each = document["runs"][0]
    check_equal((each["matched"], each["lost"], harms), (count, 0, []), "matched, lost and harmed")
    seams = sorted(check_passages(rows, passages))
    seam = seams[len(seams) // 2]
    check(seam < SEAM_NS, f"from the transmit stamp to the relay's receive stamp take {seam} ns")
    held, passed, sample = done["hold_ns"], done["passed_ns"], each["latency_ns"]
    check_equal(held["count"], count, "times that the relay held one")
    check(ns <= held["min"], f"held too short: {held}")
    # A percentile is the upper edge of its bin: three digits.
    bound = sample["error_bound"] + sample["p50"] // 1024 + 1
    low, high = held["median"], passed["median"] + SEAM_NS
    check(low - sample["error_bound"] <= sample["p50"] <= high + bound, f"p50 {sample['p50']}: {low} to {high}")
    # Each packet's latency is at least its hold: so is each percentile, and the mean.
    check(sample["min"] >= held["min"], f"min {sample['min']} below {held['min']}")
    check(sample["p99"] >= held["p99"], f"p99 {sample['p99']} below {held['p99']}")
    check(sample["max"] <= passed["max"] + seams[-1], f"max {sample['max']}: {passed['max']} and {seams[-1]}")
    low, high = sample["confidence"]["p50"]
    exact = lab.percentile(sorted(map(latency_of, rows)), 0.5)
    check(low <= exact <= high, f"confidence [{low}, {high}] without the sample's median {exact}")


# --- Harm ---

HARM = ["--hold", "100us", "--lose", "1/100", "--duplicate", "1/200", "--swap", "1/50", "--extent"]
COUNT = 10010


def check_harm(each, rows, done, harms):
    """To the packet: counts, flags, order and the list of losses."""
    sequences = {what: {h.seq for h in harms if h.what == what} for what in ("lost", "duplicated", "swapped")}
    for what in ("lost", "duplicated"):
        check_equal(each[what], done[what], f"{what}, and what the relay says")
    check_equal({r.seq for r in rows if r.flags & lab.LOST}, sequences["lost"], "which are lost")
    check_equal({r.seq for r in rows if r.flags & lab.DUPLICATED}, sequences["duplicated"], "which came twice")
    extents = extents_of(after_harm(range(each["sent"]), harms))
    order = each["reordering"]
    check_equal({r.seq for r in rows if r.flags & lab.REORDERED}, set(extents), "which are reordered")
    check_equal((order["reordered"], order["unknown"]), (len(extents), 0), "reordered, unknown")
    check_equal(order["extents"], binned(extents.values()), "extents")
    check_equal(order["extent_max"], max(extents.values()), "extent_max")
    mean = sum(extents.values()) / len(extents)
    check(abs(order["extent_mean"] - mean) < 1e-6 * mean, f"extent_mean {order['extent_mean']}, not {mean}")
    check_losses(each, rows, sequences["lost"])
    return sequences, extents


def check_losses(each, rows, lost):
    """The list: which, and when they were to be sent."""
    losses, episodes = each["losses"], runs_of(lost)
    listed = [(l["seq"], l["count"]) for l in losses["list"]]
    check_equal((losses["packets"], losses["episodes"]), (len(lost), len(episodes)), "packets and episodes")
    check_equal((listed, losses["omitted"]), (episodes, 0), "episodes")
    intended = {r.seq: r.intended for r in rows}
    start = intended[0]
    for l in losses["list"]:
        wanted = (intended[l["seq"]] - start, intended[l["seq"] + l["count"] - 1] - start)
        check_equal((l["at_ns"], l["until_ns"]), wanted, f"where {l['seq']} was lost")
    columns, width = each["timeline"]["columns"], each["timeline"]["width_ns"]
    wanted = [0] * len(columns)
    for seq in lost:
        wanted[(intended[seq] - start) // width] += 1
    check_equal([c["lost"] for c in columns], wanted, "lost over time")


@case("1 % lost, 0.5 % doubled, reordered by 3", 3, [])
@case("1 % lost, 0.5 % doubled, reordered by 20, anywhere", 20, ["--seed", 7])
def harm(folder, extent, more):
    with Between() as between:
        options = ["--rate", "10kpps", "--count", COUNT]
        document, rows, done, harms, passages = through(folder, between, options, [*HARM, extent, *more])
    each = document["runs"][0]
    if not more:
        check_equal((done["lost"], done["duplicated"], done["swapped"]), (100, 50, 200), "what the relay did")
    check_equal(done["cut_short"], 0, "swapped ones that had to wait for the end")
    sequences, extents = check_harm(each, rows, done, harms)
    if not more:
        check_equal(set(extents.values()), {extent}, "extents")
    check_equal(each["matched"], COUNT - done["lost"], "matched")
    check_passages(rows, passages)
    over_time = each["timeline"]["columns"]
    check(sum(c["duplicated"] > 0 for c in over_time) > 10, "doubled ones are not spread over the run")


@case("all are lost", None)
@case("the same from many packets in a row", 300)
def burst(folder, count):
    """A burst in the middle is one loss, at its place."""
    first = 1100  # next to none of the single ones
    relay_options = ["--lose", "1/1"] if count is None else ["--lose-burst", f"{count}@{first}", "--lose", "1/500"]
    with Between() as between:
        options = ["--rate", "5kpps", "--count", 2500]
        document, rows, done, harms, _ = through(folder, between, options, ["--hold", "50us", *relay_options])
    each = document["runs"][0]
    lost = {h.seq for h in harms}
    check_equal({r.seq for r in rows if r.flags & lab.LOST}, lost, "which are lost")
    check_losses(each, rows, lost)
    if count is None:
        check_equal((each["lost"], each["matched"], each["latency_ns"]["p50"]), (2500, 0, None), "nothing came")
        check_equal((each["pdv_ns"], each["latency_ns"]["min"]), (None, None), "of no packets")
        return
    check_equal(each["losses"]["longest"], count, "longest")
    found = [l for l in each["losses"]["list"] if l["count"] == count]
    check_equal([(l["seq"], l["at_ns"], l["until_ns"]) for l in found],
                [(first, first * 200 * US, (first + count - 1) * 200 * US)], "the burst")


@case("late arrivals, after a short window")
def late(folder):
    """One of 100 comes 60 packets later, far behind the window: late, not lost."""
    window = 3 * MS
    with Between() as between:
        options = ["--rate", "5kpps", "--count", 5000, "--window", "3ms"]
        relay_options = ["--hold", "100us", "--swap", "1/100", "--extent", 60, "--lose", "1/250"]
        document, rows, done, harms, passages = through(folder, between, options, relay_options)
    each = document["runs"][0]
    offset = time.time_ns() - time.monotonic_ns()
    lost = {h.seq for h in harms if h.what == "lost"}
    check_equal({r.seq for r in rows if r.flags & lab.LOST}, lost, "which are lost")
    # On a busy machine others come late, too; each packet's own times say whether it did.
    for row in rows:
        if row.flags & lab.LOST:
            continue
        under_way = row.kernel_rx - offset - row.app_tx
        if abs(under_way - window) > 50 * US:
            check_equal(bool(row.flags & lab.LATE), under_way > window, f"late after {under_way} ns: {row}")
    is_late = {r.seq for r in rows if r.flags & lab.LATE}
    swapped = {h.seq for h in harms if h.what == "swapped"}
    # Those need not be that were sent right before a stall: what it held up, 60 packets, then came at once.
    check(2 * len(swapped & is_late) > len(swapped), f"not late: {swapped - is_late}")
    check_equal((each["late_arrivals"], each["lost"]), (len(is_late), len(lost)), "late and lost")
    check_losses(each, rows, lost | is_late)
    check_passages(rows, passages)
    extents = extents_of(after_harm(range(5000), harms))
    check_equal({r.seq for r in rows if r.flags & lab.REORDERED}, set(extents), "which are reordered")
    check_equal(each["reordering"]["extents"], binned(extents.values()), "extents")


# --- Where the time went ---


def check_stages(each, rows):
    """Stages follow each other, sum up to the whole, and name the stage that was slow."""
    fall, stages = each["waterfall"], each["stages_ns"]
    names = ["intended", "app_tx", "sched", "driver_tx", "kernel_rx", "app_rx"]
    check_equal(fall["stages"], [f"{a}_to_{b}" for a, b in zip(names, names[1:])], "stages")
    rows = [r for r in rows if r.flags & lab.MATCHED]
    check_equal((fall["packets"], fall["unfit"]), (len(rows), 0), "packets and unfit")
    for row in rows:
        kernel = [row.sched, row.driver_tx, row.kernel_rx]
        own = [row.intended, row.app_tx, row.app_rx]
        check(kernel == sorted(kernel) and own == sorted(own), f"not in order: {row}")
    for a, b in zip(names, names[1:]):
        if (a in lab.KERNEL) == (b in lab.KERNEL):
            values = [getattr(r, b) - getattr(r, a) for r in rows]
            lab.check_sample(stages[f"{a}_to_{b}"], values, f"{a}_to_{b}")
    # The two clocks cancel in the sum: for the mean of all, and of each group.
    total = sum(r.app_rx - r.intended for r in rows) / len(rows)
    means = sum(stages[name]["mean"] for name in fall["stages"])
    check(abs(means - total) <= 1e-6 * total + 1, f"stages sum up to {means}, not {total}")
    totals = sorted(r.app_rx - r.intended for r in rows)
    for group in (fall["typical"], fall["tail"]):
        whole = sum(group["stage_ns"])
        check(group["from_ns"] - 1 <= whole <= group["to_ns"] + 1, f"{whole} is none of {group}")
    count, more = fall["tail"]["packets"], {}
    check_equal(count, len(totals) // 100, "packets in the tail")
    check_equal((fall["tail"]["from_ns"], fall["tail"]["to_ns"]), (totals[-count], totals[-1]), "the tail")
    for name, typical, tail in zip(fall["stages"], fall["typical"]["stage_ns"], fall["tail"]["stage_ns"]):
        more[name] = tail - typical
    check_equal(fall["cause"], max(more, key=more.get), "cause")
    share = more[fall["cause"]] / sum(v for v in more.values() if v > 0)
    check(abs(fall["cause_share"] - share) < 1e-6, f"cause_share {fall['cause_share']}, not {share}")
    # In words: both ends of that stage.
    words = {"intended": "intended", "app_tx": "send call", "sched": "queue", "driver_tx": "driver",
             "kernel_rx": "kernel", "app_rx": "program"}
    for end in fall["cause"].split("_to_"):
        check(words[end] in fall["sentence"], f"{fall['cause']}: {fall['sentence']}")


def blames(fall, stage, machine_ns):
    """True if it is that stage. False if the machine itself held the sender or the receiver up for longer than that."""
    at = fall["stages"].index(stage)
    if fall["cause"] == stage:
        return True
    others = max(ns for n, ns in enumerate(fall["tail"]["stage_ns"]) if n != at)
    check(others > machine_ns, f"cause {fall['cause']}: {fall}")
    return False


def until_calm(attempt):
    """What a stall of the whole machine can spoil is done again: the packets say whether there was one."""
    if not any(attempt(n) for n in range(4)):
        raise Skip("this machine was held up for longer than the packets, four times")


@case("--waterfall names the way between the interfaces")
def waterfall_wire(folder):
    """2 % come 100 ms late. The last ones only come when the relay ends."""

    def attempt(n):
        inner = os.path.join(folder, str(n))
        os.mkdir(inner)
        options = ["--rate", "2kpps", "--count", 2500, "--waterfall", "--window", "300ms"]
        relay_options = ["--hold", "500us", "--swap", "1/50", "--extent", 200]
        document, rows, _, harms, passages = through(inner, between, options, relay_options)
        each = document["runs"][0]
        cut_short = {h.seq for h in harms if h.behind < 200}
        check_equal({r.seq for r in rows if r.flags & lab.LOST}, cut_short, "which did not come")
        check_passages([r for r in rows if r.seq not in cut_short], passages)
        check_stages(each, rows)
        fall = each["waterfall"]
        at = fall["stages"].index("driver_tx_to_kernel_rx")
        check(fall["typical"]["stage_ns"][at] >= 500 * US, f"typical {fall['typical']}")
        return blames(fall, "driver_tx_to_kernel_rx", 50 * MS)

    with Between() as between:
        until_calm(attempt)


@case("--waterfall names the queue")
def waterfall_queue(folder):
    """A queueing discipline that lets 2 Mbit/s pass: the end of a burst waits there for 50 ms."""
    done = run("tc", "qdisc", "add", "dev", "ws0", "root", "tbf", "rate", "2mbit", "burst", "1600", "limit", "1mb",
               status=None)
    if done.returncode != 0:
        raise Skip(f"no tbf here: {done.stderr.strip()}")

    def attempt(n):
        inner = os.path.join(folder, str(n))
        os.mkdir(inner)
        options = ["--rate", "2kpps", "--pattern", "burst:200", "--count", 1000, "--waterfall"]
        document, (rows,) = kept(inner, *two_cpus(), *options)
        each = document["runs"][0]
        check_equal(each["matched"], 1000, "matched")
        check_stages(each, rows)
        return blames(each["waterfall"], "sched_to_driver_tx", 10 * MS)

    until_calm(attempt)


# --- A sender that was held up ---


@case("a sender that was stopped hides no delay")
def omission(folder):
    """Held up for 100 ms: packets wait for it from their intended time on, though each is fast once sent."""
    target = os.path.join(folder, "kept")
    latency = Latency(*two_cpus(), "--rate", "4kpps", "--count", 6000, "--packets", "--waterfall", "--out", target)
    latency.wait_for(2000)
    stopped, resumed = lab.stop_for(latency, 0.1)
    document = latency.end()
    (rows,) = lab.check_kept(target, document)
    each = document["runs"][0]
    check_equal(each["matched"], 6000, "matched")
    held = [r for r in rows if stopped < r.intended < resumed]
    check(350 <= len(held) <= 6000, f"{len(held)} packets were due while it was stopped")
    for row in held:
        check(row.app_tx >= resumed, f"sent while it was stopped: {row}")
    offset = statistics.median(r.sched - r.app_tx if r.sched != lab.UNKNOWN else r.driver_tx - r.app_tx for r in rows)
    intended = sorted(r.kernel_rx - offset - r.intended for r in rows)
    sample, whole = each["latency_ns"], each["latency_intended_ns"]
    check_equal(whole["count"], 6000, "latency_intended_ns.count")
    least = resumed - held[0].intended
    check(least >= 99 * MS, f"stopped for {least} ns")
    # The offset is that of a median packet: good to the time that it took.
    for name, share in (("p90", 0.9), ("p99", 0.99)):
        exact = lab.percentile(intended, share)
        check(abs(whole[name] - exact) <= exact / 1000 + 100 * US, f"{name} {whole[name]}, not {exact}")
    check(whole["max"] >= least - 100 * US, f"max {whole['max']}, though one waited for {least}")
    # 400 of 6000 waited for up to 100 ms: the slowest hundredth at least 80 ms.
    check(whole["p99"] >= 80 * MS, f"p99 from the intended time is {whole['p99']}")
    check(sample["p99"] < whole["p99"] / 4, f"p99 {sample['p99']} and from the intended time {whole['p99']}")
    check(each["stages_ns"]["intended_to_app"]["max"] >= least, "the pause is not in intended_to_app")
    check_stages(each, rows)
    # The whole program stood still, its receiver too.
    check(each["waterfall"]["cause"] in ("intended_to_app_tx", "kernel_rx_to_app_rx"), f"{each['waterfall']}")
    check(each["late"] >= len(held) - 1, f"{each['late']} were late, {len(held)} were held up")


if __name__ == "__main__":
    cases.main()
