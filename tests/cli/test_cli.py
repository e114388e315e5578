#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command line: a table of (exit status, what stderr says, arguments). Sends nothing; needs no root.

    test_cli.py WIRESTAMP

Status 2: wrong on any machine. Status 1: depends on the machine or the run.
"""

import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Skip, Tap, check, check_equal  # noqa: E402

PAIR = "--tx wsnone0 --rx wsnone1"
NONE = "wsnone0"  # no interface has this name

# {OUT} is a directory that exists.
TABLE = [
    # commands
    (2, r"fly.*: ", "fly"),
    (2, r"latensy.*latency", "latensy"),
    (2, r"--fly", "--fly"),
    (2, r"lab.*: ", "lab"),
    (2, r"lab.*: ", "lab --"),
    (2, r"--fly", "lab --fly true"),
    (2, r"--side.*2", "lab --side 2 true"),
    (2, r"--side", "lab --side"),
    # interfaces
    (2, r"--tx.*--rx|--lab", "latency"),
    (2, r"--rx", "latency --tx lo"),
    (2, r"--tx", "latency --rx lo"),
    (2, r"lo.*same|same.*lo|both ends", "latency --tx lo --rx lo"),
    (1, r"lo: .*loopback.*\(.*--lab\)", "latency --tx lo --rx wsnone1"),
    (2, r"--lab", "latency --lab --tx lo --rx wsnone1"),
    (1, rf"{NONE}.*\(.*\)", f"latency {PAIR}"),
    (1, rf"{NONE}.*\(.*\)", f"latency {PAIR} --yes"),
    (1, r"wsnone0@if5", "latency --tx wsnone0@if5 --rx wsnone1"),
    (1, r"wsnonens", "latency --tx lo@wsnonens --rx wsnone1"),
    # options
    (2, r"--fly", "latency --lab --fly"),
    (2, r"--seed", "latency --lab --seed 1"),
    (2, r"-x", "latency --lab -x"),
    (2, r"eth0", "latency --lab eth0"),
    (2, r"--rate", "latency --lab --rate"),
    (2, r"--tx", "latency --rx lo --tx"),
    (2, r"--out", "latency --lab --out"),
    # rates
    (2, r"--rate.*0pps", "latency --lab --rate 0pps"),
    (2, r"--rate.*0kpps", "latency --lab --rate 10kpps,0kpps"),
    (2, r"--rate.*-5kpps", "latency --lab --rate -5kpps"),
    (2, r"--rate.*-5kpps", "latency --lab --rate=-5kpps"),
    (2, r"10kpsp.*100kpps, 1.5Mpps", "latency --lab --rate 10kpsp"),
    (2, r"1e99pps", "latency --lab --rate 1e99pps"),
    (2, r"--rate", "latency --lab --rate="),
    (2, r"--rate", "latency --lab --rate ,"),
    (2, r"--rate", "latency --lab --rate 1kpps,,2kpps"),
    (2, r"--rate", "latency --lab --rate 1kpps,"),
    (2, r"1000 .*100kpps, 1.5Mpps", "latency --lab --rate 1000"),
    (2, r"--rate", "latency --lab --rate 101%"),
    (2, r"--rate", "latency --lab --rate nan"),
    (2, r"--rate", "latency --lab --rate 1kpps:5kpps:0kpps"),
    (2, r"--rate", "latency --lab --rate 5kpps:1kpps:1kpps"),
    (2, r"--rate", "latency --lab --rate 1kpps:5Mbps:1kpps"),
    # how long
    (2, r"--duration.*--count|--count.*--duration", "latency --lab --duration 1s --count 5"),
    (2, r"--duration.*ms, s", "latency --lab --duration 5"),
    (2, r"--duration.*ms, s", "latency --lab --duration 5sec"),
    (2, r"--duration", "latency --lab --duration 0s"),
    (2, r"--duration", "latency --lab --duration -1s"),
    (2, r"--duration", "latency --lab --duration 1e9s"),
    (2, r"--count", "latency --lab --count 0"),
    (2, r"--count", "latency --lab --count -1"),
    (2, r"--count", "latency --lab --count 1.5"),
    (2, r"--count", "latency --lab --count 99999999999999999999999"),
    (2, r"--count", "latency --lab --count many"),
    (2, r"--window", "latency --lab --window 0s"),
    (2, r"--window.*ms, s", "latency --lab --window 5"),
    # frames; the error names the smallest size that would do
    (2, r"--size.*\b64\b", "latency --lab --size 63"),
    (2, r"--size.*\b64\b", "latency --lab --size 63 --carrier udp"),
    (2, r"--size.*\b64\b", "latency --lab --size 63 --carrier l2"),
    (2, r"--size.*\b64\b", "latency --lab --size 1"),
    (2, r"--size", "latency --lab --size 0"),
    (2, r"--size", "latency --lab --size big"),
    (2, r"--size", "latency --lab --size -64"),
    (2, r"--size", "latency --lab --size 99999999999999999999"),
    (2, r"--carrier.*udp.*l2", "latency --lab --carrier pigeon"),
    (2, r"--io.*auto.*socket", "latency --lab --io magic"),
    (2, r"--stamp.*software.*user", "latency --lab --stamp rubber"),
    (2, r"--cpu", "latency --lab --cpu one"),
    (2, r"--cpu.*two", "latency --lab --cpu 0"),
    (2, r"--cpu", "latency --lab --cpu 3-1"),
    (2, r"--cpu", "latency --lab --cpu="),
]

# The same, where the machine allows a lab. None of these gets as far as sending.
LAB_TABLE = [
    (1, r"--size.*(MTU|1518)|MTU.*1518", "latency --lab --size 1519"),
    (1, r"MTU|1518", "latency --lab --size 9000"),
    (1, r"{OUT}.*exists", "latency --lab --out {OUT}"),
    (1, r"--stamp|hardware", "latency --lab --stamp hardware"),
    (1, r"wsnone0.*ws0", "latency --tx wsnone0 --rx ws1"),
    (1, r"lo: .*loopback.*\(.*--lab\)", "latency --tx ws0 --rx lo"),
]


def main():
    program = sys.argv[1]
    tap = Tap()
    folder = tempfile.TemporaryDirectory(prefix="wirestamp-test-")

    def run(arguments, prefix=()):
        return subprocess.run(
            [*prefix, program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )

    def check_refusal(done, status, pattern, title):
        check_equal(done.returncode, status, f"exit status of {title} ({done.stderr.strip()!r})")
        lines = done.stderr.splitlines()
        check_equal(len(lines), 1, f"lines on stderr of {title} ({done.stderr!r})")
        check(lines[0].startswith("wirestamp: "), f"begins otherwise: {lines[0]!r}")
        check(re.search(pattern, lines[0]), f"{lines[0]!r} has no {pattern!r}")
        check_equal(done.stdout, "", f"stdout of {title}")

    def refused(status, pattern, line, in_lab):
        words = [word.replace("{OUT}", folder.name) for word in line.split()]
        pattern = pattern.replace("{OUT}", re.escape(folder.name))
        inside = [program, "lab", "--"] if in_lab else []
        check_refusal(run(words, inside), status, pattern, line)
        if words[0] == "latency":
            # JSON on stdout changes nothing about errors.
            words.insert(1, "--json")
            check_refusal(run(words, inside), status, pattern, " ".join(words))

    def help_of(arguments, pattern):
        done = run(arguments)
        check_equal(done.returncode, 0, f"exit status ({done.stderr!r})")
        check_equal(done.stderr, "", "stderr")
        check(re.search(pattern, done.stdout, re.S), f"stdout has no {pattern!r}: {done.stdout!r}")
        for line in done.stdout.splitlines():
            check(len(line) <= 100, f"longer than 100 columns: {line!r}")
        return done.stdout

    def lists_options():
        text = help_of(["latency", "--help"], r"latency")
        options = """--lab --tx --rx --rate --duration --count --size --carrier --io --stamp --window
            --cpu --json --out --yes -q --help""".split()
        missing = [o for o in options if not re.search(rf"(?<![\w-]){o}\b", text)]
        check_equal(missing, [], "options that the help does not list")
        for unit in ("kpps", "ms", "64"):
            check(unit in text, f"the help does not name {unit}")

    def no_command():
        done = run([])
        check_equal(done.returncode, 2, "exit status")
        check_equal(done.stdout, "", "stdout")
        check("latency" in done.stderr and "lab" in done.stderr, f"no help: {done.stderr!r}")

    def help_to_a_full_disk():
        if not os.path.exists("/dev/full"):
            raise Skip("no /dev/full here")
        for arguments in (["--help"], ["--version"], ["latency", "--help"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run(
                    [program, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30
                )
            check_equal(done.returncode, 1, f"exit status of {arguments}")
            check_equal(len(done.stderr.splitlines()), 1, f"lines on stderr of {arguments}")

    lab = run(["lab", "--", "true"])

    def refused_in_lab(*row):
        if lab.returncode != 0:
            raise Skip(f"no lab here: {lab.stderr.strip()}")
        refused(*row)

    tap.case("--help", help_of, ["--help"], r"latency.*lab|lab.*latency")
    tap.case("--version", help_of, ["--version"], r"\Awirestamp \d+\.\d+\.\d+\n\Z")
    tap.case("latency --help lists every option", lists_options)
    tap.case("lab --help", help_of, ["lab", "--help"], r"--side")
    tap.case("no command: help on stderr", no_command)
    tap.case("help on a full disk", help_to_a_full_disk)
    for status, pattern, line in TABLE:
        tap.case(f"{status}: {line}", refused, status, pattern, line, False)
    for status, pattern, line in LAB_TABLE:
        tap.case(f"{status}: in a lab: {line}", refused_in_lab, status, pattern, line, True)
    folder.cleanup()
    tap.end()


if __name__ == "__main__":
    main()
