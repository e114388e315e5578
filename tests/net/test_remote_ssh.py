#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ssh that fails, hangs or finds another wirestamp there; ways of asking for it; and what is left behind.

    test_remote_ssh.py WIRESTAMP [TEXT]     runs the cases whose titles contain TEXT

A script stands for ssh. It goes to the lab's other namespace, and runs what it was given in a shell.
"""

import os
import signal
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import Cases, PROGRAM, wait_until  # noqa: E402
from tap import check, check_equal  # noqa: E402
from twoway_lab import FAR_IP, Latency, Reflector, add_ipv6, counters, lost_sequences  # noqa: E402

cases = Cases(__file__)
case = cases.case
URL = "ssh://there/ws1"
FEW = ["--rate", "2kpps", "--count", "300"]
# Writes down its process and its words; BODY sees the command that is to be run there as $command.
SCRIPT = """#!/bin/sh
echo $$ >>'{folder}/pids'
printf '%s\\n' "$@" >'{folder}/words'
for command; do :; done
there() {{ exec nsenter --net="$WIRESTAMP_LAB_NS1" sh -c "$1"; }}
{body}
"""


class Ssh:
    def __init__(self, folder, body='there "exec $command"'):
        self.folder = folder
        self.path = os.path.join(folder, "fake ssh".replace(" ", "-"))
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(SCRIPT.format(folder=folder, body=body))
        os.chmod(self.path, 0o755)

    def start(self, *arguments, url=URL, ssh="", **named):
        words = ["--peer", url, "--ssh", f"{self.path}{ssh}", "--remote-program", PROGRAM, *arguments]
        tx = [] if "udp" in arguments else ["--tx", "ws0"]
        return Latency(*tx, *words, **named)

    def words(self):
        with open(os.path.join(self.folder, "words"), encoding="utf-8") as file:
            return file.read().splitlines()

    def pids(self):
        try:
            with open(os.path.join(self.folder, "pids"), encoding="ascii") as file:
                return [int(line) for line in file]
        except FileNotFoundError:
            return []

    def check_gone(self):
        """Whatever was started there ends, and nothing is left of it."""
        wait_until(self.pids, "ssh")
        wait_until(lambda: not any(map(is_running, self.pids())), "the end of what ssh started")


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def check_fails(latency, *said):
    """With a last line of its own, after what ssh says."""
    latency.end(None, 1)
    text = "".join(latency.lines)
    for each in said:
        check(each in text, f"does not say {each!r}: {text!r}")
    check(latency.lines[-1].startswith("wirestamp: "), f"last line {latency.lines[-1]!r}")


# --- Asked for in different ways ---


@case("user, port, and arguments of ssh's own")
def arguments_of_ssh(folder):
    ssh = Ssh(folder)
    document = ssh.start(*FEW, url="ssh://me@there:2222/ws1", ssh=" -o BatchMode=yes  -v").result()
    check_equal(document["runs"][0]["two_way"]["exchanges"], 300, "exchanges")
    check_equal(ssh.words(), ["-o", "BatchMode=yes", "-v", "-p", "2222", "me@there",
                              f"{PROGRAM} reflect ws1 --attach"], "words that ssh is given")
    check_equal(document["peer"]["address"], "ssh://me@there:2222/ws1", "peer.address")
    check_equal(document["remote"]["sessions"][0]["answered"], 300, "answered there")
    ssh.check_gone()


@case("the defaults: ssh and wirestamp, as PATH has them")
def defaults(folder):
    os.rename(Ssh(folder).path, os.path.join(folder, "ssh"))
    os.symlink(PROGRAM, os.path.join(folder, "wirestamp"))
    path = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    document = Latency("--tx", "ws0", "--peer", URL, *FEW, env=path).result()
    check_equal(document["runs"][0]["matched"], 300, "matched")
    check_equal(document["remote"]["argv"][0], "wirestamp", "program there")


@case("several rates: one far side for all of them")
def rates(folder):
    ssh = Ssh(folder)
    document = ssh.start("--rate", "1kpps,2kpps,5kpps", "--count", "200").result(runs=3)
    check_equal([s["answered"] for s in document["remote"]["sessions"]], [200] * 3, "answered there")
    check_equal(len(ssh.pids()), 1, "times that ssh was started")
    ssh.check_gone()


@case("over sockets, at another port")
def over_sockets(folder):
    ssh = Ssh(folder)
    words = ["--io", "udp", "--dst", FAR_IP, "--udp", "8620:9001"]
    document = ssh.start(*words, *FEW, url="ssh://there/").result()
    check_equal((document["remote"]["io"], document["remote"]["port"]), ("udp", 9001), "io and port there")
    check_equal(document["runs"][0]["matched"], 300, "matched")
    ssh.check_gone()


@case("layer 2, a VLAN tag and the program's own stamps")
def layer2(folder):
    ssh = Ssh(folder)
    r = ssh.start("--carrier", "l2", "--vlan", "7", "--stamp", "user", *FEW).result()["runs"][0]
    check_equal((r["matched"], r["stamps"]["rx"]), (300, "user"), "matched and stamps")


@case("banners of a login shell are passed on, and disturb nothing")
def banners(folder):
    ssh = Ssh(folder, "echo Welcome; echo '{\"a\": ' ; echo noise >&2; there \"exec $command\"")
    latency = ssh.start(*FEW)
    latency.result()
    check(latency.said("^Welcome$") and latency.said("^noise$"), f"stderr {latency.lines}")


# --- What fails ---


@case("ssh that fails shows its own message")
def fails(folder):
    ssh = Ssh(folder, "echo 'me@there: Permission denied (publickey).' >&2; exit 255")
    check_fails(ssh.start(*FEW), "Permission denied (publickey)", "ssh failed with status 255")
    ssh.check_gone()


@case("no ssh, and no wirestamp there")
def missing(folder):
    check_fails(Latency("--tx", "ws0", "--peer", URL, "--ssh", "/nowhere/ssh", *FEW), "/nowhere/ssh", "--ssh")
    ssh = Ssh(folder)
    latency = Latency("--tx", "ws0", "--peer", URL, "--ssh", ssh.path, "--remote-program", "/no/such", *FEW)
    check_fails(latency, "--remote-program")
    ssh.check_gone()


# What a wirestamp of that version says, which has all else right.
SAYS = """echo '{{"format":"wirestamp-ready/1","version":"{version}","host":"there","interface":"ws1",'\\
'"mac":"02:00:00:00:00:07","ipv4":"198.18.0.2","ipv6":null,"port":8620,"mtu":1500,"io":"socket","boot":null}}'
exec cat >/dev/null"""


@case("another major version there is refused, and both are named")
def version(folder):
    ssh = Ssh(folder, SAYS.format(version="77.1.0"))
    check_fails(ssh.start(*FEW), "77.1.0", "--remote-program")
    ssh.check_gone()


@case("what is there is no wirestamp")
def stranger(folder):
    check_fails(Ssh(folder, "exec yes something").start(*FEW), "is it wirestamp?")
    check_fails(Ssh(folder, "exit 0").start(*FEW), "before it was ready")
    check_fails(Ssh(folder, "echo '{\"format\":\"else/9\"}'; exec cat").start(*FEW), "else/9")


@case("ssh that is killed in mid-run: losses from then on, what there is is kept")
def dies(folder):
    ssh = Ssh(folder)
    kept = os.path.join(folder, "kept")
    latency = ssh.start("--rate", "1kpps", "--count", "1000", "--out", kept)
    received, _ = counters()
    wait_until(lambda: counters()[0] > received + 200 or latency.ended(), "200 answers")
    os.kill(ssh.pids()[0], signal.SIGKILL)
    document = latency.result(None, 1)
    r = document["runs"][0]
    lost = lost_sequences(r)
    check(lost and lost == list(range(1000 - len(lost), 1000)), f"lost: {lost[:5]}...")
    check_equal((document["remote"], r["matched"] + r["lost"]), (None, 1000), "remote, and matched + lost")
    check(latency.said("signal 9"), f"stderr {latency.lines}")
    check(any("no answer" in w for w in document["warnings"]), f"warnings {document['warnings']}")
    check(os.path.exists(os.path.join(kept, "run.json")), "nothing was kept")
    ssh.check_gone()


@case("what it gives as its result is none: that is said, and the measurement kept")
def no_result(folder):
    body = """here=$(mktemp -u '%s/pipe.XXXXXX'); mkfifo "$here"; (there "exec $command") >"$here" &
