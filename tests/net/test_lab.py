#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""wirestamp lab: the private pair of interfaces. As root, every case runs as nobody too.

Usage: test_lab.py PATH/TO/wirestamp      Prints TAP. Traffic stays inside the lab.
"""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Skip, Tap, check, check_equal  # noqa: E402

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
TIMEOUT = 30
PYTHON = "/usr/bin/python3"  # one that every user may run
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

ECHO_SERVER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("198.18.0.2", 8620))
print("ready", flush=True)
data, peer = s.recvfrom(100)
s.sendto(data.upper() + peer[0].encode(), peer)
"""

ECHO_CLIENT = """
import socket, subprocess, sys
server = subprocess.Popen([sys.argv[1], "lab", "--side", "1", "--", sys.argv[2], "-c", sys.argv[3]],
                          stdout=subprocess.PIPE)
if server.stdout.readline() != b"ready\\n":
    sys.exit("the server did not start")
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.sendto(b"hello ", ("198.18.0.2", 8620))
print(s.recv(100).decode(), server.wait())
"""

COUNT_SIGNALS = """
import signal, sys
seen = []
signal.signal(signal.SIGINT, lambda n, f: (seen.append(n), print("interrupted", flush=True)))
signal.signal(signal.SIGTERM, lambda n, f: sys.exit(40 + len(seen)))
print("ready", flush=True)
while True:
    signal.pause()
"""

STATUS_BY_SIGNAL = """
import signal, sys
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda n, f: sys.exit(50 + n))
print("ready", flush=True)
while True:
    signal.pause()
"""


def need(program):
    if not shutil.which(program, path=PATH):
        raise Skip("there is no %s" % program)


def clean_environment():
    env = dict(os.environ, PATH=PATH)
    env.pop("WIRESTAMP_LAB_NS0", None)
    env.pop("WIRESTAMP_LAB_NS1", None)
    return env


class User:
    """Runs wirestamp as somebody."""

    def __init__(self, name, prefix, binary):
        self.name = name
        self.prefix = prefix
        self.binary = binary

    def command(self, *args):
        return self.prefix + [self.binary, "lab"] + list(args)

    def run(self, *args, env=None):
        full = clean_environment()
        full.update(env or {})
        return subprocess.run(self.command(*args), env=full, cwd="/",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)

    def start(self, *args, **kwargs):
        return subprocess.Popen(self.command(*args), env=clean_environment(), cwd="/",
                                stdout=subprocess.PIPE, text=True, **kwargs)


def check_error(result, status, *words):
    check_equal(result.returncode, status, "exit status (stderr: %r)" % result.stderr)
    check(re.fullmatch(r"wirestamp: [^\n]+\n", result.stderr),
           "stderr is not one line that begins with wirestamp: %r" % result.stderr)
    for word in words:
        check(word in result.stderr, "stderr lacks %r: %r" % (word, result.stderr))


def interfaces(text):
    return [line.split(":")[1].strip().split("@")[0] for line in text.splitlines()]


def test_sides(user):
    need("ip")
    for side, address in (("0", "198.18.0.1/24"), ("1", "198.18.0.2/24")):
        result = user.run("--side", side, "--", "sh", "-c", "ip -o link; echo; ip -o -4 addr")
        check_equal(result.returncode, 0, "exit status (stderr: %r)" % result.stderr)
        links, addresses = result.stdout.split("\n\n")
        check_equal(sorted(interfaces(links)), ["lo", "ws" + side], "interfaces")
        for line in links.splitlines():
            check("LOWER_UP" in line, "no carrier from the start: " + line)
        check("ws%s    inet %s" % (side, address) in addresses, "address: " + addresses)


def test_default_side(user):
    result = user.run("sh", "-c", "cat /proc/net/dev")
    check("ws0:" in result.stdout and "ws1:" not in result.stdout, "not beside ws0")


def test_statuses(user):
    check_equal(user.run("true").returncode, 0, "true")
    check_equal(user.run("sh", "-c", "exit 7").returncode, 7, "exit 7")
    check_equal(user.run("sh", "-c", "kill -KILL $$").returncode, 128 + 9, "killed")
    check_error(user.run("no-such-program"), 127, "no-such-program", "not found")
    check_error(user.run("/proc/version"), 126, "/proc/version")


def test_usage(user):
    check_error(user.run(), 2, "no command", "--help")
    check_error(user.run("--side", "2", "true"), 2, "--side", '"2"')
    check_error(user.run("--side", "01", "true"), 2, "--side")
    check_error(user.run("--side"), 2, "--side")
    check_error(user.run("--nonsense", "true"), 2, "--nonsense")
    check_error(user.run("--side", "1", "--"), 2, "no command")
    result = user.run("--help")
    check_equal(result.returncode, 0, "--help")
    check("--side" in result.stdout and "198.18.0.2" in result.stdout, "help: " + result.stdout)


