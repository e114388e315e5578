#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""scripts/setup on systems of every kind, made of a few false commands in a directory that is the PATH."""

import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
from tap import Tap, check, check_equal  # noqa: E402

SETUP = os.path.join(os.path.dirname(TESTS), "scripts", "setup")
REAL = "cat dirname env head mktemp rm sed touch".split()

# What a package brings: commands (empty scripts unless they are in SCRIPTS).
COMMANDS = {
    "gcc": ["gcc"],
    "make": ["make"],
    "pkg-config": ["pkg-config"],
    "meson": ["meson"],
    "ninja-build": ["ninja"],
    "clang": ["clang"],
    "clang-format": ["clang-format"],
    "iproute2": ["ip"],
    "util-linux": ["setpriv", "nsenter"],
    "ethtool": ["ethtool"],
    "python3": ["python3"],
    "binutils": ["nm"],
    "iputils-ping": ["ping"],
    "scdoc": ["scdoc"],
    "tcpdump": ["tcpdump"],
    "tshark": ["tshark"],
    "zstd": ["zstd"],
    "gnuplot-nox": ["gnuplot"],
    "wireshark-common": ["capinfos", "dumpcap"],
    "netsniff-ng": ["netsniff-ng"],
}
BUILD = """
    gcc libc6-dev make pkg-config meson ninja-build libmnl-dev libjansson-dev libpcap-dev libzstd-dev
    """.split()

SCRIPTS = {
    "gcc": 'cat >/dev/null; test -e "$STATE/libc6-dev"',
    "pkg-config": """
        case "$2" in
        libmnl) test -e "$STATE/libmnl-dev" ;;
        jansson*) test -e "$STATE/libjansson-dev" ;;
        libpcap) test -e "$STATE/libpcap-dev" ;;
        libzstd*) test -e "$STATE/libzstd-dev" ;;
        cmocka) test -e "$STATE/libcmocka-dev" ;;
        *) exit 1 ;;
        esac""",
    "clang": """
        case "$1" in
        --version) echo "Debian clang version $CLANG.0.6" ;;
        -print-resource-dir) echo "$STATE" ;;
        esac""",
    "python3": 'test "$*" != "-c import numpy" || test -e "$STATE/python3-numpy"',
    # Knows packages only after an update, as in a fresh container.
    "apt-cache": """
        test -e "$STATE/lists" || exit 100
        case "$1 $2" in
        "depends clang") echo "clang"; echo "  Depends: clang-$CLANG" ;;
        "show libclang-rt-"*) test "$2" = "libclang-rt-$CLANG-dev" ;;
        esac""",
    "apt-get": """
        echo "apt-get $*" >>"$STATE/calls"
        test "$DEBIAN_FRONTEND" = noninteractive || exit 99
        echo "noise"
        if [ -n "$APT_FAILS" ]; then echo "E: $APT_FAILS" >&2; exit 100; fi
        for word do
            case "$word" in
            update) touch "$STATE/lists" ;;
            -* | *::* | install | *=*) ;;
            *) touch "$STATE/$word"; . "$STATE/bring"; bring "$word" ;;
            esac
        done""",
    "sudo": """
        echo "sudo $*" >>"$STATE/calls"
        if [ -n "$SUDO_FAILS" ]; then echo "sudo: $SUDO_FAILS" >&2; exit 1; fi
        exec "$@" """,
    "id": 'echo "$FAKE_UID"',
}


class System:
    """A system with some of apt-get, apt-cache and sudo, on which some packages are installed."""

    def __init__(self, uid=0, tools=("apt-get", "apt-cache"), installed=(), **variables):
        self.root = tempfile.mkdtemp(prefix="wirestamp-test-")
        self.bin = os.path.join(self.root, "bin")
        self.state = os.path.join(self.root, "state")
        self.store = os.path.join(self.root, "store")
        for folder in (self.bin, self.state, self.store):
            os.mkdir(folder)
        for name in REAL:
            os.symlink(shutil.which(name), os.path.join(self.bin, name))
        os.symlink("/bin/sh", os.path.join(self.bin, "sh"))
        os.makedirs(os.path.join(self.state, "lib", "linux"))
        commands = {name for names in COMMANDS.values() for name in names}
        for name in commands | set(SCRIPTS):
            path = os.path.join(self.store, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + SCRIPTS.get(name, "exit 0") + "\n")
            os.chmod(path, 0o755)
        for name in (*tools, "id"):
            os.symlink(os.path.join(self.store, name), os.path.join(self.bin, name))
        # Sourced by the false apt-get: makes a package's commands appear.
        with open(os.path.join(self.state, "bring"), "w", encoding="utf-8") as file:
            file.write("bring() {\ncase $1 in\n")
            for package, names in COMMANDS.items():
                file.write(f"{package})\n")
                for name in names:
                    file.write(f"cat '{self.store}/{name}' >'{self.bin}/{name}'\n")
                    file.write(f"/bin/chmod 755 '{self.bin}/{name}'\n")
                file.write(";;\n")
            file.write(f"libclang-*) touch '{self.state}/lib/linux/libclang_rt.fuzzer-any.a' ;;\n")
            file.write("esac\n}\n")
        self.env = {"PATH": self.bin, "STATE": self.state, "FAKE_UID": str(uid), "CLANG": "14"}
        self.env |= {"SUDO_FAILS": "", "APT_FAILS": "", "TMPDIR": self.root, **variables}
        for package in installed:
            open(os.path.join(self.state, package), "w", encoding="utf-8").close()
            for name in COMMANDS.get(package, ()):
                os.symlink(os.path.join(self.store, name), os.path.join(self.bin, name))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.root)

    def setup(self, *arguments):
        done = subprocess.run(
            [SETUP, *arguments],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )
        left = sorted(set(os.listdir(self.root)) - {"bin", "state", "store"})
        check_equal(left, [], "temporary files that are left")
        return done

    def calls(self):
        try:
            with open(os.path.join(self.state, "calls"), encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []


def check_error(done, *words):
    check_equal(done.returncode, 1, f"exit status ({done.stdout!r}, {done.stderr!r})")
    check_equal(len(done.stderr.splitlines()), 1, f"lines on stderr ({done.stderr!r})")
    for word in words:
        check(word in done.stderr, f"no {word!r} in {done.stderr!r}")


def check_installed(done):
    check_equal(done.returncode, 0, f"exit status ({done.stderr!r})")
    check_equal(done.stderr, "", "stderr")
    check_equal(len(done.stdout.splitlines()), 1, f"lines on stdout ({done.stdout!r})")


def nothing_missing():
    with System(installed=BUILD) as system:
        done = system.setup("build")
        check_equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "outcome")
        check_equal(system.calls(), [], "calls")


