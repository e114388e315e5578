# SPDX-License-Identifier: BSD-2-Clause
"""The laboratory itself: its machine is what the other tests rest on, and the program runs in it."""

import contextlib
import os

import vmlab
from run_document import check_document
from tap import Tap, check, check_equal
from vmlab import E1000E, ETH_P_1588, IGB0, IGB1, VIRTIO, PacketSocket, ethernet, ptp_message, run

FRAMES = 50
# linux/net_tstamp.h
TX_ON, FILTER_NONE, FILTER_ALL, FILTER_PTP_V2_EVENT = 1, 0, 1, 12


def programs():
    for name in "wirestamp ethtool ip tcpdump hwstamp_ctl phc_ctl ptp4l python3 igb_latch".split():
        found = run("sh", "-c", f"command -v {name}", status=None)
        check(found.returncode == 0, f"no {name} in the guest")
    check(vmlab.run(vmlab.PROGRAM, "--version").stdout.startswith("wirestamp "), "its version")
    check_equal(os.uname().release, vmlab.KERNEL, "the kernel")


def files():
    """The host's are seen and not changed; the guest has room of its own."""
    for path in (os.environ["WS_VM_SOURCE"], "/"):
        try:
            with open(os.path.join(path, "written-by-the-guest"), "w", encoding="ascii"):
                pass
        except OSError:
            continue
        raise AssertionError(f"{path} of the host can be written to")
    for path in ("/tmp", "/run", "/var/tmp"):
        with open(os.path.join(path, "written"), "w", encoding="ascii") as file:
            file.write("x")


def cards():
    for name, driver in ((IGB0, "igb"), (IGB1, "igb"), (E1000E, "e1000e"), (VIRTIO, "virtio_net")):
        check(name, f"no interface of {driver}")
        check(f"driver: {driver}\n" in run("ethtool", "-i", name).stdout, f"driver of {name}")
    vmlab.up(IGB0, IGB1, E1000E, VIRTIO)


def pair(sender, receiver):
    """A frame sent on one arrives at the other, and nowhere else."""
    others = [name for name in (IGB0, IGB1, E1000E, VIRTIO) if name not in (sender, receiver)]
    payload = f"{sender} to {receiver}".encode()
    with PacketSocket(sender) as tx, PacketSocket(receiver) as rx:
        bystanders = [PacketSocket(name) for name in others]
        tx.send(ethernet(tx.address, b"\xff" * 6, 0x88B5, payload))
        check(rx.receive(lambda frame: payload in frame), "it did not arrive")
        for other, name in zip(bystanders, others):
            check(other.receive(lambda frame: payload in frame, limit=0.2) is None, f"it arrived at {name}, too")
            other.socket.close()


def claims_igb():
    for name in (IGB0, IGB1):
        got = vmlab.stamping(name)
        check_equal(got.tx, ["off", "on"], "transmit types")
        check_equal(got.rx, ["none", "ptpv1-l4-sync", "ptpv1-l4-delay-req", "ptpv2-event"], "receive filters")
        check("hardware-raw-clock" in got.flags, "stamps of hardware")
    check(vmlab.stamping(IGB0).clock != vmlab.stamping(IGB1).clock, "a clock each")


def claims_others():
    got = vmlab.stamping(E1000E)
    check("all" in got.rx and got.clock is not None, f"e1000e claims all and a clock: {got}")
    got = vmlab.stamping(VIRTIO)
    check(got.clock is None and "hardware-transmit" not in got.flags, f"virtio claims none: {got}")


def clocks():
    """igb's read about the system's time; one is stepped and seen so, and put back."""
    for name in (IGB0, IGB1):
        with vmlab.Clock(name) as clock:
            check(abs(clock.offset()[0]) < 10**9, f"{name}'s clock is off by {clock.offset()[0]} ns")
    # The emulated e1000e's does not keep time; that it can be read is all.
    with vmlab.Clock(E1000E) as clock:
        clock.read()
    with vmlab.Clock(IGB0) as clock:
        before, _ = clock.offset()
        clock.step(10**9)
        after, _ = clock.offset()
        clock.step(-(10**9))
        # Half a millisecond would be a slow read; ten are none.
        check(abs(after - before - 10**9) < 10**7, f"a step of 1 s became {after - before} ns")


