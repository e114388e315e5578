# SPDX-License-Identifier: BSD-2-Clause
"""Hardware stamps of the emulated cards in latency, load and capture: used where they come, refused where not.

The wire between the igb's is a pair of sockets of the emulator: what a frame takes on it is not known, and no test asks.
"""

import contextlib
import os
import subprocess

import vmlab
from run_document import check_document
from tap import Tap, check, check_equal
from vmlab import E1000E, ETH_P_1588, IGB0, IGB1, VIRTIO, PacketSocket, run

LIMIT = 240
STEP = 1_000_000


def one_line(said):
    check_equal(len(said.splitlines()), 1, f"lines of {said!r}")
    check(said.startswith("wirestamp: "), said)
    return said


def refused(*arguments):
    """The one line that a command says in place of a measurement."""
    document, said = vmlab.wirestamp(*arguments, status=1)
    check(document is None, f"{arguments}: a document in spite of {said!r}")
    for name in (IGB0, IGB1, E1000E):
        check_equal(vmlab.hwstamp(name), (0, 0), f"how {name} is set after it")
    return one_line(said)


def latency(tx, rx, *arguments, status=0):
    document, said = vmlab.wirestamp("latency", "--tx", tx, "--rx", rx, *arguments, status=status)
    check(document, f"no document: {said}")
    check_document(document, runs=1)
    return document, document["runs"][0]


def check_hardware(document, result, asked_least):
    """Stamps of both cards; of what was asked for one, each has them at both ends.

    For each receive stamp the helper has to have emptied the register in time, for which it needs the CPU. That cannot be
    promised: so half of them are enough here, whatever is missing has to be told, and slow() asks for more.
    """
    stamps, hardware = result["stamps"], result["hardware"]
    clocks = tuple(f"phc{vmlab.stamping(name).clock}" for name in (IGB0, IGB1))
    check_equal((stamps["tx"], stamps["rx"]), ("hardware", "hardware"), "stamps")
    check_equal((stamps["tx_clock"], stamps["rx_clock"]), clocks, "clocks")
    check_equal(document["carrier"], "ptp-l2", "the carrier that it chose")
    # Before and after a jump back stamps contradict each other, and both are rejected.
    most = 2 * hardware["rx"]["jumps"]
    check(hardware["misplaced_tx"] == 0 and hardware["misplaced_rx"] <= most, f"stamps on the wrong packet: {hardware}")
    check_equal(hardware["one_clock"], False, "one clock")
    sampling = hardware["sampling"]
    check_equal(sampling["asked"] + sampling["not_asked"], result["sent"], "asked for a stamp, and not")
    check(sampling["asked"] >= asked_least, f"asked for a stamp: {sampling}")
    # Frames that were not asked for a stamp are no Syncs, and have none.
    stamped = result["matched"] + hardware["unconverted"] + result["unstamped_rx"] + result["unstamped_tx"]
    check(stamped <= sampling["asked"], f"{stamped} stamped, {sampling}")
    matched = result["matched"] + hardware["unconverted"]
    check(matched >= sampling["asked"] / 2, f"{sampling}, {matched} with both stamps")
    if sampling["not_asked"]:
        check_equal(sampling["in_flight"], 1, "stamps at a time")
        check("at a time" in sampling["why"], f"why: {sampling}")
    return sampling


def igb(rate, seconds, asked_least, *arguments):
    with vmlab.Latch():
        document, result = latency(IGB0, IGB1, "--stamp", "hardware", "--rate", rate, "-d", seconds, *arguments)
    sampling = check_hardware(document, result, asked_least)
    bound = result["latency_ns"]["error_bound"]
    check(bound is not None and bound > 0, f"a bound: {bound}")
    check(result["hardware"]["window_bound_ns"] >= bound, "the bound of the readings is wider")
    check_equal(result["negative"], 0, "latencies below zero")
    check_equal(result["hardware"]["unconverted"], 0, "packets about a jump")
    for end in ("tx", "rx"):
        check_equal(result["hardware"][end]["jumps"], 0, f"jumps of {end}")
    # What was asked for and did not come is said, and nothing else is.
    missing = sampling["asked"] - result["matched"]
    said = [w for w in document["warnings"] if "without a receive stamp" in w]
    check_equal(len(said), 1 if missing else 0, f"{missing} missing: {document['warnings']}")
    check(not missing or f" {missing} packets" in said[0] or result["lost"] or result["late_arrivals"], said)
    return document, result


def slow():
    """At 20 pps each one that is asked for has both; of three runs one finds the helper in time nearly always."""
    shares = []
    for _ in range(3):
        _, result = igb("20pps", "1s", 5)
        shares.append(result["matched"] / result["hardware"]["sampling"]["asked"])
        if shares[-1] == 1:
            break
    check(max(shares) >= 0.9, f"shares of what was asked for: {shares}")


def sampled():
    """At 1 kpps the card has to be spared: a sample, whose share and why are said."""
    document, result = igb("1kpps", "1s", 5)
    sampling = result["hardware"]["sampling"]
    check(sampling["not_asked"] > 0 and 0 < sampling["share"] < 1, f"sampled: {sampling}")
    check(sampling["gap_ns"] > 0 and "of a burst of" in sampling["why"], f"why: {sampling}")
    check_equal(result["sent"], 1000, "sent")


