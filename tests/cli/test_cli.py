#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command line: a table of (exit status, what stderr says, arguments). Needs no root, and sends in labs alone.

    test_cli.py WIRESTAMP

Status 2: wrong on any machine. Status 1: depends on the machine or the run.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Skip, Tap, check, check_equal  # noqa: E402

PAIR = "--tx wsnone0 --rx wsnone1"
NONE = "wsnone0"  # no interface has this name

# {OUT} is a directory that exists.
TABLE = [
    # commands
    (2, r"fly.*: ", "fly"),
    (2, r"latensy.*latency", "latensy"),
    (2, r"--fly", "--fly"),
    (2, r"lab.*: ", "lab"),
    (2, r"lab.*: ", "lab --"),
    (2, r"--fly", "lab --fly true"),
    (2, r"--side.*2", "lab --side 2 true"),
    (2, r"--side", "lab --side"),
    # probe
    (1, rf"{NONE}.*\(.*\)", f"probe {NONE}"),
    (1, rf"{NONE}.*\(.*\)", f"probe lo {NONE} --json"),
    (1, r"wsnonens", "probe lo@wsnonens"),
    (2, r"--deliver: to whom", "probe lo --deliver"),
    (2, r"--deliver: to whom", "probe --deliver"),
    (2, r"--deliver: to whom", "probe lo --deliver --json"),
    (2, r"--deliver.*one interface", f"probe --deliver {NONE}"),
    (2, r"--deliver.*one interface", f"probe lo {NONE} --deliver eth1"),
    (2, r"--deliver : nobody", "probe lo --deliver="),
    (2, r"--deliver ssh://: .*HOST", "probe lo --deliver ssh://"),
    (2, r"--lab.*lo", "probe --lab lo"),
    (2, r"--deliver eth1: .*ws1", "probe --lab --deliver eth1"),
    (2, r"--ssh: only with", "probe lo --ssh x"),
    (2, r"--remote-program: only with", "probe lo --deliver eth1 --remote-program x"),
    (2, r"--yes: nothing is sent", "probe lo --yes"),
    (1, r"--out {OUT}: exists", "probe lo --out {OUT}"),
    (2, r"--fly", "probe --fly"),
    # interfaces
    (2, r"--tx.*--rx|--lab", "latency"),
    (2, r"--rx", "latency --tx lo"),
    (2, r"--tx", "latency --rx lo"),
    (2, r"lo.*same|same.*lo|both ends", "latency --tx lo --rx lo"),
    (1, r"lo: .*loopback.*\(.*--lab\)", "latency --tx lo --rx wsnone1"),
    (2, r"--lab", "latency --lab --tx lo --rx wsnone1"),
    (1, rf"{NONE}.*\(.*\)", f"latency {PAIR}"),
    (1, rf"{NONE}.*\(.*\)", f"latency {PAIR} --yes"),
    (1, r"wsnone0@if5", "latency --tx wsnone0@if5 --rx wsnone1"),
    (1, r"wsnonens", "latency --tx lo@wsnonens --rx wsnone1"),
    # options
    (2, r"--fly", "latency --lab --fly"),
    (2, r"--seed x: no number", "latency --lab --seed x"),
    (2, r"-x", "latency --lab -x"),
    (2, r"eth0", "latency --lab eth0"),
    (2, r"--rate", "latency --lab --rate"),
    (2, r"--tx", "latency --rx lo --tx"),
    (2, r"--out", "latency --lab --out"),
    # rates
    (2, r"--rate.*0pps", "latency --lab --rate 0pps"),
    (2, r"--rate.*0kpps", "latency --lab --rate 10kpps,0kpps"),
    (2, r"--rate.*-5kpps", "latency --lab --rate -5kpps"),
    (2, r"--rate.*-5kpps", "latency --lab --rate=-5kpps"),
    (2, r"10kpsp.*100kpps, 1.5Mpps", "latency --lab --rate 10kpsp"),
    (2, r"1e99pps", "latency --lab --rate 1e99pps"),
    (2, r"--rate", "latency --lab --rate="),
    (2, r"--rate", "latency --lab --rate ,"),
    (2, r"--rate", "latency --lab --rate 1kpps,,2kpps"),
    (2, r"--rate", "latency --lab --rate 1kpps,"),
    (2, r"1000 .*100kpps, 1.5Mpps", "latency --lab --rate 1000"),
    (2, r"--rate", "latency --lab --rate 101%"),
    (2, r"--rate", "latency --lab --rate nan"),
    (2, r"--rate", "latency --lab --rate 1kpps:5kpps:0kpps"),
    (2, r"--rate", "latency --lab --rate 5kpps:1kpps:1kpps"),
    (2, r"--rate", "latency --lab --rate 1kpps:5Mbps:1kpps"),
    # how long
    (2, r"--duration.*--count|--count.*--duration", "latency --lab --duration 1s --count 5"),
    (2, r"--duration.*ms, s", "latency --lab --duration 5"),
    (2, r"--duration.*ms, s", "latency --lab --duration 5sec"),
    (2, r"--duration", "latency --lab --duration 0s"),
    (2, r"--duration", "latency --lab --duration -1s"),
    (2, r"--duration", "latency --lab --duration 1e9s"),
    (2, r"--count", "latency --lab --count 0"),
    (2, r"--count", "latency --lab --count -1"),
    (2, r"--count", "latency --lab --count 1.5"),
    (2, r"--count", "latency --lab --count 99999999999999999999999"),
    (2, r"--count", "latency --lab --count many"),
    (2, r"--window", "latency --lab --window 0s"),
    (2, r"--window.*ms, s", "latency --lab --window 5"),
    # frames; the error names the smallest size that would do
    (2, r"--size.*\b64\b", "latency --lab --size 63"),
    (2, r"--size.*\b64\b", "latency --lab --size 63 --carrier udp"),
    (2, r"--size.*\b64\b", "latency --lab --size 63 --carrier l2"),
    (2, r"--size.*\b64\b", "latency --lab --size 1"),
    (2, r"--size", "latency --lab --size 0"),
    (2, r"--size", "latency --lab --size big"),
    (2, r"--size", "latency --lab --size -64"),
    (2, r"--size", "latency --lab --size 99999999999999999999"),
    (2, r"--carrier pigeon: .*auto, udp, l2, ptp-l2 or ptp-udp", "latency --lab --carrier pigeon"),
    (2, r"--io.*auto.*socket", "latency --lab --io magic"),
    (2, r"--stamp.*software.*user", "latency --lab --stamp rubber"),
    (2, r"--cpu", "latency --lab --cpu one"),
    (2, r"--cpu.*two", "latency --lab --cpu 0"),
    (2, r"--cpu", "latency --lab --cpu 3-1"),
    (2, r"--cpu", "latency --lab --cpu="),
    # latency: a far side
    (2, r"--lab and --peer ws0: .*--peer ws1", "latency --lab --peer ws0"),
    (2, r"--lab: .*--tx and --rx", "latency --lab --peer ws1 --rx lo"),
    (2, r"--peer and --rx: .*--rx\)", "latency --tx lo --rx wsnone1 --peer 192.0.2.1"),
    (2, r"--peer nonsense: .*MAC.*ssh://", f"latency --tx {NONE} --peer nonsense"),
    (2, r"--peer 300.1.1.1: ", f"latency --tx {NONE} --peer 300.1.1.1"),
    (2, r"--peer : is empty", f"latency --tx {NONE} --peer="),
    (2, r"--tx IFACE, or --io udp", "latency --peer 192.0.2.1"),
    (1, rf"{NONE}: no such interface", f"latency --tx {NONE} --peer 02:00:00:00:00:07"),
    (1, rf"{NONE}: no such interface", f"latency --tx {NONE} --peer 2001:db8::7"),
    (2, r"--one-way: where to.*--peer", f"latency --tx {NONE} --one-way"),
    (2, r"--one-way: .*--out DIR", f"latency --tx {NONE} --one-way --peer 192.0.2.1"),
    (1, rf"{NONE}: no such", f"latency --tx {NONE} --one-way --peer 192.0.2.1 --out {{OUT}}/new"),
    (2, r"--one-way and --rx", f"latency --tx {NONE} --one-way --dst 192.0.2.1 --rx lo --out a"),
    (2, r"--one-way and --lab", "latency --lab --one-way --dst 192.0.2.1"),
    (2, r"--one-way and ssh://.*--receive-only", f"latency --tx {NONE} --one-way --peer ssh://h/e --out a"),
    (2, r"--io udp: .*--peer IP", "latency --io udp"),
    (2, r"--io udp: .*--peer ws1", "latency --lab --io udp"),
    (2, r"--peer 02:00:00:00:00:07: .*IP", "latency --io udp --peer 02:00:00:00:00:07"),
    # latency: a far side through ssh
    (2, r"--ssh: only with --peer ssh://", f"latency --tx {NONE} --ssh ssh --peer 192.0.2.1"),
    (2, r"--remote-program: only with", f"latency {PAIR} --remote-program /x"),
    (2, r"--ssh : is empty", f"latency --tx {NONE} --peer ssh://h/e --ssh="),
    (2, r"--remote-program : is empty", f"latency --tx {NONE} --peer ssh://h/e --remote-program="),
    (2, r"ssh://: which interface.*\(ssh://", f"latency --tx {NONE} --peer ssh://"),
    (2, r"ssh://h: which interface", f"latency --tx {NONE} --peer ssh://h"),
    (2, r"ssh:///eth0: the host's name is empty", "latency --io udp --peer ssh:///eth0"),
    (2, r"dash", "latency --io udp --peer ssh://-oProxyCommand=x/eth0"),
    (2, r"dash", "latency --io udp --peer ssh://h/-e"),
    (2, r"no port", "latency --io udp --peer ssh://h:0/e"),
    (2, r"password", "latency --io udp --peer ssh://me:secret@h/e"),
    (2, r"brackets", "latency --io udp --peer ssh://2001:db8::7/e"),
    (1, r"/none/ssh: .*no such program.*--ssh", "latency --io udp --peer ssh://h/e --ssh /none/ssh"),
    (1, r"ended with status 1 before it was ready", "latency --io udp --peer ssh://h/e --ssh false"),
    (1, r"ended with status 0 before it was ready", "latency --io udp --peer ssh://h/e --ssh true"),
    # latency: traffic
    (2, r"--pattern waves: .*burst:N", "latency --lab --pattern waves"),
    (2, r"--pattern burst:0", "latency --lab --pattern burst:0"),
    (2, r"--pattern poisson and --rate max", "latency --lab --pattern poisson --rate max"),
    (2, r"--vlan 4095: .*4094", "latency --lab --vlan 4095"),
    (2, r"--vlan 1,2,3: .*2 tags", "latency --lab --vlan 1,2,3"),
    (2, r"--flows 0: .*at least 1", "latency --lab --flows 0"),
    (2, r"--flows and --vary sport", "latency --lab --flows 5 --vary sport=inc:5"),
    (2, r"--vary dport: .*sport", "latency --lab --vary dport=inc:5"),
    (2, r'--vary.*"colour"', "latency --lab --vary colour=inc:5"),
    (2, r"--vary vlan: .*--vlan ID", "latency --lab --vary vlan=inc:5"),
    (2, r"--peer and --flows", "latency --lab --peer ws1 --flows 5"),
    *(
        (2, r"--peer and --vary of the source", f"latency --lab --peer ws1 --vary {how}")
        for how in ("sport=inc:5", "src=random:9", "src-mac=inc:5")
    ),
    (2, r"--size 101: .*at least 102", "latency --lab --peer ws1 --size 101"),
    (2, r"--size imix: .*at least 102", "latency --lab --peer ws1 --size imix"),
    (2, r"--size 121: .*at least 122", "latency --lab --peer ws1 --size 121 --dst ::1"),
    (2, r"--size 73: .*at least 74", "latency --lab --peer ws1 --size 73 --carrier l2"),
    *(
        (2, rf"--size {least - 1}: .*probe in {carrier}.*at least {least}\)", f"latency --lab {how} --size {least - 1} --carrier {carrier}")
        for carrier, least, how in (
            ("ptp-l2", 82, ""), ("ptp-l2", 86, "--vlan 5"), ("ptp-l2", 122, "--peer ws1"), ("ptp-udp", 110, ""),
            ("ptp-udp", 130, "--dst ::1"), ("ptp-udp", 150, "--peer ws1"), ("ptp-udp", 178, "--peer ws1 --dst ::1 --vlan 5,6"),
        )
    ),
    (2, r"--size imix: .*at least 82", "latency --lab --size imix --carrier ptp-l2"),
    (2, r"--io udp and --carrier ptp-l2", "latency --io udp --peer 192.0.2.1 --carrier ptp-l2"),
    (2, r"--carrier ptp-l2 and --dst", "latency --lab --carrier ptp-l2 --dst 192.0.2.1"),
    (2, r"--carrier ptp-l2 and --udp", "latency --lab --carrier ptp-l2 --udp 1:319"),
    (2, r"--carrier ptp-udp and --udp 319:320: .*is 319", "latency --lab --carrier ptp-udp --udp 319:320"),
    (2, r"--carrier ptp-udp and --udp 1:319: .*answers", "latency --lab --peer ws1 --carrier ptp-udp --udp 1:319"),
    (2, r"--udp 1:319: port 319 .*--carrier ptp-udp", "latency --lab --udp 1:319"),
    (2, r"--udp 319:1: port 319", "latency --lab --peer ws1 --udp 319:1 --carrier udp"),
    (2, r"--size 64: .*at least 82", "latency --lab --size 64 --dst ::1"),
    (2, r"--size 65: .*at least 66", "latency --lab --size 65 --vlan 5"),
    (2, r"--size 60-100: .*at least 64", "latency --lab --size 60-100"),
    (2, r"--size 100-64: goes down", "latency --lab --size 100-64"),
    (2, r"--size mixed: .*imix", "latency --lab --size mixed"),
    (2, r"--carrier l2 and --dst", "latency --lab --carrier l2 --dst 192.0.2.1"),
    (2, r"--carrier l2 and --tos", "latency --lab --carrier l2 --tos 5"),
    (2, r"--carrier l2 and --udp", "latency --lab --carrier l2 --udp 1:2"),
    (2, r"--src and --dst: IPv4 and IPv6", "latency --lab --src 192.0.2.1 --dst ::1"),
    (2, r"--udp 1: .*SPORT:DPORT", "latency --lab --udp 1"),
    (2, r"--ttl 256: ", "latency --lab --ttl 256"),
    (2, r"--dst-mac 02:00: ", "latency --lab --dst-mac 02:00"),
    # latency: results
    (2, r"--csv: .*--packets", "latency --lab --csv"),
    (2, r"--packets: .*--out DIR", "latency --lab --packets"),
    (2, r"--packets: .*--out DIR", "latency --lab --packets --csv"),
    (2, r"--waterfall=5: takes no argument", "latency --lab --waterfall=5"),
    (2, r"--window 61s: .*60s", "latency --lab --window 61s"),
    # reflect
    (2, r"reflect: needs an interface.*--io udp", "reflect"),
    (2, r"--lab: .*eth0", "reflect --lab eth0"),
    (2, r"b: unexpected .*a is given", "reflect a b"),
    (1, rf"{NONE}: no such interface", f"reflect {NONE}"),
    (1, rf"{NONE}@if5.*namespace", f"reflect {NONE}@if5"),
    (1, r"wsnonens", "reflect lo@wsnonens"),
    (1, r"lo: .*loopback", "reflect lo"),
    (2, r"--csv: .*--packets", f"reflect {NONE} --csv"),
    (2, r"--packets: only with --receive-only", f"reflect {NONE} --packets"),
    (2, r"--packets: .*--out DIR", f"reflect {NONE} --packets --receive-only"),
    (2, r"--receive-only and --max-rate", f"reflect {NONE} --receive-only --max-rate 5kpps"),
    (2, r"--max-rate 5: .*100kpps", f"reflect {NONE} --max-rate 5"),
    (2, r"--max-rate 1kpps,2kpps: ", f"reflect {NONE} --max-rate 1kpps,2kpps"),
    *(
        (2, rf"--max-rate {rate}: .*at least 1pps", f"reflect {NONE} --max-rate {rate}")
        for rate in ("5Mbps", "80%", "max", "0.5pps")
    ),
    *(
        (2, rf"--port {port}: .*1 to 65535", f"reflect {NONE} --port {port}")
        for port in ("0", "65536", "x", "-1")
    ),
    (2, r"--io magic: .*auto.*udp", f"reflect {NONE} --io magic"),
    (2, r"--stamp rubber: .*auto, hardware, software or user", f"reflect {NONE} --stamp rubber"),
    (2, r"--duration 5: .*ms, s", f"reflect {NONE} --duration 5"),
    (2, r"--cpu 0,1: one CPU", f"reflect {NONE} --cpu 0,1"),
    (1, r"--cpu: .*CPU 1023", "reflect --io udp --cpu 1023 -d 10ms"),
    (1, r"--out {OUT}: exists", "reflect --io udp -d 10ms --out {OUT}"),
    (2, r"--out", f"reflect {NONE} --out="),
    (2, r"-x: unknown", "reflect -x"),
    # report: what of
    (2, r"report: which runs.*--out", "report"),
    (1, r"{OUT}/none: No such file.*--out", "report {OUT}/none"),
    (1, r"{OUT}: there is no run.json in it", "report {OUT}"),
    (1, r"/dev/null: ", "report /dev/null"),
    (1, r"empty.json: empty .*measure again", "report {OUT}/empty.json"),
    (1, r"cut.json: ends in the middle, at line \d+", "report {OUT}/cut.json"),
    (1, r"newer.json: wirestamp-run/2 is newer", "report {OUT}/newer.json"),
    (1, r'other.json: its format is "other/1"', "report {OUT}/other.json"),
    (1, r"made.json: it is a report already", "report {OUT}/made.json"),
    (1, r"list.json: JSON, but not of a wirestamp run", "report {OUT}/list.json"),
    (1, r"words.txt: neither a run.*\(.*--out", "report {OUT}/words.txt"),
    # report: how
    (2, r"--plot pie: .*histogram, cdf, tail, time, rates, gaps or waterfall", "report a --plot pie"),
    (2, r"--plot: goes to a file", "report a --plot tail"),
    (2, r"--plot: goes to a file", "report a --plot tail -o a.csv"),
    (2, r"--plot: needs an argument", "report a --plot"),
    (2, r"--output a.doc: .*\.html.*\.hgrm", "report a -o a.doc"),
    (2, r"--output a: ", "report a -o a"),
    (2, r"--json and -o", "report a --json -o a.csv"),
    (2, r"--compare: .*two runs, 1 ", "report --compare a"),
    (2, r"--compare: .*two runs, 3 ", "report --compare a b c"),
    (2, r"--join: .*two runs, 1 ", "report --join a"),
    (2, r"--compare and --join", "report --compare --join a b"),
    (2, r"--out: .*--join", "report a --out b"),
    (2, r"65 runs are too many", "report" + 65 * " a"),
    (2, r"--fly", "report --fly a"),
    (1, r"-o {OUT}/no/a.csv: .*No such file", "report {OUT}/none.json -o {OUT}/no/a.csv"),
    (1, r"-o {OUT}/folder.csv: .*directory", "report {OUT}/none.json -o {OUT}/folder.csv"),
    (1, r"--plot histogram: .*nothing to draw", "report {OUT}/none.json -o {OUT}/a.svg"),
    (1, r"--series 5pps: no such one", "report {OUT}/none.json --series 5pps"),
    (1, r"none.json: .*a sender's is wanted", "report --join {OUT}/none.json {OUT}/none.json"),
    # capture: interfaces
    (2, r"capture.*interface.*any.*--lab.*-r", "capture"),
    (1, rf"{NONE}: no such interface", f"capture {NONE}"),
    (1, rf"{NONE}@if3.*namespace", f"capture {NONE}@if3"),
    (1, r"wsnonens", "capture lo@wsnonens"),
    (2, r"a,,b.*empty", "capture a,,b"),
    (2, r"a,.*empty", "capture a,"),
    (2, r"a: given twice", "capture a,b,a"),
    (2, r"64 interfaces", "capture " + ",".join(f"i{n}" for n in range(65))),
    (2, r"any.*--split", f"capture any,{NONE}"),
    (1, rf"{NONE}: no such", f"capture any,{NONE} --split -w {{OUT}}/a.pcapng"),
    (2, r"any.*promiscuous", "capture any -p"),
    (2, r"any.*hardware", "capture any --stamp hardware"),
    # capture: how much
    (2, r"--count 0.*at least 1", f"capture {NONE} -c 0"),
    (2, r"--count -1", f"capture {NONE} -c -1"),
    (2, r"--count 1.5", f"capture {NONE} -c 1.5"),
    (2, r"--count x.*k, M and G", f"capture {NONE} -c x"),
    (2, r"--count 9+", f"capture {NONE} -c 99999999999999999999"),
    (2, r"--count.*at most", f"capture {NONE} -c 9000000000G"),
    (1, NONE, f"capture {NONE} -c 10M"),
    (2, r"--duration 5: .*ms, s", f"capture {NONE} -d 5"),
    (2, r"--duration 0s", f"capture {NONE} -d 0s"),
    (2, r"--duration.*73 years", f"capture {NONE} -d 800000h"),
    (1, NONE, f"capture {NONE} -d 500000h"),
    (2, r"--snaplen.*262144", f"capture {NONE} -s 262145"),
    (2, r"--snaplen", f"capture {NONE} -s -1"),
    (1, NONE, f"capture {NONE} -s 262144"),
    (1, NONE, f"capture {NONE} -s 0"),
    # capture: how
    (2, r"--direction.*in, out or both", f"capture {NONE} -Q up"),
    (2, r"--io.*auto.*tpacket3.*socket", f"capture {NONE} --io magic"),
    (2, r"--io.*argument", "capture --io"),
    (2, r"--io udp: .*datagrams.*\(auto, tpacket3, tpacket2, socket\)", f"capture {NONE} --io udp"),
    (1, NONE, f"capture {NONE} --io auto"),
    (2, r"--buffer.*4GiB", f"capture {NONE} -B 5GiB"),
    (2, r"--buffer 0", f"capture {NONE} -B 0"),
    (2, r"--buffer.*KiB, MiB", f"capture {NONE} -B 5Mib"),
    (2, r"--block-timeout.*1ms to 60s", f"capture {NONE} --block-timeout 999us"),
    (2, r"--block-timeout.*1ms to 60s", f"capture {NONE} --block-timeout 60001ms"),
    (1, NONE, f"capture {NONE} --block-timeout 60s"),
    (2, r"--workers.*at least 1", f"capture {NONE} --workers 0"),
    (2, r"--workers.*at most 64", f"capture {NONE} --workers 65"),
    (1, NONE, f"capture {NONE} --workers 64"),
    (2, r"--workers 5.*256", "capture --workers 5 " + ",".join(f"i{n}" for n in range(64))),
    (1, r"i0: no such", "capture --workers 4 " + ",".join(f"i{n}" for n in range(64))),
    (2, r"--stamp.*auto, hardware, software or user", f"capture {NONE} --stamp rubber"),
    (2, r"--cpu one", f"capture {NONE} --cpu one"),
    (2, r"--cpu 3-1", f"capture {NONE} --cpu 3-1"),
    (2, r"--cpu 8000", f"capture {NONE} --cpu 8000"),
    (2, r"-x", f"capture {NONE} -x"),
    (2, r"--fly", f"capture {NONE} --fly"),
    # capture: files
    (2, r"-w.*argument", "capture -w"),
    (2, r"--write.*empty", f"capture {NONE} --write="),
    (2, r"--out", f"capture {NONE} --out="),
    (2, r"--rotate-size.*no file.*-w", f"capture {NONE} --rotate-size 1MB"),
    (2, r"--rotate-time.*no file.*-w", f"capture {NONE} --rotate-time 1s"),
    (2, r"--rotate-size 0", f"capture {NONE} -w a --rotate-size 0"),
    (2, r"--rotate-time.*at least 1s", f"capture {NONE} -w a --rotate-time 999ms"),
    (2, r"--rotate-time 7", f"capture {NONE} -w a --rotate-time 7"),
    (2, r"--keep.*no file", f"capture {NONE} --keep 3"),
    (2, r"--keep.*--rotate-size", f"capture {NONE} -w a --keep 3"),
    (2, r"--keep.*at most", f"capture {NONE} -w a --rotate-size 1MB --keep 1000001"),
    (1, NONE, f"capture {NONE} -w a --rotate-size 1MB --keep 1M"),
    (2, r"--split.*no file", f"capture {NONE} --split"),
    (2, r"--compress.*no file", f"capture {NONE} --compress zstd"),
    (2, r"--compress gz.*zstd", f"capture {NONE} -w a --compress gz"),
    (2, r"-w - --json.*standard output", f"capture {NONE} -w - --json"),
    (2, r"-w -: .*one stream", f"capture {NONE} -w - --rotate-size 1MB"),
    (2, r"-w -: .*one stream", f"capture {NONE} -w - --rotate-time 1s"),
    (2, r"-w -: .*one stream", f"capture {NONE} -w - --split"),
    # capture: reading
    (2, r"--read.*empty", "capture --read="),
    (2, r"-r: .*leave out -w", "capture -r a -w b"),
    (2, r"-r: .*leave out --out", "capture -r a --out b"),
    (2, r"-r: .*leave out --lab", "capture -r a --lab"),
    *(
        (2, r"-r: .*live", f"capture -r a {option}")
        for option in (
            "-p",
            "-s 5",
            "-d 1s",
            "-B 1MiB",
            "-Q in",
            "--io socket",
            "--workers 2",
            "--stamp user",
            "--block-timeout 1s",
            "--cpu 0",
            "--realtime",
            "--rotate-size 1MB",
            "--keep 2",
            "--split",
            "--compress zstd",
        )
    ),
    (1, r"{OUT}/none", "capture -r {OUT}/none"),
    (1, r"{OUT}", "capture -r {OUT}"),
    # load: where
    (2, r"load: needs an interface.*--lab", "load"),
    (2, r"--lab.*eth1", "load --lab eth1"),
    (2, r"eth2: unexpected", "load eth1 eth2 --dst 192.0.2.1"),
    (2, rf"{NONE}: no destination.*--dst.*--dst-mac", f"load {NONE}"),
    (1, rf"{NONE}: no such interface", f"load {NONE} --dst 192.0.2.1"),
    (1, rf"{NONE}: no such interface", f"load {NONE} --dst-mac 02:00:00:00:00:07 --yes"),
    (1, rf"{NONE}@if3.*namespace", f"load {NONE}@if3 --dst 192.0.2.1"),
    (1, r"wsnonens", "load lo@wsnonens --dst 192.0.2.1"),
    (1, r"lo: .*loopback.*\(.*--lab\)", "load lo --dst 192.0.2.1"),
    # load: how much
    (2, r"--rate : an empty rate", "load --lab --rate="),
    (2, r"10kpsp.*100kpps, 1.5Mpps", "load --lab --rate 10kpsp"),
    (2, r"--rate.*1000 .*kpps", "load --lab --rate 1000"),
    (2, r"--rate.*empty rate", "load --lab -r 10kpps,,20kpps"),
    (2, r"--rate.*range FIRST:LAST:STEP that goes up", "load --lab -r 5kpps:1kpps:1kpps"),
    (2, r"--rate.*range", "load --lab -r 1kpps:5kpps:0kpps"),
    (2, r"--rate.*101%", "load --lab -r 101%"),
    (2, r"--rate.*-5kpps", "load --lab -r -5kpps"),
    (2, r"--rate.*above 0", "load --lab -r 0pps"),
    (2, r"10kpps/l1 is no rate", "load --lab -r 10kpps/l1"),
    (2, r"--rate: needs", "load --lab --rate"),
    (2, r"--count and --duration", "load --lab --duration 1s --count 5"),
    (2, r"--count and --duration", "load --lab --rate max --duration 1s --count 5"),
    (2, r"--duration 5: .*ms, s", "load --lab --duration 5"),
    (2, r"--duration 0s", "load --lab -d 0s"),
    (2, r"--duration -1s", "load --lab -d -1s"),
    (2, r"--count 0: .*at least 1", "load --lab -c 0"),
    (2, r"--count -1", "load --lab -c -1"),
    (2, r"--pattern burst:0: .*at least 1", "load --lab --pattern burst:0"),
    (2, r"--seed -1", "load --lab --seed -1"),
    (2, r"--seed.*2\^64", "load --lab --seed 18446744073709551616"),
    (2, r"--pattern.*burst:N", "load --lab --pattern bursts"),
    (2, r"--pattern poisson and --rate max", "load --lab --rate max --pattern poisson"),
    (2, r"--seed x: no number", "load --lab --seed x"),
    (2, r"--rate.*292 years", "load --lab --count 1000000G"),
    # load: frames; the error names the smallest size that would do
    (2, r"--size 63: .*IPv4/UDP \(at least 64\)", "load --lab --size 63"),
    (2, r"--size 64: .*IPv6/UDP \(at least 66\)", "load --lab --size 64 --dst ::1"),
    (2, r"2 VLAN tags \(at least 86\)", "load --lab -s 85 --dst ::1 --tcp 1:2 --vlan 5,6"),
    (2, r"--size 1518-64: goes down", "load --lab --size 1518-64"),
    (2, r"--size.*imix", "load --lab --size mixed"),
    (2, r"--vlan 4095: .*4094", "load --lab --vlan 4095"),
    (2, r"--udp 1:65536: .*range", "load --lab --udp 1:65536"),
    (2, r"--src and --dst: IPv4 and IPv6", "load --lab --src 192.0.2.1 --dst ::1"),
    (2, r"--tcp.*--udp", "load --lab --udp 1:2 --tcp 1:2"),
    (2, r"--icmp: needs an argument", "load --lab --icmp"),
    (2, r"--ethertype and --dst", "load --lab --ethertype 0x88b5 --dst 192.0.2.1"),
    (2, r"--header.*two hexadecimal digits", "load --lab --header 123"),
    (2, r"--vary vlan: .*--vlan ID", "load --lab --vary vlan=inc:5"),
    (2, r"--flows and --vary sport", "load --lab --flows 5 --vary sport=inc:5"),
    (2, r"--payload.*text:STRING", "load --lab --payload full"),
    (2, r"--dst-mac 02:00: .*aa:bb:cc:dd:ee:ff", "load --lab --dst-mac 02:00"),
    (2, r"--dst 300.1.1.1: .*192.0.2.1", "load --lab --dst 300.1.1.1"),
    (2, r"--vlan 1,2,3: .*2 tags", "load --lab --vlan 1,2,3"),
    (2, r'--vlan 1:8: "8".*0 to 7', "load --lab --vlan 1:8"),
    (2, r"--ethertype 5: .*0x0600", "load --lab --ethertype 5"),
    (2, r"--header and --dst-mac", f"load --lab --header {14 * '02'} --dst-mac 02:00:00:00:00:07"),
    (2, r"--ttl 256: .*255", "load --lab --ttl 256"),
    (2, r"--tos 256: .*255", "load --lab --tos 256"),
    (2, r"--ethertype and --ttl", "load --lab --ethertype 0x88b5 --ttl 5"),
    (2, r"--flows 0: .*at least 1", "load --lab --flows 0"),
    (2, r'--vary.*"colour".*src-mac.*dport', "load --lab --vary colour=inc:5"),
    (2, r"--vary.*inc:N.*random:N.*list:A,B,C", "load --lab --vary sport"),
    (2, r'"70000" is no port', "load --lab --vary sport=list:1,70000"),
    (2, r'"::1".*IP version', "load --lab --vary src=list:1.2.3.4,::1"),
    (2, r"sport varies already", "load --lab --vary sport=inc:5 --vary sport=inc:6"),
    (2, r"--vary dport and --icmp", "load --lab --icmp 5 --vary dport=inc:5"),
    (2, r"--vary vlan2: .*OUTER,INNER", "load --lab --vlan 5 --vary vlan2=inc:5"),
    (2, r"--payload hex:abc: .*two hexadecimal", "load --lab --payload hex:abc"),
    (2, r"--payload probe and --tcp", "load --lab --payload probe --tcp 1:2"),
    (2, r"--payload probe: .*--size 82", "load --lab --payload probe --dst ::1 -s 70"),
    # load: replay
    (2, r"--pcap and --size", "load --lab --pcap a --size 64"),
    (2, r"--speed and --rate", "load --lab --pcap a --speed 2 --rate 1kpps"),
    (2, r"--speed 0: out of range", "load --lab --pcap a --speed 0"),
    (2, r"--speed: .*--pcap", "load --lab --speed 2"),
    (2, r"--speed inf", "load --lab --pcap a --speed inf"),
    (2, r"--pcap and --pattern", "load --lab --pcap a --pattern poisson"),
    (2, r"--pcap and --seed", "load --lab --pcap a --seed 3"),
    (2, r"--pcap : an empty name", "load --lab --pcap="),
    (1, r"--pcap {OUT}/none", "load --pcap {OUT}/none --dry-run {OUT}/d.pcapng"),
    (1, r"--pcap /dev/null", "load --pcap /dev/null --dry-run {OUT}/d.pcapng"),
    # load: how
    (2, r"--io.*auto.*socket", "load --lab --io magic"),
    (2, r"--io udp: .*datagrams.*\(auto, tpacket3, tpacket2, socket\)", "load --lab --io udp"),
    (1, r"--stamp hardware: ws0: .*--stamp software", "load --lab --stamp hardware"),
    (1, r"--stamp hardware: ws1: .*--stamp software", "reflect --lab --stamp hardware"),
    (2, r"--pacing fq and --bypass on", "load --lab --pacing fq --bypass on"),
    (2, r"--pacing fq and --rate max", "load --lab --pacing fq -r max"),
    (2, r"--pacing slow: .*busy, txtime or fq", "load --lab --pacing slow"),
    (2, r"--bypass maybe: .*auto, on or off", "load --lab --bypass maybe"),
    (2, r"--late sometimes: .*catch-up or skip", "load --lab --late sometimes"),
    (2, r"--workers 0: .*at least 1", "load --lab --workers 0"),
    (2, r"--cpu: CPU 0 twice.*--force", "load --lab --workers 2 --cpu 0,0"),
    (2, r"--carrier pigeon: .*auto, udp, l2, ptp-l2 or ptp-udp", "load --lab --carrier pigeon"),
    *(
        (2, rf"--carrier {carrier} and {other.split()[0]}:", f"load --lab --carrier {carrier} {other}")
        for carrier, others in {
            "udp": ("--tcp 1:2", "--icmp 5", "--ethertype 0x88b5", "--payload zero"),
            "l2": ("--udp 1:2", "--ethertype 0x88b6", "--payload inc"),
            "ptp-l2": ("--udp 1:319", "--tcp 1:2", f"--header {14 * '02'}", "--payload text:hi"),
            "ptp-udp": ("--tcp 1:319", "--icmp 5", "--ethertype 0x88f7", "--payload random"),
        }.items()
        for other in others
    ),
    (2, r"--carrier ptp-l2 and --dst: there is no IP", "load --lab --carrier ptp-l2 --dst 192.0.2.1"),
    (2, r"--vary sport and --carrier l2: ", "load --lab --carrier l2 --vary sport=inc:5"),
    (2, r"--carrier ptp-udp and --udp 319:8620: .*is 319", "load --lab --carrier ptp-udp --udp 319:8620"),
    (2, r"--carrier ptp-udp and --vary dport", "load --lab --carrier ptp-udp --vary dport=inc:5"),
    (2, r"--size 81: .*PTP in ethertype 0x88f7 \(at least 82\)", "load --lab --carrier ptp-l2 -s 81"),
    (2, r"--size 109: .*PTP in IPv4/UDP \(at least 110\)", "load --lab --carrier ptp-udp -s 109"),
    (2, r"--size 133: .*PTP in IPv6/UDP with 1 VLAN tag \(at least 134\)", "load --lab --carrier ptp-udp --dst ::1 --vlan 5 -s 133"),
    (2, r"--pcap and --carrier", "load --lab --pcap a --carrier ptp-l2"),
    (2, r"-x: unknown", "load --lab -x"),
    (2, r"--workers.*64", "load --lab --workers 65"),
    (2, r"--cpu and --workers: 2 CPUs for 3", "load --lab --workers 3 --cpu 0,1"),
    # load: results
    (2, r"--dry-run and --rate max", "load --dry-run {OUT}/d.pcapng --rate max"),
    (2, r"--dry-run and --rate.*one rate", "load --dry-run {OUT}/d.pcapng -r 1kpps,2kpps"),
    (2, r"--dry-run - and --json", "load --dry-run - --json"),
    (2, r"--dry-run and --out", "load --dry-run {OUT}/d.pcapng --out {OUT}/e"),
    (2, r"--dry-run and --require", "load --dry-run {OUT}/d.pcapng --require 5"),
    (2, r"--dry-run and --rate 80%", "load --dry-run {OUT}/d.pcapng -r 80%"),
    (1, r"--dry-run {OUT}/no/d: .*No such file", "load --dry-run {OUT}/no/d -c 5"),
    (1, rf"{NONE}: no such interface", f"load {NONE} --dry-run {{OUT}}/d.pcapng"),
    (2, r"--require -1", "load --lab --require -1"),
    (2, r"--require and --rate max", "load --lab --require 1 --rate max"),
    (2, r"--require 101", "load --lab --require 101"),
    (2, r"--out", "load --lab --out="),
]

