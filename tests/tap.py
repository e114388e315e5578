# SPDX-License-Identifier: BSD-2-Clause
"""Test cases as functions, their results as TAP on stdout."""

import sys
import traceback


class Skip(Exception):
    """Raised by a case that cannot be run here; says why."""


class Tap:
    def __init__(self):
        self.number = 0
        self.failed = 0

    def case(self, name, function, *arguments, **named):
        self.number += 1
        name = name.replace("#", "No.")
        try:
            function(*arguments, **named)
        except Skip as why:
            line = f"ok {self.number} - {name} # SKIP {why}"
        except Exception:
            self.failed += 1
            for said in traceback.format_exc().splitlines():
                print(f"# {said}")
            line = f"not ok {self.number} - {name}"
        else:
            line = f"ok {self.number} - {name}"
        print(line, flush=True)

    def end(self):
        """Prints the plan and exits."""
        print(f"1..{self.number}", flush=True)
        sys.exit(1 if self.failed else 0)


def check(condition, what):
    """Unlike assert, is not switched off by anything."""
    if not condition:
        raise AssertionError(what)


def check_equal(got, wanted, what):
    check(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")
