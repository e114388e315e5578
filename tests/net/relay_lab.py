# SPDX-License-Identifier: BSD-2-Clause
"""A lab with a relay between its two sides, and the relay.

    ws0 (198.18.0.1, our namespace) -- ra (relay) rb -- ws1 (198.18.0.2, $WIRESTAMP_LAB_NS1)

Inside a lab (capture_lab.Cases), `with Between() as between:` replaces the pair ws0 / ws1 by two pairs that end in a
namespace of the relay's own. Names, addresses and MACs stay, so every command works as before, --lab included;
but nothing passes until a relay runs: `with between.relay("--hold", "50us") as relay:`. Behind the block there are no
interfaces any more. What the kernel sends by itself (IPv6 multicast) passes too, unless the relay is told --probes.
"""

import json
import os
import re
import subprocess
import sys
from collections import namedtuple

from capture_lab import LIMIT, TOOLS, far_side, ip, run, wait_until
from tap import check_equal

RELAY = os.path.join(TOOLS, "relay")
SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17
ENDS = (("ws0", "198.18.0.1", False), ("ws1", "198.18.0.2", True))
PLUGS = ("ra", "rb")
WAYS = ("forward", "backward")

# A line of the log. behind: of a swapped probe, how many it left behind.
Harm = namedtuple("Harm", "what way run_id stream kind seq behind")


# Sums that are left to the card would never be made: the relay passes frames on as it sees them. A program of
# its own, since it has to go to other namespaces.
SUMS_IN_SOFTWARE = f"""
import array, fcntl, socket, struct, sys
data = array.array("B", struct.pack("=II", {ETHTOOL_STXCSUM}, 0))
request = struct.pack("16sP", sys.argv[1].encode(), data.buffer_info()[0])
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), {SIOCETHTOOL}, request)
"""


class Between:
    def __enter__(self):
        # Whoever holds the namespace; it ends when its input does.
        self.holder = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", "ip link set lo up; echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        check_equal(self.holder.stdout.readline(), b"\n", "the relay's namespace")
        self.path = f"/proc/{self.holder.pid}/ns/net"
        try:
            self.connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        self.holder.stdin.close()
        self.holder.stdout.close()
        self.holder.wait(LIMIT)

    def inside(self):
        return ["nsenter", f"--net={self.path}"]

    def connect(self):
        macs = [re.search(r"link/ether (\S+)", ip("link", "show", n, far=far))[1] for n, _, far in ENDS]
        ip("link", "del", "ws0")
        for (name, address, far), plug, mac, other in zip(ENDS, PLUGS, macs, reversed(macs)):
            peer = ["peer", "name", plug, "netns", str(self.holder.pid)]
            ip("link", "add", name, "address", mac, "type", "veth", *peer, far=far)
            run(*self.inside(), "ip", "link", "set", plug, "addrgenmode", "none", "arp", "off", "up")
            ip("link", "set", name, "addrgenmode", "none", "up", far=far)
            ip("addr", "add", f"{address}/24", "dev", name, far=far)
            beyond = "198.18.0.2" if address.endswith("1") else "198.18.0.1"
            ip("neigh", "replace", beyond, "lladdr", other, "dev", name, "nud", "permanent", far=far)
            for where, which in ((far_side() if far else [], name), (self.inside(), plug)):
                run(*where, sys.executable, "-c", SUMS_IN_SOFTWARE, which)
        for name, _, far in ENDS:
            wait_until(lambda: "LOWER_UP" in ip("link", "show", name, far=far), f"carrier of {name}")

    def relay(self, *arguments, log=None):
        return Relay([*self.inside(), RELAY, *PLUGS], arguments, log)


class Relay:
    """Runs until the end of the block, or end(), which returns what it did."""

    def __init__(self, command, arguments, log=None):
        self.log = log
        self.done = None
        words = [*map(str, arguments), *(["--log", log] if log else [])]
        self.process = subprocess.Popen(
            [*command, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        said = self.process.stderr.readline().decode()
        if said != "relaying\n":
            self.process.communicate()
            raise AssertionError(f"the relay says {said!r}")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.end()

    def end(self):
        try:
            out, err = self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        check_equal((self.process.returncode, err), (0, b""), "exit status and stderr of the relay")
        self.done = json.loads(out)
        for way in WAYS:
            check_accounts(self.done[way])
        return self.done

    def harms(self):
        """What the log says, after end()."""
        found = []
        with open(self.log, encoding="ascii") as file:
            for line in file:
                what, way, *numbers = line.split()
                run_id, stream, kind, seq, *behind = map(int, numbers)
                found.append(Harm(what, way, run_id, stream, kind, seq, *(behind or [None])))
        for way in WAYS:
            for what in ("lost", "duplicated", "swapped"):
                logged = sum(h.what == what and h.way == way for h in found)
                check_equal(logged, self.done[way][what], f"{what} {way}: in the log, and counted")
        return found


def check_accounts(way):
    """Of a relay that kept up; each frame has one fate."""
    known = way["probes"] + way["others"] + way["ignored"] + way["too_long"]
    check_equal(way["received"], known, "received = probes + others + ignored + too_long")
    sent = way["probes"] - way["lost"] + way["duplicated"] + way["others"]
    check_equal(way["sent"], sent, "sent = probes - lost + duplicated + others")


def after_harm(seqs, harms):
    """The order in which the sequences arrive of which the log says that."""
    lost = {h.seq for h in harms if h.what == "lost"}
    twice = {h.seq for h in harms if h.what == "duplicated"}
    swapped = {h.seq: h.behind for h in harms if h.what == "swapped"}
    arrived, waiting = [], []
    for seq in seqs:
        if seq in lost:
            continue
        if seq in swapped:
            waiting.append([seq, swapped[seq]])
            continue
        arrived += [seq] * (2 if seq in twice else 1)
        for each in waiting:
            each[1] -= 1
        arrived += [seq for seq, left in waiting if left == 0]
        waiting = [each for each in waiting if each[1] > 0]
    return arrived + [seq for seq, _ in waiting]


