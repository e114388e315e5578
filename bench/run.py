#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a packet costs: each stage alone, the two ways to transmit, and the whole run.

    bench/run.py BUILD_DIR [--json FILE] [--seconds S]

Prints tables; asserts nothing: a figure of a busy machine is only a figure of a busy machine. All traffic
stays in the program's own lab.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile


def run_once(binary, rate, seconds, backend):
    """One measured run: its result, and the CPU time of the process, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(
        [binary, "latency", "--lab", "--rate", rate, "--duration", f"{seconds}s", "--io", backend,
         "--json", "-q"],
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    document = json.loads(out.stdout)
    cpu = {
        "user_s": after.ru_utime - before.ru_utime,
        "system_s": after.ru_stime - before.ru_stime,
    }
    return document["runs"][0], cpu


def whole_runs(binary, seconds, rounds):
    rows = []
    for rate, backend in (("100kpps", "tpacket3"), ("100kpps", "socket"), ("max", "tpacket3"),
                          ("max", "socket")):
        results = []
        for _ in range(rounds):
            run, cpu = run_once(binary, rate, seconds if rate != "max" else min(seconds, 2), backend)
            sent = max(run["sent"], 1)
            results.append({
                "sent": run["sent"],
                "accepted_pps": run["accepted_pps"],
                "lost": run["lost"],
                "dropped_rx": run["dropped_rx"],
                "unstamped": run["unstamped_tx"] + run["unstamped_rx"] + run["unstamped_both"],
                "late": run["late"],
                "user_ns": cpu["user_s"] * 1e9 / sent,
                "system_ns": cpu["system_s"] * 1e9 / sent,
                "balanced": run["balanced"],
            })
        row = {key: statistics.median(r[key] for r in results)
               for key in ("sent", "accepted_pps", "lost", "dropped_rx", "unstamped", "late",
                           "user_ns", "system_ns")}
        row.update(rate=rate, io=backend, rounds=rounds,
                   balanced=all(r["balanced"] for r in results))
        rows.append(row)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    parser.add_argument("--seconds", type=int, default=10, help="length of a run (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind (default 3)")
    args = parser.parse_args()
    binary = os.path.join(args.build, "wirestamp")
    figures = {}

    print("Stages, ns a packet (median of 9 rounds of a million):", flush=True)
    stages = os.path.join(args.build, "bench", "stages")
    subprocess.run([stages], check=True)
    figures["stages"] = json.loads(subprocess.run([stages, "--json"], stdout=subprocess.PIPE,
                                                  check=True).stdout)

    print("\nWays to transmit over the lab's veth pair, flat out:", flush=True)
    subprocess.run([binary, "lab", "--", os.path.join(args.build, "bench", "tx_ways"), "ws0"],
                   check=True)

    print("\nWays to transmit of the backends, flat out:", flush=True)
    subprocess.run([binary, "lab", "--", os.path.join(args.build, "bench", "tx_backends"), "ws0"],
                   check=True)

    print("\nThe backends against a bare sendmmsg loop, flat out:", flush=True)
    subprocess.run([binary, "lab", "--", os.path.join(args.build, "bench", "tx_bare"), "ws0"],
                   check=True)

    print("\nEvery packet's instants to a file, here and in memory:", flush=True)
    for top in (None, "/dev/shm"):
        if top is None or os.access(top, os.W_OK):
            with tempfile.TemporaryDirectory(prefix="wirestamp-bench-", dir=top) as folder:
                print(f"{folder}:", flush=True)
                subprocess.run([os.path.join(args.build, "bench", "packets"), folder], check=True)

    print(f"\nWhole runs over the lab, 64-byte frames, a stamp at both ends of every packet "
          f"(median of {args.rounds}):", flush=True)
    figures["runs"] = whole_runs(binary, args.seconds, args.rounds)
    print(f"{'rate':8} {'io':9} {'sent':>9} {'pps':>9} {'lost':>6} {'dropped':>7} {'unst':>5} "
          f"{'late':>7} {'user ns':>8} {'sys ns':>8}  balanced")
    for r in figures["runs"]:
        print(f"{r['rate']:8} {r['io']:9} {r['sent']:9.0f} {r['accepted_pps']:9.0f} {r['lost']:6.0f} "
              f"{r['dropped_rx']:7.0f} {r['unstamped']:5.0f} {r['late']:7.0f} {r['user_ns']:8.0f} "
              f"{r['system_ns']:8.0f}  {r['balanced']}")
    print("CPU time is that of the process, a packet: it holds the busy wait of the pacer and, because "
          "veth\nhands a packet over in the sender's own context, most of the kernel's way of receiving "
          "it.")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(figures, f, indent=2)
            f.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
