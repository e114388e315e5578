# SPDX-License-Identifier: BSD-2-Clause
"""How cards were set stands again after a run, however it ends. hwstamp_ctl is the witness."""

import contextlib
import os
import re
import signal
import subprocess
import time

import vmlab
from tap import Tap, check, check_equal
from vmlab import IGB0, IGB1, run, wait_until

# linux/net_tstamp.h
TX_ON, FILTER_NONE, FILTER_V1_SYNC, FILTER_PTP_V2_EVENT = 1, 0, 4, 12
OFF, FORTH = [(0, FILTER_NONE)] * 2, [(TX_ON, FILTER_NONE), (0, FILTER_PTP_V2_EVENT)]
OWN = (TX_ON, FILTER_PTP_V2_EVENT)
LIMIT = 240
JOURNAL = "/run/wirestamp"


def setting():
    return [vmlab.hwstamp(name) for name in (IGB0, IGB1)]


def entries():
    """Files of the journal; its lock is none."""
    return [name for name in os.listdir(JOURNAL) if re.search(r"\d", name)] if os.path.isdir(JOURNAL) else []


def children(pid):
    """Of a process: those that put things back, wherever they are now."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit():
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    found.append(int(name))
    return found


@contextlib.contextmanager
def started(*arguments, tx=IGB0, rx=IGB1):
    """A latency run that lasts until it is ended; yields when it has set the cards and sends its packets."""
    words = [vmlab.PROGRAM, "latency", "--tx", tx, "--rx", rx, "--stamp", "hardware", "--rate", "50pps", "-d", "60s"]
    with vmlab.PacketSocket(rx, vmlab.ETH_P_1588) as socket:
        process = subprocess.Popen(
            [*words, "--json", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        try:
            got = socket.receive(lambda f: vmlab.of_a_run(f, 25), 60)
            if not got:
                process.kill()
                raise AssertionError(f"no packet of the run: {process.communicate()}")
            yield process
        finally:
            process.kill()
            process.communicate()


def back(wanted, what):
    wait_until(lambda: setting() == wanted, f"{what}: {wanted}, not {setting()}", 20)
    # It stays so: nobody undoes anything a second time.
    time.sleep(0.3)
    check_equal(setting(), wanted, what)


def by_signal(number):
    with started() as process:
        check_equal(setting(), FORTH, "in the middle")
        process.send_signal(number)
        out, said = process.communicate(timeout=60)
        # What has been measured is told.
        document = vmlab.json.loads(out)
        (result,) = document["runs"]
        check(not result["complete"] and result["ended_by"] and result["balanced"], f"{said}: {result['ended_by']}")
        check(result["sent"] >= 25, f"sent: {result['sent']}")
        check_equal(setting(), OFF, "after its end")
    check_equal(entries(), [], "the journal")


def by_kill():
    """The child puts it back, at once."""
    with started() as process:
        check_equal(setting(), FORTH, "in the middle")
        check(entries(), "an entry of the journal")
        process.kill()
        process.wait()
        back(OFF, "after kill -9")
    wait_until(lambda: not entries(), "the journal is empty", 20)


def kill_both():
    """Program and children. Nobody is left to put anything back: it stands as it was set."""
    with started() as process:
        helpers = children(process.pid)
        check(helpers, "a child that would put it back")
        for pid in helpers:
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()
    # A zombie is no more either; but its locks go with its descriptors.
    time.sleep(0.3)
    check_equal(setting(), FORTH, "after kill -9 of both")
    check(entries(), "entries of the journal")


def repair():
    kill_both()
    document, _ = vmlab.wirestamp("probe", "--repair")
    found = document["repair"]
    check_equal(found["error"], None, "the journal can be read")
    check_equal(setting(), OFF, "after --repair")
    check_equal(entries(), [], "the journal")
    text = vmlab.json.dumps(found)
    check(IGB0 in text and IGB1 in text, f"what it says: {text}")
    # Once more: there is nothing left to do.
    document, _ = vmlab.wirestamp("probe", "--repair")
    check_equal(setting(), OFF, "after a second --repair")


def next_start():
    """The next run begins with it, and so restores what stood before the killed one."""
    kill_both()
    vmlab.wirestamp("latency", "--tx", IGB0, "--rx", IGB1, "--stamp", "hardware", "--rate", "50pps", "-d", "200ms")
    check_equal(setting(), OFF, "after the next run")
    check_equal(entries(), [], "the journal")


def changed_since():
    """What somebody has set since is not touched by a repair."""
    kill_both()
    check_equal(vmlab.set_hwstamp(IGB1, TX_ON, FILTER_V1_SYNC), (TX_ON, FILTER_V1_SYNC), "set by another program")
    vmlab.wirestamp("probe", "--repair")
    check_equal(setting(), [(0, FILTER_NONE), (TX_ON, FILTER_V1_SYNC)], "after --repair")
    check_equal(entries(), [], "the journal")
    check_equal(vmlab.set_hwstamp(IGB1, 0, 0), (0, 0), "set back")


def theirs():
    """As wide as it is needed already: it stands all the time, and after every end of a run."""
    for name in (IGB0, IGB1):
        check_equal(vmlab.set_hwstamp(name, *OWN), OWN, "set by another program")
    try:
        for number in (signal.SIGINT, signal.SIGKILL):
            with started() as process:
                for _ in range(3):
                    check_equal(setting(), [OWN] * 2, "in the middle")
                    time.sleep(0.1)
                process.send_signal(number)
                process.communicate(timeout=60)
            back([OWN] * 2, f"after signal {number}")
        check_equal(entries(), [], "the journal")
        document, _ = vmlab.wirestamp("probe", IGB1)
        got = document["interfaces"][0]["configured"]
        check_equal((got["tx_type"], got["rx_filter"]), ("on", "ptpv2-event"), "as probe shows it")
    finally:
        for name in (IGB0, IGB1):
            vmlab.set_hwstamp(name, 0, 0)


def conflict():
    """A filter that stamps something else is another program's: it is not taken from it."""
    check_equal(vmlab.set_hwstamp(IGB1, 0, FILTER_V1_SYNC), (0, FILTER_V1_SYNC), "set by another program")
    try:
        done = run(
            vmlab.PROGRAM, "latency", "--tx", IGB0, "--rx", IGB1, "--stamp", "hardware", "-d", "200ms", status=1
        )
        check_equal(len(done.stderr.splitlines()), 1, f"lines of {done.stderr!r}")
        check(f"{IGB1}: " in done.stderr and "ptpv1-l4-sync" in done.stderr, done.stderr)
        check_equal(setting(), [(0, FILTER_NONE), (0, FILTER_V1_SYNC)], "afterwards")
    finally:
        vmlab.set_hwstamp(IGB1, 0, 0)


