#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Load side by side: what one core can send, and how evenly, by wirestamp and by other tools.

    bench/load.py BUILD_DIR [--json FILE] [--tools LIST] [--parts LIST] [--quick] [--verbose] ...

The senders of a round run one after the other in the program's own lab, out of ws0, on CPU 0. The far
side, ws1, and all else is on CPU 1. Measured, with frames without FCS:

  rate     packets a second, flat out, by the counter of ws1 over a steady interval. Two sinks: the
           stack, up to a UDP port that takes nothing, and an XDP program that drops. The sender's
           share of its core tells of a machine that does other things; "by CPU" is the ratio of
           packets to CPU time instead
  workers  the same for wirestamp with two workers on two cores, against one
  spacing  gaps as the kernel stamps packets on ws1: at a rate that is asked for, how far it is missed,
           how many gaps are within 256 ns and 5 us of the intended one, and the 99th percentile
  replay   the same for a file with random gaps, against the gaps in the file

A ratio is the median of those of pairs that ran one after the other. Asserts nothing: a figure of a busy
machine is only a figure of a busy machine. Ends whatever it started, and nothing else.
"""

import argparse
import json
import os
import platform
import shlex
import shutil
import signal
import statistics
import sys
import tempfile
import time

import load_tools
import spacing
from bench_lab import Failed, Lab, Running, listens

PARTS = ("rate", "workers", "spacing", "replay")
SINKS = {"stack": "the stack", "xdp": "XDP drop"}
RATES = (10000, 50000, 200000)
REPLAY_MEAN_US = 20
END_S = 10
SETTLE_S = 0.2
MOVING = 1000  # packets after which a sender counts as sending


def spread(values):
    """Median, and the middle half: what a round more or less would not change."""
    values = sorted(values)
    quarter = len(values) // 4
    return {"median": statistics.median(values), "low": values[quarter], "high": values[-1 - quarter]}


class Bench:
    """The options, the lab, the tools that are there, and one run of each kind."""

    def __init__(self, args):
        self.args, self.dir = args, args.dir
        self.start, self.used, self.until = time.monotonic(), 0, 0
        self.done = 0  # rounds of the last table
        self.shown = set()
        self.lab = Lab()
        self.files = load_tools.Files(self.dir, self.lab.mac["ws1"], self.lab.mac["ws0"])
        self.skipped = {}
        self.tools = []

    def choose(self):
        for tool in load_tools.all_tools(self.args.build, self.lab.mac["ws1"], self.args.options):
            wanted = self.args.tools
            if wanted and not any(tool.name.startswith(name) for name in wanted):
                continue
            why = tool.why_not()
            if why:
                print(f"SKIPPED {tool.name}: {why}", flush=True)
                self.skipped[tool.name] = why
            else:
                self.tools.append(tool)

    def allot(self, weight, total):
        """Gives the next table its part of the time, and what those before it did not need."""
        self.used += weight
        self.until = self.start + self.args.limit * 60 * self.used / total

    def rounds(self, wanted):
        """Numbers of rounds: all, or as many as there is time for, but one."""
        for number in range(wanted):
            if number and time.monotonic() > self.until:
                print(f"\nTime is up after {number} of {wanted} rounds:", end="", flush=True)
                return
            self.done = number + 1
            yield number

    def tell(self, command, stdin):
        """Shows each command once, as it could be typed within the lab."""
        line = shlex.join(command) + (f" <{stdin}" if stdin else "")
        if line in self.shown:
            return
        self.shown.add(line)
        if self.args.verbose:
            print(f"+ {line}", file=sys.stderr, flush=True)

    def listen(self, tool):
        """The server that the tool needs; else something that does nothing."""
        command = tool.server()
        if not command:
            return None
        server = Running(self, [*self.lab.far, *command], "1")
        try:
            server.wait_for(lambda: "listening" in server.text(server.said), "does not listen")
        except Failed:
            server.__exit__()
            raise
        return server

    def sink(self, kind):
        """Attaches the XDP program, if that is what is asked for."""
        if kind != "xdp":
            return None
        program = os.path.join(self.args.build, "bench", "xdp_drop")
        drop = Running(self, [*self.lab.far, program, "ws1", self.args.xdp], "1")
        try:
            drop.wait_for(lambda: "ready" in drop.text(drop.said), "is not ready")
        except Failed:
            drop.__exit__()
            raise
        return drop

    def send(self, tool, command, length, measure, cpus=None):
        """Runs a sender while measure() looks on. Returns what that returns, and what was printed."""
        server = self.listen(tool)
        try:
            before, _ = self.lab.received()
            with Running(self, command, cpus or tool.cpus, tool.stdin(self.files, length)) as sender:
                sender.wait_for(lambda: self.lab.received()[0] - before >= MOVING, "sends nothing")
                result = measure(sender)
                # Some tools have a status of their own for being interrupted: it says nothing.
                return result, sender.end()
        finally:
            if server:
                server.__exit__()

    def rate(self, tool, command, length, cpus=None):
        """Packets a second on ws1, and the sender's share of a core."""

        def measure(sender):
            time.sleep(SETTLE_S)
            cpu = sender.cpu_ns()
            count, start = self.lab.received()
            time.sleep(self.args.seconds)
            if not sender.alive():
                raise Failed(sender.why())
            more, end = self.lab.received()
            cpu = sender.cpu_ns() - cpu
            return {"pps": (more - count) * 1e9 / (end - start), "cpu": cpu / (end - start)}

        return self.send(tool, command, length, measure, cpus)

    def captured(self, tool, command, measure):
        """Runs a sender before a capture on ws1. Returns stamps and numbers of the packets."""
        path = os.path.join(self.dir, "capture.pcapng")
        program = os.path.join(self.args.build, "wirestamp")
        capture = [*self.lab.far, program, "capture", "ws1", "-w", path, "-s", "64", "--buffer",
                   "64MiB", "--direction", "in", "--json", "-q", "udp", "and", "dst", "port",
                   str(tool.port)]
        with Running(self, capture, "1") as watcher:
            pid = watcher.process.pid
            watcher.wait_for(lambda: os.path.exists(path) and listens(pid), "takes no packets")
            self.send(tool, command, 60, measure)
            words = watcher.end()
            if not words:
                raise Failed(watcher.why())
        try:
            interface = json.loads(words)["interfaces"][0]
            lost = interface["dropped_kernel"] + interface["dropped_writer"]
            if lost:
                raise Failed(f"the capture lost {lost} packets: gaps are not known")
            return spacing.read_packets(path)
        finally:
            os.unlink(path)


