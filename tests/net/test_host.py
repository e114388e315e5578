#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Queue disciplines, neighbours and devices as the real kernel has them, in a lab.

    test_host.py WIRESTAMP HOST_FACTS

What tc and ip set up or say is what has to be found. Frames leave by the lab's interfaces only.
"""

import contextlib
import errno
import json
import os
import shutil
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Skip, Tap, check, check_equal  # noqa: E402

PROGRAM, FACTS = (os.path.abspath(path) for path in sys.argv[1:3])
LIMIT = 60
MAC = "02:00:00:00:00:99"
NO_MAC = "00:00:00:00:00:00"


def run(*command, may_fail=False):
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT
    )
    check(may_fail or done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}")
    return done


def ip(words):
    return run("ip", *words.split())


def try_ip(words):
    """Skips if the kernel lacks it."""
    done = run("ip", *words.split(), may_fail=True)
    if done.returncode:
        raise Skip(f"ip {words}: {done.stderr.strip()}")


def try_tc(words):
    done = run("tc", *words.split(), may_fail=True)
    if done.returncode:
        raise Skip(f"tc {words}: {' '.join(done.stderr.split())}")


def facts(*words):
    return json.loads(run(FACTS, *words).stdout)


def check_has(got, what, **wanted):
    check_equal({key: got.get(key) for key in wanted}, wanted, what)


def check_error(number, *words):
    check_equal(facts(*words), {"error": number}, f"{' '.join(words)}")


def send(interface, count, size=1000):
    """Frames to nobody, from several sockets: one waits when as much as its buffer is in a queue.
    Returns how many the kernel took."""
    taken = 0
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(8):
            s = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
            s.bind((interface, 0))
            sockets.append(s)
        frame = bytes.fromhex("020000000077" "020000000088" "88b5").ljust(size, b"\0")
        for n in range(count):
            try:
                sockets[n % len(sockets)].send(frame)
                taken += 1
            except OSError as why:
                check_equal(why.errno, errno.ENOBUFS, "refusal")
    return taken


# Queue disciplines


def without_a_queue():
    check_has(
        facts("qdisc", "ws0"), "ws0", error=0, root="noqueue", leaves="", count=1, shapes=0, etf=0,
        fq=0, bypass=1,
    )
    check_has(facts("qdisc", "lo"), "lo", error=0, root="noqueue", bypass=1)


def never_up():
    ip("link add v0 type veth peer name v1")
    check_has(facts("qdisc", "v0"), "v0", error=0, root="noop", count=1, bypass=0)
    check_error(errno.ENODEV, "qdisc", "#12345")


def token_bucket():
    try_tc("qdisc add dev ws0 root tbf rate 50mbit burst 32k latency 10ms")
    before = facts("qdisc", "ws0")
    check_has(before, "before", root="tbf", leaves="", count=1, shapes=1, etf=0, fq=0, bypass=0)
    check_has(before, "before", packets=0, drops=0, overlimits=0)
    sent, size = 2000, 1000
    taken = send("ws0", sent, size)
    after = facts("qdisc", "ws0")
    # All of these at once are far beyond the bucket and its queue of 10 ms: 32 KiB and 62.5 KB.
    check(after["drops"] > 0, f"no drops: {after}")
    check(after["overlimits"] > 0, f"not over the limit: {after}")
    # A drop is told to the sender, so both counts are of the same.
    check_equal(after["drops"], sent - taken, f"drops ({after})")
    check_equal(after["requeues"], 0, "requeues")
    until_empty("ws0")
    check_equal(facts("qdisc", "ws0")["packets"], taken, "packets that got through")
    check_tc("ws0")


def until_empty(interface):
    """Its rate limits how long that takes."""
    for _ in range(2000):
        if facts("qdisc", interface)["backlog"] == 0:
            return
    check(False, "the queue does not get empty")


def check_tc(interface):
    """Against what tc says of the root."""
    told = json.loads(run("tc", "-s", "-j", "qdisc", "show", "dev", interface).stdout)
    root = next(q for q in told if q.get("root"))
    got = facts("qdisc", interface)
    check_equal(got["root"], root["kind"], "root")
    out = [q for q in told if q["kind"] not in ("ingress", "clsact")]
    check_equal(got["count"], len(out), f"count of {told}")
    check_equal(
        [got[key] for key in ("packets", "drops", "overlimits", "requeues", "backlog")],
        [root[key] for key in ("packets", "drops", "overlimits", "requeues", "qlen")],
        "counters",
    )


def waiting():
    """Packets that are still in the queue."""
    try_tc("qdisc add dev ws0 root tbf rate 8kbit burst 2k limit 100k")
    send("ws0", 20)
    check(facts("qdisc", "ws0")["backlog"] >= 15, f"not waiting: {facts('qdisc', 'ws0')}")


def tree():
    try_tc("qdisc add dev ws0 root handle 1: htb default 10")
    try_tc("class add dev ws0 parent 1: classid 1:10 htb rate 10mbit")
    check_has(facts("qdisc", "ws0"), "alone", root="htb", leaves="", count=1, shapes=1, bypass=0)
    try_tc("qdisc add dev ws0 parent 1:10 handle 10: pfifo limit 5")
    check_has(facts("qdisc", "ws0"), "with a leaf", root="htb", leaves="pfifo", count=2, shapes=1)
    taken = send("ws0", 500)
    check_equal(facts("qdisc", "ws0")["drops"], 500 - taken, "drops")
    check(taken < 500, "nothing was dropped")
    until_empty("ws0")
    check_tc("ws0")


def plain_fifo():
    try_tc("qdisc add dev ws0 root pfifo limit 100")
    send("ws0", 50)
    check_has(
        facts("qdisc", "ws0"), "pfifo", root="pfifo", leaves="", count=1, shapes=0, bypass=0,
        packets=50, drops=0,
    )
    check_tc("ws0")


def default_queue():
    try_tc("qdisc add dev ws0 root pfifo_fast")
    send("ws0", 10)
    check_has(
        facts("qdisc", "ws0"), "pfifo_fast", root="pfifo_fast", leaves="", count=1, shapes=0,
        bypass=1, packets=10, drops=0,
    )
    check_tc("ws0")


def many_queues():
    try_ip("link add v0 numtxqueues 4 type veth peer name v1 numrxqueues 4")
    for name in ("v0", "v1"):
        # Else the kernel would send, too, between two counts.
        ip(f"link set {name} up txqueuelen 1000 addrgenmode none")
    try_tc("qdisc add dev v0 root handle 1: mq")
    got = facts("qdisc", "v0")
    check_has(got, "mq", root="mq", count=5, etf=0)
    default = got["leaves"]
    check_equal(got["bypass"], int(default in ("pfifo_fast", "fq_codel", "fq")), f"of {default}")
    check_equal(got["fq"], int(default == "fq"), f"of {default}")
    try_tc("qdisc add dev v0 parent 1:2 handle 20: tbf rate 1mbit burst 10k latency 10ms")
    check_has(facts("qdisc", "v0"), "one of them limits", root="mq", count=5, shapes=1, bypass=0)
    got = facts("qdisc", "v0")["leaves"]
    check_equal(sorted(got.split(", ")), sorted([default, "tbf"]), "leaves")
    send("v0", 200)
    check_tc("v0")
    try_tc("qdisc add dev v0 clsact")
    check_has(facts("qdisc", "v0"), "filters of what comes in", count=5)
    check_tc("v0")
    check_has(facts("qdisc", "ws0"), "the other interface", root="noqueue", count=1)


def with_options(words, kind, **wanted):
    try_tc(f"qdisc add dev ws0 root {words}")
    check_has(facts("qdisc", "ws0"), words, root=kind, **wanted)
    send("ws0", 20)
    check_tc("ws0")


# Neighbours


def hop(address, interface="ws0"):
    return facts("hop", interface, address)


def neighbours():
    ip(f"neigh replace 198.18.0.50 lladdr {MAC} dev ws0 nud permanent")
    wanted = {"error": 0, "mac": MAC, "gateway": "", "source": "198.18.0.1"}
    check_equal(hop("198.18.0.50"), wanted, "permanent")
    for state in ("reachable", "stale", "delay", "probe", "noarp"):
        ip(f"neigh replace 198.18.0.50 lladdr {MAC} dev ws0 nud {state}")
        check_equal(hop("198.18.0.50"), wanted, state)
    ip("neigh add 198.18.0.51 dev ws0 nud failed")
    check_has(hop("198.18.0.51"), "failed", error=errno.EHOSTUNREACH, source="198.18.0.1", gateway="")
    check_has(hop("198.18.0.52"), "unknown", error=errno.ENOENT, source="198.18.0.1", gateway="")
    # Which was not asked for by that.
    check_equal(
        run("ip", "neigh", "show", "198.18.0.52").stdout, "", "an entry that looking has made"
    )
    ip("neigh del 198.18.0.50 dev ws0")
    check_has(hop("198.18.0.50"), "deleted", error=errno.ENOENT)


def found_by_asking():
    """The other side's, as the kernel's own packet to it has found it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"hello", ("198.18.0.2", 9))
    for _ in range(500):
        got = hop("198.18.0.2")
        if got["error"] == 0:
            break
        check(got["error"] in (errno.EHOSTUNREACH, errno.ENOENT), f"meanwhile: {got}")
    wanted = run(
        "nsenter", "--net=" + os.environ["WIRESTAMP_LAB_NS1"], "ip", "-o", "link", "show", "ws1"
    )
    mac = wanted.stdout.split("link/ether ")[1].split()[0]
    check_equal(got, {"error": 0, "mac": mac, "gateway": "", "source": "198.18.0.1"}, "ws1")


