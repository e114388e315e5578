# SPDX-License-Identifier: BSD-2-Clause
"""probe on the emulated cards: its claims are ethtool's, and what it delivers is what a card is found to do."""

import re

import vmlab
from tap import Tap, check, check_equal
from vmlab import E1000E, IGB0, IGB1, VIRTIO, run

LIMIT = 240
CARDS = (IGB0, IGB1, E1000E, VIRTIO)
SHAPES = [(c, v) for c in ("udp", "ptp-l2-sync", "ptp-l2-delay-req", "ptp-udp") for v in (False, True)]
FRAMES = 50
# linux/net_tstamp.h
TX_ON, FILTER_PTP_V2_EVENT = 1, 12
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}


def probe(*arguments, **named):
    document, said = vmlab.wirestamp("probe", *arguments, **named)
    check(document, f"no document: {said}")
    return document


def one(name, *arguments, **named):
    document = probe(name, *arguments, **named)
    (found,) = document["interfaces"]
    check_equal((found["name"], found["error"]), (name, None), "the interface")
    return found


def sentence(found, subject):
    """The verdict on that, which is one sentence."""
    (text,) = [v for v in found["verdict"] if v.startswith(f"{subject}: ")]
    return text


def line(text):
    """A sentence of printed text, which is broken into lines."""
    return " ".join(text.split())


def claims(name, **named):
    """What the driver says, as ethtool puts it."""
    wanted = vmlab.stamping(name)
    found = one(name, **named)
    check_equal(found["claimed"]["flags"], wanted.flags, "flags")
    # ethtool prints nothing where there are none.
    check_equal(found["claimed"]["tx_types"], wanted.tx, "transmit types")
    check_equal(found["claimed"]["rx_filters"], wanted.rx, "receive filters")
    check_equal(found["phc"], wanted.clock, "the clock's number")
    said = run("ethtool", "-i", name).stdout
    check(f"driver: {found['driver']}\n" in said and f"bus-info: {found['bus']}\n" in said, f"not as {said}")


def same_for_nobody():
    """Without rights the same is said of what a card claims; only what its clock shows is not known."""
    for name in CARDS:
        claims(name, **NOBODY)
        mine, theirs = one(name), one(name, **NOBODY)
        # Whether the scale of a clock is worth a sentence takes a look at the clock.
        for subject in ("transmit", "receive", "use", "ptp4l"):
            check_equal(sentence(theirs, subject), sentence(mine, subject), f"{name}: {subject}")
        check_equal(theirs["configured"], mine["configured"], f"{name}: how it is set")
        if mine["clock"]:
            check_equal(theirs["clock"]["scale"], None, f"{name}: its clock, which only root may read")
            check(mine["clock"]["offset_ns"] is not None, f"{name}: root reads its clock")
    refused = run(vmlab.PROGRAM, "probe", IGB0, "--deliver", IGB1, status=1, **NOBODY)
    check_equal(len(refused.stderr.splitlines()), 1, f"lines of {refused.stderr!r}")
    check("CAP_NET_RAW" in refused.stderr, refused.stderr)


def verdicts():
    for name in (IGB0, IGB1):
        found = one(name)
        check("claims hardware stamps of any packet" in sentence(found, "transmit"), found["verdict"])
        check("of PTP events alone" in sentence(found, "receive"), found["verdict"])
        check("--carrier ptp-l2 (auto takes it)" in sentence(found, "use"), found["verdict"])
        check("not yet measured" in sentence(found, "rate"), found["verdict"])
        check(f"/dev/ptp{vmlab.stamping(name).clock}" in sentence(found, "ptp4l"), found["verdict"])
    found = one(E1000E)
    check("of any packet" in sentence(found, "receive"), found["verdict"])
    check("if the claims hold" in sentence(found, "use"), found["verdict"])
    found = one(VIRTIO)
    for subject in ("transmit", "receive"):
        check("software stamps, no hardware ones" in sentence(found, subject), found["verdict"])
    check("--stamp software" in sentence(found, "use"), found["verdict"])
    check("ptp4l -S" in sentence(found, "ptp4l"), found["verdict"])
    # The same sentences as text.
    said = line(run(vmlab.PROGRAM, "probe", VIRTIO).stdout)
    check("use --stamp software with any carrier" in said, said)