# The same, where the machine allows a lab. None of these gets as far as sending.
LAB_TABLE = [
    (1, r"--size.*(MTU|1518)|MTU.*1518", "latency --lab --size 1519"),
    (1, r"MTU|1518", "latency --lab --size 9000"),
    (1, r"{OUT}.*exists", "latency --lab --out {OUT}"),
    (1, r"--stamp|hardware", "latency --lab --stamp hardware"),
    (1, r"wsnone0.*ws0", "latency --tx wsnone0 --rx ws1"),
    (1, r"lo: .*loopback.*\(.*--lab\)", "latency --tx ws0 --rx lo"),
    (1, r"ws0: .*hardware", "latency --lab --peer ws1 --stamp hardware"),
    (1, r"MTU|1518", "latency --lab --peer ws1 --size 1519"),
    (1, r"{OUT}.*exists", "latency --tx ws0 --one-way --peer 02:00:00:00:00:07 --out {OUT}"),
    (1, r"{OUT}.*exists", "reflect --lab --out {OUT}"),
    (1, r"wsnone0.*ws0", "reflect wsnone0"),
    (1, r"--size.*MTU.*1518", "load --lab --size 1519"),
    (1, r"{OUT}.*exists", "load --lab --out {OUT}"),
    (1, r"--pacing fq: .*ws0", "load --lab --pacing fq"),
    (1, r"--pacing txtime: .*ws0", "load --lab --pacing txtime"),
    (1, r"--pcap {OUT}/none", "load --lab --pcap {OUT}/none"),
    (1, r"--cpu.*", "load --lab --cpu 1023"),
    (1, r"wsnone0.*ws0", "capture wsnone0"),
    (1, r"filter: .*pcap-filter", "capture ws0 udp port"),
    (1, r"{OUT}/no/a: .*No such file", "capture ws0 -w {OUT}/no/a"),
    (1, r"{OUT}: .*directory", "capture ws0 -w {OUT}"),
    (1, r"/dev/null: .*regular", "capture ws0 -w /dev/null --rotate-size 1MB"),
    (1, r"{OUT}.*exists", "capture ws0 --out {OUT}"),
    (1, r"ws0: no hardware stamps", "capture ws0 --stamp hardware"),
]

