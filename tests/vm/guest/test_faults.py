# SPDX-License-Identifier: BSD-2-Clause
"""Cards that hold few stamps, lose them, mix them up or lie, and clocks that jump: all of it is found, and counted."""

import re
import threading
import time

import pair_lab
import vmlab
from pair_lab import RUNS, check_true, counter, latency, pair, refusal, set_parameter, summary
from tap import Tap, check, check_equal

LIMIT = 240
SECOND = 1_000_000_000
EVERY = 100
CLOCKS = {"clock_offset_ns": [0, 37 * SECOND], "drift_ppb": [0, 20_000]}
# Distances of packets longer than the delay, and shorter; with RUNS each with each.
WAYS = [("1kpps", 5_000), ("10kpps", 500_000)] + ([("1kpps", 500_000), ("10kpps", 5_000)] if RUNS else [])
UNSTAMPED = ("unstamped_tx", "unstamped_rx", "unstamped_both")


def unstamped(result):
    return tuple(result[name] for name in UNSTAMPED)


def misplaced(result):
    return result["hardware"]["misplaced_tx"], result["hardware"]["misplaced_rx"]


def fault(name, side, rate, delay):
    """Of the stamps of one side every 100th is lost, exchanged with the next, or that of the one before."""
    with pair(rx_filter="all", delay_ns=delay, **CLOCKS, **{f"{side}_{name}_every": EVERY}):
        result = latency(rate=rate, duration="2s" if RUNS else "1s" if rate == "1kpps" else "0.4s")
        kind = {"lose": "lost", "swap": "swapped", "stale": "stale"}[name]
        done = counter("pair0" if side == "tx" else "pair1", f"{side}_hwtstamp_{kind}")
        check(done >= result["sent"] // EVERY - 1 and done > 3, f"{done} {kind} of {result['sent']}")
        # Of two that contradict each other nobody knows which one is right.
        rejected = 0 if name == "lose" else 2 * done
        missing = done if name == "lose" else 2 * done
        check_equal(misplaced(result), (rejected, 0) if side == "tx" else (0, rejected), f"rejected: {summary(result)}")
        wanted = (missing, 0, 0) if side == "tx" else (0, missing, 0)
        check_equal(unstamped(result), wanted, f"unstamped: {summary(result)}")
        check_equal(result["matched"], result["sent"] - missing, f"matched: {summary(result)}")
        check_equal(result["hardware"]["unconverted"], 0, "unconverted")
        check_true(result, delay, f"{done} {kind}")


def in_flight(delay, stamp_latency, rate="5kpps"):
    """One transmit stamp at a time: a sample is stamped, that is said, and each is right."""
    with pair(rx_filter="all", delay_ns=delay, tx_in_flight=1, tx_stamp_latency_ns=stamp_latency, **CLOCKS):
        result = latency(rate=rate)
        sampling = result["hardware"]["sampling"]
        check_equal(sampling["asked"] + sampling["not_asked"], result["sent"], "all are counted")
        check_equal(result["received"], result["sent"], f"received: {summary(result)}")
        check_equal(misplaced(result), (0, 0), f"rejected: {summary(result)}")
        check_true(result, delay)
        if stamp_latency >= 1_000_000:
            check_equal(sampling["in_flight"], 1, f"a limit: {summary(result)}")
            check("transmit stamps at a time" in sampling["why"], sampling["why"])
            check(0 < sampling["share"] < 1, f"share {sampling['share']}")
        # A request while one is under way would be for nothing.
        if sampling["in_flight"] == 1:
            check_equal(unstamped(result), (sampling["not_asked"], 0, 0), f"unstamped: {summary(result)}")
            check_equal(result["matched"], sampling["asked"], summary(result))
        return result


def registers(rx_filter, delay):
    """One receive register. Where it is for PTP frames alone, those that are not sampled leave it free."""
    with pair(rx_filter=rx_filter, delay_ns=delay, rx_registers=1, rx_register_ns=1_000_000, **CLOCKS):
        result = latency(rate="5kpps")
        sampling = result["hardware"]["sampling"]
        check_equal(result["received"], result["sent"], f"received: {summary(result)}")
        check_equal(misplaced(result), (0, 0), f"rejected: {summary(result)}")
        check_equal(sampling["in_flight"], 1, f"a limit: {summary(result)}")
        check("receive stamps at a time" in sampling["why"], sampling["why"])
        check(sampling["gap_ns"] >= 2_000_000, f"apart: {sampling}")
        check_equal(sampling["asked"] + sampling["not_asked"], result["sent"], "all are counted")
        check_true(result, delay)
        if rx_filter == "ptp":
            check_equal(unstamped(result), (0, 0, sampling["not_asked"]), f"unstamped: {summary(result)}")
            check_equal(result["matched"], sampling["asked"], summary(result))


def step():
    """One clock is set in the middle of a run: that is said, what cannot be known has no latency, the rest is right."""
    with pair(rx_filter="all", delay_ns=50_000, **CLOCKS):
        stop = threading.Event()

        def later():
            # Once the run's own packets are on their way: a trial comes before.
            while not stop.is_set() and vmlab.statistics("pair1")["rx_hwtstamp_stamped"] < 600:
                time.sleep(0.02)
            set_parameter("phc_step_ns", 0, 1_000_000)

        thread = threading.Thread(target=later)
        thread.start()
        try:
            result = latency(duration="2s")
        finally:
            stop.set()
            thread.join()
        said = [text for text in result["warnings"] if "jumped" in text]
        check(len(said) == 1 and "receiving end" in said[0], f"the jump is said: {summary(result)}")
        by = re.search(r"jumped by \+([\d.]+) (us|ms)", said[0])
        check(by and abs(float(by[1]) * {"us": 1, "ms": 1000}[by[2]] - 1000) < 5, said[0])
        check_equal(result["hardware"]["rx"]["jumps"], 1, "jumps")
        missing = result["hardware"]["unconverted"]
        check_equal(unstamped(result), (0, 0, missing), summary(result))
        check(0 < missing < result["sent"], f"without a latency: {summary(result)}")
        check_equal(misplaced(result), (0, 0), f"rejected: {summary(result)}")
        check_true(result, 50_000)


def wild():
    """A clock that goes fast by 1000 ppm is still one; nothing is said that is not so."""
    with pair(rx_filter="all", delay_ns=50_000, drift_ppb=[0, 900_000]):
        result = latency()
        check_true(result, 50_000, "900 ppm")
        check(abs(result["hardware"]["drift_ppb"] - 900_000) < 1_000, summary(result))
    with pair(rx_filter="all", delay_ns=50_000, drift_ppb=[0, 50_000_000]):
        got = refusal()
        check("cannot be compared" in got and "runs away" in got, got)


def refused(said, *arguments, **parameters):
    with pair(**parameters):
        got = refusal(*arguments)
        for word in said:
            check(word in got, f"{word!r} is not in {got!r}")


def no_warnings():
    check_equal(vmlab.kernel_warnings(), [], "the kernel's warnings")


tap = Tap()
for kind in ("lose", "swap", "stale"):
    for end in ("tx", "rx"):
        for pps, ns in WAYS:
            tap.case(f"{end} {kind}, {pps}, {ns // 1000} us", fault, kind, end, pps, ns)
tap.case("one transmit stamp at a time, 1 ms", in_flight, 50_000, 1_000_000)
tap.case("one transmit stamp at a time, 20 us", in_flight, 50_000, 20_000)
tap.case("one receive register for PTP", registers, "ptp", 50_000)
tap.case("one receive register for all", registers, "all", 50_000)
tap.case("a clock is set during the run", step)
tap.case("a clock that runs away", wild)
tap.case("claims all, delivers none", refused, ("claims hardware stamps on receive", "pair1"), rx_deliver="none")
tap.case("a stuck latch", refused, ("stuck latch", "pair1"), rx_filter="ptp", rx_stuck=1)
tap.case("no receive filter", refused, ("pair1",), rx_filter="none")
tap.case("no transmit stamps", refused, ("pair0",), tx_offer=0)
tap.case("udp where PTP alone is stamped", refused, ("pair1", "ptp-l2"), "--carrier", "udp", rx_filter="ptp")
tap.case("the kernel has nothing to complain about", no_warnings)
tap.end()