def table():
    names = [i["name"] for i in probe()["interfaces"]]
    check_equal(set(names) & {*CARDS, "lo"}, {*CARDS, "lo"}, "interfaces")
    # By what they claim: all packets, PTP alone, none.
    order = [names.index(n) for n in (E1000E, IGB0, IGB1, VIRTIO, "lo")]
    check_equal(order, sorted(order), f"the best first: {names}")
    said = run(vmlab.PROGRAM, "probe").stdout
    for name, cells in ((IGB0, ("hardware", "hw, PTP", "ptp-l2")), (VIRTIO, ("software", "--stamp software"))):
        (row,) = [r for r in said.splitlines() if r.startswith(f"{name} ")]
        check(all(cell in row for cell in cells), row)


def setting():
    """How a card is set, as hwstamp_ctl set it."""
    check_equal(vmlab.set_hwstamp(IGB1, TX_ON, FILTER_PTP_V2_EVENT), (TX_ON, FILTER_PTP_V2_EVENT), "set")
    got = one(IGB1)["configured"]
    check_equal((got["tx_type"], got["rx_filter"]), ("on", "ptpv2-event"), "as it is set")
    check_equal(vmlab.set_hwstamp(IGB1, 0, 0), (0, 0), "set back")
    got = one(IGB1)["configured"]
    check_equal((got["tx_type"], got["rx_filter"]), ("off", "none"), "as it is set")


def deliver(sender, receiver):
    """(what was found, rows by shape, the driver's count of transmit stamps that it could not give)."""

    def skipped():
        counts = vmlab.statistics(sender)
        return sum(counts.get(f"tx_hwtstamp_{why}", 0) for why in ("skipped", "timeouts"))

    before = [vmlab.hwstamp(n) for n in (sender, receiver)] if VIRTIO not in (sender, receiver) else None
    skipped_before = skipped()
    found = one(sender, "--deliver", receiver)
    rows = {(r["carrier"], r["vlan"]): r for r in found["delivered"]}
    check_equal(sorted(rows), sorted(SHAPES), "shapes")
    for shape, row in rows.items():
        # A frame may be lost on a host that is too busy to take it out of the emulated wire.
        check(row["sent"] == FRAMES and row["received"] >= FRAMES / 2, f"{shape}: {row}")
        check_equal((row["tx_software"], row["rx_software"]), (row["sent"], row["received"]), f"{shape}: software")
    if before:
        check_equal([vmlab.hwstamp(n) for n in (sender, receiver)], before, "put back")
    return found, rows, skipped() - skipped_before


def check_transmit(rows, skipped):
    """igb stamps every frame, one at a time: where one is missing its driver has said no."""
    missing = sum(r["sent"] - r["tx_hardware"] for r in rows.values())
    check(missing <= skipped, f"{missing} transmit stamps missing, {skipped} skipped: {rows}")
    for shape, row in rows.items():
        check(row["tx_hardware"] >= FRAMES / 2, f"{shape}: {row}")
        check_equal(row["tx_misplaced"], 0, f"{shape}: stamps on the wrong frame")


def deliver_stuck():
    """Without help the first Sync alone is stamped, as on a card with a register that nobody reads."""
    # A reset empties it.
    vmlab.down(IGB0, IGB1)
    vmlab.up(IGB0, IGB1)
    found, rows, skipped = deliver(IGB0, IGB1)
    check_transmit(rows, skipped)
    check_equal({s: r["rx_hardware"] for s, r in rows.items() if r["rx_hardware"]}, {("ptp-l2-sync", False): 1}, "stamped")
    check_equal([s for s, r in rows.items() if r["rx_stuck"]], [("ptp-l2-sync", False)], "stuck")
    said = sentence(found, "peer")
    check(f"{IGB1}: stuck latch: 1 of " in said or "stuck latch: 1 of " in said, said)
    check("stuck" not in sentence(found, "transmit"), found["verdict"])
    check("--stamp software" in sentence(found, "use"), found["verdict"])