def gateways():
    ip("route add default via 198.18.0.254 dev ws0")
    wanted = {"error": errno.ENOENT, "mac": NO_MAC, "gateway": "198.18.0.254", "source": "198.18.0.1"}
    check_equal(hop("192.0.2.1"), wanted, "an unknown one")
    ip("neigh add 198.18.0.254 dev ws0 nud failed")
    wanted["error"] = errno.EHOSTUNREACH
    check_equal(hop("192.0.2.1"), wanted, "one that does not answer")
    ip(f"neigh replace 198.18.0.254 lladdr {MAC} dev ws0 nud permanent")
    wanted.update(error=0, mac=MAC)
    check_equal(hop("192.0.2.1"), wanted, "a known one")
    # Groups and neighbours do not go that way.
    check_has(hop("239.1.2.3"), "a group", error=0, gateway="", mac="01:00:5e:01:02:03")
    check_has(hop("198.18.0.3"), "a neighbour", error=errno.ENOENT, gateway="")
    ip("route add 192.0.2.0/24 via 198.18.0.253 dev ws0 src 198.18.0.1")
    check_has(hop("192.0.2.1"), "a nearer route", error=errno.ENOENT, gateway="198.18.0.253")


def gateway_of_the_other_kind():
    ip("addr add fd00::1/64 dev ws0 nodad")
    try_ip("route add 192.0.2.0/24 via inet6 fd00::fe dev ws0")
    check_has(hop("192.0.2.1"), "unknown", error=errno.ENOENT, gateway="fd00::fe")
    ip(f"neigh add fd00::fe lladdr {MAC} dev ws0 nud permanent")
    check_equal(
        hop("192.0.2.1"), {"error": 0, "mac": MAC, "gateway": "fd00::fe", "source": "198.18.0.1"},
        "known",
    )


