# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of `wirestamp load` share: loads to run, documents to check, captures of what arrives.

Cases are run beside ws0 in a lab of their own; captures are made at the other side, of what comes in there.
"""

import json
import os
import re
import signal
import subprocess

from capture_lab import LIMIT, PROGRAM, Running, far_side, run, wait_until
from load_judge import Packets
from pcapng_blocks import Damage
from run_document import CAUSES, check_gaps, check_near, is_count
from tap import check, check_equal

FAR = "ws1"
COUNTS = """due attempted sent failed skipped bytes attempted_bytes refused given_up again slots_full
    late stalls pacer_waits calls elapsed_ns cpu_ns send_ns stamp_ns""".split()
# What scripts rely on.
FIELDS = """requested_pps attempted_pps accepted_pps wire_pps requested_bps accepted_bps sent failed late
    elapsed_ns io workers seed schedule_hash gaps_ns limit""".split()
GAPS = "count min mean stddev p1 p50 p99 p99.9 max within".split()


def far_namespace():
    return os.environ["WIRESTAMP_LAB_NS1"]


def one_cpu():
    """Packets of one sender on one CPU stay in order on their way through the pair."""
    return ["--cpu", str(min(os.sched_getaffinity(0)))]


# --- Documents ---


def check_document(document, runs=None):
    check_equal((document["format"], document["command"]), ("wirestamp-run/1", "load"), "kind")
    check(document["argv"][1] == "load", f"argv {document['argv']}")
    check(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", document["started"]), "started")
    check(all(isinstance(w, str) and w for w in document["warnings"]), "warnings")
    check(document["version"] and document["host"]["kernel"], "version and kernel")
    if runs is not None:
        check_equal(len(document["runs"]), runs, "number of runs")
    for each in document["runs"]:
        check_run(each, document)


def check_run(r, document):
    for name in FIELDS:
        check(name in r, f"there is no {name}")
    for name in GAPS:
        check(name in r["gaps_ns"], f"there is no gaps_ns.{name}")
    for name in COUNTS:
        check(is_count(r[name]), f"{name} is {r[name]!r}, no count")
    # Of a run that was not begun there is none; the document has the last one's.
    begun = [each["io"] for each in document["runs"] if each["io"]]
    check_equal(document["io"], begun[-1] if begun else None, "io of the document")
    check(r["io"] in ("socket", "tpacket2", "tpacket3") or not r["io"] and not r["due"], f"io {r['io']!r}")
    check_equal(r["workers"], document["workers"], "workers")
    check_equal(r["attempted"], r["sent"] + r["failed"], "attempted = sent + failed")
    check_equal(r["due"], r["sent"] + r["failed"] + r["skipped"], "due = sent + failed + skipped")
    check_equal(r["failed"], r["refused"] + r["given_up"], "failed = refused + given_up")
    check_equal(r["refusal"] is None, r["refused"] == 0, "refusal is null exactly without refused")
    check_equal(r["balanced"], True, "balanced")
    check_equal(r["ended_by"] is None, r["complete"], "ended_by is null exactly if complete")
    if r["complete"] and r["planned"] is not None:
        check_equal(r["due"], r["planned"], "due of a complete run")
    check(document["late"] == "skip" or not r["skipped"], "skipped without being told to")
    check(r["late"] <= r["sent"], "more late than sent")
    check(r["bytes"] >= 14 * r["sent"], "fewer bytes than headers have")
    check(r["attempted_bytes"] >= r["bytes"] + 14 * r["failed"], "fewer bytes attempted than sent")
    check(re.match(r"[0-9a-f]{16}$", r["frames_hash"] or "0" * 16), f"frames_hash {r['frames_hash']!r}")
    if r["rate"] == "max" and r["pattern"] != "replay":
        check_equal(r["schedule_hash"], None, "schedule_hash of max")
    else:
        check(re.match(r"[0-9a-f]{16}$", r["schedule_hash"]), f"schedule_hash {r['schedule_hash']!r}")
    check_rates(r)
    check_limit(r)
    check_gaps(r)
    check(sum(n for _, _, n in r["gaps_histogram_ns"]) <= r["gaps_ns"]["count"], "gaps in bins")


def check_rates(r):
    seconds = r["elapsed_ns"] / 1e9
    wire_seconds = (r["wire_ns"] or 0) / 1e9
    for name, count, took in (("attempted", r["attempted"], seconds), ("accepted", r["sent"], seconds),
                              ("wire", r["wire"], wire_seconds)):
        if not took or count is None:
            check_equal(r[f"{name}_pps"], None, f"{name}_pps of nothing")
        else:
            check_near(r[f"{name}_pps"] * took, count, f"{name}_pps")
    check(r["wire"] is None or r["wire_ns"] >= r["elapsed_ns"], "wire_ns below elapsed_ns")
    if seconds:
        check_near(r["accepted_bps"] * seconds, 8 * (r["bytes"] + 4 * r["sent"]), "accepted_bps")
    if r["requested_pps"] is None:
        check_equal(r["requested_bps"], None, "requested_bps")
    else:
        check_near(r["requested_bps"], r["requested_pps"] * r["frame_bits"], "requested_bps")


def check_limit(r):
    cause, told = r["limit"]["cause"], r["limit"]
    check(cause in CAUSES, f"limit.cause {cause!r}")
    check_equal((told["why"] is None, told["try"] == []), (cause == "none",) * 2, "why and try")
    if r["planned_pps"] and r["accepted_pps"] is not None:
        share = r["accepted_pps"] / r["planned_pps"]
        if abs(share - 0.999) > 1e-6:
            check_equal(cause == "none", share > 0.999, f"cause none at {share:.4%}")
    else:
        check(cause != "none", "no limit of what has none")


# --- Loads ---


def one_line(text):
    check_equal(len(text.splitlines()), 1, f"lines on stderr ({text!r})")
    check(text.startswith("wirestamp: "), f"begins otherwise: {text!r}")
    return text


def refused(pattern, *arguments, status=1, prefix=()):
    """It ends with one line that has the pattern, and that status."""
    done = run(*prefix, PROGRAM, "load", *arguments, status=status)
    check(re.search(pattern, one_line(done.stderr)), f"{done.stderr!r} has no {pattern!r}")
    check_equal(done.stdout, b"", "stdout")


def load(*arguments, runs=1, status=0, lab=True, said=""):
    """Runs to its end; returns the document, checked, and the run where there is one."""
    done = run(PROGRAM, "load", *(["--lab"] if lab else []), "--json", *map(str, arguments), status=status)
    if said:
        check(re.search(said, one_line(done.stderr)), f"{done.stderr!r} has no {said!r}")
    else:
        check_equal(done.stderr, "", "stderr")
    document = json.loads(done.stdout)
    check_document(document, runs)
    return document, document["runs"][0]


class Load:
    """A load that runs."""

    def __init__(self, *arguments, **named):
        self.before = sent_packets()
        named.setdefault("stdout", subprocess.PIPE)
        self.process = subprocess.Popen(
            [PROGRAM, "load", "--lab", "--json", *arguments],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **named,
        )

    def wait_for(self, packets):
        """Until it has sent so many: a state, not a time."""

        def sent():
            check(self.process.poll() is None, "it ended too early")
            return sent_packets() - self.before >= packets

        wait_until(sent, f"{packets} packets")

    def signal(self, number):
        self.process.send_signal(number)

    def end(self, status=0):
        """Its document, checked, and what it said."""
        try:
            out, err = self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        check_equal(self.process.returncode, status, f"exit status ({err!r})")
        document = json.loads(out)
        check_document(document)
        return document, err.decode()


def counter(table, interface, column):
    """Of /proc/net/dev: 1 packets received, 9 packets sent, 11 of these dropped. 0 without interface."""
    for line in table.splitlines():
        name, colon, counters = line.partition(":")
        if colon and name.strip() == interface:
            return int(counters.split()[column])
    return 0


def our_table():
    with open("/proc/thread-self/net/dev", encoding="ascii") as file:
        return file.read()


def sent_packets():
    return counter(our_table(), "ws0", 9)


def dropped_packets():
    """Frames that the pair had no room for at the other side."""
    return counter(our_table(), "ws0", 11)


def arrived_packets():
    """At the other side."""
    return counter(run(*far_side(), "cat", "/proc/net/dev").stdout.decode(), FAR, 1)


def dry_run(path, *arguments, lab=True):
    """The frames with their intended times, and the two hashes that it tells."""
    words = [*(["--lab"] if lab else []), "--dry-run", path, *map(str, arguments)]
    done = run(PROGRAM, "load", *words)
    said = re.search(r"(\d+) frames .*schedule ([0-9a-f]{16}), frames ([0-9a-f]{16})", done.stderr)
    check(said, f"it says {done.stderr!r}")
    packets = Packets(path)
    check_equal(len(packets), int(said[1]), "frames in the file, and those it tells of")
    return packets, said[2], said[3]


# --- What arrives ---


class Arrivals:
    """A capture of what arrives at the other side."""

    def __init__(self, folder, name="far.pcapng"):
        self.path = os.path.join(folder, name)
        interface = f"{FAR}@{far_namespace()}"
        # Room for all that is sent: the reader may not have the CPU while it comes.
        arguments = ["-w", self.path, "--json", "-Q", "in", "--buffer", "64MiB"]
        self.capture = Running(interface, *arguments)
        self.dropped_before = dropped_packets()

    def look(self, count):
        try:
            packets = Packets(self.path)
        except (Damage, OSError, ValueError):
            return None  # ends within a block, for now
        return packets if len(packets) >= count else None

    def end(self, runs):
        """All that these runs put on the wire, as Packets; what got lost there is counted."""
        wire = sum(r["wire"] for r in runs)
        self.lost = dropped_packets() - self.dropped_before
        attempted = sum(r["attempted"] for r in runs)
        check(wire + self.lost <= attempted, f"{wire} on the wire, {attempted} attempted")
        size = [-1]

        def complete():
            now = os.path.getsize(self.path)
            if now == size[0]:
                return None
            size[0] = now
            return self.look(wire)

        wait_until(complete, f"{wire} packets in the capture")
        self.capture.end(signal.SIGINT)
        counts = self.capture.document()["interfaces"][0]
        check_equal(counts["dropped_kernel"] + counts["dropped_writer"], 0, "lost by the capture")
        packets = Packets(self.path)
        check_equal(len(packets), wire, "packets that arrived, and the interface's own counter")
        return packets


def check_same_frames(packets, probes, dry):
    """Frame n is that of the dry run, whenever it came."""
    for number, sequence in zip(probes.packets, probes.sequences):
        if packets[number] != dry[sequence]:
            got, wanted = bytes(packets[number]).hex(), bytes(dry[sequence]).hex()
            raise AssertionError(f"frame {sequence} is\n{got}, not\n{wanted}")
