#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The virtual laboratory's driver without a network, an emulator or a guest."""

import contextlib
import io
import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "vm")]
import build  # noqa: E402
import initramfs  # noqa: E402
import packages  # noqa: E402
import run_vm  # noqa: E402
import sources  # noqa: E402
import vmlab  # noqa: E402
from tap import Tap, check, check_equal  # noqa: E402

LIST = """\
# deb http://commented.invalid/debian bookworm main
deb http://mirror.invalid/debian/ bookworm main contrib # and why
deb-src http://mirror.invalid/debian/ bookworm main
deb [arch=amd64,arm64 signed-by=/usr/share/keyrings/k.gpg trusted=yes] http://mirror.invalid/debian bookworm-updates main
deb http://mirror.invalid/security bookworm-security main
deb http://other.invalid/linux bookworm stable
"""
FIELDS = """\
# what follows is switched off
Types: deb
URIs: http://off.invalid/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb deb-src
URIs: mirror+file:/etc/apt/mirrors/debian.list
Suites: bookworm bookworm-updates
# a comment between fields
Components: main non-free
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----
"""


def entry(**fields):
    return {"types": "deb", "uris": "http://a.invalid", "suites": "bookworm", "components": "main", **fields}


def one_line():
    entries = sources.parse_list(LIST)
    check_equal([e["types"] for e in entries], ["deb", "deb-src", "deb", "deb", "deb"], "kinds")
    check_equal(entries[0]["components"], "main contrib", "components")
    check_equal(entries[2]["architectures"], "amd64 arm64", "an option by its field's name")
    check_equal(entries[2]["signed-by"], "/usr/share/keyrings/k.gpg", "the key")
    text = sources.derive(entries, "bookworm")
    check_equal(text.count("Types: deb\n"), 3, "stanzas")
    check("Uris: http://mirror.invalid/debian/\nSuites: bookworm bookworm-backports\n" in text, text)
    check("Suites: bookworm-updates\n" in text and "Suites: bookworm-security\n" in text, text)
    check("Trusted: yes\n" in text and "Signed-By: /usr/share/keyrings/k.gpg\n" in text, text)
    check("other.invalid" not in text and "commented" not in text, text)
    check_equal(text.count("Architectures: amd64\n"), 3, "architectures")


def deb822():
    folder = tempfile.mkdtemp()
    try:
        os.mkdir(f"{folder}/sources.list.d")
        for name in ("debian.sources", "old.sources.save"):
            with open(f"{folder}/sources.list.d/{name}", "w", encoding="utf-8") as file:
                file.write(FIELDS)
        entries = sources.read_sources(folder)
    finally:
        shutil.rmtree(folder)
    check_equal(len(entries), 1, "entries that are switched on")
    text = sources.derive(entries, "bookworm")
    check("Uris: mirror+file:/etc/apt/mirrors/debian.list\n" in text, text)
    check("Suites: bookworm bookworm-updates bookworm-backports\n" in text, text)
    check("Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END" in text, text)
    # What we write can be read again and says the same.
    again = sources.parse_deb822(text)
    check_equal(sources.derive(again, "bookworm"), text, "derived once more")


def backports():
    text = sources.derive([entry(suites="bookworm bookworm-backports")], "bookworm")
    check_equal(text.count("backports"), 1, "backports that are there already")
    check("backports" not in sources.derive([entry(suites="trixie")], "trixie"), "trixie has all of it")
    check_equal(sources.target("bookworm"), "bookworm-backports", "the suite preferred")
    check_equal(sources.target("trixie"), None, "the suite preferred")
    check("Suites: stable bookworm-backports\n" in sources.derive([entry(suites="stable")], "bookworm"), "alias")


def no_debian():
    for what, entries in (
        ("no sources", []),
        ("only sources of programs", [entry(types="deb-src")]),
        ("only security", [entry(suites="bookworm-security")]),
        ("another release", [entry(suites="bullseye")]),
        ("another component", [entry(components="contrib")]),
        ("another machine", [entry(architectures="arm64")]),
        ("no files", sources.read_sources("/nonexistent")),
    ):
        check_equal(sources.derive(entries, "bookworm"), None, what)


