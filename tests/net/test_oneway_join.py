#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sender and receiver that know nothing of each other, and what `report --join` makes of their records.

    test_oneway_join.py WIRESTAMP [TEXT]    runs the cases whose titles contain TEXT

Latencies are computed once more from the rows of both packets.npy; losses and their like are the relay's.
"""

import json
import os
import shutil
import signal
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import Cases, PROGRAM, run, wait_until  # noqa: E402
from relay_lab import Between, after_harm  # noqa: E402
from run_document import ARRIVED, check_near  # noqa: E402
from tap import check, check_equal  # noqa: E402
from test_twoway import another_machine  # noqa: E402
from twoway_lab import (  # noqa: E402
    DUPLICATED, FAR_IP, FAR_IP6, MATCHED, UNKNOWN, Latency, Reflector, add_ipv6, lost_sequences, one_line, rows_of,
)

cases = Cases(__file__)
case = cases.case


def receiver(folder, *arguments, name="R", **named):
    return Reflector("--receive-only", "--packets", "--out", os.path.join(folder, name), *arguments, **named)


def send(folder, *arguments, name="S", **named):
    words = ["--one-way", "--packets", "--out", os.path.join(folder, name), *arguments]
    if "udp" not in arguments:
        words += ["--tx", "ws0"]
    document = Latency(*words, **named).document()
    check_equal((document["command"], document["mode"], document["rx"]), ("latency", "sender", None), "kind")
    return document


def both(folder, *arguments, far=(), wrap=(), **named):
    """(sender's document, receiver's document); all that was sent is on the wire before the receiver ends."""
    with receiver(folder, *far, wrap=wrap, **named) as there:
        sent = send(folder, *arguments)
        return sent, there.result()


def join(folder, sender="S", receiver="R", status=0, out="J"):
    """The joined document; with another status what it says."""
    words = [os.path.join(folder, name) for name in (sender, receiver)]
    done = run(PROGRAM, "report", "--join", *words, "--out", os.path.join(folder, out), status=status)
    if status:
        return done.stderr
    with open(os.path.join(folder, out, "run.json"), encoding="utf-8") as file:
        document = json.load(file)
    check_equal((document["command"], document["mode"]), ("report", "joined"), "kind")
    return document


def check_accounts(r):
    """What the receiver did not count is null."""
    arrived = sum(r[name] for name in ARRIVED)
    check_equal(r["sent"], arrived + r["lost"], "sent = what its sequences ended in")
    check_equal(r["received"], arrived + r["duplicated"] + r["foreign"], "received")
    check_equal(r["latency_ns"]["count"], r["matched"], "latency_ns.count")
    check_equal(r["balanced"], True, "balanced")


def truth(folder, run_number=0, receiver_run=0):
    """By sequence: (latency, sender's row, receiver's row of the first copy)."""
    sent = {r.seq: r for r in rows_of(os.path.join(folder, "S")) if r.run == run_number}
    found = {}
    for row in rows_of(os.path.join(folder, "R")):
        if row.run == receiver_run and row.seq not in found:
            found[row.seq] = row
    check(set(found) <= set(sent), "more was received than sent")
    return {seq: (row.kernel_rx - sent[seq].driver_tx, sent[seq], row) for seq, row in found.items()}


def check_latencies(r, values):
    """values: every latency, in any order."""
    values = sorted(values)
    got, n = r["latency_ns"], len(values)
    check_equal((got["count"], got["min"], got["max"]), (n, values[0], values[-1]), "count, min and max")
    check_near(got["mean"], sum(values) / n, "mean")
    wanted = list(values)
    for low, high, count in r["histogram_ns"]:
        inside = [v for v in wanted if low <= v < high]
        check_equal(count, len(inside), f"values in [{low}, {high})")
    for name, at in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        if got[name] is not None:
            exact = values[max(0, -int(-n * at // 1) - 1)]
            check(abs(got[name] - exact) <= 1 + exact / 1000, f"{name} is {got[name]}, of the rows {exact}")


@case("latencies are those of both ends' rows, at each rate", [])
@case("latencies are those of both ends' rows, at layer 2", ["--carrier", "l2"])
@case("latencies are those of both ends' rows, in PTP messages at layer 2", ["--carrier", "ptp-l2"])
@case("latencies are those of both ends' rows, in PTP messages over UDP", ["--carrier", "ptp-udp"])
@case("latencies are those of both ends' rows, over IPv6", ["--dst", FAR_IP6])
@case("latencies are those of both ends' rows, over sockets", ["--io", "udp"])
def latencies(folder, arguments):
    udp = "udp" in arguments
    peer = ["--peer", FAR_IP]
    if arguments[-1:] in (["l2"], ["ptp-l2"]):
        peer = ["--peer", "ff:ff:ff:ff:ff:ff"]
    elif FAR_IP6 in arguments:
        add_ipv6()
        peer = ["--peer", FAR_IP6]
        arguments = []
    far = {"far": ["--io", "udp"], "interface": None} if udp else {}
    rate = ["--rate", "1kpps,5kpps", "--count", "500"]
    sent, received = both(folder, *peer, *rate, *arguments, **far)
    check_equal(received["mode"], "receiver", "mode")
    check_equal([e["received"] for e in received["runs"]], [500, 500], "received of each run")
    document = join(folder)
    check_equal([r["requested_pps"] for r in document["runs"]], [1000, 5000], "rates")
    for n, r in enumerate(document["runs"]):
        check_accounts(r)
        values = truth(folder, n, n)
        check_equal((r["sent"], r["matched"], r["lost"]), (500, 500, 0), "sent, matched and lost")
        check_latencies(r, [latency for latency, _, _ in values.values()])
        check_equal(r["latency_ns"]["error_bound"], r["latency_ns"].get("resolution", 1), "bound of one clock")
        check(all(latency > 0 for latency, _, _ in values.values()), "received before it was sent")


@case("what the network did is told exactly: lost, doubled and reordered")
def harmed(folder):
    log = os.path.join(folder, "log")
    harm = ["--probes", "--lose", "1/100", "--duplicate", "1/200", "--swap", "1/50", "--extent", "3", "--seed", "7"]
    with Between() as between, between.relay(*harm, log=log) as relay:
        sent, received = both(folder, "--peer", FAR_IP, "--rate", "5kpps", "--count", "4000")
        relay.end()
        harms = relay.harms()
    order = after_harm(range(4000), harms)
    rows = rows_of(os.path.join(folder, "R"))
    check_equal([r.seq for r in rows], order, "rows of the receiver, in the order of arrival")
    doubled = sorted(h.seq for h in harms if h.what == "duplicated")
    check_equal(sorted(r.seq for r in rows if r.flags & DUPLICATED), doubled, "further copies")
    each = received["runs"][0]
    check_equal((each["received"], each["duplicated"]), (3980, 20), "received and doubled")
    extents = extents_of(order)
    check_equal(each["reordered"], len(extents), "reordered, by the receiver")
    r = join(folder)["runs"][0]
    check_accounts(r)
    check_equal((r["sent"], r["lost"], r["matched"], r["duplicated"]), (4000, 40, 3960, 20), "accounts")
    check(lost_sequences(r) == sorted(h.seq for h in harms if h.what == "lost"), "other sequences are lost")
    check_equal((r["reordering"]["reordered"], r["reordering"]["extent_max"]),
                (len(extents), max(extents)), "reordered, and by how much")
    check_near(r["reordering"]["extent_mean"], sum(extents) / len(extents), "mean extent")
    check_latencies(r, [latency for latency, _, _ in truth(folder).values()])


def extents_of(order):
    """RFC 4737, of first copies: how many came since the first that overtook it."""
    first = list(dict.fromkeys(order))
    extents = []
    for at, seq in enumerate(first):
        before = [n for n in range(max(0, at - 100), at) if first[n] > seq]
        if before:
            extents.append(at - before[0])
    return extents


# --- What may go wrong ---


@case("two machines: the bound is what their kernels know, else nothing, and it is said")
def machines(folder):
    wrap = another_machine(folder)
    sent, received = both(folder, "--peer", FAR_IP, "--count", "200", wrap=wrap)
    check(sent["clock"]["boot_id"] != received["clock"]["boot_id"], "it is one machine")
    document = join(folder)
    r = document["runs"][0]
    check_latencies(r, [latency for latency, _, _ in truth(folder).values()])
    errors = [d["clock"]["max_error_ns"] for d in (sent, received)]
    if None in errors:
        check_equal(r["latency_ns"]["error_bound"], None, "bound of clocks that nobody set")
        check(any("synchronised" in w for w in document["warnings"]), f"warnings {document['warnings']}")
    else:
        check_near(r["latency_ns"]["error_bound"], sum(errors), "bound", 1e-3)


@case("either order of the two; never twice the same, nor strangers")
def mixed(folder):
    both(folder, "--peer", FAR_IP, "--count", "100")
    with receiver(folder, name="R2") as there:
        send(folder, "--peer", FAR_IP, "--count", "100", name="S2")
        there.result()
    a, b = join(folder, out="J1"), join(folder, "R", "S", out="J2")
    check_equal(a["runs"], b["runs"], "runs, in either order")
    check("run id" in one_line(join(folder, "S", "R2", status=1, out="J3")), "does not name the run ids")
    check("receiver" in one_line(join(folder, "S", "S2", status=1, out="J3")), "wants no receiver")
    check("sender" in one_line(join(folder, "R", "R2", status=1, out="J3")), "wants no sender")
    check("exists" in one_line(join(folder, status=1, out="J1")), "overwrites")
    check(not os.path.exists(os.path.join(folder, "J3", "run.json")), "something was kept")


@case("the joined run is one like any other to report")
def reported(folder):
    both(folder, "--peer", FAR_IP, "--rate", "1kpps,2kpps", "--count", "200")
    joined = join(folder)
    kept = os.path.join(folder, "J")
    report = json.loads(run(PROGRAM, "report", "--json", kept).stdout)
    for series, r in zip(report["series"], joined["runs"]):
        for name in ("sent", "lost", "matched", "duplicated"):
            check_equal(series[name], r[name], name)
        check_equal(series["latency_ns"]["p50"], r["latency_ns"]["p50"], "p50")
    check("not distinguishable" in run(PROGRAM, "report", "--compare", kept, kept).stdout.decode(), "a run and itself")
    page = os.path.join(folder, "page.csv")
    run(PROGRAM, "report", kept, "-o", page)
    with open(page, encoding="utf-8") as file:
        check_equal(len(file.read().splitlines()) > 2, True, "lines of the CSV")


@case("packets.npy that ends early: what is there is told, and that it is not all")
def truncated(folder):
    both(folder, "--peer", FAR_IP, "--count", "200")
    whole = os.path.join(folder, "R", "packets.npy")
    shutil.copytree(os.path.join(folder, "R"), os.path.join(folder, "R1"))
    os.truncate(whole, os.path.getsize(whole) - 50 * 80 - 7)
    document = join(folder)
    r = document["runs"][0]
    check_equal(r["matched"], 149, "packets that are there")
    check(any("ends early" in w for w in document["warnings"]), f"warnings {document['warnings']}")
    os.truncate(whole, 0)
    check("packets.npy" in one_line(join(folder, status=1, out="J2")), "names no packets.npy")
    os.unlink(whole)
    check("packets.npy" in one_line(join(folder, status=1, out="J3")), "names no packets.npy")
    # The sender's that ends early.
    path = os.path.join(folder, "S", "packets.npy")
    os.truncate(path, os.path.getsize(path) - 20 * 80)
    r = join(folder, receiver="R1", out="J4")["runs"][0]
    check_equal((r["sent"], r["matched"], r["unstamped_tx"], r["lost"]), (200, 180, 20, 0), "accounts")


@case("a receiver that is killed: what it wrote by then can be joined, if there is a document")
def killed(folder):
    with receiver(folder) as there:
        send(folder, "--peer", FAR_IP, "--count", "200")
        there.send_signal(signal.SIGKILL)
        there.end(None, -signal.SIGKILL)
    one_line(join(folder, status=1))


@case("what is sent to nobody is lost, all of it")
def nobody(folder):
    with receiver(folder) as there:
        there.result()
    sent = send(folder, "--peer", FAR_IP, "--count", "100")
    check_equal(sent["runs"][0]["sent"], 100, "sent")
    r = join(folder)["runs"][0]
    check_equal((r["sent"], r["lost"], r["latency_ns"]["count"]), (100, 100, 0), "sent, lost and matched")


@case("--one-way tells nothing that it does not know, and --csv is the same as the rows")
def sender_alone(folder):
    document = send(folder, "--peer", FAR_IP, "--count", "200", "--csv")
    r = document["runs"][0]
    for name in ("latency_ns", "histogram_ns", "losses", "reordering", "jitter_ns"):
        check_equal(r[name], None, name)
    rows = rows_of(os.path.join(folder, "S"))
    check_equal([row.seq for row in rows], list(range(200)), "sequences")
    check(all(row.kernel_rx == UNKNOWN and not row.flags & MATCHED for row in rows), "received by nobody")
    with open(os.path.join(folder, "S", "packets.csv"), encoding="ascii") as file:
        lines = file.read().splitlines()
    check_equal(lines[0].split(","), [*rows[0]._fields[:3], *(f"{n}_ns" for n in rows[0]._fields[3:])], "columns")
    for line, row in zip(lines[1:], rows):
        # What is unknown is empty.
        check_equal(line.split(","), ["" if v == UNKNOWN else str(v) for v in row], "a line of the CSV")


@case("the interface goes in mid-run: both ends have what there was")
def gone(folder):
    with receiver(folder) as there:
        words = ["--one-way", "--tx", "ws0", "--peer", FAR_IP, "--packets", "--out", os.path.join(folder, "S")]
        latency = Latency(*words, "--rate", "1kpps", "--duration", "1m")
        wait_until(lambda: os.path.getsize(os.path.join(folder, "R", "packets.npy")) > 10_000, "rows")
        run("ip", "link", "del", "ws0")
        sent = latency.document(None, 1)
        check("removed" in sent["runs"][0]["ended_by"], f"ended_by {sent['runs'][0]['ended_by']!r}")
        there.result(None, 1)
    r = join(folder)["runs"][0]
    check(r["matched"] >= 100, f"matched {r['matched']}")
    check_latencies(r, [latency for latency, _, _ in truth(folder).values()])


if __name__ == "__main__":
    cases.main()