def progress(words):
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


class Table:
    """Runs of several tools, round by round; one that failed is not tried again."""

    def __init__(self, title):
        self.title = title
        self.runs, self.errors = {}, {}

    def run(self, name, job):
        """Returns the figures, or None."""
        if name in self.errors:
            return None
        progress(f"{self.title}: {name}")
        try:
            figures = job()
        except (Failed, spacing.Damage, ValueError, KeyError, OSError) as why:
            self.errors[name] = str(why)
            progress("")
            print(f"FAILED  {self.title}: {name}: {why}", file=sys.stderr, flush=True)
            return None
        self.runs.setdefault(name, []).append(figures)
        progress("")
        return figures


def own_words(words):
    """What wirestamp itself says of the run, to be compared with what was counted."""
    try:
        run = json.loads(words)["runs"][0]
    except (ValueError, KeyError, IndexError):
        return None
    return {key: run.get(key) for key in ("accepted_pps", "wire_pps", "io", "limit")}


def measure_rate(bench, length, sink):
    """Around each run of wirestamp two others, so that each has one right beside it."""
    table = Table(f"{length}-byte frames to {SINKS[sink]}")
    ratios = {}
    tools = [tool for tool in bench.tools if sink in tool.sinks]
    base = next((tool for tool in tools if tool.name == "wirestamp"), None)
    others = [tool for tool in tools if tool is not base]

    def once(tool):
        def job():
            run, words = bench.rate(tool, tool.flat_out(bench.files, length), length)
            return {**run, "own": own_words(words) if tool is base else None}

        return table.run(tool.name, job)

    try:
        holder = bench.sink(sink)
    except Failed as why:
        print(f"SKIPPED {table.title}: {why}", flush=True)
        return {"size": length, "sink": sink, "skipped": str(why)}
    try:
        for number in bench.rounds(bench.args.rounds):
            shift = number % max(len(others), 1)
            turn = others[shift:] + others[:shift]
            pairs = [turn[at : at + 2] for at in range(0, len(turn), 2)] or [[]]
            for pair in pairs:
                # Before and after, in turn.
                order = pair[:1] + [base] + pair[1:] if base else pair
                if number % 2:
                    order.reverse()
                done = {tool.name: once(tool) for tool in order}
                for tool in pair:
                    if base and done[tool.name] and done[base.name]:
                        ratios.setdefault(tool.name, []).append((done[base.name], done[tool.name]))
    finally:
        if holder:
            holder.__exit__()
    rows = []
    for tool in tools:
        runs = table.runs.get(tool.name)
        if tool.name in table.errors or not runs:
            rows.append({"tool": tool.name, "error": table.errors.get(tool.name, "not run")})
            continue
        pairs = ratios.get(tool.name, [])
        by_time = [ours["pps"] / this["pps"] for ours, this in pairs]
        by_cpu = [ours["pps"] / ours["cpu"] * this["cpu"] / this["pps"] for ours, this in pairs
                  if ours["cpu"] and this["cpu"]]
        rows.append({"tool": tool.name, "pps": spread([run["pps"] for run in runs]),
                     "cpu": spread([run["cpu"] for run in runs]),
                     "wirestamp_to_this": spread(by_time) if by_time else None,
                     "by_cpu": spread(by_cpu) if by_cpu else None, "pairs": by_time, "runs": runs})
    print(f"\n{table.title}, medians (and the middle half) of rounds: {bench.done}")
    print(f"{'':18} {'kpps':>26} {'core':>6} {'wirestamp / this':>24} {'by CPU':>7}")
    for row in rows:
        if "error" in row:
            print(f"{row['tool']:18} FAILED: {row['error']}")
            continue
        pps, ratio, by_cpu = row["pps"], row["wirestamp_to_this"], row["by_cpu"]
        print(f"{row['tool']:18} {pps['median'] / 1e3:9.1f} ({pps['low'] / 1e3:6.1f} - "
              f"{pps['high'] / 1e3:6.1f}) {row['cpu']['median'] * 100:4.0f} %"
              + (f" {ratio['median']:9.3f} ({ratio['low']:.3f} - {ratio['high']:.3f})" if ratio else "")
              + (f" {by_cpu['median']:7.3f}" if by_cpu else ""))
    sys.stdout.flush()
    return {"size": length, "sink": sink, "xdp": bench.args.xdp if sink == "xdp" else None,
            "rounds": bench.done, "rows": rows}