def uris():
    text = (
        "Reading package lists...\n"
        "'http://a.invalid/q/qemu_1%3a10.0%2bds_amd64.deb' qemu-x86_1%3a10.0+ds~bpo12+1_amd64.deb 10 MD5Sum:ab\n"
        "'mirror+file:/etc/m/pool/l.deb' libaio1_0.3.113-4_all.deb 3 \n"
    )
    wanted = [("qemu-x86", "1:10.0+ds~bpo12+1", "amd64"), ("libaio1", "0.3.113-4", "all")]
    check_equal(packages.parse_uris(text), wanted, "packages")


def kernels():
    names = """linux-image-6.1.0-9-amd64 linux-image-6.1.0-47-amd64 linux-image-6.1.0-50-rt-amd64
        linux-image-6.12.9+deb12-amd64 linux-image-6.12.43+deb12-amd64 linux-image-6.12.43+deb12-amd64-unsigned
        linux-image-6.12.50+deb12-cloud-amd64 linux-image-6.12.51+deb12-amd64-dbg linux-image-amd64""".split()

    def newer(a, b):
        numbers = [[int(n) for n in "".join(c if c.isdigit() else " " for c in v).split()] for v in (a, b)]
        return numbers[0] > numbers[1]

    for series, wanted in (("6.12", "6.12.43+deb12-amd64"), ("6.1", "6.1.0-47-amd64"), ("6", None), ("7.0", None)):
        check_equal(packages.newest_kernel(names, series, newer), wanted, series)


def keys():
    tools = [("a", "1", "all"), ("b", "2", "all")]
    check_equal(packages.key(1, tools), packages.key(1, list(tools)), "the same packages")
    others = [packages.key(1, tools[:1]), packages.key(2, tools), packages.key(1, [("a", "1.1", "all"), tools[1]])]
    check(packages.key(1, tools) not in others, "another version, format or number of packages has another key")


def content_keys():
    folder = tempfile.mkdtemp()

    def write(name, text):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
        return build.content_key(folder)

    try:
        seen = [write("a", "1"), write("a", "2"), write("b", ""), build.content_key(folder, "6.1")]
        os.rename(f"{folder}/b", f"{folder}/c")
        seen.append(build.content_key(folder))
        check_equal(len(set(seen)), len(seen), "keys that differ")
        check_equal(write("a", "2"), seen[-1], "the same content has the same key")
    finally:
        shutil.rmtree(folder)


class FakeApt:
    said = "E: no such host"

    def __init__(self, good):
        self.good = good

    def download(self, packages, folder):
        return self.good


def unpacking():
    """A directory of the cache is whole or is not there, and nothing else stays behind."""
    cache = tempfile.mkdtemp()
    final = os.path.join(cache, "tools-1")
    quiet = lambda text: None  # noqa: E731

    def fail(top, final):
        raise packages.Missing("depmod")

    try:
        for apt, finish, words in ((FakeApt(False), None, "no such host"), (FakeApt(True), fail, "depmod")):
            try:
                packages.unpack(apt, cache, [("a", "1")], final, quiet, finish)
                raise AssertionError("a failure was not noticed")
            except packages.Missing as error:
                check(words in str(error), f"{error}")
            check_equal(os.listdir(cache), [], "what is left of it")
        packages.unpack(FakeApt(True), cache, [("a", "1")], final, quiet, None)
        check_equal(os.listdir(cache), ["tools-1"], "what is there then")
        # There already: neither fetched nor finished again.
        packages.unpack(FakeApt(False), cache, [("a", "1")], final, quiet, fail)
        with build.fresh_directory(final):
            pass
        check_equal(os.listdir(cache), ["tools-1"], "made twice at the same time")
    finally:
        shutil.rmtree(cache)