def several_gateways():
    try_ip(
        "route add 192.0.2.0/24 nexthop via 198.18.0.10 dev ws0 nexthop via 198.18.0.11 dev ws0"
    )
    for last in (10, 11):
        ip(f"neigh add 198.18.0.{last} lladdr 02:00:00:00:00:{last:02x} dev ws0 nud permanent")
    for last in range(1, 9):
        got = hop(f"192.0.2.{last}")
        check(got["gateway"] in ("198.18.0.10", "198.18.0.11"), f"gateway: {got}")
        check_equal(got["mac"][-2:], f"{int(got['gateway'][-2:]):02x}", "its MAC")
        check_equal(got["error"], 0, "error")


def no_way():
    check_error(errno.ENETUNREACH, "hop", "ws0", "192.0.2.1")
    ip("link add v0 type veth peer name v1")
    check_error(errno.ENETUNREACH, "hop", "v0", "198.18.0.2")
    ip("link set v0 up")
    ip("link set v1 up")
    # It has no address; the lab's network is on another interface.
    check_error(errno.ENETUNREACH, "hop", "v0", "198.18.0.2")
    ip("addr add 198.19.0.1/24 dev v0")
    check_error(errno.ENETUNREACH, "hop", "v0", "198.18.0.2")
    check_error(errno.ENETUNREACH, "hop", "ws0", "198.19.0.2")
    check_has(hop("198.19.0.2", "v0"), "its own network", error=errno.ENOENT, source="198.19.0.1")
    ip("route add default via 198.19.0.254 dev v0")
    check_error(errno.ENETUNREACH, "hop", "ws0", "192.0.2.1")
    for kind in ("unreachable", "prohibit", "blackhole"):
        ip(f"route add {kind} 203.0.113.0/24")
        check_error(errno.ENETUNREACH, "hop", "v0", "203.0.113.1")
        ip(f"route del {kind} 203.0.113.0/24")
    check_has(hop("203.0.113.1", "v0"), "the default", gateway="198.19.0.254")
    check_error(errno.ENODEV, "hop", "#12345", "192.0.2.1")
    check_error(errno.ENODEV, "hop", "#12345", "239.0.0.1")
    check_error(errno.ENODEV, "hop", "#0", "192.0.2.1")
    ip("link set ws0 down")
    check_error(errno.ENETUNREACH, "hop", "ws0", "198.18.0.2")


