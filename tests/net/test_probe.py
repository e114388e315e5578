#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What `probe` says of interfaces, against ethtool and ip; on the host, where nothing is sent, and in labs.

    test_probe.py WIRESTAMP [TEXT]    runs the cases whose titles contain TEXT
"""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from capture_lab import LIMIT, PROGRAM, Cases, ip, need, run  # noqa: E402
from tap import check, check_equal  # noqa: E402

SHAPES = ["udp", "ptp-l2-sync", "ptp-l2-delay-req", "ptp-udp"]
KEYS = """name error driver firmware kind ethernet mac mtu bus pcie numa_node link default_route queues rings
    coalescing offloads phc clock claimed configured configured_error providers users xdp peer far_reflects
    delivered rate path verdict rank""".split()


class HostCases(Cases):
    """Some of them not in a lab, but where the test was started."""

    host = set()

    def on_host(self, title, **named):
        def register(function):
            self.host.add(f"{function.__name__}-{len(self.all)}")
            return self.case(title, **named)(function)

        return register

    def inside(self, name, prefix, mounts):
        if name not in self.host:
            return super().inside(name, prefix, mounts)
        python = "/usr/bin/python3" if prefix else sys.executable
        done = subprocess.run(
            [*prefix, python, self.script, PROGRAM, "--inside", name, "/tmp"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3 * LIMIT,
        )
        check_equal(done.returncode, 0, f"exit status\n{done.stdout}")


cases = HostCases(__file__)
case = cases.case


def probe(*arguments, status=0):
    done = run(PROGRAM, "probe", "--json", *arguments, status=status)
    document = json.loads(done.stdout) if done.stdout else None
    if document:
        check_equal(document["format"], "wirestamp-run/1", "format")
        check_equal(document["command"], "probe", "command")
    return document, done.stderr


def interfaces(*arguments):
    return probe(*arguments)[0]["interfaces"]


def parse_ethtool(text):
    """The claims of `ethtool -T`: with the kernel's names in parentheses before 5.10, without after."""
    lists = {
        "Capabilities": "flags",
        "Hardware Transmit Timestamp Modes": "tx_types",
        "Hardware Receive Filter Modes": "rx_filters",
    }
    found = {"flags": None, "tx_types": None, "rx_filters": None, "phc": None}
    current = None
    for line in text.splitlines()[1:]:
        if line.startswith(("\t", " ")):
            check(current, f"a value of nothing: {line!r}")
            found[current].append(line.split()[0])
            continue
        name, _, value = line.partition(":")
        current = lists.get(name)
        if current:
            # "none" behind the colon is an empty list; a filter none stands on a line of its own.
            found[current] = []
        elif name in ("PTP Hardware Clock", "Hardware timestamp provider index"):
            found["phc"] = None if value.strip() == "none" else int(value)
    return found


def ethtool(*words):
    done = run("ethtool", *words, status=None)
    return done.stdout.decode() if done.returncode == 0 else None


def check_claims(one):
    name = one["name"].partition("@")[0]
    said = ethtool("-T", name)
    check(said, f"ethtool -T {name} fails")
    wanted = parse_ethtool(said)
    check_equal({**one["claimed"], "phc": one["phc"]}, wanted, f"claims of {name}, and ethtool -T's")
    in_use = [p for p in one["providers"] if p["in_use"]]
    check_equal(len(in_use), 1, "providers in use")
    for key, value in wanted.items():
        check_equal(in_use[0][key], value, f"{key} of the provider in use")


def pairs(text):
    """ "Name: value" of a tool's lines."""
    return {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in text.splitlines())}


def number(text):
    return int(text) if text.isdigit() else None


def check_rings(one, name):
    said = ethtool("-g", name)
    if said is None:
        check_equal(set(one["rings"].values()), {None}, f"rings of {name}, which has none")
        return
    largest, now = (pairs(part) for part in said.split("Current hardware settings"))
    check_equal(
        one["rings"],
        {
            "rx": number(now["RX"]),
            "rx_max": number(largest["RX"]),
            "tx": number(now["TX"]),
            "tx_max": number(largest["TX"]),
        },
        f"rings of {name}",
    )


def check_driver(one, name):
    said = ethtool("-i", name)
    if said is None:
        check_equal((one["driver"], one["bus"], one["firmware"]), (None,) * 3, f"driver of {name}")
        return
    wanted = pairs(said)
    check_equal(one["driver"], wanted["driver"] or None, "driver")
    firmware = wanted["firmware-version"]
    check_equal(one["firmware"], None if firmware in ("", "N/A") else firmware, "firmware")
    bus = wanted["bus-info"] if re.search(r"\d", wanted["bus-info"]) else None
    check_equal(one["bus"], bus, "bus")