def cache_place():
    saved = dict(os.environ)
    top = tempfile.mkdtemp()
    try:
        for variables, wanted in (
            ({"WIRESTAMP_VM_CACHE": f"{top}/a", "XDG_CACHE_HOME": f"{top}/b"}, f"{top}/a"),
            ({"XDG_CACHE_HOME": f"{top}/b"}, f"{top}/b/wirestamp-vm"),
            ({"HOME": f"{top}/c"}, f"{top}/c/.cache/wirestamp-vm"),
        ):
            for name in ("WIRESTAMP_VM_CACHE", "XDG_CACHE_HOME"):
                os.environ.pop(name, None)
            os.environ.update(variables)
            check_equal(packages.cache_directory(), os.path.realpath(wanted), f"{variables}")
            check(os.path.isdir(wanted), "it is made")
        os.environ["WIRESTAMP_VM_CACHE"] = "/proc/nowhere"
        try:
            packages.cache_directory()
            raise AssertionError("nothing can be written there")
        except packages.Missing as error:
            check("WIRESTAMP_VM_CACHE" in str(error), f"what to do: {error}")
    finally:
        os.environ.clear()
        os.environ.update(saved)
        shutil.rmtree(top)


def releases():
    with tempfile.NamedTemporaryFile("w", suffix="-release") as file:
        file.write('ID=debian\nVERSION_CODENAME="bookworm"\nNAME="Debian GNU/Linux"\n')
        file.flush()
        check_equal(packages.release(file.name), ("debian", "bookworm"), "quoted or not")
    check_equal(packages.release("/nonexistent"), ("", ""), "no such file")


def modules():
    text = "kernel/a/c.ko.xz: kernel/a/b-x.ko.xz kernel/a/a.ko.xz\nkernel/a/b-x.ko.xz: kernel/a/a.ko.xz\nkernel/a/a.ko.xz:\n"
    found = initramfs.read_dependencies(text)
    # modules.dep names last what has to be loaded first.
    wanted = ["kernel/a/a.ko.xz", "kernel/a/b-x.ko.xz", "kernel/a/c.ko.xz"]
    check_equal(initramfs.load_order(found, ["builtin", "c", "b_x"]), wanted, "order")


def unpack_archive(data):
    """{name: (mode, content)} of a cpio archive, read by its definition."""
    files, at = {}, 0
    while True:
        check_equal(data[at : at + 6], b"070701", "magic")
        numbers = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, size, length = numbers[1], numbers[6], numbers[11]
        name = data[at + 110 : at + 110 + length - 1].decode()
        check_equal(data[at + 110 + length - 1], 0, "end of the name")
        begin = (at + 110 + length + 3) // 4 * 4
        if name == "TRAILER!!!":
            return files
        files[name] = (mode, data[begin : begin + size])
        at = (begin + size + 3) // 4 * 4


def archive():
    made = initramfs.Archive()
    made.folders("a")
    for size in range(6):
        made.add(f"a/{'n' * size}x", initramfs.FILE, b"z" * size)
    files = unpack_archive(made.content())
    check_equal(files["a"], (0o40755, b""), "a directory")
    check_equal([files[f"a/{'n' * n}x"][1] for n in range(6)], [b"z" * n for n in range(6)], "contents")


# The words of ethtool 6.1 and 6.19.
CLAIMS = """\
Time stamping parameters for igb0:
Capabilities:
	hardware-transmit
	software-receive
PTP Hardware Clock: 0
Hardware Transmit Timestamp Modes:
	off
	on
Hardware Receive Filter Modes:
	none
	ptpv2-event
"""
NONE = """\
Time stamping parameters for lo:
Capabilities:
	software-receive
PTP Hardware Clock: none
Hardware Transmit Timestamp Modes: none
Hardware Receive Filter Modes: none
"""
LATER = CLAIMS.replace(
    "PTP Hardware Clock: 0\n",
    "Hardware timestamp provider index: 3\nHardware timestamp provider qualifier: Precise (IEEE 1588 quality)\n",
)


