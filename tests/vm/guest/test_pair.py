# SPDX-License-Identifier: BSD-2-Clause
"""The module ws_pair, judged by a packet socket, PTP ioctls, ethtool and linuxptp: what it says is true, to the ns."""

import fcntl
import os
import select
import socket
import struct
import threading
import time
from contextlib import contextmanager

import vmlab
from tap import Tap, check, check_equal
from vmlab import ETH_P_1588, PacketSocket, ethernet, ptp_message, run

# Seconds for the driver: 15 on an idle machine, many times that where others work, too.
LIMIT = 120

NAME = "ws_pair"
# linux/net_tstamp.h
TX_OFF, TX_ON = 0, 1
FILTER_NONE, FILTER_ALL, FILTER_V1_SYNC, FILTER_V1_DELAY_REQ, FILTER_V1_EVENT = 0, 1, 4, 5, 3
FILTER_V2_L4_EVENT, FILTER_V2_L2_SYNC, FILTER_V2_EVENT = 6, 10, 12
# Hardware alone: so one report comes for each stamp.
FLAGS = vmlab.TX_HARDWARE | vmlab.RX_HARDWARE | vmlab.RAW_HARDWARE | vmlab.OPT_ID | vmlab.OPT_TSONLY
PLAIN = 0x88B5
SOON = 0.3


