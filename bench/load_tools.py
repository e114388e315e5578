# SPDX-License-Identifier: BSD-2-Clause
"""The senders that bench/load.py compares: what each is called, and told to do.

All get the same UDP packet to send and one core. Each is run in its usual way for the purpose; where a
tool has a faster or a better paced one among its options, that is the one taken.
"""

import os
import random
import shlex
import shutil
import struct
import subprocess

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
PORT = 8620
IPERF_PORT = 5201
SOURCE, TARGET = "198.18.0.1", "198.18.0.2"
HEADERS = 42  # Ethernet, IPv4, UDP
FCS = 4
SECONDS_MAX = 60  # no sender goes on for longer, whatever becomes of this program
LOOPED = 10000  # frames of the file that is sent again and again


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def make_frame(target_mac, source_mac, length, number=0):
    """A UDP packet over IPv4 without UDP checksum; number: the first 4 bytes of its data."""

    def header(check):
        return struct.pack(">BBHIBBH4s4s", 0x45, 0, length - 14, 0x4000, 64, 17, check,
                           bytes(map(int, SOURCE.split("."))), bytes(map(int, TARGET.split("."))))

    data = length - HEADERS
    udp = struct.pack(">HHHHI", PORT, PORT, 8 + data, 0, number)
    ip = header(checksum(header(0)))
    return (target_mac + source_mac + b"\x08\x00" + ip + udp).ljust(length, b"\0")


