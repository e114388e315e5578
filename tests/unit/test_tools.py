#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The reader of captures that other tests rely on, on small files made by hand.

Usage: test_tools.py PATH/TO/missing PATH/TO/numbered      Prints TAP. Sends nothing.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap, check, check_equal  # noqa: E402

SECOND = 1_000_000_000
EPOCH = 1_700_000_000 * SECOND
ISB_NAMES = {4: "ifrecv", 5: "ifdrop", 6: "filteraccept", 7: "osdrop", 8: "usrdeliv"}


def option(code, value):
    return struct.pack("=HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    length = struct.pack("=I", len(body) + 12)
    return struct.pack("=I", kind) + length + body + length


def options(*given):
    return b"".join(given) + option(0, b"") if given else b""


def section():
    return block(0x0A0D0D0A, struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(name="ws1", linktype=1, resolution=9):
    given = [option(2, name.encode())]
    if resolution is not None:
        given.append(option(9, bytes([resolution])))
    return block(1, struct.pack("=HHI", linktype, 0, 0) + options(*given))


def stamp(ticks):
    return struct.pack("=II", ticks >> 32, ticks & 0xFFFFFFFF)


def packet(data, ticks=EPOCH, which=0, drops=None, comment=None, flags=True):
    given = [option(2, struct.pack("=I", 1))] if flags else []
    if drops is not None:
        given.append(option(4, struct.pack("=Q", drops)))
    if comment is not None:
        given.append(option(1, comment.encode()))
    padded = data + b"\0" * (-len(data) % 4)
    return block(6, struct.pack("=I", which) + stamp(ticks) + struct.pack("=II", len(data), len(data))
                 + padded + options(*given))


def statistics(which=0, ticks=EPOCH, **counts):
    codes = {name: code for code, name in ISB_NAMES.items()}
    given = [option(codes[name], struct.pack("=Q", value)) for name, value in counts.items()]
    return block(5, struct.pack("=I", which) + stamp(ticks) + options(*given))


def ip(number, port=9, source=b"\xc6\x12\x00\x01"):
    udp = struct.pack(">HHHH", 49152, port, 8 + 18, 0) + struct.pack(">Q", number) + b"\0" * 10
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0) + source \
        + b"\xc6\x12\x00\x02" + udp


def frame(number, tags=b"", **named):
    return b"\xff" * 6 + b"\x02\0\0\0\0\x01" + tags + b"\x08\0" + ip(number, **named)


class Reader:
    def __init__(self, program, directory):
        self.program = program
        self.directory = directory

    def run(self, *contents, arguments=()):
        paths = []
        for number, content in enumerate(contents):
            paths.append(os.path.join(self.directory, f"{number}.pcapng"))
            with open(paths[-1], "wb") as file:
                file.write(content)
        return subprocess.run([self.program, *arguments, *paths], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)

    def read(self, *contents, arguments=(), status=0):
        done = self.run(*contents, arguments=arguments)
        check_equal(done.returncode, status, f"exit status ({done.stderr!r})")
        return json.loads(done.stdout)


def check_fields(found, **wanted):
    for name, value in wanted.items():
        check_equal(found[name], value, name)


def whole(reader):
    found = reader.read(section() + interface() + b"".join(packet(frame(n)) for n in range(5, 9))
                        + statistics(ifrecv=4, ifdrop=0))
    check_fields(found, packets=4, numbered=4, first=5, last=8, missing=0, holes=0, duplicates=0,
                 dropcount=0, drops_elsewhere=0, unexpected=0, hole_list=[], damage=None)
    check_equal(len(found["interfaces"]), 1, "interfaces")
    check_fields(found["interfaces"][0], name="ws1", linktype=1, packets=4, backwards=0)
    check_equal(found["interfaces"][0]["statistics"],
                {"trailing": True, "ns": EPOCH, "ifrecv": 4, "ifdrop": 0, "filteraccept": None,
                 "osdrop": None, "usrdeliv": None, "comment": None}, "statistics")


def holes(reader):
    """Told right, told wrong, not told at all, and told where nothing is missing."""
    found = reader.read(
        section() + interface() + packet(frame(0)) + packet(frame(3), drops=2, comment="at most")
        + packet(frame(5), drops=7) + packet(frame(9)) + packet(frame(10), drops=1))
    check_fields(found, packets=5, first=0, last=10, missing=6, holes=3, holes_told=1, dropcount=10,
                 drops_elsewhere=1, comments=1)
    check_equal(found["hole_list"], [
        {"first": 1, "last": 2, "count": 2, "dropcount": 2, "comment": "at most"},
        {"first": 4, "last": 4, "count": 1, "dropcount": 7, "comment": None},
        {"first": 6, "last": 8, "count": 3, "dropcount": 0, "comment": None},
    ], "holes")
    check_equal(found["elsewhere_list"], [{"number": 10, "dropcount": 1, "comment": None}],
                "drops elsewhere")


def late_filling(reader):
    """What comes late is not missing, and what comes twice is a duplicate."""
    order = [0, 4, 5, 1, 2, 5, 2, 7]
    found = reader.read(section() + interface() + b"".join(packet(frame(n)) for n in order))
    check_fields(found, packets=8, numbered=8, missing=2, holes=2, duplicates=2, first=0, last=7)
    check_equal([(h["first"], h["last"]) for h in found["hole_list"]], [(3, 3), (6, 6)], "holes")


def expected(reader):
    file = section() + interface() + b"".join(packet(frame(n)) for n in (2, 3, 12))
    found = reader.read(file, arguments=["--first", "1", "--count", "6"])
    check_fields(found, missing=4, holes=2, unexpected=1, duplicates=0, last=12)
    check_equal(found["hole_list"], [
        {"first": 1, "last": 1, "count": 1, "dropcount": 0, "comment": None},
        {"first": 4, "last": 6, "count": 3, "dropcount": None, "comment": None},
    ], "holes at both ends")
    found = reader.read(section() + interface(), arguments=["--first", "7", "--count", "3"])
    check_fields(found, packets=0, first=None, last=None, missing=3, holes=1)


def strangers(reader):
    """Frames that only look alike have no number, and a drop before one is not a hole's."""
    others = [frame(1, port=10), frame(1, source=b"\xc6\x12\x00\x03"), frame(1)[:49], b"",
              b"\xff" * 12 + b"\x08\x06" + b"\0" * 46]
    found = reader.read(section() + interface() + packet(frame(0))
                        + b"".join(packet(data) for data in others)
                        + packet(others[0], drops=1) + packet(frame(2)))
    check_fields(found, packets=8, numbered=2, missing=1, holes=1, holes_told=0, drops_elsewhere=1)
    check_equal(found["elsewhere_list"], [{"number": None, "dropcount": 1, "comment": None}],
                "drops elsewhere")


def headers(reader):
    """VLAN tags, and cooked headers of both versions."""
    tag = b"\x81\0\0\x07"
    sll = b"\0\0\0\x01\0\x06" + b"\x02\0\0\0\0\x01\0\0" + b"\x08\0" + ip(3)
    sll2 = b"\x08\0\0\0" + b"\0\0\0\x02" + b"\0\x01\0\x06" + b"\x02\0\0\0\0\x01\0\0" + ip(4)
    found = reader.read(
        section() + interface() + interface("any", 113) + interface("any2", 276)
        + packet(frame(0)) + packet(frame(1, tag)) + packet(frame(2, b"\x88\xa8\0\x02" + tag))
        + packet(sll, which=1) + packet(sll2, which=2))
    check_fields(found, numbered=5, missing=0, first=0, last=4)
    check_equal([i["numbered"] for i in found["interfaces"]], [3, 1, 1], "numbers")


def times(reader):
    """Each interface's time has its own resolution, and only its own may run backwards."""
    micro = EPOCH // 1000
    found = reader.read(
        section() + interface("a") + interface("b", resolution=None)
        + packet(frame(0), EPOCH + 5000) + packet(frame(1), micro + 1, 1)
        + packet(frame(2), EPOCH + 4999) + packet(frame(3), micro + 1, 1)
        + packet(frame(4), EPOCH + 5000) + statistics(1, micro))
    check_equal([i["backwards"] for i in found["interfaces"]], [1, 0], "backwards")
    check_equal(found["interfaces"][1]["statistics"]["ns"], EPOCH, "microseconds")


def trailing(reader):
    found = reader.read(section() + interface("a") + interface("b") + statistics(0, ifrecv=1)
                        + statistics(1, ifrecv=2) + packet(frame(0), which=1))
    check_equal([i["statistics"]["trailing"] for i in found["interfaces"]], [True, False],
                "no packet after them")


def several_files(reader):
    """Numbers go on from file to file; interfaces do not."""
    found = reader.read(
        section() + interface("a") + packet(frame(0)) + statistics(ifrecv=1),
        section() + interface("b") + packet(frame(2), drops=1) + statistics(ifrecv=1, ifdrop=1))
    check_fields(found, numbered=2, missing=1, holes=1, holes_told=1)
    check_equal([i["name"] for i in found["interfaces"]], ["a", "b"], "interfaces")
    check_equal([i["dropcount"] for i in found["interfaces"]], [0, 1], "drops")


def classic(reader):
    """pcap in microseconds and in nanoseconds."""
    for magic, fraction in ((0xA1B2C3D4, 7), (0xA1B23C4D, 7000)):
        head = struct.pack("=IHHiIII", magic, 2, 4, 0, 0, 262144, 1)
        packets = b"".join(
            struct.pack("=IIII", 1_700_000_000, fraction - n, 58, 58) + frame(n)[:58]
            for n in (0, 1, 4))
        found = reader.read(head + packets)
        check_fields(found, packets=3, numbered=3, missing=2, holes=1)
        check_equal(found["interfaces"][0]["backwards"], 2, "backwards")
        check(reader.read(head + packets[:-1], status=1)["damage"], "a cut file is accepted")


def damage(reader):
    """What was read before is told; the rest is named."""
    good = section() + interface() + packet(frame(0))
    bad_option = b"\x02\0\xff\0"
    long_packet = struct.pack("=I", 0) + stamp(EPOCH) + struct.pack("=II", 61, 61) + b"\0" * 60
    cases = {
        "a block cut off": good[:-1],
        "the header of one": good + b"\x06\0\0\0",
        "a length at the end that differs": good[:-4] + struct.pack("=I", 16),
        "a length of 8": good + struct.pack("=III", 6, 8, 8),
        "a length that is odd": good + struct.pack("=II", 6, 13) + b"\0" * 5,
        "an interface that was not described": good + packet(frame(1), which=1),
        "statistics of such": good + statistics(1),
        "a packet longer than its block": good + block(6, long_packet),
        "an option longer than its block": good + block(1, struct.pack("=HHI", 1, 0, 0) + bad_option),
        "the other byte order": struct.pack(">I", 0x0A0D0D0A) + struct.pack(">II", 28, 0x1A2B3C4D)
                                + b"\0" * 16,
        "no capture": b"hello, world",
        "nothing": b"",
    }
    for name, content in cases.items():
        done = reader.run(content)
        check_equal(done.returncode, 1, f"{name}: exit status")
        found = json.loads(done.stdout)
        check(found["damage"], f"{name}: not noticed")
        check_equal(len(done.stderr.splitlines()), 1, f"{name}: lines on stderr")
        if content.startswith(good):
            check_equal(found["numbered"], 1, f"{name}: what stands before it")
    done = reader.run(arguments=["/nonexistent"])
    check_equal((done.returncode, done.stdout), (1, ""), "a file that is not there")
    check_equal(reader.run().returncode, 2, "no file")


def many(reader):
    """The list ends at a thousand holes, the count does not."""
    found = reader.read(section() + interface()
                        + b"".join(packet(frame(2 * n), flags=False) for n in range(1201)))
    check_fields(found, numbered=1201, holes=1200, missing=1200)
    check_equal(len(found["hole_list"]), 1000, "listed")


def sender_usage(numbered):
    for arguments in ([], ["lo", "x"], ["lo", "--size", "59"], ["lo", "--size", "9015"],
                      ["lo", "--seconds", "121"], ["lo", "--rate", "-1"], ["lo", "--vlan", "4095"],
                      ["lo", "--mac", "2:0:0:0:0:1"], ["lo", "--nonsense"]):
        done = subprocess.run([numbered, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        check_equal((done.returncode, done.stdout), (2, ""), f"{arguments}")
        check(done.stderr, f"{arguments}: not a word")
    done = subprocess.run([numbered, "no-such-device"], capture_output=True, text=True, timeout=60)
    check_equal((done.returncode, done.stdout), (1, ""), "an interface that is not there")


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: test_tools.py PATH/TO/missing PATH/TO/numbered")
    tap = Tap()
    with tempfile.TemporaryDirectory() as directory:
        reader = Reader(sys.argv[1], directory)
        for case in (whole, holes, late_filling, expected, strangers, headers, times, trailing,
                     several_files, classic, damage, many):
            tap.case(f"missing: {case.__name__.replace('_', ' ')}", case, reader)
    tap.case("numbered: wrong usage", sender_usage, sys.argv[2])
    tap.end()


if __name__ == "__main__":
    main()