# linux/sockios.h, linux/if.h
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def switch(on, *names):
    """As vmlab.up() and down() without a program for each: those are slow under emulation."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for name in names:
            request = fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack("16sH14x", name.encode(), 0))
            flags = struct.unpack_from("H", request, 16)[0] & ~IFF_UP
            fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), flags | (IFF_UP if on else 0)))


class Pair:
    """Both ports up, stamping, with a socket each; counters as they changed since."""

    def __init__(self, rx_filter, flags):
        for name in ("pair0", "pair1"):
            # What IPv6 sends by itself would be stamped and counted, too.
            with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w", encoding="ascii") as file:
                file.write("1")
        switch(True, "pair0", "pair1")
        check(vmlab.carrier("pair0") and vmlab.carrier("pair1"), "their link")
        self.configure(rx_filter)
        self.sockets = [PacketSocket(name, flags=flags) for name in ("pair0", "pair1")]
        self.sent = [0, 0]

    def configure(self, rx_filter):
        for name in ("pair0", "pair1"):
            vmlab.ioctl_hwstamp(name, TX_ON, rx_filter)

    def frame(self, number, tx=0, length=60):
        a, b = self.sockets[tx].address, self.sockets[1 - tx].address
        return ethernet(a, b, PLAIN, struct.pack("!I", number)).ljust(length, b"\0")

    def exchange(self, frames, tx=0, sent=None, arrive=None, gap=0.0):
        """Sends; returns the hardware stamps (transmit, receive) of each frame, None where there is none.

        sent, arrive: so many reports and frames are to come (None: of all frames)."""
        sender, receiver = self.sockets[tx], self.sockets[1 - tx]
        first = self.sent[tx]
        for frame in frames:
            sender.send(frame)
            if gap:
                time.sleep(gap)
        self.sent[tx] += len(frames)
        sent = len(frames) if sent is None else sent
        arrive = len(frames) if arrive is None else arrive
        times = {s.what - first: s.hardware for s in sender.transmit_stamps(sent)}
        check_equal(len(times), sent, "transmit stamps")
        # One more that was not to come would come soon.
        check(sent == len(frames) or not sender.transmit_stamps(1, limit=0.05), "a further transmit stamp")
        came = {}
        for _ in range(arrive):
            stamp = receiver.receive()
            check(stamp, f"frames that arrived: {len(came)} of {arrive}")
            came[frames.index(stamp.what)] = stamp.hardware
        check(arrive == len(frames) or not receiver.receive(limit=0.05), "a further frame")
        return [(times.get(i), came.get(i)) for i in range(len(frames))]

    def numbered(self, count, tx=0, **named):
        self.order = [self.frame(n, tx) for n in range(count)]
        return self.exchange(self.order, tx, **named)


@contextmanager
def pair(rx_filter=FILTER_ALL, flags=FLAGS, **parameters):
    with vmlab.module(NAME, **parameters):
        made = Pair(rx_filter, flags)
        try:
            yield made
        finally:
            for sock in made.sockets:
                sock.socket.close()


def delays(stamps):
    return [rx - tx for tx, rx in stamps]


def counters(name, *wanted):
    got = vmlab.statistics(name)
    return tuple(got[counter] for counter in wanted)


def set_parameter(name, *values):
    vmlab.set_parameter(NAME, name, list(values))


def refused(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return error.strerror
    return None


ERANGE, EINVAL = "Numerical result out of range", "Invalid argument"


def claims():
    with vmlab.module(NAME):
        check("driver: ws_pair\n" in run("ethtool", "-i", "pair0").stdout, "the driver")
        check(not vmlab.carrier("pair0"), "a link while the other end is down")
        vmlab.up("pair0", "pair1")
        said = run("ethtool", "pair1").stdout
        check("Speed: 1000Mb/s" in said and "Link detected: yes" in said, said)
        first, second = vmlab.stamping("pair0"), vmlab.stamping("pair1")
        check(first.clock is not None and first.clock != second.clock, "a clock each")
        for value, filters in (
            ("all", ["none", "all"]),
            ("ptp", ["none", "ptpv1-l4-sync", "ptpv1-l4-delay-req", "ptpv2-event"]),
            ("none", ["none"]),
        ):
            set_parameter("rx_filter", value)
            got = vmlab.stamping("pair0")
            check_equal((got.tx, got.rx), (["off", "on"], filters), f"{value}: what it claims")
            check_equal("hardware-receive" in got.flags, value != "none", f"{value}: the flag")
        set_parameter("rx_filter", "ptp", "all")
        check_equal(vmlab.get_parameter(NAME, "rx_filter"), "ptp,all", "a parameter for each port")
        check_equal(vmlab.stamping("pair1").rx, ["none", "all"], "the second port's")
        set_parameter("tx_offer", 0)
        check_equal(vmlab.stamping("pair0").tx, ["off"], "transmit types")
        check_equal(refused(vmlab.ioctl_hwstamp, "pair0", TX_ON, FILTER_NONE), ERANGE, "transmit stamps")
        for name, value in (("rx_filter", "some"), ("delay_ns", "-1"), ("delay_ns", "1,2,3"), ("delay_ns", "x")):
            check_equal(refused(set_parameter, name, value), EINVAL, f"{name}={value}")


def setting():
    with vmlab.module(NAME):
        for value, wanted in (
            ("all", {FILTER_ALL: FILTER_ALL, FILTER_V2_EVENT: FILTER_ALL, FILTER_NONE: FILTER_NONE}),
            ("ptp", {
                FILTER_V2_L2_SYNC: FILTER_V2_EVENT, FILTER_V2_L4_EVENT: FILTER_V2_EVENT,
                FILTER_V1_SYNC: FILTER_V1_SYNC, FILTER_V1_DELAY_REQ: FILTER_V1_DELAY_REQ,
                FILTER_ALL: None, FILTER_V1_EVENT: None,
            }),
            ("none", {FILTER_ALL: None, FILTER_V2_EVENT: None, FILTER_NONE: FILTER_NONE}),
        ):
            set_parameter("rx_filter", value)
            for asked, granted in wanted.items():
                if granted is None:
                    before = vmlab.ioctl_hwstamp("pair0")
                    check_equal(refused(vmlab.ioctl_hwstamp, "pair0", TX_ON, asked), ERANGE, f"{value}: {asked}")
                    check_equal(vmlab.ioctl_hwstamp("pair0"), before, "left as it was")
                else:
                    check_equal(vmlab.ioctl_hwstamp("pair0", TX_ON, asked), (TX_ON, granted), f"{value}: {asked}")
                    check_equal(vmlab.ioctl_hwstamp("pair0"), (TX_ON, granted), "as read back")
        set_parameter("rx_filter", "ptp")
        check_equal(vmlab.set_hwstamp("pair0", TX_ON, FILTER_V2_L4_EVENT), (TX_ON, FILTER_V2_EVENT), "hwstamp_ctl")
        said = run("hwstamp_ctl", "-i", "pair0", "-t", TX_ON, "-r", FILTER_ALL, status=None)
        check(said.returncode and ERANGE in said.stderr + said.stdout, f"hwstamp_ctl: {said}")


def delay(offset0, offset1, step1=0):
    """The difference of the stamps is the delay and that of the clocks, in both directions and to the ns."""
    with pair(clock_offset_ns=[offset0, offset1], phc_step_ns=[0, step1]) as made:
        offset1 += step1
        for ns in (5000, 50000, 500000):
            set_parameter("delay_ns", ns, ns + 1234)
            forth, back = delays(made.numbered(10)), delays(made.numbered(10, 1))
            check_equal(forth, [ns + offset1 - offset0] * 10, f"{ns} ns forth")
            check_equal(back, [ns + 1234 + offset0 - offset1] * 10, f"{ns} ns back")


def drift():
    """pair1's clock has no error: it says when each frame was sent, and so how fast pair0's goes."""
    with pair(drift_ppb=[20000, 0]) as made:
        stamps = made.numbered(20, gap=0.03)
        (start, came) = stamps[0]
        for tx, rx in stamps[1:]:
            gone = rx - came
            check(gone >= 30_000_000, "time went by")
            check(abs((tx - start) - gone - gone * 20e-6) <= 1, f"{tx - start} ns in {gone} ns")
        set_parameter("drift_ppb", -500, 20000)
        with vmlab.Clock("pair1") as clock:
            # What a servo asks for is added to the clock's own error.
            clock.rate(-20000)
            stamps = made.numbered(5, gap=0.03)
            (start, came) = stamps[0]
            for tx, rx in stamps[1:]:
                check(abs((tx - start) - (rx - came) * (1 - 500e-9)) <= 1, "slower by 500 ppb")
            # A servo that sets the rate often does not lose part of a ns each time.
            set_parameter("drift_ppb", -333, 0)
            clock.rate(0)
            ((start, came),) = made.numbered(1)
            with vmlab.Clock("pair0") as slow:
                for _ in range(300):
                    slow.rate(0)
            ((tx, rx),) = made.numbered(1)
            check(abs((tx - start) - (rx - came) * (1 - 333e-9)) <= 2, f"{tx - start} ns in {rx - came} ns")


def software():
    """By the system's own clock and without trust in the module: no frame comes before its delay is over."""
    with pair(flags=vmlab.ALL_STAMPS, delay_ns=3_000_000) as made:
        sender, receiver = made.sockets
        for number in range(5):
            frame = made.frame(number)
            before = time.time_ns()
            sender.send(frame)
            reports = sender.transmit_stamps(2)
            got = receiver.receive()
            hardware = next(s.hardware for s in reports if s.hardware)
            soft = next(s.software for s in reports if s.software)
            check(before <= soft <= hardware, f"sent at {before}, hardware {hardware}, software {soft}")
            check_equal(got.hardware - hardware, 3_000_000, "the delay")
            check(got.hardware <= got.software <= time.time_ns(), f"hardware {got.hardware}, software {got.software}")


