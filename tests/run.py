#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the test programs of meson build directories and counts every single test.

    tests/run.py [--suite NAME]... [--as-user] [--only TEXT] BUILD...

Builds nothing: it reads from each build directory which programs there are. They print TAP on stdout.
One line is printed for a program whose tests all passed, its whole output if any failed, and the reason
of each test that was skipped. A program that crashes, does not end in time, or prints no plan or fewer
tests than planned, counts as failed. The exit status is 0 only if nothing failed.
"""

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
USER = 65534
BECOME_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all"]

PLAN = re.compile(r"1\.\.(\d+)\s*(?:#\s*skip\S*\s*(.*))?$", re.I)
# A result without a number is a group's summary, not a test.
RESULT = re.compile(r"(not )?ok (\d+)\b\s*-?\s*(.*?)\s*(?:#\s*(skip|todo)\S*\s*(.*))?$", re.I)


class Count:
    """Tests by how they ended, and in a few lines what is wrong with those that failed."""

    def __init__(self, passed=0, failed=0, skipped=0, failures=()):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.failures = list(failures)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures

    def print_failures(self):
        """Once more, at the end: whoever has only the end of the output sees why."""
        for line in self.failures:
            print(f"FAILED  {line}")

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Verdict:
    """What the output of one program says: the counts, what is wrong, and what was skipped and why."""

    def __init__(self):
        self.count = Count()
        self.wrong = []
        self.skips = []


def judge_tap(text):
    verdict = Verdict()
    planned = None
    seen = 0
    said = ""
    for line in text.splitlines():
        plan = PLAN.match(line)
        result = RESULT.match(line)
        if plan:
            planned = (planned or 0) + int(plan[1])
            if plan[1] == "0" and plan[2] is not None:
                verdict.count.skipped += 1
                verdict.skips.append(plan[2] or said or "no reason given")
        elif result:
            seen += 1
            name = result[3]
            if (result[4] or "").lower() == "skip":
                verdict.count.skipped += 1
                # cmocka has the name where TAP has the reason, and prints the reason before.
                reason = ": ".join(filter(None, [name, result[5], said]))
                verdict.skips.append(reason or "no reason given")
            elif result[1]:
                verdict.count.failed += 1
                verdict.wrong.append(name)
            else:
                verdict.count.passed += 1
            said = ""
        elif line.startswith("Bail out!"):
            verdict.count.failed += 1
            verdict.wrong.append(line)
        elif line.strip():
            said = line.strip().lstrip("# ")
    if planned is None:
        verdict.count.failed += 1
        verdict.wrong.append("no plan")
    elif planned != seen:
        verdict.count.failed += 1
        verdict.wrong.append(f"{planned} tests planned, {seen} seen")
    return verdict


def failed_lines(text, most=12):
    """The failed tests of a program's output, each with the last lines that it said before."""
    lines = text.splitlines()
    said = []
    for at, line in enumerate(lines):
        result = RESULT.match(line)
        if result and result[1] and not result[4]:
            begin = at
            while begin > max(0, at - most) and not RESULT.match(lines[begin - 1]):
                begin -= 1
            said += [*lines[begin:at], line]
    return said


def judge(protocol, status, text):
    """status is the exit status; negative for a signal, None if the program had to be ended."""
    verdict = judge_tap(text) if protocol == "tap" else Verdict()
    if status is None:
        verdict.count.failed += 1
        verdict.wrong.append("did not end in time")
    elif status < 0:
        verdict.count.failed += 1
        verdict.wrong.append(f"ended by signal {-status} ({signal.Signals(-status).name})")
    elif status > 0 and not verdict.count.failed:
        verdict.count.failed += 1
        verdict.wrong.append(f"exit status {status}")
    elif protocol != "tap":
        verdict.count.passed += 1
    return verdict


def execute(command, env, workdir, timeout):
    """Returns (status as in judge(), stdout, stderr)."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=env,
            cwd=workdir,
            start_new_session=True,
        )
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            # The session is the program's own: whatever it left behind ends with it.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
        return status, texts[0], texts[1]


class Stage:
    """A copy of programs and sources that every user can read, for as long as the `with` lasts."""

    def __init__(self, build):
        self.build = os.path.abspath(build)

    def __enter__(self):
        self.root = tempfile.mkdtemp(prefix="wirestamp-check-")
        os.chmod(self.root, 0o755)
        for name in os.listdir(SOURCE):
            path = os.path.join(SOURCE, name)
            if os.path.isdir(path) and not name.startswith((".", "build")):
                shutil.copytree(path, os.path.join(self.root, name))
        os.mkdir(os.path.join(self.root, "build"))
        # Programs that tests find beside the one that they are given.
        tools = os.path.join(self.build, "tests", "tools")
        for name in os.listdir(tools) if os.path.isdir(tools) else ():
            self.place(os.path.join(tools, name))
        self.open_up()
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.root, ignore_errors=True)

    def open_up(self):
        for folder, _, files in os.walk(self.root):
            os.chmod(folder, 0o755)
            for name in files:
                path = os.path.join(folder, name)
                executable = os.stat(path).st_mode & 0o111
                os.chmod(path, 0o755 if executable else 0o644)

    def place(self, argument):
        """The copy of a file of the build or source tree; anything else as it is."""
        if argument.startswith(self.build + os.sep) and os.path.isfile(argument):
            copy = os.path.join(self.root, "build", os.path.relpath(argument, self.build))
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            if not os.path.exists(copy):
                shutil.copy2(argument, copy)
                self.open_up()
            return copy
        if argument == SOURCE or argument.startswith(SOURCE + os.sep):
            return os.path.join(self.root, os.path.relpath(argument, SOURCE))
        return argument


def python_for_user():
    """An interpreter that the unprivileged user can run, too: root's own may stand in its home."""
    for path in (sys.executable, "/usr/bin/python3"):
        # Through a shell: what setpriv itself executes, it still executes with root's rights.
        command = BECOME_USER + ["sh", "-c", 'exec "$0" -c ""', path]
        done = subprocess.run(command, cwd="/", capture_output=True)
        if done.returncode == 0:
            return path
    return None