def check_facts(one):
    """Each field, as other programs have it."""
    name = one["name"].partition("@")[0]
    check_equal(list(one), KEYS, f"fields of {name}")
    link = json.loads(ip("-j", "-d", "link", "show", name))[0]
    check_equal(one["error"], None, "error")
    check_equal(one["mtu"], link["mtu"], "MTU")
    check_equal(one["ethernet"], link["link_type"] == "ether", "whether it is Ethernet")
    address = link.get("address")
    has_mac = link["link_type"] in ("ether", "loopback") and address != "00:00:00:00:00:00"
    check_equal(one["mac"], address if has_mac else None, "MAC")
    check_equal(one["kind"], link.get("linkinfo", {}).get("info_kind"), "kind")
    check_equal(one["link"]["admin_up"], "UP" in link["flags"], "up")
    check_equal(one["link"]["up"], {"UP", "LOWER_UP"} <= set(link["flags"]), "carrier")
    speed = re.search(r"Speed: (\d+)Mb/s", ethtool(name) or "")
    check_equal(one["link"]["speed_mbps"], int(speed[1]) if speed else None, "speed")
    routes = json.loads(ip("-j", "route", "show", "default"))
    if not link.get("linkinfo"):
        has = any(route.get("dev") == name for route in routes)
        check_equal(one["default_route"], has, "default route")
    check_driver(one, name)
    check_rings(one, name)
    features = pairs(ethtool("-k", name) or "")
    for feature, on in one["offloads"].items():
        if feature in features and on is not None:
            check_equal(on, features[feature].split()[0] == "on", f"{feature} of {name}")
    check(any(on is not None for on in one["offloads"].values()), "no offload is known")
    check_claims(one)


def check_software_only(one):
    """What is not there is null, never 0 or empty."""
    check_equal(one["phc"], None, "PTP clock")
    check_equal(one["clock"], None, "facts of the clock")
    check_equal(one["configured"], None, "configuration")
    for key in ("peer", "far_reflects", "delivered", "rate", "path"):
        check_equal(one[key], None, f"{key}, as nothing was tried")
    check_equal(one["claimed"]["tx_types"], [], "transmit types")
    check_equal(one["claimed"]["rx_filters"], [], "receive filters")
    sentences = " ".join(one["verdict"])
    check("claims" in sentences and "delivers" not in sentences, "a claim is called one")
    check("no hardware ones" in sentences, f"{sentences!r} does not say that there is no hardware")
    check("ptp4l: " in sentences, f"{sentences!r} says nothing of PTP")


# --- On the host: nothing is sent ---


@cases.on_host("claims and facts of the host's own interfaces are ethtool's and ip's")
def host(folder):
    need("ethtool")
    names = [link["ifname"] for link in json.loads(ip("-j", "link"))]
    found = interfaces(*names)
    check_equal([one["name"] for one in found], names, "interfaces, in the order in which they were given")
    for one in found:
        check_facts(one)
        if one["phc"] is None:
            check_software_only(one)


@cases.on_host("without an interface: all of them, the best first")
def everything(folder):
    names = {link["ifname"] for link in json.loads(ip("-j", "link"))}
    found = interfaces()
    check_equal({one["name"] for one in found}, names, "interfaces")
    ranks = [one["rank"] for one in found]
    check_equal(ranks, sorted(ranks, reverse=True), "ranks")
    text = run(PROGRAM, "probe").stdout.decode()
    rows = [line.split()[0] for line in text.splitlines() if line.split()[:1] and line.split()[0] in names]
    check_equal(rows, [one["name"] for one in found], "rows of the table")


@cases.on_host("an interface that is missing is one error, and nothing else")
def missing(folder):
    for given in (["wsnone0"], ["lo", "wsnone0"], ["lo@wsnonens"]):
        done = run(PROGRAM, "probe", *given, status=1)
        check_equal(done.stdout, b"", "standard output")
        check_equal(done.stderr.count("\n"), 1, f"lines of {done.stderr!r}")
        check(given[-1] in done.stderr and "(" in done.stderr, done.stderr)