def udp(port, six=False, message=None, control=None):
    data = message or ptp_message(0)
    if control is not None:
        # Version 1: the control field tells Sync (0) from Delay_Req (1).
        data = bytes([0, 1]) + bytes(30) + bytes([control]) + bytes(91)
    datagram = struct.pack("!HHHH", 50000, port, 8 + len(data), 0) + data
    if six:
        return 0x86DD, struct.pack("!IHBB", 6 << 28, len(datagram), 17, 64) + bytes(32) + datagram
    return 0x0800, struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(datagram), 0, 0, 64, 17, 0) + bytes(8) + datagram


SHAPES = {
    "sync": ((ETH_P_1588, ptp_message(0)), None),
    "delay_req": ((ETH_P_1588, ptp_message(1)), None),
    "pdelay_resp": ((ETH_P_1588, ptp_message(3)), None),
    "follow_up": ((ETH_P_1588, ptp_message(8)), None),
    "announce": ((ETH_P_1588, ptp_message(11)), None),
    "udp319": (udp(319), None),
    "udp319 on IPv6": (udp(319, six=True), None),
    "udp320": (udp(320), None),
    "v1 sync": (udp(319, control=0), None),
    "v1 delay_req": (udp(319, control=1), None),
    "plain": ((PLAIN, b"plain"), None),
    "sync with a tag": ((ETH_P_1588, ptp_message(0)), 5),
    "udp319 with a tag": (udp(319), 5),
}


