#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Captures side by side: the same numbered frames to a file, by wirestamp and by other tools.

    bench/capture.py BUILD_DIR [--json FILE] [--tools LIST] [--rounds N] [--rate PPS] [--dir DIR] ...

The programs of a round run one after the other in the program's own lab: frames leave by ws0, and the
capturing program stands on the other side, on ws1. All get the same buffer, the whole frame, no
promiscuous mode, and write to the same directory. Measured:

  cpu     ns a packet: user and system time of the capturing process with its threads and children,
          without what it took to start, divided by the packets in its file
  lost    frames that the kernel took from the sender and that are not in the file

Asserts nothing: a figure of a busy machine is only a figure of a busy machine.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
READY_S = 15
DRAIN_S = 30
END_S = 30
SNAPLEN = 262144
FLAT_OUT = 0


class Tool:
    def __init__(self, name, program, command, suffix):
        self.name = name
        self.program = program
        self.make = command
        self.suffix = suffix

    def command(self, path, buffer_mib):
        return self.make(path, buffer_mib)


def tools(binary):
    """Each in its usual way of writing a file, told to do nothing else."""
    snap = str(SNAPLEN)

    def ours(backend):
        return Tool(
            f"wirestamp {backend}", binary,
            lambda path, mib: [binary, "capture", "ws1", "-w", path, "--io", backend, "--buffer",
                               f"{mib}MiB", "--json", "-q"],
            "pcapng")

    return [
        ours("tpacket3"),
        ours("tpacket2"),
        ours("socket"),
        Tool("tcpdump", "tcpdump",
             lambda path, mib: ["tcpdump", "-i", "ws1", "-p", "-n", "-s", snap, "-B",
                                str(mib * 1024), "-Z", "root", "-w", path],
             "pcap"),
        Tool("dumpcap", "dumpcap",
             lambda path, mib: ["dumpcap", "-i", "ws1", "-p", "-q", "-s", snap, "-B", str(mib),
                                "-w", path],
             "pcapng"),
        Tool("netsniff-ng", "netsniff-ng",
             lambda path, mib: ["netsniff-ng", "--in", "ws1", "--out", path, "--silent",
                                "--no-promisc", "--ring-size", f"{mib}MiB"],
             "pcap"),
    ]


