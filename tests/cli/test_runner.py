#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The test runner itself: what does not pass must not count as passed."""

import contextlib
import io
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import run  # noqa: E402
from tap import Tap, check, check_equal  # noqa: E402

# Shell script, protocol, (passed, failed, skipped), what the output has to say.
TABLE = [
    ("passes", "echo 1..2; echo ok 1 - a; echo ok 2 - b", "tap", (2, 0, 0), ""),
    ("plan at the end", "echo ok 1 - a; echo 1..1", "tap", (1, 0, 0), ""),
    ("two groups", "echo 1..1; echo ok 1; echo 1..1; echo ok 1", "tap", (2, 0, 0), ""),
    ("fails", "echo 1..2; echo ok 1 - a; echo not ok 2 - bad; exit 1", "tap", (1, 1, 0), "bad"),
    ("fails, but ends well", "echo 1..1; echo not ok 1 - bad", "tap", (0, 1, 0), "bad"),
    ("group's summary", "echo 1..1; echo not ok 1 - b; echo not ok - g; exit 1", "tap", (0, 1, 0), "b"),
    ("group's teardown fails", "echo 1..1; echo ok 1 - b; echo not ok - g; exit 1", "tap", (1, 1, 0), ""),
    ("skips", "echo 1..1; echo 'ok 1 - a # SKIP no clock'", "tap", (0, 0, 1), "a: no clock"),
    ("skips as cmocka", "echo 1..1; echo no veth; echo 'not ok 1 # SKIP a'", "tap", (0, 0, 1), "no veth"),
    ("skips all", "echo '1..0 # SKIP no lab'", "tap", (0, 0, 1), "no lab"),
    ("no plan", "echo ok 1 - a", "tap", (1, 1, 0), "no plan"),
    ("no output", "true", "tap", (0, 1, 0), "no plan"),
    ("too few", "echo 1..3; echo ok 1 - a", "tap", (1, 1, 0), "3 tests planned, 1 seen"),
    ("too many", "echo 1..1; echo ok 1; echo ok 2", "tap", (2, 1, 0), "1 tests planned, 2 seen"),
    ("bails out", "echo 1..1; echo ok 1; echo 'Bail out! why'; exit 0", "tap", (1, 1, 0), "why"),
    ("exit status", "echo 1..1; echo ok 1; exit 3", "tap", (1, 1, 0), "exit status 3"),
    ("crashes", "echo 1..1; echo ok 1; kill -SEGV $$", "tap", (1, 1, 0), "SIGSEGV"),
    ("hangs", "echo 1..1; echo ok 1; sleep 60", "tap", (1, 1, 0), "did not end in time"),
    ("leaves a child", "echo 1..1; echo ok 1; sleep 60 &", "tap", (1, 0, 0), ""),
    ("says on stderr", "echo 1..1; echo see >&2; echo not ok 1; exit 1", "tap", (0, 1, 0), "| see"),
    ("no TAP, passes", "true", "exitcode", (1, 0, 0), ""),
    ("no TAP, fails", "exit 1", "exitcode", (0, 1, 0), "exit status 1"),
]


def judged(script, protocol, wanted, words):
    test = {"name": "t", "env": {}, "protocol": protocol, "timeout": 1, "workdir": None}
    # Only the one that hangs has to be waited for.
    slower = 1 if "sleep 60" in script and "&" not in script else 30
    count, said = run.run_test(test, ["sh", "-c", script], "", slower, None)
    got = (count.passed, count.failed, count.skipped)
    check_equal(got, wanted, f"passed, failed, skipped\n{said}")
    check(words in said, f"no {words!r} in {said!r}")
    check_equal("FAILED" in said, got[1] > 0, "says FAILED")
    check_equal(bool(count.failures), got[1] > 0, "keeps what failed")
    check_equal("SKIPPED" in said, got[2] > 0, "says SKIPPED")


def once_more():
    """What failed is said again at the end, with what the test said before it."""
    test = {"name": "t", "env": {}, "protocol": "tap", "timeout": 9, "workdir": None}
    script = "echo ok 1 - a; echo '# because'; echo not ok 2 - b; echo ok 3 - c; echo 1..3"
    said = io.StringIO()
    count, _ = run.run_test(test, ["sh", "-c", script], "", 1, None)
    with contextlib.redirect_stdout(said):
        count.print_failures()
    check_equal(said.getvalue(), "FAILED  t: # because\nFAILED  t: not ok 2 - b\n", "the end")


def absent():
    test = {"name": "t", "env": {}, "protocol": "tap", "timeout": 9, "workdir": None}
    count, _ = run.run_test(test, ["/nonexistent/program"], "", 1, None)
    check(count.failed > 0 and count.passed == 0, f"counted as {count}")


def main():
    tap = Tap()
    for name, script, protocol, wanted, words in TABLE:
        tap.case(name, judged, script, protocol, wanted, words)
    tap.case("what failed, once more", once_more)
    tap.case("a program that is not there", absent)
    tap.end()


if __name__ == "__main__":
    main()