def stamped(made, transmit=True):
    """Names of the shapes that get a receive stamp."""
    a, b = made.sockets[0].address, made.sockets[1].address
    # The kernel takes the tag off before the socket sees the frame: so the last bytes are the mark.
    got = set()
    for number, (name, ((ethertype, payload), vlan)) in enumerate(SHAPES.items()):
        mark = struct.pack("!HH", 0xBEEF, number)
        made.sockets[0].send(ethernet(a, b, ethertype, payload.ljust(60, b"\0") + mark, vlan))
        stamp = made.sockets[1].receive(lambda frame, mark=mark: mark in frame)
        check(stamp, f"{name} did not arrive")
        if stamp.hardware:
            got.add(name)
    reports = made.sockets[0].transmit_stamps(len(SHAPES))
    check_equal(len(reports), len(SHAPES), "transmit stamps: every shape gets one")
    return got


def filters():
    events = {"sync", "delay_req", "pdelay_resp", "udp319", "udp319 on IPv6", "v1 sync", "v1 delay_req"}
    with pair() as made:
        check_equal(stamped(made), set(SHAPES), "all")
        made.configure(FILTER_NONE)
        check_equal(stamped(made), set(), "none")
        set_parameter("rx_filter", "ptp")
        made.configure(FILTER_V2_EVENT)
        check_equal(stamped(made), events, "ptpv2-event")
        set_parameter("ptp_vlan", 1)
        check_equal(stamped(made), events | {"sync with a tag", "udp319 with a tag"}, "through a tag")
        set_parameter("ptp_vlan", 0)
        made.configure(FILTER_V1_SYNC)
        check_equal(stamped(made), {"v1 sync"}, "ptpv1-l4-sync")
        made.configure(FILTER_V1_DELAY_REQ)
        check_equal(stamped(made), {"v1 delay_req"}, "ptpv1-l4-delay-req")
        made.configure(FILTER_V2_EVENT)
        set_parameter("rx_deliver", "sync")
        check_equal(stamped(made), {"sync"}, "only Sync is delivered")
        set_parameter("rx_deliver", "none")
        check_equal(stamped(made), set(), "nothing is delivered")


def in_flight():
    with pair(tx_in_flight=1, tx_stamp_latency_ns=400_000_000) as made:
        stamps = made.numbered(10, sent=1)
        check_equal([tx is not None for tx, _ in stamps], [True] + [False] * 9, "the first alone")
        check_equal(delays(stamps[:1]), [5000], "and its is right")
        set_parameter("tx_in_flight", 3)
        stamps = made.numbered(10, sent=3)
        check_equal(delays(stamps[:3]), [5000] * 3, "three alone")
        check_equal(counters("pair0", "tx_hwtstamp_stamped", "tx_hwtstamp_skipped"), (4, 16), "counters")
        set_parameter("tx_in_flight", 1)
        set_parameter("tx_stamp_latency_ns", 1000)
        for _ in range(5):
            check_equal(delays(made.numbered(1)), [5000], "one after the other")
        check_equal(counters("pair0", "tx_hwtstamp_stamped", "tx_hwtstamp_skipped"), (9, 16), "counters")