def why_not(tool):
    """None if the tool can be run here."""
    if not shutil.which(tool.program, path=PATH):
        return f"{tool.program} is not installed"
    if tool.name.startswith("wirestamp"):
        done = subprocess.run([tool.program, "capture", "--help"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            return f"no such command ({done.stderr.strip()})"
        backend = tool.name.split()[1]
        if backend not in done.stdout:
            return f"no backend {backend}"
    return None


def cpu_ns(pid):
    """CPU time of all threads so far."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total


def listens(pid):
    """Whether the process' namespace has a packet socket that takes packets, and it waits."""
    try:
        with open(f"/proc/{pid}/net/packet", encoding="ascii") as file:
            # sk RefCnt Type Proto Iface R ...
            rows = [line.split() for line in file.readlines()[1:]]
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            state = file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(row[3] != "0000" and row[4] != "0" and row[5] == "1" for row in rows) and state == "S"


def wait_ready(process, path):
    """Until the socket takes packets, the file is there and the process has gone to sleep."""
    deadline = time.monotonic() + READY_S
    quiet = 0
    before = -1
    while quiet < 3:
        if process.poll() is not None:
            raise RuntimeError("ended before the first packet")
        if time.monotonic() > deadline:
            raise RuntimeError(f"takes no packets after {READY_S} s")
        spent = cpu_ns(process.pid)
        if listens(process.pid) and os.path.exists(path) and spent - before < 1_000_000:
            quiet += 1
        else:
            quiet = 0
        before = spent
        time.sleep(0.05)


def wait_drained(process):
    """Until the process does no more than wake up now and then. A state, as no tool tells.

    libpcap's programs leave the last block of the ring to the kernel for up to a second.
    """
    deadline = time.monotonic() + DRAIN_S
    quiet = 0
    before = cpu_ns(process.pid)
    while quiet < 13 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
        spent = cpu_ns(process.pid)
        quiet = quiet + 1 if spent - before < 2_000_000 else 0
        before = spent


def end(process):
    """SIGINT, then what the process has used. wait4 gives it for this one process alone."""
    os.kill(process.pid, signal.SIGINT)
    deadline = time.monotonic() + END_S
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage
        if time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"did not end {END_S} s after SIGINT")
        time.sleep(0.01)


def send(args, size, rate, seconds):
    command = [os.path.join(args.build, "tests", "tools", "numbered"), "ws0", "--size", str(size),
               "--rate", str(rate), "--seconds", str(seconds + 5)]
    if rate:
        command += ["--count", str(rate * seconds)]
    else:
        command[-1] = str(seconds)
    done = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    if done.returncode and not done.stdout:
        raise RuntimeError("the sender failed")
    return json.loads(done.stdout)


def read_file(args, path):
    """What the reader of the tests finds in the file."""
    done = subprocess.run([os.path.join(args.build, "tests", "tools", "missing"), path],
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    if done.returncode not in (0, 1) or not done.stdout:
        raise RuntimeError("the file cannot be read")
    return json.loads(done.stdout)


def last_line(log):
    """What a program said last: most likely why it failed."""
    log.seek(0)
    lines = log.read().split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def ledger(words):
    """What our own program says of its losses."""
    document = json.loads(words)
    return [{key: i.get(key) for key in ("name", "io", "received", "written", "dropped_kernel",
                                         "dropped_writer", "freezes", "balanced")}
            for i in document["interfaces"]]


def run_once(args, tool, size, rate, seconds):
    """One tool, one file: a dictionary of what came of it."""
    path = os.path.join(args.dir, f"capture.{tool.suffix}")
    command = tool.command(path, args.buffer)
    said = tempfile.TemporaryFile()
    # nsenter becomes the program, so its process is the one that is measured.
    process = subprocess.Popen(
        ["nsenter", f"--net={os.environ['WIRESTAMP_LAB_NS1']}", *command],
        stdin=subprocess.DEVNULL, stdout=said, stderr=args.log, cwd=args.dir,
        env={**os.environ, "PATH": PATH})
    try:
        wait_ready(process, path)
        start_ns = cpu_ns(process.pid)
        sender = send(args, size, rate, seconds)
        wait_drained(process)
        if process.returncode is not None:
            raise RuntimeError(f"ended by itself, exit status {process.returncode}")
        usage = end(process)
        bytes_written = os.path.getsize(path)
        found = read_file(args, path)
        said.seek(0)
        words = said.read().decode(errors="replace")
    finally:
        said.close()
        if process.returncode is None:
            process.kill()
            process.wait()
        if os.path.exists(path):
            os.unlink(path)
    if process.returncode:
        raise RuntimeError(f"exit status {process.returncode}")
    packets = found["numbered"] - found["duplicates"]
    total_ns = (usage.ru_utime + usage.ru_stime) * 1e9 - start_ns
    return {
        "sent": sender["sent"],
        "pps": sender["pps"],
        "packets": packets,
        "lost": sender["sent"] - packets,
        "cpu_ns": total_ns / max(packets, 1),
        "system_share": usage.ru_stime / max(usage.ru_utime + usage.ru_stime, 1e-9),
        "switches": usage.ru_nvcsw + usage.ru_nivcsw,
        "bytes": bytes_written,
        "missing": {key: found[key] for key in ("missing", "holes", "holes_told", "dropcount",
                                                "drops_elsewhere", "duplicates")},
        "ledger": ledger(words) if tool.name.startswith("wirestamp") else None,
    }


def spread(values):
    """Median, and the middle half: what a round more or less would not change."""
    values = sorted(values)
    quarter = len(values) // 4
    return {"median": statistics.median(values), "low": values[quarter], "high": values[-1 - quarter]}


def compare(args, chosen, size, rate, rounds):
    """All tools in turn, round by round, in an order that moves on. Returns rows for the table."""
    runs = {tool.name: [] for tool in chosen}
    errors = {}
    for number in range(rounds):
        shift = number % len(chosen)
        for tool in chosen[shift:] + chosen[:shift]:
            if tool.name in errors:
                continue
            try:
                runs[tool.name].append(run_once(args, tool, size, rate, args.seconds))
            except RuntimeError as error:
                errors[tool.name] = f"{error} ({last_line(args.log)})"
                print(f"FAILED  {tool.name}: {errors[tool.name]}", file=sys.stderr, flush=True)
    rows = []
    base = runs.get("tcpdump", [])
    for tool in chosen:
        done = runs[tool.name]
        if tool.name in errors or not done:
            rows.append({"tool": tool.name, "error": errors.get(tool.name, "not run")})
            continue
        row = {"tool": tool.name, "size": size, "rate": rate, "rounds": len(done),
               "cpu_ns": spread([r["cpu_ns"] for r in done]),
               "lost": spread([r["lost"] for r in done]),
               "sent_pps": spread([r["pps"] for r in done]),
               "system_share": statistics.median(r["system_share"] for r in done),
               "runs": done}
        # Ratios within a round: what disturbs the machine for long disturbs both.
        pairs = [r["cpu_ns"] / b["cpu_ns"] for r, b in zip(done, base) if b["cpu_ns"] > 0]
        row["to_tcpdump"] = spread(pairs) if pairs and tool.name != "tcpdump" else None
        rows.append(row)
    return rows


def print_rows(title, rows):
    print(f"\n{title}")
    print(f"{'':20} {'cpu ns a packet':>22} {'to tcpdump':>20} {'system':>7} {'lost':>22} "
          f"{'sent kpps':>10}")
    for row in rows:
        if "error" in row:
            print(f"{row['tool']:20} FAILED: {row['error']}")
            continue
        c, lost, ratio = row["cpu_ns"], row["lost"], row["to_tcpdump"]
        print(f"{row['tool']:20} {c['median']:8.0f} ({c['low']:4.0f} - {c['high']:4.0f}) "
              + (f"{ratio['median']:6.2f} ({ratio['low']:4.2f} - {ratio['high']:4.2f})" if ratio
                 else f"{'1':>20}" if row["tool"] == "tcpdump" else f"{'':20}")
              + f" {row['system_share'] * 100:5.0f} % {lost['median']:9.0f} ({lost['low']:.0f} - "
              f"{lost['high']:.0f}) {row['sent_pps']['median'] / 1000:10.0f}")
    sys.stdout.flush()


def lossless(args, tool, size):
    """The highest rate of the steps at which nothing is lost in three runs in a row."""
    best = 0
    for rate in args.steps:
        for _ in range(3):
            run = run_once(args, tool, size, rate, args.seconds)
            if run["lost"] > 0 or run["pps"] < 0.98 * rate:
                return best, rate, run
        best = rate
    return best, None, None


def search(args, chosen, size):
    rows = []
    print(f"\nHighest rate without a loss, {size}-byte frames (three runs of {args.seconds} s each "
          "step):")
    for tool in chosen:
        try:
            best, failed, run = lossless(args, tool, size)
        except RuntimeError as error:
            print(f"{tool.name:20} FAILED: {error}", flush=True)
            rows.append({"tool": tool.name, "error": str(error)})
            continue
        why = "the last step"
        if failed:
            why = (f"at {failed / 1000:.0f} kpps {run['lost']} of {run['sent']} were lost"
                   if run["lost"] else f"the sender reached {run['pps'] / 1000:.0f} kpps only")
        print(f"{tool.name:20} {best / 1000:8.0f} kpps ({why})", flush=True)
        rows.append({"tool": tool.name, "size": size, "best_pps": best, "failed_at": failed,
                     "failed_run": run})
    return rows


def inside(args):
    figures = {"seconds": args.seconds, "buffer_mib": args.buffer, "dir": args.dir, "commands": {},
               "skipped": {}, "tables": [], "search": []}
    chosen = []
    for tool in tools(os.path.join(args.build, "wirestamp")):
        if args.tools and not any(tool.name.startswith(name) for name in args.tools):
            continue
        why = why_not(tool)
        if why:
            print(f"SKIPPED {tool.name}: {why}", flush=True)
            figures["skipped"][tool.name] = why
            continue
        line = " ".join(tool.command("FILE", args.buffer))
        figures["commands"][tool.name] = line
        print(f"{tool.name:20} {line}", flush=True)
        chosen.append(tool)
    if not chosen:
        print("nothing to measure", flush=True)
        return 1
    for size in args.sizes:
        for rate, rounds in ((args.rate, args.rounds), (FLAT_OUT, args.flat_rounds)):
            if not rounds:
                continue
            rows = compare(args, chosen, size, rate, rounds)
            at = f"{rate / 1000:.0f} kpps" if rate else "flat out"
            print_rows(f"{size}-byte frames, {at}, {args.seconds} s, median of {rounds} rounds in turn "
                       "(and the middle half):", rows)
            figures["tables"].append({"size": size, "rate": rate, "rows": rows})
        if args.search:
            figures["search"] += search(args, chosen, size)
    print("\nFlat out the CPU time of a packet is smaller where packets wait longer and wake nobody: "
          "compare it\nonly between tools that lost about as much.")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
            file.write("\n")
    return 0


def numbers(text):
    return [int(word) for word in text.split(",") if word]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--json", metavar="FILE", help="write all figures there as well")
    parser.add_argument("--tools", metavar="LIST", type=lambda t: t.split(","),
                        help="only these (beginnings of names, with commas)")
    parser.add_argument("--sizes", type=numbers, default=[60, 1514], metavar="LIST",
                        help="frames without FCS (default 60,1514)")
    parser.add_argument("--rate", type=int, default=100000, help="packets a second (default 100000)")
    parser.add_argument("--seconds", type=int, default=2, help="length of a run (default 2)")
    parser.add_argument("--rounds", type=int, default=9, help="at the rate (default 9; 0: none)")
    parser.add_argument("--flat-rounds", type=int, default=3, help="flat out (default 3; 0: none)")
    parser.add_argument("--buffer", type=int, default=64, help="MiB, for each tool (default 64)")
    parser.add_argument("--dir", help="the files go to a new directory there (default: BUILD_DIR)")
    parser.add_argument("--search", action="store_true",
                        help="also look for the highest rate without a loss")
    parser.add_argument("--steps", type=numbers, metavar="LIST",
                        default=list(range(100000, 1000001, 100000)),
                        help="rates of the search (default 100000 to 1000000)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    if args.json:
        args.json = os.path.abspath(args.json)
    if not args.inside:
        # The same arguments once more, within the lab.
        return subprocess.run([os.path.join(args.build, "wirestamp"), "lab", "--", sys.executable,
                               os.path.abspath(__file__), "--inside", *sys.argv[1:]]).returncode
    for name in ("WIRESTAMP_LAB_NS0", "WIRESTAMP_LAB_NS1"):
        if name not in os.environ:
            parser.error(f"{name} is not set: this is no lab")
    # Not /tmp, which may be in memory.
    args.dir = tempfile.mkdtemp(prefix="wirestamp-bench-", dir=args.dir or args.build)
    with open(os.path.join(args.dir, "stderr"), "w+", encoding="utf-8", errors="replace") as args.log:
        try:
            return inside(args)
        finally:
            shutil.rmtree(args.dir, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