def claims():
    got = vmlab.parse_stamping(CLAIMS)
    wanted = vmlab.Stamping(["hardware-transmit", "software-receive"], 0, ["off", "on"], ["none", "ptpv2-event"])
    check_equal(got, wanted, "a card")
    check_equal(vmlab.parse_stamping(NONE), vmlab.Stamping(["software-receive"], None, [], []), "no card")
    check_equal(vmlab.parse_stamping(LATER), wanted._replace(clock=3), "of a later ethtool")


class FakeGuest:
    """Reports what it is told to; None is the limit."""

    def __init__(self, events, crashed=""):
        self.list, self.said = events, crashed

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def events(self, deadline):
        yield from self.list

    def console(self):
        return ["the console's words"]

    def crashed(self):
        return self.said


READY = {"event": "ready", "kernel": "k", "uptime": 1}
DONE = {"event": "done"}


def begin(name):
    return {"event": "begin", "test": name}


def out(line):
    return {"event": "out", "line": line}


def end(name, status=0):
    return {"event": "end", "test": name, "status": status, "seconds": 1}


GOOD = [begin("a"), out("ok 1 - x"), out("1..1"), end("a")]
GOOD_B = [begin("b"), out("ok 1 - y"), out("1..1"), end("b")]
ERROR = {"event": "err", "line": "the test's words"}
CRASH = "Assertion failed"

# Guests one after another, as (events, what the emulator said), with the tests a and b;
# (passed, failed, skipped); what has to be said.
SESSIONS = [
    ("passes", [([READY, *GOOD, *GOOD_B, DONE], "")], (2, 0, 0), "ok      a: 1 passed"),
    ("a test fails", [([READY, begin("a"), ERROR, out("not ok 1 - x"), out("1..1"), end("a", 1), *GOOD_B, DONE], "")],
     (1, 1, 0), "| the test's words"),
    ("skips", [([READY, begin("a"), out("1..0 # SKIP no card"), end("a"), *GOOD_B, DONE], "")],
     (1, 0, 1), "SKIPPED a: no card"),
    ("no plan", [([READY, begin("a"), out("ok 1 - x"), end("a"), *GOOD_B, DONE], "")], (2, 1, 0), "no plan"),
    ("too slow", [([READY, *GOOD[:3], end("a", None), *GOOD_B, DONE], "")], (2, 1, 0), "did not end in time"),
    ("noise", [([READY, {"event": "noise", "line": "?"}, *GOOD, *GOOD_B, DONE], "")], (2, 0, 0), ""),
    ("does not boot", [([], "")], (0, 2, 0), "the guest did not boot"),
    ("does not boot, and why", [([], "")], (0, 2, 0), "| the console's words"),
    ("panics", [([READY, *GOOD, begin("b"), out("ok 1 - y"), out("1..1")], "")], (2, 1, 0), "ended before its tests"),
    ("ends between", [([READY, *GOOD], "")], (1, 1, 0), "not run: the guest ended before"),
    ("limit", [([READY, *GOOD, begin("b"), None], "")], (1, 2, 0), "the limit of 9 s"),
    ("limit before", [([None], "")], (0, 2, 0), "not run: the limit of 9 s"),
    ("emulator falls over", [([], CRASH), ([READY, *GOOD, *GOOD_B, DONE], "")], (2, 0, 0), "started again: Assertion"),
    ("falls over in a test", [([READY, *GOOD, begin("b")], CRASH), ([READY, *GOOD_B, DONE], "")], (2, 0, 0), "again"),
    ("always falls over", [([READY], CRASH)] * 3, (0, 2, 0), "FAILED  a"),
]