def registers():
    with pair(rx_registers=4, rx_register_ns=400_000_000) as made:
        stamps = made.numbered(10)
        check_equal([rx is not None for _, rx in stamps], [True] * 4 + [False] * 6, "four alone")
        check_equal(delays(stamps[:4]), [5000] * 4, "they are right")
        check_equal(counters("pair1", "rx_hwtstamp_stamped", "rx_hwtstamp_cleared"), (4, 6), "counters")
        time.sleep(0.45)
        check_equal(delays(made.numbered(1)), [5000], "free again")


def latch():
    with pair(rx_filter=FILTER_V2_EVENT, rx_stuck=1) as made:
        for _ in range(2):
            made.configure(FILTER_ALL)
            stamps = made.numbered(5)
            check_equal([rx is not None for _, rx in stamps], [True] + [False] * 4, "the first alone")
        check_equal(counters("pair1", "rx_hwtstamp_stamped", "rx_hwtstamp_cleared"), (2, 8), "counters")


def lost():
    with pair(tx_lose_every=5, rx_lose_every=7) as made:
        stamps = made.numbered(21, sent=17)
        check_equal([n for n, (tx, _) in enumerate(stamps, 1) if tx is None], [5, 10, 15, 20], "lost on transmit")
        check_equal([n for n, (_, rx) in enumerate(stamps, 1) if rx is None], [7, 14, 21], "lost on receive")
        check(all(rx - tx == 5000 for tx, rx in stamps if tx and rx), "the others are right")
        check_equal(
            counters("pair0", "tx_hwtstamp_stamped", "tx_hwtstamp_lost", "tx_hwtstamp_timeouts"), (17, 4, 4), "sent"
        )
        check_equal(counters("pair1", "rx_hwtstamp_stamped", "rx_hwtstamp_lost"), (18, 3), "received")


def swapped(side):
    """Of 11, the 5th and 6th, and the 10th and 11th are exchanged."""
    with pair(**{f"{side}_swap_every": 5}, swap_hold_ms=5000) as made:
        stamps = made.numbered(11)
        tx, rx = [tx for tx, _ in stamps], [rx for _, rx in stamps]
        wrong = tx if side == "tx" else rx
        for n in (4, 9):
            check(wrong[n] > wrong[n + 1], "exchanged")
            wrong[n], wrong[n + 1] = wrong[n + 1], wrong[n]
        check_equal([b - a for a, b in zip(tx, rx)], [5000] * 11, "put back, all are right")
        port = "pair0" if side == "tx" else "pair1"
        check_equal(counters(port, f"{side}_hwtstamp_stamped", f"{side}_hwtstamp_swapped"), (11, 2), "counters")
        # The 15th finds no other.
        set_parameter("swap_hold_ms", 10)
        check_equal(delays(made.numbered(4)), [5000] * 4, "one that no other came after is right")
        check_equal(counters(port, f"{side}_hwtstamp_swapped"), (2,), "and not counted")


def stale(side):
    with pair(**{f"{side}_stale_every": 5}) as made:
        stamps = made.numbered(10)
        which = 0 if side == "tx" else 1
        for n, (tx, rx) in enumerate(stamps):
            if n in (4, 9):
                check_equal((tx, rx)[which], stamps[n - 1][which], f"frame {n + 1} has the stamp before")
            else:
                check_equal(rx - tx, 5000, "the others are right")
        port = "pair0" if side == "tx" else "pair1"
        check_equal(counters(port, f"{side}_hwtstamp_stamped", f"{side}_hwtstamp_stale"), (10, 2), "counters")
        set_parameter(f"{side}_stale_every", 1)
        stamps = made.numbered(4)
        wrong, right = [s[which] for s in stamps], [s[1 - which] for s in stamps]
        off = 5000 if side == "rx" else -5000
        check_equal([w - r for w, r in zip(wrong[1:], right)], [off] * 3, "each has that of the one before")