def write_pcap(path, frames):
    """frames: pairs of microseconds and bytes. Microseconds, as every tool reads them exactly."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for us, frame in frames:
            file.write(struct.pack("<IIII", us // 1000000, us % 1000000, len(frame), len(frame)))
            file.write(frame)


class Files:
    """What the tools read: the same frame in the forms that they want."""

    def __init__(self, directory, target_mac, source_mac):
        self.directory, self.macs = directory, (target_mac, source_mac)

    def path(self, name, write):
        path = os.path.join(self.directory, name)
        if not os.path.exists(path):
            write(path)
        return path

    def frame(self, length):
        return make_frame(*self.macs, length)

    def raw(self, length):
        def write(path):
            with open(path, "wb") as file:
                file.write(self.frame(length))

        return self.path(f"frame{length}.bin", write)

    def trafgen(self, length):
        def write(path):
            with open(path, "w", encoding="ascii") as file:
                file.write("{ " + ", ".join(f"0x{byte:02x}" for byte in self.frame(length)) + " }\n")

        return self.path(f"frame{length}.cfg", write)

    def pcap(self, length, count):
        frame = self.frame(length)
        return self.path(f"frame{length}x{count}.pcap",
                         lambda path: write_pcap(path, ((n, frame) for n in range(count))))

    def replay(self, count, mean_us):
        """Numbered frames with random gaps, the same in each run. Returns path and times in us."""
        chance = random.Random(count)
        times, now = [], 0
        for _ in range(count):
            times.append(now)
            now += max(1, round(chance.expovariate(1 / mean_us)))
        path = self.path(f"replay{count}.pcap", lambda path: write_pcap(
            path, ((us, make_frame(*self.macs, 60, n)) for n, us in enumerate(times))))
        return path, times


class Tool:
    """A sender. Its commands are None where it has no way to do what is asked."""

    name = program = None
    cpus = "0"
    port = PORT
    sinks = ("stack", "xdp")
    window_s = 0  # below which its mean rate cannot be told

    def why_not(self):
        """None if it can be run here."""
        return None if shutil.which(self.program, path=PATH) else f"{self.program} is not installed"

    def server(self):
        """What must run on the other side; None: nothing."""
        return None

    def flat_out(self, files, length):
        return None

    def paced(self, files, pps, seconds):
        return None

    def replay(self, path):
        return None

    def stdin(self, files, length):
        """A file for its standard input; None: a pipe that stays open."""
        return None


class Wirestamp(Tool):
    name = "wirestamp"

    def __init__(self, build, target_mac, options):
        self.program = os.path.join(build, "wirestamp")
        self.to = ["--dst", TARGET, "--dst-mac", ":".join(f"{byte:02x}" for byte in target_mac)]
        self.options = shlex.split(options)

    def why_not(self):
        done = subprocess.run([self.program, "load", "--help"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            return f"no command load ({done.stderr.strip().splitlines()[0] or 'it says nothing'})"
        return None

    def load(self, *words):
        return [self.program, "load", "ws0", *words, "--json", "-q", *self.options]

    def flat_out(self, files, length, workers=1):
        more = ["--workers", str(workers), "--cpu", ",".join(map(str, range(workers)))]
        return self.load(*self.to, "--rate", "max", "--size", str(length + FCS), "--duration",
                         f"{SECONDS_MAX}s", *(more if workers > 1 else []))

    def paced(self, files, pps, seconds):
        return self.load(*self.to, "--rate", f"{pps}pps", "--size", str(60 + FCS), "--duration",
                         f"{SECONDS_MAX}s")

    def replay(self, path):
        return self.load("--pcap", path)


class BareSendmmsg(Tool):
    name = "bare sendmmsg"

    def __init__(self, build):
        self.program = os.path.join(build, "bench", "bare_sendmmsg")

    def flat_out(self, files, length):
        return [self.program, "ws0", "bypass", str(SECONDS_MAX)]

    def stdin(self, files, length):
        return files.raw(length)


class Trafgen(Tool):
    """Bypasses the qdisc by itself. Sends what is due in a second at once."""

    name = program = "trafgen"
    window_s = 3

    def command(self, files, length, *words):
        return ["trafgen", "--dev", "ws0", "--conf", files.trafgen(length), "--cpus", "1",
                "--no-sock-mem", "--notouch-irq", "--no-cpu-stats", *words]

    def flat_out(self, files, length):
        return self.command(files, length)

    def paced(self, files, pps, seconds):
        return self.command(files, 60, "--rate", f"{pps}pps")


class Tcpreplay(Tool):
    """From memory: nothing is read from a file while it sends."""

    name = program = "tcpreplay"

    def flat_out(self, files, length):
        return ["tcpreplay", "-K", "--topspeed", "--loop=0", "--no-flow-stats", "-i", "ws0",
                files.pcap(length, LOOPED)]

    def paced(self, files, pps, seconds):
        # One pass: what a new loop costs shall not be in the gaps.
        return ["tcpreplay", "-K", f"--pps={pps}", "--no-flow-stats", "-i", "ws0",
                files.pcap(60, int(pps * seconds))]

    def replay(self, path):
        return ["tcpreplay", "-K", "--no-flow-stats", "-i", "ws0", path]


class Mausezahn(Tool):
    name = program = "mausezahn"

    def command(self, files, length, *words):
        text = ":".join(f"{byte:02x}" for byte in files.frame(length))
        return ["mausezahn", "ws0", "-q", "-c", "0", *words, text]

    def flat_out(self, files, length):
        return self.command(files, length)

    def paced(self, files, pps, seconds):
        if 1000000 % pps:
            return None  # whole microseconds only
        return self.command(files, 60, "-d", f"{1000000 // pps}usec")


class Iperf3(Tool):
    """Through a UDP socket and the stack, to a server that reads all of it; needs TCP beside it."""

    name = program = "iperf3"
    port = IPERF_PORT
    sinks = ("stack",)

    def server(self):
        return ["iperf3", "-s", "-1", "-p", str(self.port), "-B", TARGET, "--forceflush"]

    def command(self, length, rate):
        return ["iperf3", "-c", TARGET, "-p", str(self.port), "-u", "-b", str(rate), "-l",
                str(length - HEADERS), "-t", str(SECONDS_MAX)]

    def flat_out(self, files, length):
        return self.command(length, 0)

    def paced(self, files, pps, seconds):
        return self.command(60, pps * (60 - HEADERS) * 8)


class Testpmd(Tool):
    """DPDK's own generator on its af_packet driver; no huge pages, both its threads on one core."""

    name = "testpmd af_packet"
    program = "dpdk-testpmd"

    def __init__(self, target_mac):
        self.mac = ":".join(f"{byte:02x}" for byte in target_mac)

    def flat_out(self, files, length):
        return ["dpdk-testpmd", "--lcores", "0@0,1@0", "--no-huge", "-m", "256", "--no-pci",
                "--no-shconf", "--no-telemetry", "--vdev",
                "net_af_packet0,iface=ws0,qdisc_bypass=1", "--", "--forward-mode=txonly",
                f"--txpkts={length}", f"--eth-peer=0,{self.mac}", f"--tx-ip={SOURCE},{TARGET}",
                f"--tx-udp={PORT},{PORT}", "--total-num-mbufs=16384", "--auto-start"]


def all_tools(build, target_mac, options):
    """wirestamp is the first."""
    return [Wirestamp(build, target_mac, options), BareSendmmsg(build), Trafgen(), Tcpreplay(),
            Testpmd(target_mac), Mausezahn(), Iperf3()]