def measure_workers(bench, tool, length, sink):
    table = Table(f"two workers against one, {length}-byte frames to {SINKS[sink]}")
    pairs = []

    def once(workers):
        command = tool.flat_out(bench.files, length, workers)
        cpus = ",".join(map(str, range(workers)))
        return table.run(str(workers), lambda: bench.rate(tool, command, length, cpus)[0])

    try:
        holder = bench.sink(sink)
    except Failed as why:
        print(f"SKIPPED {table.title}: {why}", flush=True)
        return {"size": length, "sink": sink, "skipped": str(why)}
    try:
        for number in bench.rounds(bench.args.rounds):
            order = (1, 2) if number % 2 else (2, 1)
            done = {workers: once(workers) for workers in order}
            if done[1] and done[2]:
                pairs.append((done[1], done[2]))
    finally:
        if holder:
            holder.__exit__()
    if not pairs:
        return {"size": length, "sink": sink, "error": table.errors}
    ratios = [two["pps"] / one["pps"] for one, two in pairs]
    # What it would be if each worker had had all of its core.
    by_cpu = [2 * two["pps"] / two["cpu"] * one["cpu"] / one["pps"] for one, two in pairs
              if one["cpu"] and two["cpu"]]
    row = {"ratio": spread(ratios), "by_cpu": spread(by_cpu) if by_cpu else None}
    for name, runs in zip(("one", "two"), zip(*pairs)):
        row[name] = {key: spread([run[key] for run in runs]) for key in ("pps", "cpu")}
    ratio = row["ratio"]
    print(f"\n{table.title}, medians (and the middle half) of rounds: {bench.done}")
    for name in ("one", "two"):
        print(f"{name:18} {row[name]['pps']['median'] / 1e3:9.1f} kpps "
              f"{row[name]['cpu']['median'] * 100:4.0f} % of a core")
    print(f"{'two / one':18} {ratio['median']:9.3f} ({ratio['low']:.3f} - {ratio['high']:.3f})"
          + (f", by CPU {row['by_cpu']['median']:.3f}" if by_cpu else ""), flush=True)
    return {"size": length, "sink": sink, "rounds": bench.done, **row, "pairs": ratios}