def own_addresses():
    ip("addr add fd00::1/64 dev ws0 nodad")
    ip("link add v0 type veth peer name v1")
    ip("link set v0 up")
    ip("addr add 198.19.0.1/24 dev v0")
    ip("addr add fd01::1/64 dev v0 nodad")
    own = ["198.18.0.1", "198.19.0.1", "127.0.0.1", "127.3.4.5", "fd00::1", "fd01::1", "::1"]
    for interface in ("ws0", "v0", "lo"):
        for address in own:
            check_error(errno.EADDRNOTAVAIL, "hop", interface, address)


def groups():
    ip("addr add fd00::1/64 dev ws0 nodad")
    for address, mac, source in (
        ("224.0.0.1", "01:00:5e:00:00:01", "198.18.0.1"),
        ("239.255.1.2", "01:00:5e:7f:01:02", "198.18.0.1"),
        ("255.255.255.255", "ff:ff:ff:ff:ff:ff", "198.18.0.1"),
        ("198.18.0.255", "ff:ff:ff:ff:ff:ff", "198.18.0.1"),
        ("ff02::1:ff00:1234", "33:33:ff:00:12:34", "fd00::1"),
        ("ff0e::abcd:1", "33:33:ab:cd:00:01", "fd00::1"),
    ):
        check_equal(
            hop(address), {"error": 0, "mac": mac, "gateway": "", "source": source}, address
        )
    # An interface without an address, and one that is down: by rule all the same.
    ip("link add v0 type veth peer name v1")
    for up in (False, True):
        if up:
            ip("link set v0 up")
        check_has(hop("239.255.1.2", "v0"), "no address", error=0, mac="01:00:5e:7f:01:02")
        check_has(hop("ff02::1", "v0"), "no address", error=0, mac="33:33:00:00:00:01")


