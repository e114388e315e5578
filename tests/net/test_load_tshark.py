#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What wirestamp load sends, as it arrives at the other side of the lab, judged by tshark.

    test_load_tshark.py WIRESTAMP

Every combination of protocol, version and tags is sent with all sizes and all ways of varying fields, and by
all backends in turn; what each frame has to be is said by the model in unit/test_traffic_tshark.py.
"""

import ipaddress
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "unit")]
import test_traffic_tshark as model  # noqa: E402
from capture_lab import BACKENDS, Cases  # noqa: E402
from load_lab import Arrivals, load, one_cpu  # noqa: E402
from tap import check, check_equal  # noqa: E402

cases = Cases(__file__)
KINDS = [
    (proto, version) for proto in (model.UDP, model.SYN, model.ECHO) for version in (4, 6)
] + [(model.RAW, 0)]
FIELDS = {
    model.SRC_MAC: "src-mac", model.DST_MAC: "dst-mac", model.VLAN: "vlan", model.VLAN2: "vlan2",
    model.SRC_IP: "src", model.DST_IP: "dst", model.SRC_PORT: "sport", model.DST_PORT: "dport",
}
FILLS = ["probe", "zero", "inc", "random", "hex:c0ffee"]
OF_SEED = 0xFFFFFFFF  # the stream of random numbers that a run's own comes from


def mac(number):
    return number.to_bytes(6, "big").hex(":")


def address(spec, number):
    return str((ipaddress.IPv4Address if spec.version == 4 else ipaddress.IPv6Address)(number))


def value(spec, field, number):
    """As the command line has it."""
    if field in (model.SRC_MAC, model.DST_MAC):
        return mac(number)
    return address(spec, number) if field in (model.SRC_IP, model.DST_IP) else str(number)


def words(spec):
    """The options that make this specification."""
    ports = f"{spec.src_port}:{spec.dst_port}"
    yield from ("--src-mac", mac(spec.src_mac), "--dst-mac", mac(spec.dst_mac))
    yield from {
        model.UDP: ("--udp", ports), model.SYN: ("--tcp", ports), model.ECHO: ("--icmp", spec.src_port),
        model.RAW: ("--ethertype", hex(spec.ethertype)),
    }[spec.proto]
    if spec.version:
        yield from ("--src", address(spec, spec.src_ip), "--dst", address(spec, spec.dst_ip))
        yield from ("--ttl", spec.ttl, "--tos", spec.tos)
    if spec.tags:
        yield from ("--vlan", ",".join(f"{tag}:{prio}" for tag, prio in spec.tags))
    low, high = spec.len_min + 4, spec.len_max + 4
    yield from ("--size", {model.FIXED: low, model.RANGE: f"{low}-{high}", model.IMIX: "imix"}[spec.size])
    if spec.fill != model.PROBE:  # as without: where there is room
        yield from ("--payload", FILLS[spec.fill])
    if spec.flows:
        yield from ("--flows", spec.flows)
    for field, (kind, what) in spec.vary.items():
        if kind == model.LIST:
            what = ",".join(value(spec, field, each) for each in what)
        kind = {model.UP: "inc", model.CHANCE: "random", model.LIST: "list"}[kind]
        yield from ("--vary", f"{FIELDS[field]}={kind}:{what}")
    yield from ("--seed", spec.seed, "--count", spec.count)


def specification(proto, version, tags, size, fill, vary, flows):
    spec = model.Spec(proto, version, tags, size, fill, vary, flows)
    if spec.size != model.IMIX:
        # The command takes no size below what a wire allows, or below the headers.
        spec.len_min = max(spec.len_min, model.SMALL)
        spec.len_max = max(spec.len_max, spec.len_min)
    spec.run_id, spec.stream = model.random_at(spec.seed, OF_SEED, 0) & 0xFFFFFFFF, 0
    return spec


def matrix(proto, version):
    for tags in range(3):
        for n, (vary, flows) in enumerate(model.variations(proto, version, tags)):
            size = model.SIZES[(n + tags) % len(model.SIZES)]
            yield specification(proto, version, tags, size, (n + 2 * tags) % 5, vary, flows)


def judged(folder, proto, version):
    model.need_tshark()
    os.environ["HOME"] = folder  # not one that may not be read
    specs = list(matrix(proto, version))
    arrivals = Arrivals(folder)
    runs = []
    for n, spec in enumerate(specs):
        how = ["--io", BACKENDS[n % 3], "--bypass", ("on", "off")[n % 2], "--rate", "10kpps", *one_cpu()]
        _, r = load("ws0", *words(spec), *how, lab=False)
        check_equal(r["sent"], spec.count, f"sent of {' '.join(map(str, words(spec)))}")
        runs.append(r)
    arrivals.end(runs)
    check_equal(arrivals.lost, 0, "lost on the way")
    count, wrong = model.judge(specs, arrivals.path)
    check(not wrong, f"{len(wrong)} of {count}, first: {next(iter(wrong.values()), '')}")
    check_equal(count, sum(spec.count for spec in specs), "frames")


for proto_, version_ in KINDS:
    name = f"{['UDP', 'TCP SYN', 'ICMP echo', 'plain layer 2'][proto_]}{f' over IPv{version_}' if version_ else ''}"
    cases.case(name, proto_, version_, user=False)(judged)

if __name__ == "__main__":
    cases.main()
