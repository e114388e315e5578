#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The virtual laboratory: boots a Debian kernel under an emulator with cards that stamp, and tests in it.

    tests/vm/run_vm.py [--kernel 6.12|6.1] [--only TEXT] [--build DIR] [--limit SECONDS] [--runs N] [--guests N]
        [--refresh]
    tests/vm/run_vm.py --shell [<SCRIPT]         a shell in the guest

What is missing is fetched, as any user, into a cache (WIRESTAMP_VM_CACHE, or wirestamp-vm in the user's cache);
nothing is installed. The guest sees the host's files, read-only. The last line is the sum over all tests; the exit
status is 0 only if none failed.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

HERE = os.path.dirname(os.path.realpath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(SOURCE, "tests"), HERE]
sys.dont_write_bytecode = True

import build  # noqa: E402 (the path has to be set first)
import initramfs  # noqa: E402
import machine  # noqa: E402
import packages  # noqa: E402
import run  # noqa: E402

# Seconds for one file of tests, unless it says `LIMIT = N` at the start of a line.
TEST_LIMIT = 120
TOTAL_LIMIT = 540
# Seconds more for each of --runs.
RUN_LIMIT = 10
# Much of a test is waiting, and most of the rest one thread of an emulated program.
GUESTS = 2
GREETING = """\
The virtual laboratory: exit ends it. Interfaces: igb0 and igb1 on one wire, e1000e0 and virtio0 on another.
Files are the host's, read-only and as of the start; /tmp and /run are the guest's own.
  wirestamp ethtool ip tcpdump hwstamp_ctl phc_ctl ptp4l python3 igb_latch
  modprobe NAME, insmod $WS_VM_MODULES/NAME.ko"""


def say(text):
    print(f"vm: {text}\n", end="", flush=True)


def find_tests(only):
    """The files of guest tests whose name has the text, in order: [{name, path, limit}]."""
    folder = os.path.join(HERE, "guest")
    tests = []
    for file_name in sorted(os.listdir(folder)):
        name = re.fullmatch(r"test_(\w+)\.py", file_name)
        if not name or only not in name[1]:
            continue
        path = os.path.join(folder, file_name)
        with open(path, encoding="utf-8") as file:
            limit = re.search(r"^LIMIT = (\d+)", file.read(), re.M)
        tests.append({"name": name[1], "path": path, "limit": int(limit[1]) if limit else TEST_LIMIT})
    # Whether the machine is what it should be comes first: the others rest on it.
    tests.sort(key=lambda test: test["name"] != "boot")
    return tests


def deal(tests, guests):
    """The tests as so many lists that take about as long, by their limits; each in the order in which they were."""
    hands = [[] for _ in range(max(1, min(guests, len(tests))))]
    for test in sorted(tests, key=lambda test: -test["limit"]):
        min(hands, key=lambda hand: sum(t["limit"] for t in hand)).append(test)
    return [[test for test in tests if test in hand] for hand in hands]


def guest_programs(setup):
    """Scripts for the guest's PATH: what was unpacked rather than installed, with its libraries."""
    programs = {}
    libraries = packages.library_path(setup.tools)
    for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
        with contextlib.suppress(OSError):
            for name in os.listdir(os.path.join(setup.tools, folder)):
                path = os.path.join(setup.tools, folder, name)
                if not packages.find(name) and not name.startswith("qemu") and os.path.isfile(path):
                    programs[name] = f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {path} "$@"\n'
    kmod = packages.find("kmod") or packages.first_of(setup.tools, "kmod")
    for name in ("modprobe", "modinfo", "insmod", "rmmod", "lsmod", "depmod"):
        where = {"modprobe": f'-d "{setup.kernel_tree}" -S {setup.kernel}', "modinfo": f'-b "{setup.kernel_tree}"'}
        # One program, which looks at the name that it was called by.
        programs[name] = (
            "#!/bin/bash\n"
            f'export LD_LIBRARY_PATH="{libraries}"\n'
            f'exec -a {name} "{kmod}" {where.get(name, "")} "$@"\n'
        )
    return programs


class Run:
    """One test file's lines, while they come."""

    def __init__(self, name):
        self.name = name
        self.out, self.err = [], []

    def line(self, kind, line):
        (self.out if kind == "out" else self.err).append(line)
        # What a test measured, not only found right, is for whoever reads this.
        if kind == "out" and (run.RESULT.match(line) or line.startswith("#: ")):
            print(f"          {self.name}: {line}\n", end="", flush=True)

    def finish(self, status, seconds, console, why=None):
        """why: what ended the guest with it."""
        verdict = run.judge("tap", 0 if why else status, "\n".join(self.out))
        if why:
            verdict.count.failed += 1
            verdict.wrong.append(why)
        said = {"stdout": self.out, "stderr": self.err, "console": console}
        return report(self.name, verdict, seconds, said)


def report(name, verdict, seconds, said):
    """Prints how a file ended, and what was said if that was badly; returns the count."""
    count = verdict.count
    text = [f"{'FAILED ' if count.failed else 'ok     '} {name}: {count} ({seconds:.1f} s)"]
    text += [f"SKIPPED {name}: {reason}" for reason in verdict.skips]
    if count.failed:
        text += [f"        {wrong}" for wrong in verdict.wrong]
        for title, lines in said.items():
            if lines:
                text += [f"        -- {title}:", *(f"        | {line}" for line in lines)]
        count.failures = [f"{name}: {wrong}" for wrong in verdict.wrong]
    # In one piece: another guest's tests say something, too.
    print("\n".join(text) + "\n", end="", flush=True)
    return count


def failed(name, why, title="", lines=()):
    verdict = run.Verdict()
    verdict.count.failed = 1
    verdict.wrong.append(why)
    return report(name, verdict, 0, {title: list(lines)})


class Session:
    """Tests in one guest after another, until all have run or no more can."""

    # Boots of a guest whose emulator fell over: that says nothing about what is tested.
    MOST_BOOTS = 3
    # Seconds. A guest that boots at all takes 15 to 90, by how busy the host is; now and then one loses a timer and hangs.
    BOOT_LIMIT = 150

    def __init__(self, tests, limit, boot):
        """boot(tests) starts a guest that runs them, for a `with`, as machine.Machine is."""
        self.remaining = list(tests)
        self.deadline = time.monotonic() + limit
        self.limit = limit
        self.boot = boot
        self.total = run.Count()

    def stop(self):
        self.deadline = 0

    def run(self):
        for number in range(1, self.MOST_BOOTS + 1):
            why, current, console, crashed = self.run_guest()
            if not self.remaining:
                break
            if crashed and number < self.MOST_BOOTS:
                say(f"the emulator fell over, and is started again: {crashed}")
                continue
            self.give_up(why, current, console)
            break
        return self.total

    def run_guest(self):
        """(why it ended too early, the test that ran, the console, what the emulator said if that fell over)."""
        started = time.monotonic()
        boot_by = started + self.BOOT_LIMIT
        current = None
        why = "the guest did not boot"
        with self.boot(self.remaining) as guest:
            for event in guest.events(lambda: min(self.deadline, boot_by)):
                if event is None and boot_by <= time.monotonic() < self.deadline:
                    return why, current, guest.console(), f"no boot within {self.BOOT_LIMIT} s"
                if event is None:
                    why = f"the limit of {self.limit} s for all is reached"
                    break
                kind = event["event"]
                if kind == "ready":
                    say(f"booted {event['kernel']} in {time.monotonic() - started:.1f} s")
                    why = "the guest ended before its tests did"
                    boot_by = float("inf")
                elif kind == "begin":
                    current = Run(event["test"])
                elif kind in ("out", "err") and current:
                    current.line(kind, event["line"])
                elif kind == "end" and current:
                    self.total.add(current.finish(event["status"], event["seconds"], guest.console()))
                    self.remaining = [test for test in self.remaining if test["name"] != current.name]
                    current = None
            return why, current, guest.console(), guest.crashed()

    def give_up(self, why, current, console):
        if current:
            self.total.add(current.finish(None, 0, console, why))
            console = []
        for test in self.remaining:
            if not current or test["name"] != current.name:
                self.total.add(failed(test["name"], f"not run: {why}", "console", console))
                console = []


def run_side_by_side(sessions):
    """Each in a thread of its own. Returns the sum."""
    total = run.Count()
    with concurrent.futures.ThreadPoolExecutor(len(sessions)) as pool:
        running = [pool.submit(session.run) for session in sessions]
        try:
            for one in running:
                total.add(one.result())
        except BaseException:
            for session in sessions:
                session.stop()
            raise
    return total


def run_shell(setup, folder, image):
    """Returns the exit status of the guest's shell."""
    terminal = sys.stdin.isatty()
    before = termios.tcgetattr(sys.stdin) if terminal else None
    if terminal:
        # The guest's shell gets the Ctrl-C.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    where = sys.stdin if terminal else subprocess.DEVNULL
    try:
        with machine.Machine(setup, folder, image, interactive=True, input=where) as guest:
            for event in guest.events(lambda: float("inf")):
                if event["event"] == "done":
                    return event["status"]
            why = guest.crashed()
    finally:
        if terminal:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
    print(f"vm: the guest ended before its shell did{': ' * bool(why)}{why}", file=sys.stderr)
    return 1


def prepare(options):
    """(Setup, function that writes the initramfs for tests into a directory and returns its path, count of failures)."""
    started = time.monotonic()
    total = run.Count()
    setup = packages.set_up(options.kernel, say, options.refresh)
    fetched = time.monotonic()
    with packages.locked(setup.cache, say):
        build_directory = build.program(SOURCE, options.build or None, setup.cache)
    helpers = build.helpers(os.path.join(HERE, "tools"), setup.cache)
    modules = None
    try:
        modules = build.modules(os.path.join(HERE, "modules"), setup)
    except build.Failed as error:
        total.add(failed("modules", str(error), "output", error.output.splitlines()))
    python = packages.find("python3") or os.path.realpath(sys.executable)
    program = os.path.join(build_directory, "wirestamp")
    env = {
        "WIRESTAMP": program,
        "WS_VM": "1",
        "WS_VM_KERNEL": setup.kernel,
        "WS_VM_SOURCE": SOURCE,
        "WS_VM_BUILD": build_directory,
        "WS_VM_TOOLS": helpers,
        "WS_VM_RUNS": str(options.runs or ""),
        "WS_VM_MODULES": modules or "",
        "PYTHONPATH": os.pathsep.join([HERE, *(os.path.join(SOURCE, "tests", name) for name in ("", "net"))]),
        "TERM": os.environ.get("TERM", "dumb"),
    }
    window = [24, 80]
    with contextlib.suppress(OSError):
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
        window = [rows or 24, columns or 80]
    settings = {
        "env": env,
        "shell": options.shell,
        "window": window,
        "greeting": GREETING,
        # Typed before there is a shell, it would be lost.
        "script": None if not options.shell or sys.stdin.isatty() else sys.stdin.read(),
        "source": SOURCE,
    }
    own = {"wirestamp": program, **{n: os.path.join(helpers, n) for n in os.listdir(helpers)}}
    programs = guest_programs(setup)
    programs.update({name: f'#!/bin/sh\nexec "{path}" "$@"\n' for name, path in own.items()})
    seen = sorted({SOURCE, build_directory, setup.cache})
    agent = os.path.join(HERE, "agent.py")

    def image(folder, tests):
        path = os.path.join(folder, "initramfs")
        text = json.dumps({**settings, "tests": tests})
        with open(path, "wb") as file:
            file.write(initramfs.build(setup, agent, python, seen, text, programs))
        return path

    say(
        f"kernel {setup.kernel}: {fetched - started:.1f} s to find or fetch it,"
        f" {time.monotonic() - fetched:.1f} s to build"
    )
    return setup, image, total


def whole(text):
    """A number of --runs; empty, as from make: none."""
    return int(text) if text else None


def main():
    parser = argparse.ArgumentParser(description="run the tests of the virtual laboratory")
    parser.add_argument("--kernel", default="6.12", metavar="X.Y", help="the kernel's series (default 6.12)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only tests with TEXT in their name")
    parser.add_argument("--build", metavar="DIR", help="the build directory whose program is tested")
    parser.add_argument("--limit", type=int, default=TOTAL_LIMIT, help="seconds for boot and tests")
    parser.add_argument("--runs", type=whole, metavar="N", help="how often tests try what is random (takes longer)")
    parser.add_argument("--guests", type=int, default=GUESTS, help="so many at a time share the tests (default 2)")
    parser.add_argument("--refresh", action="store_true", help="look for newer packages")
    parser.add_argument("--shell", action="store_true", help="a shell instead of the tests")
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    # As an exception, so that the guest ends with us.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    tests = [] if options.shell else find_tests(options.only)
    for test in tests:
        test["limit"] += (options.runs or 0) * RUN_LIMIT
    options.limit += (options.runs or 0) * RUN_LIMIT * len(tests)
    total = run.Count()
    if not tests and not options.shell:
        total.add(failed("vm", f"no test has '{options.only}' in its name"))
        print(total)
        return 1
    folder = tempfile.mkdtemp(prefix="ws-vm-", dir="/tmp")
    try:
        setup, image, total = prepare(options)
        if options.shell:
            return run_shell(setup, folder, image(folder, []))
        sessions = []
        for number, hand in enumerate(deal(tests, options.guests)):
            own = os.path.join(folder, str(number))
            os.mkdir(own)
            sessions.append(
                Session(hand, options.limit, lambda left, own=own: machine.Machine(setup, own, image(own, left)))
            )
        total.add(run_side_by_side(sessions))
    except packages.Missing as error:
        total.add(failed("vm", str(error)))
    except build.Failed as error:
        total.add(failed("vm", str(error), "output", error.output.splitlines()))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    total.print_failures()
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