def wire():
    with pair(kernel_drop_every=5) as made:
        stamps = made.numbered(10, arrive=8)
        check_equal([n for n, (_, rx) in enumerate(stamps, 1) if rx is None], [5, 10], "lost on the wire")
        check_equal(counters("pair0", "wire_dropped"), (2,), "counted")
        set_parameter("kernel_drop_every", 0)
        set_parameter("ptp_extra_delay_ns", 700)
        a, b = made.sockets[0].address, made.sockets[1].address
        sync = [ethernet(a, b, ETH_P_1588, ptp_message(0, n)) for n in range(3)]
        check_equal(delays(made.exchange(sync)), [5700] * 3, "PTP takes longer")
        check_equal(delays(made.numbered(3)), [5000] * 3, "others do not")
        set_parameter("delay_noise_ns", 100_000)
        got = delays(made.numbered(30, gap=0.001))
        check(all(5000 <= d <= 105_000 for d in got) and len(set(got)) > 20, f"with noise: {got}")
        set_parameter("delay_noise_ns", 0)
        set_parameter("delay_ns", 300_000_000)
        set_parameter("wire_frames", 4)
        made.numbered(6, arrive=4)
        check_equal(counters("pair0", "wire_overflow"), (2,), "a full wire")


def resolution():
    with pair(stamp_resolution_ns=[320, 1]) as made:
        stamps = made.numbered(20)
        check_equal([tx % 320 for tx, _ in stamps], [0] * 20, "multiples")
        check(all(5000 <= d < 5320 for d in delays(stamps)), f"rounded down: {delays(stamps)}")
        set_parameter("stamp_resolution_ns", 1)
        set_parameter("stamp_noise_ns", 0, 50)
        got = delays(made.numbered(30))
        check(all(4950 <= d <= 5050 for d in got) and len(set(got)) > 10, f"with noise: {got}")


def serialised():
    """1514 bytes and 24 that a wire adds, at 10 Mb/s: 1230400 ns."""
    with pair(serialise=1, speed_mbps=10, serialise_queue_ns=5_000_000, tx_stamp_latency_ns=0) as made:
        stamps = made.exchange([made.frame(n, length=1514) for n in range(20)])
        check_equal(delays(stamps), [5000] * 20, "the delay")
        gaps = [b - a for (a, _), (b, _) in zip(stamps, stamps[1:])]
        check(min(gaps) == 1230400, f"gaps {gaps}")
        # The burst came faster than that; a gap is longer only where the sender was woken late.
        check(gaps.count(1230400) >= 4, f"gaps {gaps}")
        check("Speed: 10Mb/s" in run("ethtool", "pair0").stdout, "the speed")


def large():
    with pair() as made:
        for name in ("pair0", "pair1"):
            run("ip", "link", "set", name, "mtu", 9000)
        check_equal(delays(made.exchange([made.frame(1, length=9014)])), [5000], "9000 bytes")
        check(run("ip", "link", "set", "pair0", "mtu", 9001, status=None).returncode, "not 9001")