def session(guests, wanted, words):
    said = io.StringIO()
    left = list(guests)
    tests = [{"name": "a"}, {"name": "b"}]
    with contextlib.redirect_stdout(said):
        total = run_vm.Session(tests, 9, lambda remaining: FakeGuest(*left.pop(0))).run()
    check_equal((total.passed, total.failed, total.skipped), wanted, f"counts\n{said.getvalue()}")
    check(words in said.getvalue(), f"no {words!r} in {said.getvalue()!r}")
    check_equal(left, [], "guests that were not needed")
    check_equal(bool(total.failures), wanted[1] > 0, "keeps what failed")


def hangs():
    """A guest that does not come up in time is ended, and another one started."""

    class Impatient(run_vm.Session):
        BOOT_LIMIT = 0

    for guests, wanted in (([[None], [READY, *GOOD, *GOOD_B, DONE]], (2, 0)), ([[None]] * 3, (0, 2))):
        said = io.StringIO()
        left = list(guests)
        with contextlib.redirect_stdout(said):
            total = Impatient([{"name": "a"}, {"name": "b"}], 9, lambda remaining, left=left: FakeGuest(left.pop(0))).run()
        check_equal((total.passed, total.failed), wanted, f"counts\n{said.getvalue()}")
        check("no boot within 0 s" in said.getvalue(), f"why: {said.getvalue()!r}")


def dealt():
    """Each test once, in order, and none of the guests has much more to do than another, or nothing."""
    tests = [{"name": name, "limit": limit} for name, limit in (("a", 1), ("b", 9), ("c", 2), ("d", 5), ("e", 1))]
    for guests, wanted in (
        (1, ["abcde"]),
        (2, ["b", "acde"]),
        (3, ["b", "d", "ace"]),
        (9, ["b", "d", "c", "a", "e"]),
        (0, ["abcde"]),
    ):
        got = ["".join(test["name"] for test in hand) for hand in run_vm.deal(tests, guests)]
        check_equal(got, wanted, f"{guests} guests")


def side_by_side():
    """The sum of all; if one of them breaks, the others end."""
    ended = []
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        total = run_vm.run_side_by_side([
            run_vm.Session([{"name": "a"}], 9, lambda left: FakeGuest([READY, *GOOD, DONE], "")),
            run_vm.Session([{"name": "b"}], 9, lambda left: FakeGuest([READY, *GOOD_B, DONE], "")),
        ])
    check_equal((total.passed, total.failed, total.skipped), (2, 0, 0), f"counts\n{said.getvalue()}")

    class Breaks:
        def run(self):
            raise OSError("no emulator")

        def stop(self):
            ended.append(self)

    try:
        run_vm.run_side_by_side([Breaks(), Breaks()])
        raise AssertionError("it went on")
    except OSError:
        check_equal(len(ended), 2, "sessions that were ended")


def guest_tests():
    """The laboratory's own test comes first; each has a limit."""
    found = run_vm.find_tests("")
    check_equal(found[0]["name"], "boot", "the first")
    check(all(0 < test["limit"] < run_vm.TOTAL_LIMIT for test in found), f"limits: {found}")
    check_equal(run_vm.find_tests("no such test"), [], "none of that name")


tap = Tap()
tap.case("sources in lines", one_line)
tap.case("sources in fields", deb822)
tap.case("backports only where they are needed", backports)
tap.case("sources without Debian", no_debian)
tap.case("what apt would fetch", uris)
tap.case("the newest kernel of a series", kernels)
tap.case("keys of packages", keys)
tap.case("keys of contents", content_keys)
tap.case("the cache holds nothing half", unpacking)
tap.case("the cache's place", cache_place)
tap.case("the release", releases)
tap.case("modules in order", modules)
tap.case("the first file system", archive)
tap.case("what ethtool says", claims)
tap.case("tests are found", guest_tests)
tap.case("tests are dealt to guests", dealt)
tap.case("guests side by side", side_by_side)
for name, *what in SESSIONS:
    tap.case(f"session: {name}", session, *what)
tap.case("a guest that hangs while it boots", hangs)
tap.end()