head -n 1 "$here"; echo broken; exec cat "$here" >/dev/null""" % folder
    # In the background a shell's input is /dev/null, unless it is given.
    body = body.replace('>"$here" &', '<&3 >"$here" &').replace("here=", "exec 3<&0; here=", 1)
    latency = Ssh(folder, body).start(*FEW)
    document = latency.result(None, 1)
    check_equal((document["remote"], document["runs"][0]["matched"]), (None, 300), "remote and matched")
    check(latency.said("is no result"), f"stderr {latency.lines}")


# --- What is left behind ---


@case("Ctrl-C while ssh still asks for a password", signal.SIGINT)
@case("killed while ssh still asks for a password", signal.SIGKILL)
def waiting(folder, number):
    ssh = Ssh(folder, "exec cat >/dev/null")
    latency = ssh.start(*FEW)
    wait_until(ssh.pids, "ssh")
    latency.end(number, None)
    check(latency.process.returncode in (0, -number), f"status {latency.process.returncode}")
    ssh.check_gone()


@case("Ctrl-C in mid-run: nothing stays, and both ends' results are there", signal.SIGINT)
@case("killed in mid-run: nothing stays", signal.SIGKILL)
def mid_run(folder, number):
    ssh = Ssh(folder)
    latency = ssh.start("--rate", "1kpps", "--duration", "1m")
    received, _ = counters()
    wait_until(lambda: counters()[0] > received + 200 or latency.ended(), "200 answers")
    if number == signal.SIGINT:
        document = latency.result(number)
        r = document["runs"][0]
        check_equal((r["ended_by"], r["two_way"]["exchanges"]), ("stopped by the user", r["sent"]), "the run")
        check_equal(document["remote"]["sessions"][0]["answered"], r["sent"], "answered there")
    else:
        latency.end(number, -number)
    ssh.check_gone()
    # The port is free again.
    with Reflector("--io", "udp", interface=None) as far:
        far.result()


@case("a far side that does not end is ended")
def stays(folder):
    body = "trap '' INT TERM; (" + 'there "$command"' + ") <&0; while :; do sleep 1; done"
    latency = Ssh(folder, body).start(*FEW)
    document = latency.result(None, None)
    check_equal(document["runs"][0]["matched"], 300, "matched")
    ssh_pids = Ssh.pids(latency_ssh(folder))
    wait_until(lambda: not any(map(is_running, ssh_pids)), "the end of what ssh started")


def latency_ssh(folder):
    ssh = Ssh.__new__(Ssh)
    ssh.folder = folder
    return ssh


@case("IPv6 there")
def ipv6(folder):
    add_ipv6()
    r = Ssh(folder).start("--dst", "2001:db8::2", *FEW).result()["runs"][0]
    check_equal(r["matched"], 300, "matched")


if __name__ == "__main__":
    cases.main()
