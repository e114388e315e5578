#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""packets.npy and packets.csv in the hands of those for whom they are: NumPy, pandas, Python's csv.

    test_packets.py WRITE_PACKETS
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Skip, Tap, check, check_equal  # noqa: E402

MATCHED, LOST, LATE = 1, 2, 4
UNKNOWN = -2**63
TIMES = "intended app_tx sched driver_tx wire_tx wire_rx kernel_rx app_rx".split()
HEADER = 320
ROW = 80


def with_numpy():
    """The Python that runs this may be another than the one that has NumPy."""
    tried = "WIRESTAMP_TEST_PYTHON"
    try:
        import numpy  # noqa: F401
    except ImportError:
        for folder in os.environ.get("PATH", "").split(":"):
            python = os.path.join(folder, "python3")
            if tried not in os.environ and os.access(python, os.X_OK) and subprocess.run(
                    [python, "-c", "import numpy"], stderr=subprocess.DEVNULL).returncode == 0:
                os.execve(python, [python, *sys.argv], {**os.environ, tried: python})


class Tool:
    def __init__(self, program):
        self.program = program

    def write(self, folder, rows, *words):
        done = subprocess.run([self.program, "write", folder, str(rows), *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        check_equal((done.returncode, done.stderr), (0, ""), "writing")
        return json.loads(done.stdout)

    def read(self, folder, name="packets.npy"):
        done = subprocess.run([self.program, "read", folder, name], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
        check_equal((done.returncode, done.stderr), (0, ""), "reading")
        return json.loads(done.stdout)


def numpy_or_skip():
    try:
        import numpy
    except ImportError:
        raise Skip("no NumPy (python3-numpy)") from None
    return numpy


def expected(n):
    """Row n as the tool makes it, without those amendments that come 50 rows later."""
    times = {name: n * 1000 + i - 1000000 for i, name in enumerate(TIMES)}
    times["wire_tx"] = UNKNOWN
    flags = MATCHED
    if n % 100 == 0:
        flags = LATE
        times["app_rx"] = n
    return {"run": n // 1000000, "seq": n % 1000000, "flags": flags, **times}


def opens_with_numpy(tool, folder):
    numpy = numpy_or_skip()
    counts = tool.write(folder, 1_234_560)
    check_equal((counts["fault"], counts["rows"], counts["amended"]), ("", 1_234_560, 12346), "counts")
    packets = numpy.load(os.path.join(folder, "packets.npy"))
    check_equal(packets.dtype, numpy.dtype(
        [("run", "<u4"), ("seq", "<u8"), ("flags", "<u4")] + [(t, "<i8") for t in TIMES]), "dtype")
    check_equal(packets.shape, (counts["rows"],), "shape")
    n = packets["run"].astype("i8") * 1000000 + packets["seq"].astype("i8")
    check((n == numpy.arange(1_234_560)).all(), "rows are not in order")
    amended = n % 100 == 0
    for i, name in enumerate(TIMES):
        if name == "wire_tx":
            wanted = numpy.full(n.shape, UNKNOWN)
        else:
            wanted = n * 1000 + i - 1000000
        if name == "app_rx":
            wanted = numpy.where(amended, n, wanted)
        check((packets[name] == wanted).all(), f"{name} is wrong")
    check((packets["flags"] == numpy.where(amended, LATE, MATCHED)).all(), "flags are wrong")
    # Mapped, as one opens a file that is larger than the memory.
    mapped = numpy.load(os.path.join(folder, "packets.npy"), mmap_mode="r")
    check_equal(int(mapped["seq"][-1]), int(packets["seq"][-1]), "mapped")


def what_numpy_saves(tool, folder):
    """A part that somebody kept is as good as the whole."""
    numpy = numpy_or_skip()
    tool.write(folder, 1000)
    packets = numpy.load(os.path.join(folder, "packets.npy"))
    late = packets[packets["flags"] & LATE != 0]
    numpy.save(os.path.join(folder, "late.npy"), late)
    found = tool.read(folder, "late.npy")
    check_equal(found, {"rows": 10, "claimed": 10, "repaired": False, "rest": 0,
                        "seqs": int(late["seq"].sum()), "flags": 10 * LATE,
                        "app_rx": int(late["app_rx"].sum())}, "what is in it")
    numpy.save(os.path.join(folder, "times.npy"), packets["app_rx"])
    done = subprocess.run([tool.program, "read", folder, "times.npy"], capture_output=True, text=True)
    check_equal((done.returncode, done.stderr), (1, "it is an array of '<i8', not of packets\n"),
                "an array of numbers")


def killed(tool, folder):
    """As packets.h says that a person repairs a file."""
    numpy = numpy_or_skip()
    path = os.path.join(folder, "packets.npy")
    with subprocess.Popen([tool.program, "write", folder, "200000", "wait"]) as writer:
        deadline = time.monotonic() + 60
        # It writes what there is after a second; then it waits for good.
        while not os.path.exists(path) or os.path.getsize(path) < HEADER + 150000 * ROW:
            check(writer.poll() is None and time.monotonic() < deadline, "nothing was written")
            time.sleep(0.01)
        writer.send_signal(signal.SIGKILL)
    with open(path, "ab") as file:
        file.write(b"half a row")
    row = numpy.load(path).dtype
    packets = numpy.fromfile(path, row, offset=HEADER)
    check(len(packets) >= 150000, f"only {len(packets)} rows")
    check((packets["seq"] == numpy.arange(len(packets))).all(), "rows are not in order")
    rows = (os.path.getsize(path) - HEADER) // row.itemsize
    mapped = numpy.memmap(path, row, "r", HEADER, (rows,))
    check((mapped == packets).all(), "mapped differs from read")
    found = tool.read(folder)
    check_equal((found["rows"], found["claimed"], found["repaired"], found["rest"]),
                (rows, 0, True, (os.path.getsize(path) - HEADER) % ROW), "our reader")
    check_equal(found["seqs"], int(packets["seq"].sum()), "our reader's rows")


def opens_with_pandas(tool, folder):
    numpy = numpy_or_skip()
    try:
        import pandas
    except ImportError:
        raise Skip("no pandas (python3-pandas)") from None
    tool.write(folder, 5000, "csv")
    packets = numpy.load(os.path.join(folder, "packets.npy"))
    frame = pandas.DataFrame.from_records(packets)
    check_equal(list(frame.columns), ["run", "seq", "flags", *TIMES], "columns")
    check_equal(frame["seq"].tolist(), list(range(5000)), "seq")
    # The same as text: a column without any value is one of NaN.
    text = pandas.read_csv(os.path.join(folder, "packets.csv"))
    check_equal(len(text), 5000, "lines")
    check(text["wire_tx_ns"].isna().all(), "wire_tx is known")
    check((text["app_rx_ns"] == frame["app_rx"]).all(), "app_rx")


def csv_by_python(tool, folder):
    counts = tool.write(folder, 30000, "csv")
    check_equal((counts["rows"], counts["amended"], counts["fault"]), (30000, 300, ""), "counts")
    with open(os.path.join(folder, "packets.csv"), newline="", encoding="ascii") as file:
        reader = csv.DictReader(file)
        n = 0
        for got in reader:
            wanted = expected(n)
            line = {name: str(wanted[name]) for name in ("run", "seq", "flags")}
            line |= {f"{t}_ns": "" if wanted[t] == UNKNOWN else str(wanted[t]) for t in TIMES}
            check_equal(got, line, f"row {n}")
            n += 1
    check_equal(n, 30000, "rows")
    check_equal(reader.fieldnames, ["run", "seq", "flags", *(f"{t}_ns" for t in TIMES)], "names")


def full_disk(tool, folder):
    """A file system of 1 MiB, of this test's own."""
    if shutil.which("unshare") is None:
        raise Skip("no unshare (util-linux)")
    disk, out = os.path.join(folder, "disk"), os.path.join(folder, "out")
    os.mkdir(disk)
    os.mkdir(out)
    script = """
        mount -t tmpfs -o size=1m none "$2" || exit 99
        "$1" write "$2" 100000 csv once || exit 1
        "$1" read "$2" packets.npy || exit 1
        cp "$2"/* "$3"
        """
    done = subprocess.run(["unshare", "-Urm", "sh", "-c", script, "sh", tool.program, disk, out],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if done.returncode == 99 or "unshare" in done.stderr:
        raise Skip(f"no file system of our own ({done.stderr.strip()})")
    check_equal(done.returncode, 0, f"exit status ({done.stderr!r})")
    counts, found = (json.loads(line) for line in done.stdout.splitlines())
    check_equal((counts["fault"], counts["rows"] + counts["dropped"]), ("ENOSPC", 100000), "counts")
    check(10000 < counts["rows"] <= (1 << 20) // ROW, f"{counts['rows']} rows in 1 MiB")
    check_equal((found["rows"], found["claimed"], found["rest"], found["repaired"]),
                (counts["rows"], counts["rows"], 0, False), "the file")
    check_equal(os.path.getsize(os.path.join(out, "packets.npy")), HEADER + counts["rows"] * ROW, "size")


def main():
    with_numpy()
    tool = Tool(sys.argv[1])
    tap = Tap()
    for name, case in (
        ("NumPy opens it", opens_with_numpy),
        ("what NumPy saves is read", what_numpy_saves),
        ("a file whose writer was killed", killed),
        ("pandas opens it", opens_with_pandas),
        ("CSV", csv_by_python),
        ("a full disk", full_disk),
    ):
        with tempfile.TemporaryDirectory(prefix="wirestamp-test-") as folder:
            tap.case(name, case, tool, folder)
    tap.end()


if __name__ == "__main__":
    main()
