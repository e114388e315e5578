#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Capture files judged by programs that are not ours: capinfos, tshark, tcpdump, zstd.

    test_pcapng_judges.py WIRESTAMP WRITE_CAPTURE

None of them may complain, and what they read must be exactly what was written.
"""

import errno
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Skip, Tap, check, check_equal  # noqa: E402

WRITER = os.path.abspath(sys.argv[2])
LIMIT = 120  # seconds after which something hangs
SKIPPED = 77
ETHERNET, SLL2 = 1, 276
START = 1795314600  # 2026-11-22T02:30:00Z
NS = START * 1_000_000_000
# Exit statuses of no use to a reader apart, these words are complaints.
COMPLAINTS = ("damaged", "cut short", "error", "malformed", "isn't", "truncated", "invalid", "bad")


def run(program, *arguments, text=None, **named):
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        raise Skip(f"no {program} here")
    return subprocess.run(
        [path, *arguments],
        input=text or "",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
        **named,
    )


def judge(program, *arguments):
    """Output of a program that must have nothing to complain about."""
    done = run(program, *arguments)
    said = done.stderr
    check_equal(done.returncode, 0, f"exit status of {program} ({said.strip()!r})")
    wrong = [word for word in COMPLAINTS if word in said.lower()]
    check(not wrong, f"{program} says {said!r}")
    return done.stdout


def fields(path, *names, options=()):
    """Rows of tshark's fields. Fields that come several times in a packet are joined by a bar."""
    arguments = ["-n", "-r", path, "-T", "fields", "-E", "aggregator=|", *options]
    for name in names:
        arguments += ["-e", name]
    return [line.split("\t") for line in judge("tshark", *arguments).splitlines()]


def blocks(path, *names):
    """The same, of the file's blocks instead of its packets."""
    return fields(path, *names, options=("-X", "read_format:MIME Files Format"))


def properties(path):
    """What capinfos says: lists of values, as some names come once for each interface."""
    found = {}
    for said in judge("capinfos", "-M", path).splitlines():
        parts = re.match(r"\s*(.*?)\s*(?::| =) +(.*?)\s*$", said)
        if parts:
            found.setdefault(parts[1], []).append(parts[2])
    return found


def line(*parts):
    return "\t".join("" if part is None else str(part) for part in parts) + "\n"


def section(hardware=None, system=None, application=None, comment=None):
    return line("section", hardware, system, application, comment)


def interface(linktype=ETHERNET, snaplen=262144, name=None, description=None, filter=None, hardware=None,
              system=None, mac=None, speed=None):  # fmt: skip
    return line("interface", linktype, snaplen, name, description, filter, hardware, system, mac, speed)


class Packet:
    def __init__(self, data, ns=NS, wire=None, port=0, flags=0, drops=0, comment=None):
        self.data, self.ns, self.port = data, ns, port
        self.wire = len(data) if wire is None else wire
        self.flags, self.drops, self.comment = flags, drops, comment

    def __str__(self):
        drops, comment = self.drops, self.comment
        return line(
            "packet", self.port, self.ns, self.data.hex(), self.wire, self.flags, drops, comment
        )


def statistics(port=0, ns=NS, counts=(None,) * 5, start=None, end=None, comment=None):
    return line("statistics", port, ns, start, end, *counts, comment)


