# SPDX-License-Identifier: BSD-2-Clause
"""The rest of the program on the test module's pair: probe, two-way runs, load, capture, lists of packets, reports."""

import contextlib
import csv
import json
import os
import subprocess
import tempfile

import vmlab
from pair_lab import check_true, latency, pair, quiet, set_parameter, summary
from tap import Tap, check, check_equal

LIMIT = 240
SECOND = 1_000_000_000
# Two clocks, each off by 500 ppm.
RATE_MOST = 1e-3
CLOCKS = {"clock_offset_ns": [0, 37 * SECOND], "drift_ppb": [0, 20_000]}


def deliver():
    """What probe --deliver found of pair0."""
    document, said = vmlab.wirestamp("probe", "pair0", "--deliver", "pair1", limit=100)
    check(document, f"no document: {said}")
    (interface,) = document["interfaces"]
    return interface


def path(extra):
    """Whether PTP frames go another way is found by the system's stamps, in which the machine's noise is, too."""
    with pair(rx_filter="all", delay_ns=2_000_000):
        set_parameter("ptp_extra_delay_ns", extra)
        got = deliver()["path"]
        check(got, "the path was not measured")
        if not extra and not got["same"]:
            # That happens by chance in one of twenty, but not in two of two.
            got = deliver()["path"]
        check_equal(got["same"], extra == 0, f"the same: {got}")
        if extra:
            slack = got["high_ns"] - got["low_ns"]
            check(got["low_ns"] - slack <= extra <= got["high_ns"] + slack, f"{got}")


def rate(limit):
    parameters = {"tx_in_flight": 1, "tx_stamp_latency_ns": 5_000_000} if limit else {}
    with pair(rx_filter="all", **parameters):
        for _ in range(3):
            found = deliver()
            got = found["rate"]
            check(got, f"the rate was not measured: {found}")
            # A machine that is held up for so long that stamps are given up finds another limit.
            if limit or got["by_sender"]:
                break
        if limit:
            check(got["safe_pps"] < 200, f"one stamp takes 5 ms: {got}")
            check(not got["by_sender"] and got["lost_pps"] and got["lost_tx"], f"the stamps are the limit: {got}")
        else:
            check(got["by_sender"] and got["safe_pps"] > 0, f"the sender is the limit: {got}")
        for shape in found["delivered"]:
            if not limit:
                check_equal(shape["tx_hardware"], shape["sent"], f"{shape}")
                check_equal(shape["rx_hardware"], shape["received"], f"{shape}")
            check(not shape["tx_misplaced"] and not shape["rx_misplaced"], f"{shape}")


def listens(_):
    """Whether there is a packet socket."""
    with open("/proc/net/packet", encoding="ascii") as file:
        return len(file.readlines()) > 1


@contextlib.contextmanager
def running(*arguments, ready):
    """The program beside others, once ready(what it has said); its document when it has ended is put into the dict."""
    words = [vmlab.PROGRAM, *map(str, arguments), "--json"]
    errors = tempfile.NamedTemporaryFile(mode="w+", dir="/tmp")
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True)
    result = {}

    def said():
        with open(errors.name, encoding="utf-8") as file:
            return file.read()

    try:
        vmlab.wait_until(lambda: ready(said()) or process.poll() is not None, f"{words} listens")
        check(process.poll() is None, f"{words}: {process.returncode}: {said()}")
        yield result
        process.send_signal(2)
        out, _ = process.communicate(timeout=30)
        check(out.strip(), f"{words}: {process.returncode}: {said()}")
        result.update(json.loads(out))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        errors.close()


def two_way():
    delay = 50_000
    with pair(rx_filter="all", delay_ns=delay, **CLOCKS), vmlab.namespace("far"):
        vmlab.run("ip", "link", "set", "pair1", "netns", "far")
        vmlab.run("ip", "netns", "exec", "far", "sysctl", "-qw", "net.ipv6.conf.pair1.disable_ipv6=1", status=None)
        vmlab.run("ip", "-n", "far", "link", "set", "pair1", "up")

        def link(name, *where):
            return json.loads(vmlab.run("ip", *where, "-json", "link", "show", name).stdout)[0]

        # A carrier is not enough: until the kernel has noticed it, what is sent is dropped.
        vmlab.wait_until(lambda: link("pair0")["operstate"] == "UP", "pair0 is up")
        vmlab.wait_until(lambda: link("pair1", "-n", "far")["operstate"] == "UP", "pair1 is up")
        peer = link("pair1", "-n", "far")["address"]
        with running("reflect", "pair1@far", "--stamp", "hardware", ready=lambda said: "answering at" in said):
            for _ in range(4):
                document, said = vmlab.wirestamp(
                    "latency", "--tx", "pair0", "--peer", peer, "--stamp", "hardware", "--rate", "1kpps", "-d", "1s",
                    "--window", "10s", status=None,
                )
                # A reflector that does not get the CPU in time answers too late for the trial.
                if document or "of a trial" not in said:
                    break
            print(f"# {vmlab.statistics('pair0')} {said}")
        check(document, said)
        (result,) = document["runs"]
        check_equal(result["two_way"]["exchanges"], result["sent"], summary(result))
        rtt = result["rtt_ns"]
        for name in ("min", "max"):
            check(abs(rtt[name] - 2 * delay) <= rtt["error_bound"], f"{name} of the round trip: {rtt}")
        clocks = result["two_way"]
        # At the most what the rates of any two clocks allow over the time at the far side; how much less depends on when
        # which exchanges came.
        unknown = result["residence_ns"]["max"] * RATE_MOST
        check(rtt["error_bound"] <= 20 + unknown, f"{rtt} {clocks}")
        for name in ("forward_ns", "backward_ns"):
            way = result[name]
            check(way["error_bound"] is not None, f"no bound: {way}")
            for what in ("min", "max"):
                check(abs(way[what] - delay) <= way["error_bound"], f"{what} of {name}: {way}")
        check(abs(clocks["drift_ppb"] - 20_000) <= clocks["drift_error_ppb"], f"{clocks}")