def groups_of_the_kernel():
    """The rule, against the kernel's: it notes a MAC for each group that it has sent to."""
    ip("addr add fd00::1/64 dev ws0 nodad")
    for family, address in (
        (socket.AF_INET, "239.129.1.2"), (socket.AF_INET, "224.0.1.9"), (socket.AF_INET6, "ff0e::abcd:1")
    ):
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"ws0")
            s.sendto(b"hello", (address, 9))
        told = run("ip", "neigh", "show", "nud", "noarp", "dev", "ws0").stdout.splitlines()
        mac = [line.split("lladdr ")[1].split()[0] for line in told if line.split()[0] == address]
        if not mac:
            raise Skip("the kernel does not list its groups")
        check_equal(hop(address)["mac"], mac[0], address)


def ipv6():
    ip("addr add fd00::1/64 dev ws0 nodad")
    wanted = {"error": errno.ENOENT, "mac": NO_MAC, "gateway": "", "source": "fd00::1"}
    check_equal(hop("fd00::2"), wanted, "unknown")
    ip("neigh add fd00::2 dev ws0 nud failed")
    wanted["error"] = errno.EHOSTUNREACH
    check_equal(hop("fd00::2"), wanted, "failed")
    ip(f"neigh replace fd00::2 lladdr {MAC} dev ws0 nud stale")
    wanted.update(error=0, mac=MAC)
    check_equal(hop("fd00::2"), wanted, "stale")
    check_error(errno.ENETUNREACH, "hop", "ws0", "2001:db8::1")
    for kind in ("unreachable", "prohibit", "blackhole"):
        ip(f"-6 route add {kind} 2001:db8::/32")
        check_error(errno.ENETUNREACH, "hop", "ws0", "2001:db8::1")
        ip(f"-6 route del {kind} 2001:db8::/32")
    ip("route add default via fd00::2 dev ws0")
    wanted["gateway"] = "fd00::2"
    check_equal(hop("2001:db8::1"), wanted, "by the gateway")


def link_local():
    """The same address may be ours on one link, and a neighbour's on another."""
    ip("link add v0 type veth peer name v1")
    ip("link set v0 up")
    ip("link set v1 up")
    ip("addr add fe80::1/64 dev v0 nodad")
    ip("addr add fe80::2/64 dev ws0 nodad")
    ip(f"neigh add fe80::1 lladdr {MAC} dev ws0 nud permanent")
    check_error(errno.EADDRNOTAVAIL, "hop", "v0", "fe80::1")
    check_equal(
        hop("fe80::1"), {"error": 0, "mac": MAC, "gateway": "", "source": "fe80::2"}, "on ws0"
    )


def without_ipv6():
    with open("/proc/sys/net/ipv6/conf/ws0/disable_ipv6", "w", encoding="ascii") as file:
        file.write("1")
    got = facts("hop", "ws0", "fd00::2")
    check_equal(got, {"error": errno.ENETUNREACH}, "switched off")


def many_neighbours():
    """More than fit into one answer of the kernel."""
    lines = "".join(
        f"neigh add 198.18.0.{n} lladdr 02:00:00:00:01:{n:02x} dev ws0 nud permanent\n"
        for n in range(3, 250)
    )
    ip("addr add 10.0.0.1/16 dev ws0")
    lines += "".join(
        f"neigh add 10.0.{n // 200}.{n % 200 + 2} lladdr 02:00:00:01:{n // 200:02x}:{n % 200 + 2:02x} "
        "dev ws0 nud permanent\n"
        for n in range(600)
    )
    done = subprocess.run(
        ["ip", "-batch", "-"], input=lines, text=True, capture_output=True, timeout=LIMIT
    )
    if done.returncode:
        raise Skip(f"no room for so many: {done.stderr.strip()[:100]}")
    for n in (3, 128, 249):
        check_has(hop(f"198.18.0.{n}"), f"of {n}", error=0, mac=f"02:00:00:00:01:{n:02x}")
    check_has(hop("10.0.2.201"), "the last", error=0, mac="02:00:00:01:02:c9", source="10.0.0.1")


