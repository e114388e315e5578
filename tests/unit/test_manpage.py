#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The man pages say what the program's own help says: the same commands, options and defaults.

    test_manpage.py WIRESTAMP DOCS
"""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap, check, check_equal  # noqa: E402

# "  -r, --rate LIST           one run a rate"
IN_HELP = re.compile(r" +(?:-(?P<letter>\w), )? *--(?P<name>[\w-]+)(?: (?P<arg>\S+))?(?:  .*)?$")
# "*-r*, *--rate* _LIST_"
IN_PAGE = re.compile(r"(?:\*-(?P<letter>\w)\*, )?\*--(?P<name>[\w-]+)\*(?: _(?P<arg>\S+)_)?$")
COMMAND_IN_HELP = re.compile(r"  (\w+)  +\w")
COMMAND_IN_PAGE = re.compile(r"\*(\w+)\*$")
DEFAULT_IN_HELP = re.compile(r"\(default ([^\s,;:)]+)")
DEFAULT_IN_PAGE = re.compile(r"Default: \*([^*]+)\*\.")


def options(lines, entry, default):
    """For each option its letter, argument and default; a default stands anywhere in its entry."""
    found = {}
    name = None
    for line in lines:
        match = entry.match(line)
        if match:
            name = match["name"]
            check(name not in found, f"--{name} twice")
            found[name] = {"letter": match["letter"], "argument": match["arg"], "default": None}
        elif not line.strip() or line.startswith("#"):
            # Entries of a page are separated by empty lines, those of the help are not.
            name = None
        match = default.search(line)
        if match and name:
            found[name]["default"] = match[1]
    return found


def section(text, title):
    """The lines of one section of a page, its subsections included."""
    match = re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", text, re.M | re.S)
    check(match, f"the page has no section {title}")
    return match[1].splitlines()


def differences(helped, documented):
    """What one of them says and the other does not, as sentences."""
    found = [f"--{name} is in the help only" for name in sorted(helped.keys() - documented.keys())]
    found += [f"--{name} is in the page only" for name in sorted(documented.keys() - helped.keys())]
    for name in sorted(helped.keys() & documented.keys()):
        for what, value in helped[name].items():
            other = documented[name][what]
            if value != other:
                found.append(f"--{name}: {what} {value} in the help, {other} in the page")
    return found


def main():
    program, docs = sys.argv[1:]
    tap = Tap()

    def help_of(*command):
        done = subprocess.run(
            [program, *command, "--help"], capture_output=True, text=True, timeout=30
        )
        check_equal(done.returncode, 0, f"exit status ({done.stderr!r})")
        return done.stdout

    def page_of(name):
        with open(os.path.join(docs, f"{name}.1.scd"), encoding="utf-8") as file:
            return file.read()

    def same_options(command, least):
        helped = options(help_of(command).splitlines(), IN_HELP, DEFAULT_IN_HELP)
        page = section(page_of(f"wirestamp-{command}"), "OPTIONS")
        documented = options(page, IN_PAGE, DEFAULT_IN_PAGE)
        check(len(helped) >= least, f"only {sorted(helped)} were found in the help")
        found = differences(helped, documented)
        check(not found, "\n".join(found))

    def same_commands():
        page = section(page_of("wirestamp"), "COMMANDS")
        helped = {m[1] for m in map(COMMAND_IN_HELP.match, help_of().splitlines()) if m}
        documented = {m[1] for m in map(COMMAND_IN_PAGE.match, page) if m}
        check("latency" in helped, f"only {sorted(helped)} were found in the help")
        check_equal(documented, helped, "commands in the page")
        for name in sorted(helped):
            check(f"*wirestamp-{name}*(1)" in page_of("wirestamp"), f"no reference to {name}'s page")

    def differences_are_found():
        helped = options(
            "  -a, --aa LIST  of (default 1s, at most 60s)\n      --bb       b".splitlines(),
            IN_HELP,
            DEFAULT_IN_HELP,
        )
        wanted = {
            "aa": {"letter": "a", "argument": "LIST", "default": "1s"},
            "bb": {"letter": None, "argument": None, "default": None},
        }
        check_equal(helped, wanted, "options in the help")
        page = "*-a*, *--aa* _LIST_\n\tOf.\n\tDefault: *1s*.\n\n*--bb*\n\tB, not *--cc*."
        for change, expected in (
            (("", ""), []),
            (("*--bb*\n", "*--b*\n"), ["--bb is in the help only", "--b is in the page only"]),
            (("*-a*, ", ""), ["--aa: letter a in the help, None in the page"]),
            (("_LIST_", "_N_"), ["--aa: argument LIST in the help, N in the page"]),
            (("*1s*", "*2s*"), ["--aa: default 1s in the help, 2s in the page"]),
        ):
            documented = options(page.replace(*change).splitlines(), IN_PAGE, DEFAULT_IN_PAGE)
            check_equal(differences(helped, documented), expected, f"after {change}")

    tap.case("the same commands", same_commands)
    tap.case("capture: the same options and defaults", same_options, "capture", 20)
    tap.case("latency: the same options and defaults", same_options, "latency", 30)
    tap.case("load: the same options and defaults", same_options, "load", 35)
    tap.case("probe: the same options and defaults", same_options, "probe", 9)
    tap.case("reflect: the same options and defaults", same_options, "reflect", 12)
    tap.case("report: the same options and defaults", same_options, "report", 6)
    tap.case("lab: the same options and defaults", same_options, "lab", 2)
    tap.case("differences are found", differences_are_found)
    tap.end()


if __name__ == "__main__":
    main()