def print_gaps(bench, table, tools):
    """Medians over the rounds. Returns rows."""
    rows = []
    print(f"\n{table.title}, medians of rounds: {bench.done}")
    print(f"{'':18} {'pps':>10} {'rate error':>11} {'+-256 ns':>9} {'+-5 us':>8} {'p50 ns':>9} "
          f"{'p99 ns':>9} {'max us':>8}")
    for tool in tools:
        runs = table.runs.get(tool.name)
        if tool.name in table.errors or not runs:
            why = table.errors.get(tool.name, "not run")
            rows.append({"tool": tool.name, "error": why})
            print(f"{tool.name:18} FAILED: {why}")
            continue
        row = {key: spread([run[key] for run in runs])
               for key in runs[0] if all(run[key] is not None for run in runs)}
        rows.append({"tool": tool.name, **row, "runs": runs})
        middle = {key: value["median"] for key, value in row.items()}
        pps = f"{middle['pps']:10.1f}" if "pps" in middle else f"{'':10}"
        print(f"{tool.name:18} {pps} {middle['error'] * 100:9.4f} % {middle['near'] * 100:7.2f} % "
              f"{middle['within'] * 100:6.2f} % {middle['p50_ns']:9.0f} {middle['p99_ns']:9.0f} "
              f"{middle['max_ns'] / 1e3:8.1f}"
              + (f"  {middle['missing']:.0f} missing" if middle.get("missing") else ""))
    sys.stdout.flush()
    return rows


def in_turn(tools, number):
    """The order moves on with the rounds, and turns round."""
    shift = number // 2 % max(len(tools), 1)
    order = tools[shift:] + tools[:shift]
    return order[::-1] if number % 2 else order


def measure_spacing(bench, pps):
    args = bench.args
    table = Table(f"spacing at {pps / 1000:.0f} kpps")

    def window(tool):
        """Seconds that gaps are looked at, and that the sender runs for this."""
        seconds = max(args.spacing_seconds, tool.window_s)
        return seconds, SETTLE_S + seconds + 0.2

    def command(tool):
        # A file is that much longer: nobody knows when the sender begins.
        return tool.paced(bench.files, pps, window(tool)[1] + 1)

    tools = [tool for tool in bench.tools if command(tool)]

    def once(tool):
        seconds, running = window(tool)

        def look(sender):
            time.sleep(running)
            if not sender.alive():
                raise Failed(sender.why())

        stamps, _ = bench.captured(tool, command(tool), look)
        return spacing.judge_rate(stamps, pps, SETTLE_S, seconds)

    for number in bench.rounds(args.spacing_rounds):
        for tool in in_turn(tools, number):
            table.run(tool.name, lambda tool=tool: once(tool))
    return {"pps": pps, "rounds": bench.done, "rows": print_gaps(bench, table, tools)}


def measure_replay(bench):
    args = bench.args
    count = int(args.spacing_seconds * 1e6 / REPLAY_MEAN_US)
    path, times = bench.files.replay(count, REPLAY_MEAN_US)
    table = Table(f"replay of {count} packets, random gaps of {REPLAY_MEAN_US} us on average")
    tools = [tool for tool in bench.tools if tool.replay(path)]

    def once(tool):
        def look(sender):
            if not sender.wait(times[-1] / 1e6 + END_S):
                raise Failed("does not end")
            if sender.status:
                raise Failed(sender.why())

        return spacing.judge_replay(*bench.captured(tool, tool.replay(path), look), times)

    for number in bench.rounds(args.spacing_rounds):
        for tool in in_turn(tools, number):
            table.run(tool.name, lambda tool=tool: once(tool))
    return {"packets": count, "rounds": bench.done, "rows": print_gaps(bench, table, tools)}


def measure(bench):
    args = bench.args
    figures = {"machine": {"kernel": platform.release(), "cpus": os.cpu_count(),
                           "load": os.getloadavg()},
               "seconds": args.seconds, "rounds": args.rounds,
               "spacing_seconds": args.spacing_seconds, "spacing_rounds": args.spacing_rounds,
               "skipped": bench.skipped}
    ours = next((tool for tool in bench.tools if tool.name == "wirestamp"), None)
    # Jobs with what they take, about: 1 is a table of rates.
    jobs = []
    if "rate" in args.parts:
        jobs += [("rate", 1, measure_rate, (length, sink)) for length in args.sizes for sink in SINKS]
    if "workers" in args.parts and ours:
        jobs += [("workers", 0.25, measure_workers, (ours, args.sizes[0], sink)) for sink in SINKS]
    if "spacing" in args.parts:
        jobs += [("spacing", 0.5, measure_spacing, (pps,)) for pps in args.rates]
    if "replay" in args.parts:
        jobs.append(("replay", 0.3, measure_replay, ()))
    for part, weight, job, words in jobs:
        bench.allot(weight, sum(job[1] for job in jobs))
        figures.setdefault(part, []).append(job(bench, *words))
    figures["commands"] = sorted(bench.shown)
    return figures