def deliver_igb():
    """Sync alone is stamped on receive, though the filter says PTP events: it is found out and said.

    The helper that empties the register needs the CPU between two frames. That cannot be promised, so not each of them is
    asked for; but far more than a stuck register's, and of no other shape any.
    """
    for _ in range(3):
        with vmlab.Latch():
            found, rows, skipped = deliver(IGB0, IGB1)
        if rows["ptp-l2-sync", False]["rx_hardware"] >= 0.9 * FRAMES:
            break
    check_transmit(rows, skipped)
    sync = rows["ptp-l2-sync", False]
    check(sync["rx_hardware"] >= FRAMES / 2 and not sync["rx_stuck"], f"Sync: {sync}")
    check_equal(sync["rx_misplaced"], 0, "stamps on the wrong frame")
    others = {s: r["rx_hardware"] for s, r in rows.items() if r["rx_hardware"] and s != ("ptp-l2-sync", False)}
    check_equal(others, {}, "stamped on receive")
    said = sentence(found, "peer")
    check(re.search(r"delivers hardware stamps .*ptp-l2-sync", said), said)
    never = re.search(r"never of (.*), although it claims ptpv2-event", said)
    check(never and all(s in never[1] for s in ("udp", "ptp-l2-delay-req", "ptp-udp")), said)
    check("ptp-l2-sync without" not in never[1], said)
    check("delivers hardware stamps" in sentence(found, "transmit"), found["verdict"])
    check("--carrier ptp-l2" in sentence(found, "use"), found["verdict"])
    check(found["rate"] and found["rate"]["carrier"] == "ptp-l2-sync", f"rate {found['rate']}")
    check(found["rate"]["in_flight"] >= 1, f"rate {found['rate']}")
    check(sentence(found, "rate"), "the rate is said")
    check(found["path"], "whether the path treats PTP alike")


def deliver_e1000e():
    """It claims all and delivers none, at whichever end it is; virtio claims none."""
    found, rows, _ = deliver(E1000E, VIRTIO)
    check_equal({r["tx_hardware"] for r in rows.values()}, {0}, "transmit stamps")
    check_equal({r["rx_hardware"] for r in rows.values()}, {None}, "virtio is not asked for any")
    said = sentence(found, "transmit")
    check("delivers no hardware stamps" in said and "although it claims them" in said, said)
    check("software stamps" in sentence(found, "peer"), found["verdict"])
    check("--stamp software" in sentence(found, "use"), found["verdict"])
    found, rows, _ = deliver(VIRTIO, E1000E)
    check_equal({r["rx_hardware"] for r in rows.values()}, {0}, "receive stamps")
    check_equal({r["tx_hardware"] for r in rows.values()}, {None}, "virtio is not asked for any")
    said = sentence(found, "peer")
    check("delivers no hardware stamps" in said and "although it claims all" in said, said)
    check("delivers software stamps of every frame" in sentence(found, "transmit"), found["verdict"])
    check_equal(vmlab.hwstamp(E1000E), (0, 0), "put back")


vmlab.up(*CARDS)
tap = Tap()
for card in CARDS:
    tap.case(f"{card}: claims as ethtool -T says", claims, card)
tap.case("the same for a user without rights", same_for_nobody)
tap.case("sentences that say what to do", verdicts)
tap.case("a table, the best first", table)
tap.case("how another program has set it", setting)
tap.case("igb without help has a stuck latch", deliver_stuck)
tap.case("igb delivers Sync alone", deliver_igb)
tap.case("e1000e delivers nothing, virtio claims nothing", deliver_e1000e)
tap.end()