@cases.on_host("both forms of ethtool's output are read")
def ethtool_forms(folder):
    old = """Time stamping parameters for eth0:
Capabilities:
\thardware-transmit     (SOF_TIMESTAMPING_TX_HARDWARE)
\tsoftware-transmit     (SOF_TIMESTAMPING_TX_SOFTWARE)
PTP Hardware Clock: 0
Hardware Transmit Timestamp Modes:
\toff                   (HWTSTAMP_TX_OFF)
\ton                    (HWTSTAMP_TX_ON)
Hardware Receive Filter Modes:
\tnone                  (HWTSTAMP_FILTER_NONE)
\tptpv2-event           (HWTSTAMP_FILTER_PTP_V2_EVENT)
"""
    new = """Time stamping parameters for eth0:
Capabilities:
\thardware-transmit
\tsoftware-transmit
Hardware timestamp provider index: 0
Hardware timestamp provider qualifier: Precise (IEEE 1588 quality)
Hardware timestamp source: MAC
Hardware Transmit Timestamp Modes:
\toff
\ton
Hardware Receive Filter Modes:
\tnone
\tptpv2-event
"""
    wanted = {
        "flags": ["hardware-transmit", "software-transmit"],
        "tx_types": ["off", "on"],
        "rx_filters": ["none", "ptpv2-event"],
        "phc": 0,
    }
    check_equal(parse_ethtool(old), wanted, "with the kernel's names")
    check_equal(parse_ethtool(new), wanted, "without")
    nothing = "Time:\nPTP Hardware Clock: none\nHardware Receive Filter Modes: none\n"
    check_equal(parse_ethtool(nothing)["rx_filters"], [], "none behind the colon")


@cases.on_host("--repair where nothing was left behind", user=False)
def repair(folder):
    document, _ = probe("lo", "--repair")
    wanted = {"error": None, "found": 0, "left": 0, "entries": []}
    check_equal(document["repair"], wanted, "repair")
    check("nothing was left behind" in run(PROGRAM, "probe", "lo", "--repair").stdout.decode(), "text")
    check_equal(probe("lo")[0]["repair"], None, "repair that was not asked for")


# --- In a lab ---


@case("veth: claims and facts, unknown ones null")
def veth(folder):
    need("ethtool")
    (one,) = interfaces("ws0")
    check_facts(one)
    check_software_only(one)
    check_equal((one["driver"], one["kind"], one["bus"]), ("veth", "veth", None), "driver, kind, bus")
    check_equal(set(one["rings"].values()), {None}, "rings")
    check_equal(one["link"], {"up": True, "admin_up": True, "speed_mbps": 10000}, "link")
    check_equal(one["users"], [], "users")


@case("interfaces of other kinds: loopback, VLAN, bond, bridge, tun, dummy, down")
def kinds(folder):
    need("ethtool")
    names = ["lo", "ws0"]
    for name, words in {
        "ws0.5": ("link", "ws0", "name", "ws0.5", "type", "vlan", "id", "5"),
        "b0": ("name", "b0", "type", "bond"),
        "br0": ("name", "br0", "type", "bridge"),
        "d0": ("name", "d0", "type", "dummy"),
        "g0": ("name", "g0", "type", "gretap", "remote", "198.18.0.2", "local", "198.18.0.1"),
    }.items():
        done = run("ip", "link", "add", *words, status=None)
        if done.returncode == 0:
            names.append(name)
    if run("ip", "tuntap", "add", "t0", "mode", "tun", status=None).returncode == 0:
        names.append("t0")
    check(len(names) > 3, f"only {names} could be made")
    for one in interfaces(*names):
        check_facts(one)
    by_name = {one["name"]: one for one in interfaces(*names)}
    use = {name: next(s for s in one["verdict"] if s.startswith("use: ")) for name, one in by_name.items()}
    check("loopback" in use["lo"], use["lo"])
    check("no Ethernet" in use.get("t0", "no Ethernet"), use.get("t0"))
    check_equal({one["name"] for one in interfaces()}, {l["ifname"] for l in json.loads(ip("-j", "link"))}, "all")
    # As a table and as pages, whatever there is.
    for words in ([], names):
        text = run(PROGRAM, "probe", *words).stdout.decode()
        for name in names:
            check(re.search(rf"^{re.escape(name)}\b", text, re.M), f"{name} is not in\n{text}")