def text():
    """As a person reads it."""
    with vmlab.Latch():
        said = run(
            vmlab.PROGRAM, "latency", "--tx", IGB0, "--rx", IGB1, "--stamp", "hardware", "--rate", "100pps", "-d", "1s"
        ).stdout
    words = " ".join(said.split())
    check("carrier ptp-l2" in words and "hardware stamps at both ends" in words, said)
    check("asked for a stamp" in words and "clock was" in words and "error bound" in words, said)


def offset():
    """A clock that is set wrong by 1 ms: the offset becomes that much greater, and no latency does.

    The offset is what the latencies are made with, and it is known to the readings' bounds; how long a frame takes on the
    emulated wire is not, but is less than half of the step for the fastest one.
    """
    bounds, offsets, fastest = [], [], []
    with vmlab.Clock(IGB1) as clock:
        for step in (0, STEP, -STEP):
            clock.step(step)
            _, result = igb("50pps", "600ms", 2)
            hardware = result["hardware"]
            bounds.append(hardware["window_bound_ns"])
            offsets.append(hardware["offset_ns"])
            fastest.append(result["latency_ns"]["min"])
            check(abs(hardware["drift_ppb"]) < 1000, f"drift {hardware['drift_ppb']} ppb")
    for number, wanted in ((1, STEP), (2, 0)):
        moved = offsets[number] - offsets[0]
        # Both clocks are made of one: in a minute they drift by less than 1 us.
        slack = bounds[0] + bounds[number] + 1000
        check(abs(moved - wanted) <= slack, f"{offsets}: moved by {moved}, not {wanted}; bounds {bounds}")
    check(max(fastest) - min(fastest) < STEP / 2, f"the fastest of each run: {fastest}")