def udp(length, vlan=None, number=0):
    """An Ethernet frame with UDP over IPv4 in it, checksums left out."""
    head = bytes.fromhex("020000000002020000000001")
    if vlan is not None:
        head += b"\x81\x00" + vlan.to_bytes(2, "big")
    head += b"\x08\x00"
    payload = length - len(head)
    ip = b"\x45\x00" + payload.to_bytes(2, "big") + bytes(4) + b"\x40\x11\x00\x00"
    ip += bytes([198, 18, 0, 1, 198, 18, 0, 2])
    # The identification: so that packets differ.
    ip = ip[:4] + (number & 0xFFFF).to_bytes(2, "big") + ip[6:]
    total = sum(int.from_bytes(ip[i : i + 2], "big") for i in range(0, 20, 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + (0xFFFF - total).to_bytes(2, "big") + ip[12:]
    datagram = b"\x00\x35\x21\xac" + (payload - 20).to_bytes(2, "big") + bytes(2)
    return head + ip + datagram + bytes(i & 0xFF for i in range(payload - 28))


def sll2(frame, index):
    """LINKTYPE_LINUX_SLL2: protocol, index, ARPHRD_ETHER, PACKET_HOST, and an address of 6 bytes."""
    head = b"\x08\x00\x00\x00" + index.to_bytes(4, "big") + b"\x00\x01\x00\x06"
    return head + bytes.fromhex("020000000001") + bytes(2) + frame[14:]


def write(path, *parts, options=(), status=0):
    done = run(WRITER, path, *options, text="".join(str(part) for part in parts))
    check_equal(done.returncode, status, f"exit status ({done.stdout!r}, {done.stderr!r})")
    return done.stdout


def seconds(ns):
    return f"{ns // 1_000_000_000}.{ns % 1_000_000_000:09d}"


def check_packets(path, packets):
    names = "frame.time_epoch frame.len frame.cap_len frame.interface_id frame.comment".split()
    names += ["frame.drop_count", "frame.packet_flags"]
    rows = fields(path, *names)
    check_equal(len(rows), len(packets), f"packets by tshark in {path}")
    for number, (row, p) in enumerate(zip(rows, packets), 1):
        wanted = [seconds(p.ns), str(p.wire), str(len(p.data)), str(p.port), p.comment or ""]
        wanted += [str(p.drops) if p.drops else "", f"0x{p.flags:08x}" if p.flags else ""]
        check_equal(row, wanted, f"packet {number} of {path}")


def check_by_tcpdump(path, packets):
    out = judge("tcpdump", "-n", "-tt", "-xx", "--nano", "-r", path)
    stamps, data = [], []
    for text in out.splitlines():
        if text.startswith("\t0x"):
            data[-1] += text.partition(":")[2].replace(" ", "")
        else:
            stamps.append(text.split()[0])
            data.append("")
    check_equal(stamps, [seconds(p.ns) for p in packets], "times by tcpdump")
    check_equal(data, [p.data.hex() for p in packets], "data by tcpdump")


def variety():
    """Frames of all kinds, lengths with every padding, times to the last digit."""
    packets = [
        Packet(udp(60), ns=NS + 1),
        Packet(udp(64, vlan=0x6ABC), ns=NS + 123456789, flags=0x5),
        Packet(udp(9000), ns=NS + 999999999, flags=0x2),
        Packet(udp(42), ns=NS + 1_000_000_000, drops=1),
        Packet(b"", ns=NS + 2_000_000_000, wire=1514),
        Packet(udp(96)[:14], wire=96, comment="only the addresses"),
        Packet(udp(1514), flags=0xE, drops=2**40, comment="grün ≠ blue"),
        Packet(udp(60), ns=0),
        Packet(udp(60), ns=2**63 - 1),
    ]
    packets += [Packet(udp(60 + n), ns=NS + n, wire=9000, comment="x" * n) for n in range(1, 9)]
    return packets


def one_interface(folder):
    path = os.path.join(folder, "one.pcapng")
    packets = variety()
    head = section("x86_64", "Linux 6.18", "wirestamp 0", "a test")
    write(path, head, interface(name="ws0"), line("begin", 0), *packets, statistics(), line("end"))
    check_packets(path, packets)
    found = properties(path)
    check_equal(found["Number of packets"], [str(len(packets))] * 2, "packets by capinfos")
    check_equal(found["Data size"], [f"{sum(p.wire for p in packets)} bytes"], "bytes by capinfos")
    check_equal(found["Capture hardware"], ["x86_64"], "hardware")
    check_equal(found["Capture oper-sys"], ["Linux 6.18"], "system")
    check_equal(found["Capture application"], ["wirestamp 0"], "application")
    check_equal(found["Capture comment"], ["a test"], "comment")
    check_equal(found["File timestamp precision"], ["nanoseconds (9)"], "precision")


def for_tcpdump(folder):
    """It prints no packets without data, and no times after 2106."""
    path = os.path.join(folder, "one.pcapng")
    packets = [p for p in variety() if p.data and p.ns < 2**32 * 1_000_000_000]
    write(path, section(), interface(name="ws0"), line("begin", 0), *packets, statistics(), line("end"))
    check_by_tcpdump(path, packets)


def several_interfaces(folder):
    """Of several types and lengths: tcpdump refuses those, tshark does not."""
    path = os.path.join(folder, "several.pcapng")
    ports = [
        interface(name="ws0", filter="udp and port 53", snaplen=0, mac="020000000001", speed=10**10),
        interface(name="ws1", description="the far side", hardware="igc", system="Linux"),
        interface(SLL2, 96, name="any"),
    ]
    packets = [Packet(udp(60 + n), ns=NS + n, port=n % 2) for n in range(20)]
    packets += [Packet(sll2(udp(80), 3), ns=NS + 99, port=2)]
    write(path, section(), *ports, line("begin", 0), *packets, line("end"))
    check_packets(path, packets)
    names = {row[0] for row in fields(path, "frame.interface_name", options=("-Y", "sll"))}
    check_equal(names, {"any"}, "interface of the cooked packets")
    rows = fields(path, "sll.ifindex", "ip.src", options=("-Y", "sll"))
    check_equal(rows, [["3", "198.18.0.1"]], "cooked header")
    found = properties(path)
    check_equal(found["Name"], ["ws0", "ws1", "any"], "names")
    check_equal(found["Description"], ["the far side"], "descriptions")
    check_equal(found["Capture length"], ["0", "262144", "96"], "snap lengths")
    check_equal(found["Filter string"], ["udp and port 53"], "filters")
    check_equal(found["Hardware"], ["igc"], "hardware")
    check_equal(found["Operating system"], ["Linux"], "systems")
    check_equal(found["Time resolution"], ["0x09"] * 3, "resolutions")
    check_equal(found["Speed"], ["10000000000"], "speeds")
    check_equal(found["Number of packets"][1:], ["10", "10", "1"], "packets of each interface")
    got = blocks(path, "pcapng.options.option.data.mac")
    check("02:00:00:00:00:01" in [row[0] for row in got if row], f"address: {got}")


def same_interfaces(folder):
    path = os.path.join(folder, "same.pcapng")
    packets = [Packet(sll2(udp(60 + n), n % 3 + 1), ns=NS + n, port=n % 3) for n in range(9)]
    ports = [interface(SLL2, 2048, name=f"ws{n}") for n in range(3)]
    counts = [statistics(n) for n in range(3)]
    write(path, section(), *ports, line("begin", 0), *packets, *counts, line("end"))
    check_packets(path, packets)
    check_by_tcpdump(path, packets)


def counters(folder):
    path = os.path.join(folder, "counters.pcapng")
    parts = [section(), interface(name="ws0"), interface(name="ws1"), line("begin", 0)]
    parts += [Packet(udp(60))]
    parts += [statistics(0, NS + 5, (100, 0, 2**33, 7, 93), NS + 1, NS + 4, "all of them")]
    parts += [statistics(1, NS + 6, (None, 2**64 - 2, None, None, 0), None, NS + 4)]
    write(path, *parts, line("end"))
    names = "received dropped accepted_by_filter dropped_by_os delivered_to_user".split()
    names = ["pcapng.options.option.data.interface." + name for name in names]
    names = ["pcapng.block.type.value", *names, "pcapng.options.option.data.comment"]
    (row,) = blocks(path, *names)
    kinds, *rest = row
    check_equal([int(kind, 0) for kind in kinds.split("|")], [0x0A0D0D0A, 1, 1, 6, 5, 5], "blocks")
    wanted = ["100", f"0|{2**64 - 2}", str(2**33), "7", "93|0", "all of them"]
    check_equal(rest, wanted, "counters by tshark")
    check_equal(properties(path)["Number of stat entries"], ["1", "1"], "statistics by capinfos")
    judge("tcpdump", "-n", "-r", path)


def every_option_is_whole(folder):
    """tshark's own walk over the blocks: lengths, codes and padding, no complaint."""
    path = os.path.join(folder, "options.pcapng")
    for n in range(1, 6):
        text = "abcde"[:n]
        packets = [Packet(udp(60 + n), flags=f, drops=d, comment=c)
                   for f in (0, 1) for d in (0, 3) for c in (None, text)]  # fmt: skip
        ports = interface(ETHERNET, 0, text, text, text, text, text, "0200000000ff", n)
        counts = statistics(0, NS, (n,) * 5, NS, NS, text)
        write(path, section(text, text, text, text), ports, line("begin", 0), *packets, counts,
              line("end"))  # fmt: skip
        check_packets(path, packets)
        rows = blocks(path, "pcapng.block.length", "pcapng.block.length_trailer", "_ws.expert.message")
        check_equal(len(rows), 1, "files in the file")
        check_equal(rows[0][0], rows[0][1], "lengths at both ends")
        check_equal(rows[0][2], "", "what tshark remarks")
        check_equal(sum(int(length) for length in rows[0][0].split("|")), os.path.getsize(path), "sum")


def empty(folder):
    path = os.path.join(folder, "empty.pcapng")
    write(path, section(), interface(), line("begin", 0), line("end"))
    check_packets(path, [])
    check_by_tcpdump(path, [])


def series(folder, *options):
    """Each file can be read alone, and has its own statistics."""
    packets = [Packet(udp(60), ns=NS + n) for n in range(5)]
    parts = [section(), interface(name="ws0"), line("begin", START)]
    for n, packet in enumerate(packets):
        parts += [packet, statistics(0, NS + n, (n, 0, n, 0, n))]
        parts += [line("rotate", START + n)] if n < 4 else [line("end")]
    write(os.path.join(folder, "s.pcapng"), *parts, options=("series", "3", *options))
    names = [f"s_0000{n + 1}_20261122T02300{n - 1}Z.pcapng" for n in (2, 3, 4)]
    check_equal(sorted(os.listdir(folder)), names, "files")
    for n, name in zip((2, 3, 4), names):
        path = os.path.join(folder, name)
        check_packets(path, [packets[n]])
        check_equal(properties(path)["Number of stat entries"], ["1"], "statistics")


def compressed(folder, to):
    """Longer than what is completed at a time, flushed in between; the half can be compressed."""
    path = os.path.join(folder, "many.pcapng.zst")
    packets = [Packet(udp(1514, number=n) + os.urandom(1000), ns=NS + n, comment=str(n % 7))
               for n in range(2000)]  # fmt: skip
    parts = [section(), interface(name="ws0"), line("begin", 0), *packets[:700], line("flush")]
    parts += [*packets[700:], statistics(0, NS, (2000, 0, 2000, 0, 2000)), line("end")]
    if to == "file":
        write(path, *parts, options=("zstd",))
    else:
        command = {
            "pipe": '"$0" - zstd | cat >"$1"',
            "stdout": '"$0" - zstd >"$1"',
            "appended": '"$0" - zstd >>"$1"',
        }
        done = run("sh", "-c", command[to], WRITER, path, text="".join(map(str, parts)))
        check_equal((done.returncode, done.stderr), (0, ""), "outcome")
    check_packets(path, packets)
    found = properties(path)
    check_equal(found["Number of packets"], ["2000", "2000"], "packets by capinfos")
    check_equal(found["Number of stat entries"], ["1"], "statistics by capinfos")
    plain = os.path.join(folder, "many.pcapng")
    judge("zstd", "-q", "-d", path, "-o", plain)
    check_packets(plain, packets)
    check_by_tcpdump(plain, packets)


def full_disk(folder, *options):
    """A file system that fills up: the file is cut back, whole, and exactly what was told is in it."""
    script = """
        mount -t tmpfs -o size="$1"m,mode=755 tmpfs "$2" || exit 77
        "$WRITER" "$2/a.pcapng" $4
        status=$?
        cp "$2/a.pcapng" "$3"
        exit $status
    """
    unshare = ["-m"] if os.geteuid() == 0 else ["-Urm"]
    size = 32 + 1400  # of a packet's block
    for megabytes in (2, 3):
        disk = os.path.join(folder, f"disk{megabytes}")
        kept = os.path.join(folder, f"kept{megabytes}.pcapng")
        os.mkdir(disk)
        # Data that cannot be compressed.
        packets = [Packet(os.urandom(1400), ns=NS + n) for n in range(2500)]
        parts = [section(), interface(name="ws0"), line("begin", 0), *packets, line("end")]
        arguments = ["sh", str(megabytes), disk, kept, *options]
        done = run(
            "unshare",
            *unshare,
            "sh",
            "-c",
            script,
            *arguments,
            text="".join(map(str, parts)),
            env={**os.environ, "WRITER": WRITER},
        )
        if done.returncode == SKIPPED or "unshare" in done.stderr:
            raise Skip(f"no mount namespace of our own here: {done.stderr.strip()}")
        check_equal(done.returncode, 1, f"exit status ({done.stderr!r})")
        error, stay, _ = (int(word) for word in done.stdout.split())
        check_equal(error, errno.ENOSPC, "error")
        check_equal(stay % size, 0, "bytes of packets cut through")
        check_packets(kept, packets[: stay // size])
        # What compression held back is not in it.
        check(stay > (megabytes - 1) * 1_000_000, f"only {stay} bytes were kept")


def in_folder(function, *arguments):
    folder = tempfile.mkdtemp(prefix="wirestamp-test-")
    try:
        function(folder, *arguments)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    tap = Tap()
    tap.case("frames of all kinds", in_folder, one_interface)
    tap.case("frames of all kinds, for tcpdump", in_folder, for_tcpdump)
    tap.case("several interfaces of several types", in_folder, several_interfaces)
    tap.case("several interfaces of one type", in_folder, same_interfaces)
    tap.case("counters", in_folder, counters)
    tap.case("every option", in_folder, every_option_is_whole)
    tap.case("no packets", in_folder, empty)
    tap.case("a series", in_folder, series)
    tap.case("a series, compressed", in_folder, series, "zstd")
    for to in ("file", "pipe", "stdout", "appended"):
        tap.case(f"compressed, {to}", in_folder, compressed, to)
    tap.case("a full disk", in_folder, full_disk)
    tap.case("a full disk, compressed", in_folder, full_disk, "zstd")
    tap.end()


if __name__ == "__main__":
    main()