def test_options_end(user):
    result = user.run("echo", "--side", "9", "--help")
    check_equal(result.stdout, "--side 9 --help\n", "CMD's own options")


def test_stdin(user):
    result = subprocess.run(user.command("tr", "a-z", "A-Z"), env=clean_environment(), cwd="/",
                            input="through\n", stdout=subprocess.PIPE, text=True, timeout=TIMEOUT)
    check_equal(result.stdout, "THROUGH\n", "stdin to stdout")


def test_datagrams(user):
    need(PYTHON)
    result = user.run("--", PYTHON, "-c", ECHO_CLIENT, user.binary, PYTHON, ECHO_SERVER)
    check_equal(result.stdout, "HELLO 198.18.0.1 0\n", "answer (stderr: %r)" % result.stderr)


def test_ping(user):
    need("ping")
    result = user.run("ping", "-c", "1", "-W", "5", "198.18.0.2")
    check_equal(result.returncode, 0, "exit status: " + result.stdout + result.stderr)


def test_join(user):
    need("nsenter")
    show = "readlink /proc/self/ns/net"
    script = "%s; %s lab %s; %s lab --side 1 -- %s; nsenter --net=$WIRESTAMP_LAB_NS1 %s"
    result = user.run("sh", "-c", script % (show, user.binary, show, user.binary, show, show))
    check_equal(result.returncode, 0, "exit status (stderr: %r)" % result.stderr)
    first, joined, far, entered = result.stdout.split()
    check_equal(joined, first, "namespace of the same side")
    check_equal(entered, far, "namespace of the other side")
    check(far != first, "both sides are in one namespace")


def test_stale_lab(user):
    result = user.run("sh", "-c", "echo $WIRESTAMP_LAB_NS0; echo $WIRESTAMP_LAB_NS1")
    ns0, ns1 = result.stdout.split()
    check_error(user.run("true", env={"WIRESTAMP_LAB_NS0": ns0, "WIRESTAMP_LAB_NS1": ns1}),
                1, ns0, "unset WIRESTAMP_LAB_NS0")
    check_error(user.run("true", env={"WIRESTAMP_LAB_NS1": ns1}), 1, "WIRESTAMP_LAB_NS0")
    here = "/proc/self/ns/net"
    check_error(user.run("true", env={"WIRESTAMP_LAB_NS0": here, "WIRESTAMP_LAB_NS1": here}), 1)