def root_installs():
    with System() as system:
        done = system.setup("build")
        check_installed(done)
        check("build: " + " ".join(BUILD) in done.stdout, f"does not say what: {done.stdout!r}")
        calls = system.calls()
        check_equal(len(calls), 2, f"calls {calls}")
        check("update" in calls[0] and "install" in calls[1], f"calls {calls}")
        check_equal(calls[1].split()[-len(BUILD) :], BUILD, "packages")
        check_equal(system.setup("build").stdout, "", "second time")
        check_equal(len(system.calls()), 2, "calls after the second time")


def only_what_is_missing():
    with System(installed=[p for p in BUILD if p not in ("meson", "libmnl-dev")]) as system:
        check_installed(system.setup("build"))
        wanted = ["--no-install-recommends", "meson", "libmnl-dev"]
        check_equal(system.calls()[-1].split()[-3:], wanted, "end of the call")


def known_lists_are_not_updated():
    with System(installed=["lists"]) as system:
        check_installed(system.setup("build"))
        check_equal(len(system.calls()), 1, f"calls {system.calls()}")


def every_purpose():
    with System() as system:
        done = system.setup("build", "test", "bench", "vm")
        check_installed(done)
        for words in ("build: gcc", "test: libcmocka-dev", "bench: python3", "libclang-rt-14-dev",
                      "bench: python3 util-linux tcpdump wireshark-common", "vm: python3"):
            check(words in done.stdout, f"no {words!r} in {done.stdout!r}")


def clang_runtime_of(version, package):
    with System(CLANG=version) as system:
        check_installed(system.setup("build", "test"))
        check(package in system.calls()[-1].split(), f"no {package} in {system.calls()[-1]}")


def user_with_sudo():
    with System(uid=1000, tools=("apt-get", "apt-cache", "sudo")) as system:
        check_installed(system.setup("build"))
        calls = system.calls()
        check_equal([c.split()[0] for c in calls], ["sudo", "apt-get"] * 2, "calls")


def user_with_everything():
    with System(uid=1000, installed=BUILD) as system:
        done = system.setup("build")
        check_equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "outcome")


def user_without_sudo():
    with System(uid=1000) as system:
        done = system.setup("build")
        check_error(done, "no sudo", "apt-get install", " ".join(BUILD))
        check_equal(system.calls(), [], "calls")


def sudo_refuses():
    tools = ("apt-get", "apt-cache", "sudo")
    with System(uid=1000, tools=tools, SUDO_FAILS="a password is required") as system:
        done = system.setup("build")
        check_error(done, "a password is required", "apt-get install", " ".join(BUILD))
        check_equal(len(system.calls()), 1, f"calls {system.calls()}")


def apt_fails():
    with System(APT_FAILS="Could not resolve host") as system:
        check_error(system.setup("build"), "Could not resolve host", "apt-get install")


def without_apt():
    with System(tools=()) as system:
        done = system.setup("build", "bench")
        check_error(done, "build: " + " ".join(BUILD), "bench: python3", "no apt-get")


def for_the_demo():
    with System() as system:
        done = system.setup("build", "demo")
        check_installed(done)
        check("demo: gnuplot-nox" in done.stdout, f"no gnuplot in {done.stdout!r}")


def check_only():
    with System() as system:
        done = system.setup("--check", "build")
        check_error(done, "build: " + " ".join(BUILD), "scripts/setup build")
        check_equal(system.calls(), [], "calls")
    with System(installed=BUILD) as system:
        done = system.setup("--check", "build")
        check_equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "outcome")


def wrong_usage():
    with System() as system:
        check_error(system.setup("lunch"), "lunch", "build, demo, test, bench")
        check_error(system.setup(), "build, demo, test, bench")
        check_equal(system.calls(), [], "calls")


def main():
    tap = Tap()
    tap.case("nothing is missing", nothing_missing)
    tap.case("root", root_installs)
    tap.case("only what is missing", only_what_is_missing)
    tap.case("lists that are known are not updated", known_lists_are_not_updated)
    tap.case("every purpose", every_purpose)
    tap.case("clang's runtime has the version in its name", clang_runtime_of, "19", "libclang-rt-19-dev")
    tap.case("a user with sudo", user_with_sudo)
    tap.case("a user with everything", user_with_everything)
    tap.case("a user without sudo", user_without_sudo)
    tap.case("sudo refuses", sudo_refuses)
    tap.case("apt-get fails", apt_fails)
    tap.case("without apt-get", without_apt)
    tap.case("for the demo", for_the_demo)
    tap.case("--check", check_only)
    tap.case("wrong usage", wrong_usage)
    tap.end()


if __name__ == "__main__":
    main()
