# SPDX-License-Identifier: BSD-2-Clause
"""The program on the test module's pair: what it says, beside what is true. Guest tests import it."""

import contextlib
import os

import vmlab
from run_document import check_document
from tap import check, check_equal

NAME = "ws_pair"
# How often what is random is tried: make check-vm RUNS=N. Without it as often as there is time for.
# No frame is late because the machine is busy.
WINDOW = "10s"
RUNS = int(os.environ.get("WS_VM_RUNS") or 0)


@contextlib.contextmanager
def pair(**parameters):
    """The module is loaded, and both ports have links; nothing but what the program sends is on the wire."""
    with vmlab.module(NAME, **parameters):
        quiet("pair0", "pair1")
        vmlab.up("pair0", "pair1")
        yield


def quiet(*names):
    """No IPv6, which sends by itself."""
    for name in names:
        with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w", encoding="ascii") as file:
            file.write("1")


def set_parameter(name, *values):
    vmlab.set_parameter(NAME, name, list(values))


def counter(port, name):
    return vmlab.statistics(port)[name]


def latency(*arguments, rate="1kpps", duration="1s", stamp="hardware"):
    """One run from pair0 to pair1. Returns its part of the document, with the warnings as "warnings"."""
    document, said = vmlab.wirestamp(
        "latency", "--tx", "pair0", "--rx", "pair1", "--stamp", stamp, "--rate", rate, "-d", duration,
        "--window", WINDOW, *arguments,
    )
    check(document, f"no document: {said}")
    check_document(document, runs=1)
    (result,) = document["runs"]
    check_equal(result["stamps"]["tx"], stamp, "who stamps on transmit")
    check_equal(result["stamps"]["rx"], stamp, "who stamps on receive")
    check(result["sent"] > 0, f"nothing was sent: {result}")
    return {**result, "warnings": document["warnings"]}


def refusal(*arguments, rate="1kpps", duration="1s"):
    """The one line that the program says when it will not."""
    document, said = vmlab.wirestamp(
        "latency", "--tx", "pair0", "--rx", "pair1", "--stamp", "hardware", "--rate", rate, "-d", duration,
        *arguments, status=None,
    )
    check(document is None, f"it measured: {said}")
    lines = [line for line in said.splitlines() if line.startswith("wirestamp")]
    check_equal(len(lines), 1, f"sentences of {said!r}")
    return lines[0]


def summary(result):
    """For messages."""
    names = "sent received matched unstamped_tx unstamped_rx unstamped_both lost late_arrivals stamps_missing".split()
    what = {name: result[name] for name in names}
    return f"{what} {result['latency_ns']} {result['hardware']} {result.get('warnings')}"


def check_true(result, delay, what=""):
    """Every latency of a run is the true one, within the bound that it prints."""
    got = result["latency_ns"]
    check(got["count"] and got["error_bound"] is not None, f"{what}: nothing is known: {summary(result)}")
    for name in ("min", "p50", "max"):
        check(
            abs(got[name] - delay) <= got["error_bound"],
            f"{what}: {name} {got[name]} is not {delay} within {got['error_bound']}: {summary(result)}",
        )