# Devices


def virtual_devices():
    for name in ("ws0", "lo", "nosuch0"):
        check_equal(
            facts("device", name),
            {"bus": "", "speed": "", "width": 0, "speed_max": "", "width_max": 0, "bps": 0, "node": -1},
            name,
        )


def offloads_of(interface):
    """As ethtool tells them: on, off, each with its name."""
    lines = run("ethtool", "-k", interface).stdout.splitlines()[1:]
    return {
        name.strip(): int(value.split()[0] == "on")
        for name, _, value in (line.partition(":") for line in lines)
    }


def check_offloads(interface):
    """Against what ethtool says."""
    told = offloads_of(interface)
    got = facts("settings", interface)
    for name in list(got)[4:]:
        check_equal(got[name], told[name], f"{name} of {interface}")


def settings():
    if not shutil.which("ethtool"):
        raise Skip("there is no ethtool")
    for name in ("ws0", "lo"):
        check_offloads(name)
    try_ip("link add v0 numrxqueues 4 numtxqueues 4 type veth peer name v1")
    run("ethtool", "-L", "v0", "rx", "2", "tx", "3")
    for switch in ("tso", "gro", "gso", "sg", "rxvlan", "txvlan", "rx-udp-gro-forwarding"):
        for state in ("on", "off"):
            run("ethtool", "-K", "v0", switch, state, may_fail=True)
            check_offloads("v0")
    check_has(facts("settings", "v0"), "v0", rx=2, tx=3, rings=[-1] * 4, coalescing=[-1] * 6)
    check_equal(set(map(str, facts("settings", "nosuch0").values())), {"-1", str([-1] * 4), str([-1] * 6)}, "none")


def some_settings():
    """A tap's are its frames before an interrupt, and its offloads."""
    if not shutil.which("ethtool"):
        raise Skip("there is no ethtool")
    try_ip("tuntap add tap0 mode tap")
    done = run("ethtool", "-C", "tap0", "rx-frames", "5", may_fail=True)
    if done.returncode:
        raise Skip(f"ethtool -C: {done.stderr.strip()}")
    check_has(facts("settings", "tap0"), "tap0", coalescing=[0, 5, 0, 0, 0, 0], rings=[-1] * 4)
    check_offloads("tap0")


def read_file(path):
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def own_devices():
    """The machine's own, of which nothing but facts is asked, against sysfs."""
    seen = 0
    for name in sorted(os.listdir("/sys/class/net")):
        device = os.path.realpath(f"/sys/class/net/{name}/device")
        if name == "lo" or not os.path.exists(device):
            continue
        while "/" in device and not os.path.exists(device + "/numa_node"):
            device = os.path.dirname(device)
        got = facts("device", name)
        if not os.path.exists(device + "/vendor") or not got["bus"]:
            continue
        seen += 1
        check_equal(got["bus"], os.path.basename(device), f"bus of {name}")
        check_equal(got["node"], int(read_file(device + "/numa_node") or -1), f"node of {name}")
        speed = read_file(device + "/current_link_speed")
        if got["speed"] and not os.path.exists(device + "/physfn"):
            check_equal(got["speed"], speed, f"speed of {name}")
            check_equal(got["width"], int(read_file(device + "/current_link_width")), "width")
            raw = float(speed.split()[0]) * 1e9 * got["width"]
            check(0.75 * raw < got["bps"] < raw, f"{got['bps']} of {raw} bit/s")
    if not seen:
        raise Skip("no interface on a PCI bus here")


def cpus():
    allowed = facts("allowed")["cpus"]
    check_equal(allowed, sorted(os.sched_getaffinity(0)), "allowed")
    one = json.loads(run("taskset", "-c", str(allowed[-1]), FACTS, "allowed").stdout)["cpus"]
    check_equal(one, allowed[-1:], "allowed, of one that was put there")
    for cpu in allowed[:8]:
        folder = f"/sys/devices/system/cpu/cpu{cpu}"
        nodes = [int(n[4:]) for n in os.listdir(folder) if n[:4] == "node" and n[4:].isdigit()]
        wanted = {
            "governor": read_file(folder + "/cpufreq/scaling_governor"),
            "node": nodes[0] if nodes else -1,
        }
        check_equal(facts("cpu", str(cpu)), wanted, f"CPU {cpu}")
    check_equal(facts("cpu", "8191"), {"governor": "", "node": -1}, "CPU 8191")


