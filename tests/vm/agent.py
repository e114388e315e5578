# SPDX-License-Identifier: BSD-2-Clause
"""Runs in the guest: prepares the machine, runs the tests, and reports every line to the driver.

    agent.py SETTINGS

Reports are lines of JSON on the port that the driver reads. The kernel's messages go to the console.
"""

import fcntl
import glob
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

# By driver: the name that the first, second... interface of it gets, in the order of the slots.
NAMES = {"igb": "igb", "e1000e": "e1000e", "virtio_net": "virtio"}
DRIVERS = ("igb", "e1000e", "virtio_net")


class Port:
    def __init__(self):
        self.lock = threading.Lock()
        path = None
        for _ in range(100):
            found = sorted(glob.glob("/dev/vport*"))
            if found:
                path = found[0]
                break
            time.sleep(0.05)
        self.file = open(path or os.devnull, "wb", buffering=0)

    def say(self, event, **fields):
        data = json.dumps({"event": event, **fields}).encode() + b"\n"
        with self.lock:
            while data:
                data = data[self.file.write(data) :]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"agent: {' '.join(command)}: {done.stderr.strip()}", flush=True)
    return done.returncode == 0


def interfaces():
    """{driver: names in the order of the slots}."""
    found = []
    for name in os.listdir("/sys/class/net"):
        link = f"/sys/class/net/{name}/device/driver"
        if os.path.exists(link):
            place = os.path.realpath(f"/sys/class/net/{name}/device")
            found.append((place, os.path.basename(os.path.realpath(link)), name))
    drivers = {}
    for _, driver, name in sorted(found):
        drivers.setdefault(driver, []).append(name)
    return drivers


def prepare():
    """Loads the drivers, names the interfaces after them; returns the tests' environment."""
    for driver in DRIVERS:
        run("modprobe", driver)
    deadline = time.monotonic() + 20
    while sum(len(names) for names in interfaces().values()) < 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    env = {}
    for driver, names in interfaces().items():
        for number, old in enumerate(names):
            new = f"{NAMES.get(driver, driver)}{number}"
            run("ip", "link", "set", old, "name", new)
            env[f"WS_VM_{new.upper()}"] = new
    for one in ("E1000E", "VIRTIO"):
        if f"WS_VM_{one}0" in env:
            env[f"WS_VM_{one}"] = env[f"WS_VM_{one}0"]
    # A laboratory whose addresses come and go by themselves shows no truth: no router is asked, none answers.
    for path in glob.glob("/proc/sys/net/ipv6/conf/*/accept_ra"):
        with open(path, "w", encoding="ascii") as file:
            file.write("0")
    run("ip", "link", "set", "lo", "up")
    return env


def tidy(env):
    """What a test that was ended left behind would fail the next one: namespaces, and the project's modules."""
    for path in glob.glob("/run/netns/*"):
        run("ip", "netns", "del", os.path.basename(path))
    for path in glob.glob(f"{env['WS_VM_MODULES'] or '/none'}/*.ko"):
        name = os.path.basename(path)[: -len(".ko")]
        deadline = time.monotonic() + 5
        # A program that puts stamping back may still have its interfaces.
        while os.path.exists(f"/sys/module/{name}") and not run("rmmod", name) and time.monotonic() < deadline:
            time.sleep(0.2)


def run_test(port, test, env):
    """One file of tests: its lines as they come, then how it ended (as tests/run.py judges it)."""
    port.say("begin", test=test["name"])
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-B", test["path"]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **env},
        cwd="/tmp",
        start_new_session=True,
    )
    deadline = started + test["limit"]
    kinds = {process.stdout.fileno(): "out", process.stderr.fileno(): "err"}
    rests = dict.fromkeys(kinds, b"")
    ended = None
    late = False
    # What a test leaves running may hold its output: a moment after its end, that is no longer waited for.
    while kinds:
        now = time.monotonic()
        if ended is None and process.poll() is not None:
            ended = now
        if now > deadline and ended is None:
            late = True
            break
        if ended is not None and now > ended + 2:
            break
        ready, _, _ = select.select(list(kinds), [], [], 0.1)
        for number in ready:
            data = os.read(number, 65536)
            *lines, rests[number] = (rests[number] + data).split(b"\n")
            for line in lines:
                port.say(kinds[number], line=line.decode(errors="replace"))
            if not data:
                if rests[number]:
                    port.say(kinds[number], line=rests[number].decode(errors="replace"))
                del kinds[number]
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    status = process.wait()
    seconds = time.monotonic() - started
    tidy(env)
    port.say("end", test=test["name"], status=None if late else status, seconds=seconds)


def shell(settings, env):
    """A shell on the console, or a script's; returns its exit status."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        tty = os.open("/dev/ttyS0", os.O_RDWR)
        fcntl.ioctl(tty, termios.TIOCSCTTY, 0)
        fcntl.ioctl(tty, termios.TIOCSWINSZ, struct.pack("4H", *settings["window"], 0, 0))
        for number in (0, 1, 2):
            os.dup2(tty, number)
        os.chdir(settings["source"])
        words = ["-c", settings["script"]]
        if settings["script"] is None:
            print(settings["greeting"], flush=True)
            words = ["-i"]
        os.execve("/bin/bash", ["bash", *words], {**os.environ, **env})
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        settings = json.load(file)
    socket.sethostname("laboratory")
    port = Port()
    env = {**settings["env"], **prepare(), "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}
    with open("/proc/uptime", encoding="ascii") as file:
        uptime = float(file.read().split()[0])
    port.say("ready", uptime=uptime, kernel=os.uname().release)
    if settings["shell"]:
        port.say("done", status=shell(settings, env))
        return
    for test in settings["tests"]:
        run_test(port, test, env)
    port.say("done")


if __name__ == "__main__":
    main()