def setting():
    """hwstamp_ctl is a good witness: it sees what was set without it, and FILTER_ALL is refused."""
    try:
        vmlab.ioctl_hwstamp(IGB1, TX_ON, FILTER_ALL)
        raise AssertionError("FILTER_ALL was granted")
    except OSError as error:
        check_equal(error.strerror, "Numerical result out of range", "FILTER_ALL")
    vmlab.ioctl_hwstamp(IGB1, TX_ON, FILTER_PTP_V2_EVENT)
    check_equal(vmlab.hwstamp(IGB1), (TX_ON, FILTER_PTP_V2_EVENT), "as hwstamp_ctl sees it")
    check_equal(vmlab.set_hwstamp(IGB1, 0, 0), (0, FILTER_NONE), "as hwstamp_ctl sets it")


def stamped(kind, latch=None, ends=None, rx_filter=FILTER_PTP_V2_EVENT):
    """How many of FRAMES PTP messages of a kind get stamps of hardware: (sent, received)."""
    ends = ends or (IGB0, IGB1)
    for name in ends:
        with contextlib.suppress(OSError):
            vmlab.ioctl_hwstamp(name, TX_ON, rx_filter)
    sent = received = 0
    with PacketSocket(ends[0]) as tx, PacketSocket(ends[1], ETH_P_1588) as rx:
        for number in range(FRAMES):
            if latch:
                latch.wait_free()
            message = ptp_message(kind, number)
            tx.send(ethernet(tx.address, rx.address, ETH_P_1588, message))
            got = rx.receive(lambda frame, message=message: message in frame)
            check(got, f"frame {number} did not arrive")
            # Of software and of hardware: the second one does not come from every card.
            stamps = [s for s in tx.transmit_stamps(2, 2 if ends[0] == IGB0 else 0.1) if s.what == number]
            sent += any(s.hardware for s in stamps)
            received += got.hardware is not None
    for name in ends:
        with contextlib.suppress(OSError):
            vmlab.ioctl_hwstamp(name, 0, FILTER_NONE)
    return sent, received


def stuck():
    """Without help the card's register holds the first stamp for good."""
    sent, received = stamped(0)
    check_equal(sent, FRAMES, "stamped on transmit")
    check(received <= 1, f"stamped on receive: {received}")


def unstuck():
    with vmlab.Latch(IGB0, IGB1) as latch:
        check_equal(stamped(0, latch), (FRAMES, FRAMES), "Sync stamped on transmit and receive")


def only_sync():
    with vmlab.Latch(IGB0, IGB1) as latch:
        sent, received = stamped(1, latch)
        check_equal(sent, FRAMES, "Delay_Req stamped on transmit")
        check(received <= 1, f"Delay_Req stamped on receive: {received}")


def claimed_only():
    """The emulated e1000e grants FILTER_ALL, and stamps nothing."""
    check_equal(vmlab.ioctl_hwstamp(E1000E, TX_ON, FILTER_ALL), (TX_ON, FILTER_ALL), "granted")
    check_equal(stamped(0, None, (VIRTIO, E1000E), FILTER_ALL), (0, 0), "from virtio to e1000e")
    check_equal(stamped(0, None, (E1000E, VIRTIO), FILTER_ALL), (0, 0), "from e1000e to virtio")


def latency():
    document, said = vmlab.wirestamp("latency", "--tx", IGB0, "--rx", IGB1, "--rate", "1kpps", "-d", "1s")
    check(document, f"no document: {said}")
    check_document(document, runs=1)
    (result,) = document["runs"]
    check_equal(result["sent"], 1000, "sent")
    check_equal(result["stamps"]["tx"], "software", "who stamps on transmit")
    check(result["received"] > 0, f"nothing arrived: {result}")


def no_warnings():
    check_equal(vmlab.kernel_warnings(), [], "the kernel's warnings")


tap = Tap()
tap.case("the programs are there", programs)
tap.case("the host's files are seen and safe", files)
tap.case("the cards are there and have links", cards)
tap.case("igb to igb", pair, IGB0, IGB1)
tap.case("igb to igb, the other way", pair, IGB1, IGB0)
tap.case("e1000e to virtio", pair, E1000E, VIRTIO)
tap.case("virtio to e1000e", pair, VIRTIO, E1000E)
tap.case("igb claims PTP events", claims_igb)
tap.case("e1000e claims all, virtio nothing", claims_others)
tap.case("PTP clocks", clocks)
tap.case("stamping can be set and seen", setting)
tap.case("igb's register gets stuck", stuck)
tap.case("igb with the helper stamps every Sync", unstuck)
tap.case("igb stamps no Delay_Req on receive", only_sync)
tap.case("e1000e stamps nothing", claimed_only)
tap.case("latency with software stamps", latency)
tap.case("the kernel has nothing to complain about", no_warnings)
tap.end()