def load(build):
    path = os.path.join(build, "meson-info", "intro-tests.json")
    with open(path, encoding="utf-8") as file:
        tests = json.load(file)
    for test in tests:
        # Files are named from the build directory, where meson would run the test.
        test["cmd"] = [absolute(build, argument) for argument in test["cmd"]]
        test["workdir"] = test["workdir"] or build
    return tests


def absolute(build, argument):
    path = os.path.abspath(os.path.join(build, argument))
    return path if os.path.isfile(path) else argument


def suites(test):
    # Meson puts the project's name before the suite's.
    return [name.rpartition(":")[2] for name in test["suite"]]


def run_build(build, wanted=None, as_user=False, label="", only="", slower=1, env=None):
    """Runs the tests of one build directory; prints, and returns the Count."""
    # A shell starts background jobs with it ignored, and what is ignored is inherited.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    total = Count()
    tests = [t for t in load(build) if not wanted or set(suites(t)) & set(wanted)]
    tests = [t for t in tests if only in t["name"]]
    if not tests:
        print(f"FAILED  {label}: {build} has no such tests", flush=True)
        return Count(failed=1)
    if not as_user:
        run_all([(test, test["cmd"], label, slower, env) for test in tests], total)
        return total
    python = python_for_user()
    jobs = []
    with Stage(build) as stage:
        for test in tests:
            command = [stage.place(argument) for argument in test["cmd"]]
            if "python" in os.path.basename(command[0]):
                if python is None:
                    print(f"SKIPPED {label} {test['name']}: no python3 that a user can run")
                    total.skipped += 1
                    continue
                command[0] = python
            jobs.append((test, BECOME_USER + command, label, slower, env, stage.root))
        run_all(jobs, total)
    return total


def run_all(jobs, total):
    """Those of the unit suite, which know neither time nor network, run side by side; then the others."""
    alone = [job for job in jobs if "unit" not in suites(job[0])]
    together = [job for job in jobs if "unit" in suites(job[0])]
    # The long ones first, so that none of them is left over at the end.
    together.sort(key=lambda job: -job[0]["timeout"])
    workers = min(4, os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for count, text in pool.map(lambda job: run_test(*job), together):
            print(text, end="", flush=True)
            total.add(count)
    for job in alone:
        count, text = run_test(*job)
        print(text, end="", flush=True)
        total.add(count)


def run_test(test, command, label, slower, env, workdir=None):
    """Returns the count and what there is to print."""
    environment = {**os.environ, **test["env"], **(env or {})}
    environment["CMOCKA_MESSAGE_OUTPUT"] = "TAP"
    if workdir:
        environment.update(HOME="/nonexistent", TMPDIR="/tmp")
    title = f"{label} {test['name']}".strip()
    limit = test["timeout"] * slower
    started = time.monotonic()
    try:
        status, out, err = execute(command, environment, workdir or test["workdir"], limit)
    except OSError as error:
        status, out, err = 127, "", str(error)
    seconds = time.monotonic() - started
    verdict = judge(test["protocol"], status, out)
    mark = "FAILED " if verdict.count.failed else "ok     "
    said = [f"{mark} {title}: {verdict.count} ({seconds:.1f} s)"]
    said += [f"SKIPPED {title}: {reason}" for reason in verdict.skips]
    if verdict.count.failed:
        said += [f"        {wrong}" for wrong in verdict.wrong]
        for name, text in (("stdout", out), ("stderr", err)):
            if text.strip():
                said.append(f"        -- {name}:")
                said += [f"        | {line}" for line in text.splitlines()]
        lines = failed_lines(out) if test["protocol"] == "tap" else out.splitlines()[-12:]
        lines += [f"stderr: {line}" for line in err.splitlines()[-12:]]
        # A failed test's name stands in its line already.
        wrong = [w for w in verdict.wrong if not any(line.endswith(w) for line in lines)]
        verdict.count.failures = [f"{title}: {line}" for line in wrong + lines] or [title]
    return verdict.count, "".join(f"{line}\n" for line in said)


def main():
    parser = argparse.ArgumentParser(description="run the test programs of meson build directories")
    parser.add_argument("--suite", action="append", help="only this suite (may be repeated)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only tests with TEXT in their name")
    parser.add_argument("--as-user", action="store_true", help="as a user without rights (from root)")
    parser.add_argument("build", nargs="+", help="build directory")
    options = parser.parse_args()
    if options.as_user and os.geteuid() != 0:
        parser.error("--as-user needs root")
    total = Count()
    for build in options.build:
        label = os.path.basename(os.path.normpath(build))
        try:
            total.add(
                run_build(build, options.suite, options.as_user, label, options.only)
            )
        except FileNotFoundError as error:
            parser.error(f"{build} is no configured build directory ({error.filename})")
    total.print_failures()
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