# What is good, in a lab, for a moment: no word on stderr, and one document with --json.
GOOD_TABLE = [
    "capture ws0 --json",
    "capture ws0 -c 1k --json -s 64",
    "capture ws0 -Q in -p --json udp port 53 or icmp",
    "capture ws0 -Q out --json --io socket",
    "capture ws0 --json --io tpacket2 --stamp user",
    "capture ws0 --json --io=tpacket3 --buffer 1MiB --block-timeout 1ms",
    "capture ws0 --json --workers 3 --stamp software",
    "capture ws0,lo --json",
    "capture any --json",
    "capture any,ws0 --split -w {OUT}/any.pcapng",
    "capture ws0 -w /dev/null",
    "capture ws0 -w {OUT}/a.pcapng --rotate-size 1MB --rotate-time 1s --keep 3",
    "capture ws0,lo -w {OUT}/b.pcapng.zst --split --compress zstd",
    "capture ws0 -w {OUT}/c.pcapng not port 22",
    "capture ws0 --out {OUT}/run --json",
]

# Measured for a moment: accounts that balance, and a document for the report.
LATENCY_TABLE = [
    "",
    "--peer ws1",
    "--peer ws1 --carrier l2 --size 74 --waterfall",
    "--peer ws1 --io udp",
    "--pattern burst:4 --size 66-300 --vlan 5:3 --flows 3",
    "--pattern poisson --seed 0x5eed --size imix --vary src=random:9 --tos 0xb8 --ttl 1",
    "--dst ::1 --waterfall --packets --csv --out {OUT}/rows",
    "--stamp user --carrier l2 --vary src-mac=inc:4",
    "--carrier ptp-l2 --waterfall --vary src-mac=inc:4 --vlan 5:3,6 --size 90-301",
    "--carrier ptp-l2 --peer ws1",
    "--carrier ptp-udp --flows 3",
    "--carrier ptp-udp --peer ws1",
    "--carrier ptp-udp --peer ws1 --io udp",
]