@case("an interface of another namespace")
def namespaces(folder):
    given = f"ws1@{os.environ['WIRESTAMP_LAB_NS1']}"
    near, far = interfaces("ws0", given)
    check_equal(far["name"], given, "name")
    check_equal(far["kind"], "veth", "kind")
    check(near["mac"] != far["mac"], "both have one address")
    link = json.loads(
        run("nsenter", f"--net={os.environ['WIRESTAMP_LAB_NS1']}", "ip", "-j", "link", "show", "ws1").stdout
    )[0]
    check_equal(far["mac"], link["address"], "MAC")


@case("an interface without a link, and one that is down")
def down(folder):
    ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    nothing = {"up": False, "admin_up": False, "speed_mbps": None}
    check_equal(interfaces("v0")[0]["link"] | {"speed_mbps": None}, nothing, "link")
    check(re.search("^v0.*, down$", run(PROGRAM, "probe", "v0").stdout.decode(), re.M), "text")
    ip("link", "set", "v0", "up")
    check_equal(interfaces("v0")[0]["link"] | {"speed_mbps": None}, nothing | {"admin_up": True}, "link")
    check(re.search("^v0.*, no link$", run(PROGRAM, "probe", "v0").stdout.decode(), re.M), "text")


@case("the kept result is the printed one")
def kept(folder):
    document, _ = probe("ws0", "--out", f"{folder}/kept")
    with open(f"{folder}/kept/run.json", encoding="utf-8") as file:
        check_equal(json.load(file), document, "run.json")
    done = run(PROGRAM, "probe", "ws0", "--out", f"{folder}/kept", status=1)
    check("exists" in done.stderr, done.stderr)


def on_terminal(*arguments, columns=80):
    """What it prints on a terminal."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {**os.environ, "TERM": "xterm"}
    process = subprocess.Popen(
        [PROGRAM, "probe", *arguments], stdin=subprocess.DEVNULL, stdout=side, stderr=side, env=env
    )
    os.close(side)
    text = b""
    while True:
        try:
            more = os.read(main, 4096)
        except OSError:
            break
        if not more:
            break
        text += more
    os.close(main)
    check_equal(process.wait(LIMIT), 0, "exit status")
    return text.decode().replace("\r\n", "\n")


@case("a terminal of 80 columns is enough")
def terminal(folder):
    for words in (["ws0"], [], ["ws0", "--deliver", f"ws1@{os.environ['WIRESTAMP_LAB_NS1']}", "-q"]):
        text = on_terminal(*words)
        check("\033[1m" in text, "no bold text")
        for line in re.sub(r"\033\[[\d;]*[mK]", "", text).splitlines():
            check(len(line) <= 80, f"{len(line)} columns: {line!r}")


def check_delivered(one):
    check_equal([(d["carrier"], d["vlan"]) for d in one["delivered"]],
                [(shape, vlan) for shape in SHAPES for vlan in (False, True)], "shapes")
    for d in one["delivered"]:
        what = f"{d['carrier']}, {'a' if d['vlan'] else 'no'} VLAN tag"
        check(d["sent"] >= 50, f"{what}: {d['sent']} sent")
        for key in ("received", "tx_software", "rx_software"):
            check_equal(d[key], d["sent"], f"{what}: {key}")
        for key in ("tx_hardware", "rx_hardware", "tx_misplaced", "rx_misplaced", "rx_stuck"):
            check_equal(d[key], None, f"{what}: {key}, which was not asked for")
    check_equal(one["rate"], None, "rate of hardware stamps")
    sentences = " ".join(one["verdict"])
    check("transmit: delivers software stamps of every frame" in sentences, sentences)
    check("ws1 delivers software stamps of every frame" in sentences, sentences)


@case("--deliver: every frame of every shape is stamped by software")
def deliver(folder):
    given = f"ws1@{os.environ['WIRESTAMP_LAB_NS1']}"
    (one,) = interfaces("ws0", "--deliver", given)
    check_equal((one["peer"], one["far_reflects"]), (given, False), "peer")
    check_delivered({**one, "verdict": [s.replace(given, "ws1") for s in one["verdict"]]})
    check(one["path"] is not None, "whether PTP takes as long is not told")


@cases.on_host("--lab: both sides; with --deliver, ws0 to ws1")
def lab(folder):
    found = interfaces("--lab")
    check_equal([one["name"] for one in found], ["ws0", "ws1"], "interfaces")
    check_equal([one["delivered"] for one in found], [None, None], "delivered")
    near, far = interfaces("--lab", "--deliver")
    check_equal((near["peer"], far["delivered"]), ("ws1", None), "peer; trials of the far side")
    check_delivered(near)


if __name__ == "__main__":
    cases.main()