def numbers(text):
    return [int(word) for word in text.split(",") if word]


def parts(text):
    words = text.split(",")
    if not set(words) <= set(PARTS):
        raise argparse.ArgumentTypeError(f"there are {', '.join(PARTS)}")
    return words


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--json", metavar="FILE", help="write all figures there as well")
    parser.add_argument("--tools", metavar="LIST", type=lambda t: t.split(","),
                        help="only these (beginnings of names, with commas)")
    parser.add_argument("--parts", metavar="LIST", type=parts, default=PARTS,
                        help=f"only these of {','.join(PARTS)}")
    parser.add_argument("--sizes", type=numbers, default=[60, 1514], metavar="LIST",
                        help="frames without FCS, of rate (default 60,1514)")
    parser.add_argument("--rates", type=numbers, default=RATES, metavar="LIST",
                        help="packets a second, of spacing (default 10000,50000,200000)")
    parser.add_argument("--seconds", type=float,
                        help="that a rate is measured (default 0.5; with --quick 0.2)")
    parser.add_argument("--rounds", type=int, help="of rates (default 9; with --quick 3)")
    parser.add_argument("--spacing-seconds", type=float, metavar="S",
                        help="that gaps are looked at (default 1.5; with --quick 0.5)")
    parser.add_argument("--spacing-rounds", type=int, metavar="N",
                        help="of gaps (default 3; with --quick 1)")
    parser.add_argument("--limit", type=float, default=9.5, metavar="MINUTES",
                        help="for all; then there are fewer rounds (default 9.5)")
    parser.add_argument("--quick", action="store_true", help="a look within two minutes")
    parser.add_argument("--xdp", choices=("native", "generic"), default="native",
                        help="where the XDP program drops (default native: in the driver)")
    parser.add_argument("--options", default="", metavar="WORDS",
                        help="further options for `wirestamp load`, in one argument")
    parser.add_argument("--dir", help="files go to a new directory there (default: BUILD_DIR)")
    parser.add_argument("--verbose", action="store_true", help="show every command, once")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    for name, usual, quick in (("seconds", 0.5, 0.2), ("rounds", 9, 3),
                               ("spacing_seconds", 1.5, 0.5), ("spacing_rounds", 3, 1)):
        if getattr(args, name) is None:
            setattr(args, name, quick if args.quick else usual)
        if getattr(args, name) <= 0:
            parser.error(f"--{name.replace('_', '-')}: must be more than 0")
    if not args.sizes or min(args.sizes) < 60 or max(args.sizes) > 1514:
        parser.error("--sizes: 60 to 1514")
    if not args.rates or min(args.rates) < 1000:
        parser.error("--rates: at least 1000")
    if args.seconds + args.spacing_seconds > load_tools.SECONDS_MAX / 2:
        parser.error(f"--seconds: too long, no sender runs for more than {load_tools.SECONDS_MAX} s")
    args.build = os.path.abspath(args.build)
    if args.json:
        args.json = os.path.abspath(args.json)
    return parser, args


def main():
    parser, args = arguments()
    if not args.inside:
        # The same arguments once more, within the lab; signals go to the lab then.
        program = os.path.join(args.build, "wirestamp")
        try:
            os.execv(program, [program, "lab", "--", sys.executable, os.path.abspath(__file__),
                               "--inside", *sys.argv[1:]])
        except OSError as why:
            parser.error(f"{program}: {why.strerror}")
    if "WIRESTAMP_LAB_NS1" not in os.environ:
        parser.error("WIRESTAMP_LAB_NS1 is not set: this is no lab")
    if not {0, 1} <= os.sched_getaffinity(0):
        print("SKIPPED everything: needs CPU 0 for the sender and CPU 1 for the rest", flush=True)
        return 0
    os.sched_setaffinity(0, {1})
    # Ends by the way of an exception: what runs is ended, too. A shell ignores SIGINT for what it runs in
    # the background, and the senders would with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    args.dir = tempfile.mkdtemp(prefix="wirestamp-bench-", dir=args.dir or args.build)
    try:
        bench = Bench(args)
        bench.choose()
        if not bench.tools:
            print("nothing to measure", flush=True)
            return 1
        figures = measure(bench)
    finally:
        shutil.rmtree(args.dir, ignore_errors=True)
    print("\nThe machine must be quiet for this: what else runs on its two cores is in the figures.")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
            file.write("\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