def clocks():
    """Each thing that is done to pair0's clock shows in its stamps at once and exactly; pair1's tells the time."""
    with pair() as made, vmlab.Clock("pair0") as clock:

        def error(frames=3):
            (got,) = set(delays(made.numbered(frames)))
            return 5000 - got

        check_equal(error(), 0, "at first")
        check(abs(clock.offset()[0]) < 10_000_000, f"off by {clock.offset()}")
        clock.step(1_000_000)
        check_equal(error(), 1_000_000, "stepped by a program")
        set_parameter("phc_step_ns", -3_000_000, 0)
        check_equal(error(), -2_000_000, "stepped by the parameter")
        set_parameter("clock_offset_ns", 37_000_000_000, 0)
        check_equal(error(), 37_000_000_000, "set by the parameter")
        run("phc_ctl", "pair0", "set", "1000.5")
        check(abs(clock.read() - 1_000_500_000_000) < 10_000_000_000, "set by phc_ctl")
        said = run("phc_ctl", "pair1", "cmp").stdout
        check("offset from CLOCK_REALTIME is" in said, said)
        set_parameter("clock_offset_ns", 0)
        clock.rate(50_000)
        start = error(1)
        time.sleep(0.1)
        check(error(1) - start >= 5000, "faster by 50 ppm")
        # Stamps are by the clock as it was when the frame came, however late that is looked up.
        clock.rate(0)
        set_parameter("clock_offset_ns", 0)
        set_parameter("delay_ns", 200_000_000)
        for n in (1, 2):
            made.sockets[0].send(made.frame(n))
        set_parameter("phc_step_ns", 10**9)
        (tx, *_), rx = (s.hardware for s in made.sockets[0].transmit_stamps(2)), made.sockets[1].receive().hardware
        check_equal(rx - tx, 10**9 + 200_000_000, "both clocks were stepped while it was on its way")
        made.sockets[1].receive()
        set_parameter("tx_stamp_latency_ns", 200_000_000)
        made.sockets[0].send(made.frame(3))
        set_parameter("phc_step_ns", 10**9, 0)
        (tx,), rx = (s.hardware for s in made.sockets[0].transmit_stamps(1)), made.sockets[1].receive().hardware
        check_equal(rx - tx, 200_000_000, "the sender's was stepped before the stamp was read")


def slow_reads():
    """Of a read that takes 2 ms the instant is at its end, then at its beginning."""
    with vmlab.module(NAME, phc_read_ns=2_000_000, phc_read_asym_pct=100), vmlab.Clock("pair0") as clock:
        late, half = clock.offset()
        check(half >= 1_000_000, f"a read takes {2 * half} ns")
        check(late >= 1_000_000 - 50_000, f"at the end: {late} ns")
        set_parameter("phc_read_asym_pct", 0)
        early, _ = clock.offset()
        check(early <= -1_000_000 + 50_000, f"at the beginning: {early} ns")


# linux/ptp_clock.h
PTP_EXTTS_REQUEST, PTP_PEROUT_REQUEST, PTP_PIN_SETFUNC = 0x40103D02, 0x40383D03, 0x40603D07
PTP_ENABLE_FEATURE, PF_NONE, PF_EXTTS, PF_PEROUT, PF_PHYSYNC = 1, 0, 1, 2, 3
PERIOD = 20_000_000


def pin(clock, index, function):
    fcntl.ioctl(clock.file, PTP_PIN_SETFUNC, struct.pack("64sIII20x", b"", index, function, 0))


def external(clock, on):
    fcntl.ioctl(clock.file, PTP_EXTTS_REQUEST, struct.pack("IIII", 0, PTP_ENABLE_FEATURE if on else 0, 0, 0)[:16])


def periodic(clock, period):
    fcntl.ioctl(clock.file, PTP_PEROUT_REQUEST, struct.pack("qIIqIIII16x", 0, 0, 0, 0, period, 0, 0, 0))


def event(clock, limit=2):
    if not select.select([clock.file], [], [], limit)[0]:
        return None
    seconds, nanoseconds = struct.unpack_from("qI", os.read(clock.file.fileno(), 32))
    return seconds * 10**9 + nanoseconds


