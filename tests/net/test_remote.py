#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A far side that is started there: two-way latency in a lab, with a script instead of ssh.

    test_remote.py WIRESTAMP

The script goes to the lab's other network namespace and runs the command that ssh would give to a
shell there. What goes wrong with ssh itself is in unit/test_remote.c.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap, check, check_equal  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
LIMIT = 60
# Its pid stays that of the far side.
SSH = """#!/bin/sh
echo $$ >"$0.pid"
printf '%s\\n' "$@" >"$0.args"
shift
exec nsenter --net="$WIRESTAMP_LAB_NS1" sh -c "exec $*"
"""


class Far:
    """A script that stands for ssh, and what is known of the last that it started."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "ssh")
        with open(self.path, "w", encoding="ascii") as f:
            f.write(SSH)
        os.chmod(self.path, 0o700)

    def pid(self):
        with open(self.path + ".pid", encoding="ascii") as f:
            return int(f.read())

    def args(self):
        with open(self.path + ".args", encoding="utf-8") as f:
            return f.read().splitlines()

    def gone(self):
        """It ends by itself; how soon is not for a test to say."""
        for _ in range(LIMIT * 100):
            try:
                with open(f"/proc/{self.pid()}/stat", encoding="utf-8") as f:
                    if f.read().rpartition(")")[2].split()[0] == "Z":
                        return True
            except (FileNotFoundError, ProcessLookupError):
                return True
            signal.sigtimedwait([], 0.01)
        return False


def begin(far, *more, url="ssh://me@there/ws1", program=PROGRAM, **named):
    command = [PROGRAM, "latency", "--tx", "ws0", "--peer", url, "--ssh", far.path]
    command += ["--remote-program", program, "--json", *more]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        **named,
    )


def end(process, status):
    out, err = process.communicate(timeout=LIMIT)
    check_equal(process.returncode, status, f"status ({err.strip()})")
    return out, err


def whole_run(far):
    out, _ = end(begin(far, "--rate", "2kpps", "--count", "1000", "-q"), 0)
    run = json.loads(out)
    remote = run["remote"]
    check_equal(remote["command"], "reflect", "the far side's document")
    check_equal(remote["argv"][1:], ["reflect", "--attach", "ws1"], "its arguments")
    check_equal(run["peer"]["address"], "ssh://me@there/ws1", "peer")
    check_equal(run["peer"]["ip"], "198.18.0.2", "peer's address")
    check_equal(run["runs"][0]["sent"], 1000, "sent")
    check_equal(run["clock"]["boot_id"], remote["clock"]["boot_id"], "both are of one boot")
    check_equal(far.args()[0], "me@there", "what ssh is told first")
    check_equal(far.args()[1], f"{PROGRAM} reflect ws1 --attach", "and then")
    check_equal(len(far.args()), 2, "arguments of ssh")
    check(far.gone(), "the far side is still there")


def hostile_name(far):
    mark = far.path + ".owned"
    _, err = end(begin(far, url=f"ssh://there/x;touch {mark}"), 1)
    check("no such interface" in err or "x;touch" in err, err)
    check(not os.path.exists(mark), "the name was run as a command")
    check(far.gone(), "the far side is still there")


def not_there(far):
    _, err = end(begin(far, program="/nowhere/wirestamp"), 1)
    check("--remote-program" in err.splitlines()[-1], err)


def refuses(far):
    _, err = end(begin(far, url="ssh://there/wsnone"), 1)
    check("wsnone: no such interface" in err, f"the far side's own words: {err}")
    check("ended with status 1 before it was ready" in err.splitlines()[-1], err)


def stopped(far, signo):
    process = begin_long(far, "--duration", "50s")
    process.send_signal(signo)
    out, _ = end(process, 0)
    run = json.loads(out)
    check_equal(run["remote"]["command"], "reflect", "the far side's document")
    check(far.gone(), "the far side is still there")


def transmitted():
    with open("/proc/net/dev", encoding="ascii") as f:
        return next(int(line.split()[10]) for line in f if line.strip().startswith("ws0:"))


def begin_long(far, *more, **named):
    """Until more packets left than any neighbour discovery makes."""
    before = transmitted()
    process = begin(far, "--rate", "1kpps", *more, **named)
    for _ in range(LIMIT * 100):
        if transmitted() > before + 100:
            return process
        check(process.poll() is None, "it ended early")
        signal.sigtimedwait([], 0.01)
    process.kill()
    raise AssertionError("nothing is sent")


def terminal(far):
    """Ctrl-C goes to all that the terminal has started; the far side is still asked for its result."""
    process = begin_long(far, "--duration", "50s", start_new_session=True)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = end(process, 0)
    check_equal(json.loads(out)["remote"]["command"], "reflect", "the far side's document")
    check(far.gone(), "the far side is still there")


def killed(far):
    process = begin_long(far, "--duration", "50s")
    process.kill()
    process.wait(timeout=LIMIT)
    check(far.gone(), "the far side is still there")
    process.communicate(timeout=LIMIT)


def dies(far):
    process = begin_long(far, "--duration", "3s", "-q")
    os.kill(far.pid(), signal.SIGKILL)
    out, err = end(process, 1)
    run = json.loads(out)
    check_equal(run["remote"], None, "the far side's document")
    check("signal 9" in err, err)
    check(any("far side" in w for w in run["warnings"]), f"warnings: {run['warnings']}")


def inside():
    t = Tap()
    with tempfile.TemporaryDirectory() as directory:
        far = Far(directory)
        t.case("a run, and both ends' results", whole_run, far)
        t.case("an interface's name that is a command", hostile_name, far)
        t.case("no such program there", not_there, far)
        t.case("no such interface there", refuses, far)
        t.case("Ctrl-C", stopped, far, signal.SIGINT)
        t.case("SIGTERM", stopped, far, signal.SIGTERM)
        t.case("Ctrl-C on a terminal", terminal, far)
        t.case("this end is killed", killed, far)
        t.case("the far side dies", dies, far)
    t.end()


if os.environ.get("WIRESTAMP_LAB_NS1"):
    inside()
os.execv(PROGRAM, [PROGRAM, "lab", "--", sys.executable, *sys.argv])