# Files that are no runs, and one of a run in which nothing came.
FILES = {
    "empty.json": "",
    "cut.json": '{"format": "wirestamp-run/1", "runs": [',
    "newer.json": '{"format": "wirestamp-run/2", "command": "latency"}',
    "other.json": '{"format": "other/1"}',
    "made.json": '{"format": "wirestamp-report/1"}',
    "list.json": "[]",
    "words.txt": "not a run\n",
    "none.json": json.dumps(
        {
            "format": "wirestamp-run/1",
            "version": "0.1.0",
            "command": "latency",
            "mode": "one-host",
            "argv": ["wirestamp"],
            "runs": [
                {
                    "rate": "10kpps",
                    "requested_pps": 10000.0,
                    "sent": 5,
                    "received": 0,
                    "matched": 0,
                    "lost": 5,
                    "complete": True,
                    "balanced": True,
                    "latency_ns": {"count": 0},
                    "histogram_ns": [],
                }
            ],
        }
    ),
}

# Frames of every kind to a file: nothing is sent, and only what was written is told.
DRY_TABLE = [
    "",
    "-r 80% --lab",
    "-r 10Gbps/l1 -s imix",
    "-r 6630Mbps -s 64-1518 --flows 100k",
    "-d 1ms -r 1.5Mpps --pattern poisson --seed 0x5eed",
    "--pattern burst:4 --dst ::1 --icmp 7 --vlan 100:5,200",
    "--dst-mac 02:00:00:00:00:07 --ethertype 0x88b5 --payload text:hello",
    f"--header {14 * '02'} --payload inc",
    "--carrier udp --udp 5:6",
    "--carrier l2 --flows 9",
    "--carrier ptp-l2 --size imix --flows 9",
    "--carrier ptp-udp --dst ::1 --size 200-300 --udp 5:319 --payload probe",
    "--carrier auto --icmp 3",
    "--tcp 1:2 --vary dport=list:80,443 --vary src=random:1000 --tos 0xb8 --ttl 1 lo",
]