QDISCS = {
    "no queue": (without_a_queue,),
    "an interface that was never up": (never_up,),
    "tbf, with drops": (token_bucket,),
    "tbf, with packets that wait": (waiting,),
    "htb with a leaf": (tree,),
    "pfifo": (plain_fifo,),
    "pfifo_fast": (default_queue,),
    "mq, with leaves of several kinds": (many_queues,),
    "prio": (with_options, "prio", "prio", {"shapes": 1, "bypass": 0}),
    "bfifo": (with_options, "bfifo limit 100k", "bfifo", {"shapes": 0, "bypass": 0}),
    "fq_codel": (with_options, "fq_codel", "fq_codel", {"shapes": 0, "bypass": 1, "fq": 0}),
    "fq": (with_options, "fq", "fq", {"shapes": 0, "bypass": 1, "fq": 1}),
    "fq with a rate": (with_options, "fq maxrate 1gbit", "fq", {"shapes": 1, "bypass": 0, "fq": 1}),
    "netem": (with_options, "netem delay 1us", "netem", {"shapes": 1, "bypass": 0}),
    "etf": (
        with_options, "etf clockid CLOCK_TAI delta 100000 skip_sock_check", "etf",
        {"shapes": 1, "bypass": 0, "etf": 1},
    ),
}
NEIGHBOURS = {
    "states of neighbours": neighbours,
    "a neighbour that the kernel has found": found_by_asking,
    "gateways": gateways,
    "an IPv6 gateway of an IPv4 route": gateway_of_the_other_kind,
    "several gateways": several_gateways,
    "no route": no_way,
    "own addresses": own_addresses,
    "groups": groups,
    "groups, against the kernel's": groups_of_the_kernel,
    "IPv6": ipv6,
    "link-local addresses": link_local,
    "IPv6 switched off": without_ipv6,
    "many neighbours": many_neighbours,
}
DEVICES = {
    "virtual devices": virtual_devices,
    "settings": settings,
    "settings that a driver has a part of": some_settings,
}
OUTSIDE = {"the machine's devices": own_devices, "CPUs": cpus}


def in_lab(name):
    for program in ("tc", "ip", "nsenter"):
        if not shutil.which(program):
            raise Skip(f"there is no {program}")
    done = subprocess.run(
        [PROGRAM, "lab", "--", sys.executable, os.path.abspath(__file__), PROGRAM, FACTS, "--inside", name],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2 * LIMIT,
    )
    if done.returncode == 77:
        raise Skip(done.stdout.strip())
    check_equal(done.returncode, 0, f"exit status inside the lab\n{done.stdout}{done.stderr}")


def main_inside(name):
    what = {**QDISCS, **NEIGHBOURS, **DEVICES}[name]
    try:
        if callable(what):
            what()
        elif len(what) == 1:
            what[0]()
        else:
            what[0](what[1], what[2], **what[3])
    except Skip as why:
        print(why)
        sys.exit(77)


def main():
    tap = Tap()
    lab = subprocess.run(
        [PROGRAM, "lab", "--", "true"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT,
    )
    if lab.returncode != 0:
        print(f"1..0 # SKIP no lab here: {lab.stderr.strip()}")
        return
    for name in [*QDISCS, *NEIGHBOURS, *DEVICES]:
        tap.case(name, in_lab, name)
    for name, case in OUTSIDE.items():
        tap.case(name, case)
    tap.end()


if __name__ == "__main__":
    if "--inside" in sys.argv:
        main_inside(sys.argv[4])
    else:
        main()