def load_and_capture():
    with pair(rx_filter="all", **CLOCKS):
        folder = tempfile.mkdtemp(dir="/tmp")
        file = os.path.join(folder, "packets.pcapng")
        with running("capture", "pair1", "--stamp", "hardware", "-w", file, ready=listens) as captured:
            document, said = vmlab.wirestamp(
                "load", "pair0", "--stamp", "hardware", "--rate", "1kpps", "-d", "1s", "--dst-mac",
                vmlab.mac("pair1").hex(":"),
            )
            check(document, said)
        (result,) = document["runs"]
        gaps = result["gaps_ns"]
        check_equal((gaps["origin"], gaps["stamps_missing"]), ("hardware", 0), f"{gaps}")
        check_equal(gaps["stamps_wanted"], result["sent"], f"{gaps}")
        check(gaps["count"] == result["sent"] - 1 and gaps["min"] > 0, f"{gaps}")
        (captured,) = captured["interfaces"]
        stamps = captured["stamps"]
        check(stamps["hardware"] >= result["sent"] and not stamps["software"], f"{stamps}")
        check(captured["hardware_clock"].startswith("phc"), captured["hardware_clock"])


def packets():
    """packets.npy, the waterfall, and reports of such a run."""
    delay = 500_000
    with pair(rx_filter="all", delay_ns=delay, **CLOCKS):
        folder = os.path.join(tempfile.mkdtemp(dir="/tmp"), "run")
        result = latency("--packets", "--csv", "--waterfall", "--out", folder)
        check_true(result, delay)
        with open(os.path.join(folder, "run.json"), encoding="utf-8") as file:
            columns = json.load(file)["packets"]["columns"]
        wire = [result["stamps"]["tx_clock"], result["stamps"]["rx_clock"]]
        check_equal([columns["wire_tx"], columns["wire_rx"]], wire, f"whose clocks: {columns}")
        with open(os.path.join(folder, "packets.csv"), encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        check_equal(len(rows), result["sent"], "rows")
        apart = [int(row["wire_rx_ns"]) - int(row["wire_tx_ns"]) for row in rows]
        # By two clocks: 37 s and some drift apart, which 20 ppm make 20 us in a second.
        check(max(apart) - min(apart) < 1_000_000, f"from {min(apart)} to {max(apart)}")
        check(abs(apart[0] - 37 * SECOND - delay) < 20_000_000, f"{apart[0]}")
        waterfall = result["waterfall"]
        check_equal(waterfall["packets"], result["matched"], f"{waterfall}")
        check("wire_tx_to_wire_rx" in waterfall["stages"], f"{waterfall['stages']}")
        bound = result["hardware"]["window_bound_ns"]
        for name in waterfall["stages"]:
            stage = result["stages_ns"][name]
            check(stage["min"] >= -bound, f"{name} takes less than nothing: {stage}, bound {bound}")
        stage = result["stages_ns"]["wire_tx_to_wire_rx"]
        for what in ("min", "max"):
            check(abs(stage[what] - delay) <= bound, f"{what} of the wire: {stage}")
        typical = waterfall["typical"]
        total = sum(typical["stage_ns"].values() if isinstance(typical["stage_ns"], dict) else typical["stage_ns"])
        check(typical["from_ns"] - 10 <= total <= typical["to_ns"] + 10, f"stages sum up: {typical}")
        text = vmlab.run(vmlab.PROGRAM, "report", folder).stdout
        check("500 us" in text and "The slowest" in text, text)
        page = os.path.join(folder, "report.html")
        vmlab.run(vmlab.PROGRAM, "report", folder, "--output", page)
        check(os.path.getsize(page) > 10_000, "the page")


def no_warnings():
    check_equal(vmlab.kernel_warnings(), [], "the kernel's warnings")


tap = Tap()
tap.case("PTP frames take 20 ms longer", path, 20_000_000)
tap.case("PTP frames are treated alike", path, 0)
tap.case("the highest rate with one stamp in 5 ms", rate, True)
tap.case("the highest rate without a limit", rate, False)
tap.case("there and back", two_way)
tap.case("load and capture", load_and_capture)
tap.case("packets, waterfall and reports", packets)
tap.case("the kernel has nothing to complain about", no_warnings)
tap.end()
