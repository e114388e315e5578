#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The commands of docs/measuring.md: blocks marked sh run as they stand, but for shorter times.

    test_docs_commands.py WIRESTAMP PAGE

Options in all other commands of the page have to be there.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Skip, Tap, check, check_equal  # noqa: E402

PROGRAM, PAGE = (os.path.abspath(path) for path in sys.argv[1:3])
LIMIT = 60
SHORT = "300ms"
# A run that is stopped for a moment has to last until then.
STOPPED = "3s"


def blocks(text):
    """(line, block) of each block that is marked sh."""
    found = []
    for match in re.finditer(r"^```sh\n(.*?)^```$", text, re.M | re.S):
        found.append((text[: match.start()].count("\n") + 2, match.group(1)))
    return found


def shorter(block):
    return re.sub(r"--duration \S+", "--duration " + (STOPPED if "kill" in block else SHORT), block)


def run(block, directory):
    """In a group of its own, so that nothing is left behind."""
    if not shutil.which("gnuplot") and re.search(r"\.(svg|png|pdf|html)\b", block):
        raise Skip("there is no gnuplot")
    child = subprocess.Popen(
        ["sh", "-e", "-u", "-c", shorter(block)], cwd=directory, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "PATH": os.path.join(directory, "bin") + ":" + os.environ["PATH"]},
    )
    try:
        said, _ = child.communicate(timeout=LIMIT)
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    check_equal(child.returncode, 0, f"status of\n{block}\n{said}\n")
    check(said.strip() or ">" in block or " -o " in block, "it says nothing")
    check("Traceback" not in said, said)


def options_of(command):
    done = subprocess.run(
        [PROGRAM, command, "--help"], capture_output=True, text=True, timeout=LIMIT, check=True
    )
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", done.stdout))


def exist(text):
    """Of every command on the page, in a block or not."""
    known, seen = {}, 0
    for match in re.finditer(r"wirestamp ([a-z]+)((?: [^\n`|;&)]*)?)", text):
        command, rest = match.groups()
        if not rest.strip() and command not in ("latency", "report"):
            continue
        if command not in known:
            known[command] = options_of(command)
        for option in re.findall(r"(?:^|\s)(--?[a-z][a-z-]*)", rest):
            check(option in known[command], f"wirestamp {command} has no {option}: {match.group(0)}")
            seen += 1
    check(seen > 20, f"only {seen} options were found on the page")


def main():
    tap = Tap()
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    tap.case("options on the page exist", exist, text)
    lab = subprocess.run(
        [PROGRAM, "lab", "--", "true"], capture_output=True, text=True, timeout=LIMIT
    )
    with tempfile.TemporaryDirectory() as directory:
        os.mkdir(os.path.join(directory, "bin"))
        os.symlink(PROGRAM, os.path.join(directory, "bin", "wirestamp"))
        found = blocks(text)
        tap.case("there are blocks", check, len(found) > 10, f"{len(found)} blocks")
        for line, block in found:
            name = f"line {line}: {block.strip().splitlines()[0]}"
            if lab.returncode:
                tap.case(name, no_lab, lab.stderr.strip())
            else:
                tap.case(name, run, block, directory)
    tap.end()


def no_lab(why):
    raise Skip(f"no lab here: {why}")


main()