def two():
    """Of two of our runs the last one puts back what stood before the first, whichever ends first."""
    for first_ends in (True, False):
        with started() as one, started(tx=IGB1, rx=IGB0) as other:
            check_equal(setting(), [OWN] * 2, "while both run")
            ends, stays = (one, other) if first_ends else (other, one)
            # Where the second had nothing to change, the first one's end must not take its stamps away.
            ends.send_signal(signal.SIGINT)
            ends.communicate(timeout=60)
            left = setting()
            needed = [(0, 12), (1, 0)] if first_ends else FORTH
            for (tx, rx), (want_tx, want_rx) in zip(left, needed):
                check(tx >= want_tx and rx >= want_rx, f"while one still runs: {left}, which needs {needed}")
            stays.send_signal(signal.SIGINT)
            out, _ = stays.communicate(timeout=60)
            check(vmlab.json.loads(out)["runs"][0]["balanced"], "the other one's run")
        back(OFF, "after both")
    check_equal(entries(), [], "the journal")


vmlab.up(IGB0, IGB1)
tap = Tap()
with vmlab.Latch():
    tap.case("SIGINT", by_signal, signal.SIGINT)
    tap.case("SIGTERM", by_signal, signal.SIGTERM)
    tap.case("kill -9", by_kill)
    tap.case("kill -9 of program and child, then probe --repair", repair)
    tap.case("kill -9 of program and child, then the next run", next_start)
    tap.case("kill -9 of program and child, then another program's setting", changed_since)
    tap.case("another program's setting that will do", theirs)
    tap.case("another program's setting that will not", conflict)
    tap.case("two at once", two)
tap.end()
