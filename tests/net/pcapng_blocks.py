# SPDX-License-Identifier: BSD-2-Clause
"""Reads pcapng files strictly, apart from the program's own code; knows tests/tools/numbered's frames."""

import re
import struct

SECTION, INTERFACE, STATISTICS, PACKET = 0x0A0D0D0A, 1, 5, 6
END_OF_OPTIONS, COMMENT = 0, 1
IF_NAME, IF_TSRESOL, IF_FILTER = 2, 9, 11
EPB_FLAGS, EPB_DROPCOUNT = 2, 4
ISB_COUNTS = {4: "ifrecv", 5: "ifdrop", 6: "filteraccept", 7: "osdrop", 8: "usrdeliv"}
ADDRESSES = bytes([198, 18, 0, 1, 198, 18, 0, 2])
DISCARD = 9


class Damage(Exception):
    """Says where a file is wrong."""


class Packet:
    def __init__(self, interface, ns, data, wire_len, found):
        self.interface, self.ns, self.data, self.wire_len = interface, ns, data, wire_len
        self.flags = integer(found.get(EPB_FLAGS))
        self.dropcount = integer(found.get(EPB_DROPCOUNT)) or 0
        self.comment = found.get(COMMENT, b"").decode()


class Capture:
    """The contents of one file. cut: it ends within a block."""

    def __init__(self, path, may_be_cut=False):
        self.interfaces, self.packets, self.statistics = [], [], {}
        self.cut = self.ended = False
        with open(path, "rb") as file:
            self.bytes = file.read()
        try:
            self.read_blocks(path, may_be_cut)
        except struct.error as why:
            raise Damage(f"{path}: {why}") from why

    def read_blocks(self, path, may_be_cut):
        at, end = 0, len(self.bytes)
        while at < end:
            kind, length = struct.unpack_from("<II", self.bytes.ljust(at + 8, b"\0"), at)
            if at + 12 > end or at + length > end:
                if not may_be_cut:
                    raise Damage(f"{path}: ends within a block at {at} of {end}")
                self.cut = True
                return
            again = struct.unpack_from("<I", self.bytes, at + length - 4)[0]
            if length < 12 or length % 4 or again != length:
                raise Damage(f"{path}: at {at}: block of {length} bytes, {again} at its end")
            if (kind == SECTION) != (at == 0):
                raise Damage(f"{path}: at {at}: block of type {kind}")
            self.read_block(kind, self.bytes[at + 8 : at + length - 4])
            at += length
        if not at:
            raise Damage(f"{path}: empty")

    def read_block(self, kind, body):
        if kind == INTERFACE:
            linktype, _, snaplen = struct.unpack_from("<HHI", body)
            found = options(body[8:])
            if found.get(IF_TSRESOL) != b"\x09":
                raise Damage("stamps are not in nanoseconds")
            name = found.get(IF_NAME, b"").decode()
            text = found.get(IF_FILTER, b"\0")[1:].decode()
            self.interfaces.append({"linktype": linktype, "snaplen": snaplen, "name": name, "filter": text})
        elif kind == PACKET:
            interface, high, low, caplen, wire_len = struct.unpack_from("<IIIII", body)
            if interface >= len(self.interfaces) or caplen > wire_len:
                raise Damage(f"packet of interface {interface}, {caplen} of {wire_len} bytes")
            found = options(body[20 + (caplen + 3) // 4 * 4 :])
            ns = high << 32 | low
            self.packets.append(Packet(interface, ns, body[20 : 20 + caplen], wire_len, found))
            self.ended = False
        elif kind == STATISTICS:
            interface = struct.unpack_from("<I", body)[0]
            found = options(body[12:])
            self.statistics[interface] = {name: integer(found.get(code)) for code, name in ISB_COUNTS.items()}
            self.ended = len(self.statistics) == len(self.interfaces)

    def numbers(self):
        found = (number(self.interfaces[p.interface]["linktype"], p.data) for p in self.packets)
        return [n for n in found if n is not None]


def integer(raw):
    return None if raw is None else int.from_bytes(raw, "little")


def options(raw):
    found = {}
    while raw:
        code, length = struct.unpack_from("<HH", raw)
        if code == END_OF_OPTIONS:
            break
        if 4 + length > len(raw):
            raise Damage(f"option {code} of {length} bytes")
        found[code] = raw[4 : 4 + length]
        raw = raw[4 + (length + 3) // 4 * 4 :]
    return found


def number(linktype, frame):
    """Of a frame of tests/tools/numbered; None: it is none."""
    type_at, at = (0, 20) if linktype == 276 else (12, 14)
    while frame[type_at : type_at + 2] in (b"\x81\x00", b"\x88\xa8"):
        type_at, at = at + 2, at + 4
    ours = frame[at + 12 : at + 20] == ADDRESSES and frame[at + 9 : at + 10] == b"\x11"
    if len(frame) < at + 36 or not ours or struct.unpack_from(">H", frame, at + 22)[0] != DISCARD:
        return None
    return struct.unpack_from(">Q", frame, at + 28)[0]


def name_of(path):
    """(number, UTC second) in the name of a file of a series."""
    found = re.search(r"_(\d{5,})_(\d{8}T\d{6})Z", path)
    return int(found[1]), found[2]