def main():
    program = sys.argv[1]
    tap = Tap()
    folder = tempfile.TemporaryDirectory(prefix="wirestamp-test-")
    os.mkdir(f"{folder.name}/folder.csv")
    for name, text in FILES.items():
        with open(f"{folder.name}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def run(arguments, prefix=()):
        return subprocess.run(
            [*prefix, program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )

    def check_refusal(done, status, pattern, title):
        check_equal(done.returncode, status, f"exit status of {title} ({done.stderr.strip()!r})")
        lines = done.stderr.splitlines()
        check_equal(len(lines), 1, f"lines on stderr of {title} ({done.stderr!r})")
        check(lines[0].startswith("wirestamp: "), f"begins otherwise: {lines[0]!r}")
        check(re.search(pattern, lines[0]), f"{lines[0]!r} has no {pattern!r}")
        check_equal(done.stdout, "", f"stdout of {title}")

    def refused(status, pattern, line, in_lab):
        words = [word.replace("{OUT}", folder.name) for word in line.split()]
        pattern = pattern.replace("{OUT}", re.escape(folder.name))
        inside = [program, "lab", "--"] if in_lab else []
        check_refusal(run(words, inside), status, pattern, line)
        if words[0] in ("latency", "reflect") or words[0] == "load" and "--dry-run" not in words:
            # JSON on stdout changes nothing about errors.
            words.insert(1, "--json")
            check_refusal(run(words, inside), status, pattern, " ".join(words))

    def help_of(arguments, pattern):
        done = run(arguments)
        check_equal(done.returncode, 0, f"exit status ({done.stderr!r})")
        check_equal(done.stderr, "", "stderr")
        check(re.search(pattern, done.stdout, re.S), f"stdout has no {pattern!r}: {done.stdout!r}")
        for line in done.stdout.splitlines():
            check(len(line) <= 100, f"longer than 100 columns: {line!r}")
        return done.stdout

    def lists_options():
        text = help_of(["latency", "--help"], r"latency")
        options = """--lab --tx --rx --rate --duration --count --size --carrier --io --stamp --window
            --cpu --json --out --yes -q --help --peer --one-way --ssh --remote-program --packets --csv
            --waterfall --pattern --seed --vlan --flows --vary""".split()
        missing = [o for o in options if not re.search(rf"(?<![\w-]){o}\b", text)]
        check_equal(missing, [], "options that the help does not list")
        for unit in ("kpps", "ms", "64"):
            check(unit in text, f"the help does not name {unit}")

    def no_command():
        done = run([])
        check_equal(done.returncode, 2, "exit status")
        check_equal(done.stdout, "", "stdout")
        check("latency" in done.stderr and "lab" in done.stderr, f"no help: {done.stderr!r}")

    def help_to_a_full_disk():
        if not os.path.exists("/dev/full"):
            raise Skip("no /dev/full here")
        for arguments in (["--help"], ["--version"], ["latency", "--help"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run(
                    [program, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30
                )
            check_equal(done.returncode, 1, f"exit status of {arguments}")
            check_equal(len(done.stderr.splitlines()), 1, f"lines on stderr of {arguments}")

    def captures(line):
        if lab.returncode != 0:
            raise Skip(f"no lab here: {lab.stderr.strip()}")
        words = line.replace("{OUT}", folder.name).split()
        done = run([words[0], "-q", "-d", "10ms", *words[1:]], [program, "lab", "--"])
        check_equal(done.returncode, 0, f"exit status ({done.stderr.strip()!r})")
        check("wirestamp: " not in done.stderr, f"complaints: {done.stderr!r}")
        if "--json" in words:
            check(json.loads(done.stdout)["balanced"], "not balanced")
        else:
            check_equal(done.stdout, "", "stdout")

    def dry_runs(line):
        if "--lab" in line and lab.returncode != 0:
            raise Skip(f"no lab here: {lab.stderr.strip()}")
        path = os.path.join(folder.name, "dry.pcapng")
        words = line.split() if "-d" in line.split() else ["-c", "12", *line.split()]
        done = run(["load", "--dry-run", path, *words])
        check_equal(done.returncode, 0, f"exit status ({done.stderr.strip()!r})")
        said = r"wirestamp: (\d+) frames written to \S+, nothing sent; schedule [0-9a-f]{16}, frames [0-9a-f]{16}\n"
        told = re.fullmatch(said, done.stderr)
        check(told, f"it says {done.stderr!r}")
        check_equal(done.stdout, "", "stdout")
        with open(path, "rb") as file:
            written = file.read()
        # The same once more, and not a word.
        done = run(["load", "--dry-run", path, "-q", *words])
        check_equal((done.returncode, done.stderr), (0, ""), "status and stderr")
        with open(path, "rb") as file:
            again = file.read()
        # In the lab the addresses are new ones each time.
        check_equal(len(again), len(written), "length of the file")
        check("--lab" in words or again == written, "the same command wrote something else")
        read = run(["capture", "-r", path, "--json"])
        check_equal(json.loads(read.stdout)["read"]["packets"], int(told[1]), "frames")

    def measures(line):
        if lab.returncode != 0:
            raise Skip(f"no lab here: {lab.stderr.strip()}")
        words = line.replace("{OUT}", folder.name).split()
        done = run(["latency", "--lab", "-q", "-r", "1kpps", "-c", "20", "--json", *words])
        check_equal(done.returncode, 0, f"exit status ({done.stderr.strip()!r})")
        check("wirestamp: " not in done.stderr, f"complaints: {done.stderr!r}")
        (result,) = json.loads(done.stdout)["runs"]
        check(result["balanced"], "not balanced")
        check_equal(result["sent"], 20, "sent")

    def says_that_nothing_came():
        """A run in which nothing was received is reported all the same, in every form that it has."""
        done = run(["report", f"{folder.name}/none.json"])
        check_equal(done.returncode, 0, f"exit status ({done.stderr.strip()!r})")
        check("nothing" in done.stdout or "no packet" in done.stdout, done.stdout)
        for form in ("html", "csv", "json", "txt"):
            path = f"{folder.name}/nothing.{form}"
            done = run(["report", f"{folder.name}/none.json", "-o", path])
            check_equal((done.returncode, done.stderr), (0, ""), f"status and stderr of {form}")
            check(os.path.getsize(path) > 0, f"{form}: empty")
        done = run(["report", f"{folder.name}/none.json", "--json"])
        (series,) = json.loads(done.stdout)["series"]
        check_equal((series["lost"], series["latency_ns"]["count"]), (5, 0), "lost and measured")
        check_equal(series["latency_ns"]["p50"], None, "p50 of nothing")
        done = run(["report", "--compare", f"{folder.name}/none.json", f"{folder.name}/none.json"])
        check_equal(done.returncode, 0, f"exit status of --compare ({done.stderr.strip()!r})")

    def rereads():
        """What capture wrote it reads again; -c and a filter of several words are taken."""
        if lab.returncode != 0:
            raise Skip(f"no lab here: {lab.stderr.strip()}")
        for more in ([], ["-c", "5"], ["udp", "port", "53"]):
            done = run(["capture", "-r", f"{folder.name}/c.pcapng", "--json", *more])
            check_equal(done.returncode, 0, f"exit status ({done.stderr.strip()!r})")
            check_equal(done.stderr, "", "stderr")
            read = json.loads(done.stdout)
            check(read["read"]["complete"], "not complete")
            check_equal(read["filter"], "udp port 53" if len(more) > 2 else None, "filter")

    lab = run(["lab", "--", "true"])

    def refused_in_lab(*row):
        if lab.returncode != 0:
            raise Skip(f"no lab here: {lab.stderr.strip()}")
        refused(*row)

    tap.case("--help", help_of, ["--help"], r"latency.*lab|lab.*latency")
    tap.case("--version", help_of, ["--version"], r"\Awirestamp \d+\.\d+\.\d+\n\Z")
    tap.case("latency --help lists every option", lists_options)
    tap.case("load --help", help_of, ["load", "--help"], r"--rate.*--vary.*--pcap.*--dry-run")
    tap.case("reflect --help", help_of, ["reflect", "--help"], r"--receive-only.*--max-rate.*--attach")
    tap.case("report --help", help_of, ["report", "--help"], r"--plot.*--compare.*--join")
    tap.case("lab --help", help_of, ["lab", "--help"], r"--side")
    tap.case("no command: help on stderr", no_command)
    tap.case("help on a full disk", help_to_a_full_disk)
    for status, pattern, line in TABLE:
        tap.case(f"{status}: {line}", refused, status, pattern, line, False)
    for status, pattern, line in LAB_TABLE:
        tap.case(f"{status}: in a lab: {line}", refused_in_lab, status, pattern, line, True)
    for line in GOOD_TABLE:
        tap.case(f"0: in a lab: {line}", captures, line)
    tap.case("0: capture -r of what was written", rereads)
    for line in LATENCY_TABLE:
        tap.case(f"0: latency --lab {line}".rstrip(), measures, line)
    tap.case("0: report of a run in which nothing came", says_that_nothing_came)
    for line in DRY_TABLE:
        tap.case(f"0: load --dry-run FILE {line}".rstrip(), dry_runs, line)
    folder.cleanup()
    tap.end()


if __name__ == "__main__":
    main()