def test_limit(user):
    """A limit set in a user namespace of our own: the message names the setting."""
    script = ('echo 0 > /proc/sys/user/max_user_namespaces && '
              'exec setpriv --bounding-set=-all --inh-caps=-all "$0" lab true')
    result = subprocess.run(user.prefix + ["unshare", "-Ur", "sh", "-c", script, user.binary],
                            env=clean_environment(), cwd="/", stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
    check_error(result, 1, "user.max_user_namespaces is 0", "sysctl -w")


def test_forwarded(user):
    need(PYTHON)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        lab = user.start(PYTHON, "-c", STATUS_BY_SIGNAL)
        try:
            check_equal(lab.stdout.readline(), "ready\n", "start")
            lab.send_signal(number)
            check_equal(lab.wait(TIMEOUT), 50 + number, "status after %s" % number.name)
        finally:
            lab.kill()
            lab.wait()
            lab.stdout.close()


def test_terminal(user):
    """Ctrl-C reaches the command once: from the terminal, not from its parent as well."""
    need(PYTHON)
    master, slave = pty.openpty()
    lab = user.start(PYTHON, "-c", COUNT_SIGNALS, stdin=slave, start_new_session=True,
                     preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    try:
        check_equal(lab.stdout.readline(), "ready\n", "start")
        os.write(master, b"\x03")
        check_equal(lab.stdout.readline(), "interrupted\n", "Ctrl-C")
        # the parent passes signals on in order, so one SIGINT too many would come before this
        lab.send_signal(signal.SIGTERM)
        check_equal(lab.wait(TIMEOUT), 40 + 1, "40 + number of interrupts")
    finally:
        lab.kill()
        lab.wait()
        lab.stdout.close()
        os.close(master)
        os.close(slave)


class Held:
    """Holds the namespace of side 1 and its owner. ws1 in it goes when the one of side 0 does."""

    def __init__(self, path, pid):
        self.net = os.open(path, os.O_RDONLY)
        self.enter = ["nsenter", "--net=/proc/self/fd/%d" % self.net]
        self.user = os.open("/proc/%d/ns/user" % pid, os.O_RDONLY)
        if os.fstat(self.user).st_ino != os.stat("/proc/self/ns/user").st_ino:
            self.enter += ["--user=/proc/self/fd/%d" % self.user, "--preserve-credentials"]

    def interfaces(self):
        result = subprocess.run(self.enter + ["ip", "-o", "link"], env=clean_environment(),
                                stdout=subprocess.PIPE, text=True, check=True,
                                pass_fds=(self.net, self.user))
        return sorted(interfaces(result.stdout))

    def close(self):
        os.close(self.net)
        os.close(self.user)


def check_gone(user, end):
    """end(lab) ends the lab; after that no process of it and no interface is left."""
    need("nsenter")
    need("ip")
    # exec: the command is one process, whose end is then the lab's
    lab = user.start("sh", "-c", "echo $$ $PPID $WIRESTAMP_LAB_NS1; exec cat",
                     stdin=subprocess.PIPE)
    held = None
    try:
        pid, parent, path = lab.stdout.readline().split()
        check_equal(int(parent), lab.pid, "the command's parent")
        child = os.pidfd_open(int(pid))
        held = Held(path, int(pid))
        check_equal(held.interfaces(), ["lo", "ws1"], "interfaces while it runs")
        end(lab)
        lab.wait(TIMEOUT)
        ended = select.select([child], [], [], TIMEOUT)[0]
        os.close(child)
        check(ended, "the command outlived the lab")
        # the kernel takes namespaces apart later, on a work queue
        deadline = time.monotonic() + TIMEOUT
        while held.interfaces() != ["lo"]:
            check(time.monotonic() < deadline, "the interfaces are still there")
            time.sleep(0.05)
    finally:
        if held:
            held.close()
        lab.kill()
        lab.wait()
        lab.stdout.close()
        lab.stdin.close()


def test_gone(user):
    check_gone(user, lambda lab: lab.stdin.close())


def test_gone_killed(user):
    check_gone(user, lambda lab: lab.kill())


CASES = [
    ("each side has its interface, up, with its address", test_sides),
    ("side 0 is the default", test_default_side),
    ("the exit status is the command's", test_statuses),
    ("wrong usage is status 2 and one line", test_usage),
    ("options end where the command begins", test_options_end),
    ("stdin and stdout are the command's", test_stdin),
    ("datagrams go there and back", test_datagrams),
    ("ping reaches the other side", test_ping),
    ("programs inside join the same lab", test_join),
    ("a lab that is gone, or was none, is an error", test_stale_lab),
    ("a limit of user namespaces is named", test_limit),
    ("signals are passed on", test_forwarded),
    ("Ctrl-C on the terminal comes once", test_terminal),
    ("nothing is left after the end", test_gone),
    ("nothing is left after SIGKILL", test_gone_killed),
]


def root_interfaces():
    result = subprocess.run(["ip", "-o", "link"], env=clean_environment(), stdout=subprocess.PIPE,
                            text=True, check=True)
    return interfaces(result.stdout)


def why_no_lab(user):
    """Whether the system allows it at all is asked of another program."""
    flags = "-n" if os.geteuid() == 0 and not user.prefix else "-Urn"
    result = subprocess.run(user.prefix + ["unshare", flags, "true"], cwd="/",
                            stderr=subprocess.PIPE, text=True)
    return result.stderr.strip() if result.returncode else None


def run_as(tap, user):
    why = why_no_lab(user)

    def run(function):
        if why and function is not test_usage:
            raise Skip(why)
        function(user)

    for name, function in CASES:
        tap.case("%s: %s" % (user.name, name), run, function)


def check_root_unchanged(before):
    check_equal(root_interfaces(), before, "interfaces of the host")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: test_lab.py PATH/TO/wirestamp")
    binary = os.path.abspath(sys.argv[1])
    tap = Tap()
    before = root_interfaces() if shutil.which("ip", path=PATH) else None
    run_as(tap, User("root" if os.geteuid() == 0 else "user", [], binary))
    if os.geteuid() == 0:
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            copy = os.path.join(directory, "wirestamp")
            shutil.copyfile(binary, copy)
            os.chmod(copy, 0o755)
            run_as(tap, User("nobody", NOBODY, copy))
    if before is not None:
        tap.case("the host's interfaces are as before", check_root_unchanged, before)
    tap.end()


if __name__ == "__main__":
    main()