def pins():
    with vmlab.module(NAME, clock_offset_ns=[0, 1_234_567]):
        with vmlab.Clock("pair0") as first, vmlab.Clock("pair1") as second:
            check_equal(refused(external, first, True), "Device or resource busy", "no pin for it")
            check_equal(refused(pin, first, 0, PF_PHYSYNC), "Operation not supported", "a function it has not")
            pin(first, 0, PF_PEROUT)
            pin(first, 1, PF_EXTTS)
            pin(second, 1, PF_EXTTS)
            external(first, True)
            external(second, True)
            check_equal(refused(periodic, first, 1000), ERANGE, "too fast")
            periodic(first, PERIOD)
            times = [(event(first), event(second)) for _ in range(8)]
            for (a, b), (after, _) in zip(times, times[1:]):
                check_equal(a % PERIOD, 0, "on the period")
                check_equal(b - a, 1_234_567, "at both at once")
                check_equal(after - a, PERIOD, "one a period")
            set_parameter("phc_step_ns", 500 * 10**9, 0)
            later = [event(first) for _ in range(8)]
            check_equal({a % PERIOD for a in later}, {0}, "on the period after a step")
            check(later[-1] - times[-1][0] > 499 * 10**9, "the step shows")
            periodic(first, 0)
            external(first, False)
            external(second, False)


def flood(sock, frame, stop):
    while not stop.is_set():
        try:
            for _ in range(20):
                sock.send(frame)
        except OSError:
            pass  # down, full or gone
        # Under emulation everything else would wait for this one.
        time.sleep(0.004)


def under_load():
    """Links go, and the module itself, while frames and stamps are under way."""
    for turn in range(2):
        run("insmod", os.path.join(vmlab.MODULES, f"{NAME}.ko"), "tx_swap_every=3", "rx_swap_every=3",
            "swap_hold_ms=30", "delay_ns=20000000", "tx_stamp_latency_ns=5000000", f"serialise={turn % 2}")
        made = Pair(FILTER_ALL, FLAGS)
        stop = threading.Event()
        threads = [
            threading.Thread(target=flood, args=(made.sockets[n].socket, made.frame(n, n), stop)) for n in (0, 1)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        for name in ("pair0", "pair1"):
            switch(False, name)
            check(not vmlab.carrier("pair0" if name == "pair1" else "pair1"), "the other end's link is down")
            time.sleep(0.02)
            switch(True, name)
            time.sleep(0.03)
        check(vmlab.statistics("pair0")["rx_hwtstamp_stamped"], "frames came through")
        vmlab.rmmod(NAME)
        stop.set()
        for thread in threads:
            thread.join()
        for sock in made.sockets:
            sock.socket.close()


def no_warnings():
    """After the module was loaded and unloaded two dozen times."""
    check(not os.path.exists("/sys/class/net/pair0"), "it is gone")
    check_equal(vmlab.kernel_warnings(), [], "the kernel's warnings")


tap = Tap()
tap.case("claims as its parameters say", claims)
tap.case("grants, widens and refuses filters", setting)
tap.case("the delay is exact", delay, 0, 0)
tap.case("the delay is exact with clocks 37 s apart", delay, 37_000_000_000, 0)
tap.case("the delay is exact with clocks 1 ms apart", delay, -1_500_000, -500_001, 1)
tap.case("clocks drift as they are told", drift)
tap.case("software stamps bear it out", software)
tap.case("each filter stamps its shapes", filters)
tap.case("transmit stamps in flight", in_flight)
tap.case("receive registers", registers)
tap.case("a stuck latch", latch)
tap.case("lost stamps", lost)
tap.case("transmit stamps exchanged", swapped, "tx")
tap.case("receive stamps exchanged", swapped, "rx")
tap.case("stale transmit stamps", stale, "tx")
tap.case("stale receive stamps", stale, "rx")
tap.case("the wire loses, delays and fills up", wire)
tap.case("resolution and noise of stamps", resolution)
tap.case("frames leave one after the other", serialised)
tap.case("large frames", large)
tap.case("a clock is set, stepped and steered", clocks)
tap.case("slow readings of a clock", slow_reads)
tap.case("periodic output to external time stamps", pins)
tap.case("links and module go under load", under_load)
tap.case("the kernel has nothing to complain about", no_warnings)
tap.end()
