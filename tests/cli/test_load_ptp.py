#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Probes in PTP messages, as load writes them to a file, in the eyes of tshark.

    test_load_ptp.py WIRESTAMP
"""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Skip, Tap, check, check_equal  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
COUNT = 24
FIELDS = """frame.len eth.src eth.type vlan.id ip.checksum.status udp.srcport udp.dstport udp.length
    udp.checksum.status ptp.v2.majorsdoid ptp.v2.messagetype ptp.v2.versionptp ptp.v2.messagelength
    ptp.v2.domainnumber ptp.v2.flags ptp.v2.correction.ns ptp.v2.clockidentity ptp.v2.sourceportid
    ptp.v2.sequenceid ptp.v2.controlfield ptp.v2.logmessageperiod ptp.v2.sdr.origintimestamp.seconds
    ptp.v2.sdr.origintimestamp.nanoseconds _ws.malformed""".split()
OPTIONS = ["ip.check_checksum:TRUE", "udp.check_checksum:TRUE"]
WARNING = 0x600000
HEADERS = {"ptp-l2": 14, "ptp-udp": 42, "IPv6": 62}


def load(path, *words):
    done = subprocess.run([PROGRAM, "load", "-q", "--dry-run", path, "-c", str(COUNT), *words],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    check_equal((done.returncode, done.stderr), (0, ""), f"status and stderr of {words}")


def rows_of(path):
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=l", "-E", "separator=/t"]
    for option in OPTIONS:
        command += ["-o", option]
    for field in [*FIELDS, "_ws.expert.severity"]:
        command += ["-e", field]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Skip(f"tshark does not run here: {done.stderr.strip()}")
    return [dict(zip([*FIELDS, "severity"], line.split("\t"))) for line in done.stdout.splitlines()]


def payloads_of(path):
    """The bytes of each frame, without a dissector's help."""
    with open(path, "rb") as file:
        data = file.read()
    at, found = 0, []
    while at < len(data):
        kind, length = (int.from_bytes(data[at + 4 * i:at + 4 * i + 4], sys.byteorder) for i in (0, 1))
        if kind == 6:
            captured = int.from_bytes(data[at + 20:at + 24], sys.byteorder)
            found.append(data[at + 28:at + 28 + captured])
        at += length
    return found


def number(text):
    return int(text, 0)


def check_row(row, frame, n, over, tags):
    length = len(frame)
    ptp = HEADERS[over] + 4 * tags
    room = length - ptp
    mac = row["eth.src"].split(",")[-1].replace(":", "")
    check_equal(number(row["frame.len"]), length, "length")
    check_equal(row["_ws.malformed"], "", "malformed")
    check_equal(number(row["ptp.v2.majorsdoid"]), 0, "transport")
    check_equal(number(row["ptp.v2.messagetype"]), 0, "message type: Sync")
    check_equal(number(row["ptp.v2.versionptp"]), 2, "version")
    check_equal(number(row["ptp.v2.messagelength"]), room - room % 2, "message length")
    check_equal(number(row["ptp.v2.domainnumber"]), 87, "domain")
    check_equal(number(row["ptp.v2.flags"]), 0x0400, "flags")
    check_equal(float(row["ptp.v2.correction.ns"]), 0, "correction")
    check_equal(number(row["ptp.v2.clockidentity"]), int(mac[:6] + "fffe" + mac[6:], 16), "identity")
    check_equal(number(row["ptp.v2.sourceportid"]), 1, "port of the identity")
    check_equal(number(row["ptp.v2.sequenceid"]), n, "sequence")
    check_equal(number(row["ptp.v2.controlfield"]), 0, "control field")
    check_equal(number(row["ptp.v2.logmessageperiod"]), 127, "interval")
    for part in ("seconds", "nanoseconds"):
        check_equal(number(row[f"ptp.v2.sdr.origintimestamp.{part}"]), 0, f"origin timestamp, {part}")
    tlv = frame[ptp + 44:ptp + 48]
    check_equal(tlv, (0x2004 << 16 | room - room % 2 - 48).to_bytes(4, "big"), "TLV")
    check_equal(frame[ptp + 48:ptp + 49], b"W", "magic")
    check_equal(int.from_bytes(frame[ptp + 56:ptp + 64], "big"), n, "the probe's number")
    if over == "ptp-l2":
        check_equal(row["udp.dstport"], "", "UDP")
    else:
        check_equal((row["udp.srcport"], row["udp.dstport"]), ("319", "319"), "ports")
        check_equal(number(row["udp.length"]), room + 8, "UDP length")
        check_equal(row["udp.checksum.status"], "1", "UDP checksum")
    if over == "ptp-udp":
        check_equal(row["ip.checksum.status"], "1", "IPv4 checksum")
    severities = [number(word) for word in row["severity"].split(",") if word]
    check(all(severity < WARNING for severity in severities), f"tshark warns of frame {n}")


def frames(over, tags):
    if not shutil.which("tshark"):
        raise Skip("there is no tshark")
    words = ["--carrier", "ptp-l2" if over == "ptp-l2" else "ptp-udp"]
    words += ["--dst", "2001:db8::7"] if over == "IPv6" else []
    words += ["--vlan", ",".join(["5", "6"][:tags])] if tags else []
    sizes = [[], ["-s", "200"], ["-s", "201"], ["-s", "200-301"], ["-s", "imix"], ["-s", "1518"]]
    varied = [[], ["--vary", "src-mac=inc:5"], ["--vary", "src-mac=random:100000"]]
    with tempfile.TemporaryDirectory() as folder:
        path, one = (os.path.join(folder, name) for name in ("all.pcapng", "one.pcapng"))
        kinds = list(itertools.product(sizes, varied))
        with open(path, "wb") as file:
            for size, vary in kinds:
                load(one, *words, *size, *vary)
                with open(one, "rb") as part:
                    file.write(part.read())
        rows, data = rows_of(path), payloads_of(path)
    check_equal((len(rows), len(data)), (COUNT * len(kinds),) * 2, "frames")
    for n, (row, frame) in enumerate(zip(rows, data)):
        check_row(row, frame, n % COUNT, over, tags)
    check_equal({len(frame) for frame in data[:COUNT]}, {HEADERS[over] + 4 * tags + 64}, "smallest size")
    for n, (size, vary) in enumerate(kinds):
        sources = {frame[6:12] for frame in data[COUNT * n:COUNT * (n + 1)]}
        check(len(sources) > 4 if vary else len(sources) == 1, f"{len(sources)} sources with {vary}")


def main():
    tap = Tap()
    for over, tags in itertools.product(HEADERS, range(3)):
        name = {"ptp-l2": "layer 2", "ptp-udp": "UDP over IPv4", "IPv6": "UDP over IPv6"}[over]
        tap.case(f"{name}, {tags} VLAN tags", frames, over, tags)
    tap.end()


if __name__ == "__main__":
    main()