@contextlib.contextmanager
def under_way(seconds):
    """A run from igb to igb; yields when its 40th packet has come."""
    words = [vmlab.PROGRAM, "latency", "--tx", IGB0, "--rx", IGB1, "--stamp", "hardware", "--json"]
    with PacketSocket(IGB1, ETH_P_1588) as socket:
        process = subprocess.Popen(
            [*words, "--rate", "50pps", "-d", f"{seconds}s"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        try:
            check(socket.receive(lambda f: vmlab.of_a_run(f, 40), 60), "a packet of the run")
            yield process
        finally:
            process.kill()
            process.communicate()


def jump():
    """A clock that jumps during a run is noticed and said, and what is near it has no latency.

    On a busy machine few packets are asked for a stamp, and by chance none near the jump: then once more.
    """
    for step in (STEP, -STEP, STEP):
        if jumped(lambda clock, step=step: clock.step(step))["unconverted"] > 0:
            return
    raise AssertionError("no packet about the jump, three times")


def frequency():
    """The emulated clock jumps when its frequency is changed: by 1 ms and more, or by half an hour."""
    with vmlab.Clock(IGB1) as clock:
        try:
            jumped(lambda clock: clock.rate(50_000))
        finally:
            clock.rate(0)
            clock.step(-clock.offset()[0])


def jumped(change):
    with vmlab.Latch(), vmlab.Clock(IGB1) as clock, under_way(4) as process:
        change(clock)
        out, said = process.communicate(timeout=60)
    check_equal(process.returncode, 0, f"exit status: {said}")
    document = vmlab.json.loads(out)
    check_document(document, runs=1)
    (result,) = document["runs"]
    check_hardware(document, result, 10)
    hardware = result["hardware"]
    check(hardware["rx"]["jumps"] >= 1 and hardware["tx"]["jumps"] == 0, f"jumps: {hardware}")
    check(any("no latency" in w for w in document["warnings"]), f"it is said: {document['warnings']}")
    check(result["matched"] > 5, f"the others have one: {result['matched']}")
    check_equal(result["negative"], 0, "latencies below zero")
    return hardware


def bare():
    """Without the helper: the trial finds the register stuck, and so it does when that has lasted for a while."""
    vmlab.down(IGB0, IGB1)
    vmlab.up(IGB0, IGB1)
    asked = ("latency", "--tx", IGB0, "--rx", IGB1, "--stamp", "hardware", "--rate", "50pps", "-d", "1s")
    said = refused(*asked)
    check(f"{IGB1}: stuck latch: " in said and "--stamp software" in said, said)
    said = refused(*asked)
    check(f"{IGB1}: " in said and "latch is stuck since before" in said and "--stamp software" in said, said)
    document, result = latency(IGB0, IGB1, "--rate", "50pps", "-d", "300ms")
    check_equal((result["stamps"]["tx"], result["stamps"]["rx"]), ("software", "software"), "stamps of auto")
    check(any("latch" in w and "software stamps are used" in w for w in document["warnings"]), document["warnings"])


def udp():
    """UDP is not what these cards stamp: what to do is named."""
    for carrier in ("udp", "l2"):
        said = refused("latency", "--tx", IGB0, "--rx", IGB1, "--stamp", "hardware", "--carrier", carrier, "-d", "1s")
        check(f"{IGB1}: " in said and "--carrier ptp-l2" in said, said)


def ptp_udp():
    """UDP to port 319 is claimed, and not delivered."""
    with vmlab.Latch():
        said = refused(
            "latency", "--tx", IGB0, "--rx", IGB1, "--stamp", "hardware", "--carrier", "ptp-udp",
            "--dst", "192.0.2.2", "--src", "192.0.2.1", "-d", "1s",
        )
    check(f"{IGB1}: claims hardware stamps on receive, but delivered none" in said, said)


def none(tx, rx, whose, what):
    """Refused with what is possible instead; auto takes that, and says why where the card claims more."""
    said = refused("latency", "--tx", tx, "--rx", rx, "--stamp", "hardware", "--rate", "50pps", "-d", "1s")
    check(f"{whose}: " in said and what in said and "--stamp software" in said, said)
    document, result = latency(tx, rx, "--rate", "50pps", "-d", "300ms")
    check_equal((result["stamps"]["tx"], result["stamps"]["rx"]), ("software", "software"), "stamps of auto")
    check(result["matched"] > 0, "latencies")
    return document


def e1000e():
    """As both ends: on the wire with virtio, the trial that shows it is that of a load, or of a receiver alone."""
    none(E1000E, VIRTIO, VIRTIO, "offers no hardware time stamps of received packets")
    none(VIRTIO, E1000E, VIRTIO, "offers no hardware time stamps of sent packets")
    said = refused("load", E1000E, "--dst-mac", "02:00:00:00:00:01", "--stamp", "hardware", "--rate", "50pps", "-d", "1s")
    check(f"{E1000E}: claims hardware stamps on transmit, but delivered none" in said, said)
    check("--stamp software" in said, said)


def crossed():
    """e1000e claims all, and so it is tried: a sender that delivers none, a receiver that nothing reaches."""
    for tx, rx, what in (
        (E1000E, IGB1, "claims hardware stamps on transmit, but delivered none"),
        (IGB0, E1000E, "none of the "),
    ):
        said = refused("latency", "--tx", tx, "--rx", rx, "--stamp", "hardware", "--rate", "50pps", "-d", "1s")
        check(f"{E1000E}: {what}" in said, said)


def veth():
    run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    try:
        vmlab.up("v0", "v1")
        document = none("v0", "v1", "v0", "offers no hardware time stamps of sent packets")
        # A card that claims nothing is no surprise.
        check(not any("hardware" in w for w in document["warnings"]), document["warnings"])
    finally:
        run("ip", "link", "del", "v0")


def load():
    """Every frame is stamped on transmit, one at a time."""
    arguments = ("--dst-mac", vmlab.mac(IGB1).hex(":"), "--stamp", "hardware", "--rate", "50pps", "-d", "1s")
    before = vmlab.statistics(IGB0)
    document, said = vmlab.wirestamp("load", IGB0, *arguments)
    after = vmlab.statistics(IGB0)
    (result,) = document["runs"]
    gaps = result["gaps_ns"]
    check_equal((result["sent"], result["balanced"], gaps["origin"]), (50, True, "hardware"), f"a load: {said}")
    # Frames that left in a hurry are not asked for one; where one did not come the driver has said so.
    skipped = sum(after[f"tx_hwtstamp_{why}"] - before[f"tx_hwtstamp_{why}"] for why in ("skipped", "timeouts"))
    check(gaps["stamps_wanted"] >= 10 and gaps["stamps_missing"] <= skipped, f"{skipped} skipped, stamps: {gaps}")
    check_equal(vmlab.hwstamp(IGB0), (0, 0), "put back")


def capture():
    """Each received packet has to be stamped for that: these cards are refused, and it is said what they stamp."""
    said = refused("capture", IGB1, "--stamp", "hardware", "-d", "1s", "-w", "/tmp/none.pcapng")
    check("PTP packets only" in said and "--stamp software" in said, said)
    check(not os.path.exists("/tmp/none.pcapng"), "a file")
    said = refused("capture", VIRTIO, "--stamp", "hardware", "-d", "1s", "-w", "/tmp/none.pcapng")
    check("--stamp software" in said, said)


vmlab.up(IGB0, IGB1, E1000E, VIRTIO)
tap = Tap()
tap.case("stuck without help: refused, and auto goes without", bare)
tap.case("every packet at 20 pps", slow)
tap.case("a sample at 1 kpps", sampled)
tap.case("the same in words", text)
tap.case("clocks that are 1 ms apart", offset)
tap.case("a clock that is stepped in the middle", jump)
tap.case("a clock whose frequency is changed", frequency)
tap.case("UDP with hardware stamps is refused", udp)
tap.case("PTP over UDP is tried and refused", ptp_udp)
tap.case("e1000e and virtio are refused", e1000e)
tap.case("e1000e at one end alone is refused", crossed)
tap.case("veth is refused", veth)
tap.case("load with hardware stamps", load)
tap.case("capture with hardware stamps is refused", capture)
tap.case("the kernel has nothing to complain about", lambda: check_equal(vmlab.kernel_warnings(), [], "warnings"))
tap.end()
