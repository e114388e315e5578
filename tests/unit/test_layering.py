#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The layers: what the core library may call, and which layer may include which.

    test_layering.py NM CORE_LIBRARY SYS_LIBRARY SOURCE
"""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Tap, check, check_equal  # noqa: E402

# Work on memory and strings, and arithmetic. Everything else is refused, whatever it is called.
ALLOWED = set(
    """
    memchr memcmp memcpy memmem memmove memrchr memset
    strchr strcmp strcspn strlen strncmp strnlen strrchr strspn strstr
    ceil erfc exp exp2 fabs floor fma fmax fmin fmod frexp ldexp llround log log10 log1p log2 lround pow
    rint round sqrt trunc
    """.split()
)
# What compilers put in for arithmetic that the machine does not have, and for their own checks.
COMPILER = re.compile(
    r"""__(u?(div|mod|divmod)[dt]i[34] | mulo?[dt]i[34] | (ashl|ashr|lshr)[dt]i3
        | (clz|ctz|ffs|popcount|bswap|parity)[sdt]i2
        | float(un)?(si|di|ti)[sdtx]f | fix(uns)?[sdtx]f(si|di|ti) | (add|sub|mul|div|neg)[sdt]f3
        | (extend|trunc)[sdtx]f[sdtx]f2 | aarch64_(cas|swp|ld\w+?)\d\w* | stack_chk_fail)$
      | _GLOBAL_OFFSET_TABLE_$""",
    re.X,
)
# Only where something is made and destroyed: in an object that defines a *_new().
MEMORY = {"aligned_alloc", "calloc", "free", "malloc", "posix_memalign"}

# Layer: what it may include, by the beginning of the path.
INCLUDES = {
    "core": ["core/"],
    "file": ["core/", "file/"],
    "host": ["core/", "host/"],
    "io": ["core/", "io/", "host/sys.h", "host/clock.h", "host/uapi.h"],
    "report": ["core/", "report/"],
    "run": ["core/", "file/", "host/", "io/", "run/", "report/result.h",
            "report/capture_result.h", "report/load_result.h", "report/reflect_result.h"],
    "study": ["core/", "file/", "report/", "study/"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def symbols(nm, library):
    """For each object of the library: the names it defines, and those it leaves to others."""
    done = subprocess.run(
        [nm, "-A", "-P", library], check=True, capture_output=True, text=True, env={"LC_ALL": "C"}
    )
    objects = {}
    for line in done.stdout.splitlines():
        where, _, rest = line.partition("]: ")
        name, kind = rest.split()[:2]
        defined, undefined = objects.setdefault(where, (set(), set()))
        if kind in "Uvw":
            undefined.add(name)
        elif kind.isupper():
            defined.add(name)
    return objects


def impure(objects):
    """What the library calls although it may not, as sentences."""
    own = set().union(*(defined for defined, _ in objects.values()))
    found = []
    for where, (defined, undefined) in sorted(objects.items()):
        makes = any(name.endswith("_new") for name in defined)
        for name in sorted(undefined - own):
            # Fortified builds call the checking form of the same function.
            plain = re.sub(r"^__(\w+)_chk$", r"\1", name)
            if plain in ALLOWED or COMPILER.match(name) or (plain in MEMORY and makes):
                continue
            found.append(f"{where}]: {name}")
    return found


def wrong_includes(layer, text):
    allowed = INCLUDES[layer]
    return [
        path for path in INCLUDE.findall(text) if not any(path.startswith(a) for a in allowed)
    ]


def main():
    nm, core, seam, source = sys.argv[1:]
    tap = Tap()

    def core_is_pure():
        objects = symbols(nm, core)
        check(len(objects) > 5, f"only {len(objects)} objects in {core}")
        found = impure(objects)
        check(not found, "not allowed in the core:\n" + "\n".join(found))

    def system_calls_are_found():
        found = {line.rpartition(" ")[2] for line in impure(symbols(nm, seam))}
        for name in ("socket", "ioctl", "mmap", "sendmsg", "ppoll"):
            # With large files some have another name in the C library.
            seen = name in found or f"{name}64" in found
            check(seen, f"the check does not see that the library calls {name}")
        check("clock_gettime" in found, "the check does not see that the library reads clocks")

    def kinds_are_told_apart():
        def bad(*names, defined=("ws_x",)):
            return [line.rpartition(" ")[2] for line in impure({"o": (set(defined), set(names))})]

        refused = """socket ioctl mmap open read write clock_gettime printf snprintf __snprintf_chk
            __fprintf_chk pthread_create __errno_location abort __assert_fail getenv time qsort rand
            stdout""".split()
        check_equal(bad(*refused), sorted(refused), "refused")
        check_equal(bad("memcpy", "__memcpy_chk", "__udivti3", "__floattidf", "ws_x"), [], "allowed")
        check_equal(bad("malloc", "free"), ["free", "malloc"], "memory anywhere")
        check_equal(bad("malloc", "free", defined=("ws_x_new",)), [], "memory of a constructor")

    def includes(layer):
        folder = os.path.join(source, "src", layer)
        names = [name for name in sorted(os.listdir(folder)) if name.endswith((".c", ".h"))]
        check(names, f"no files in {folder}")
        for name in names:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                wrong = wrong_includes(layer, file.read())
            check(not wrong, f"src/{layer}/{name} includes {', '.join(wrong)}")

    def wrong_includes_are_found():
        text = '#include <poll.h>\n#include "core/time.h"\n # include "host/sys.h"\n'
        check_equal(wrong_includes("core", text), ["host/sys.h"], "core")
        check_equal(wrong_includes("io", text), [], "io")
        check_equal(wrong_includes("io", '#include "host/nic.h"'), ["host/nic.h"], "io, host")
        check_equal(wrong_includes("file", '#include "host/sys.h"'), ["host/sys.h"], "file, host")
        check_equal(wrong_includes("run", '#include "report/report.h"'), ["report/report.h"], "run")
        check_equal(wrong_includes("report", '#include "file/sink.h"'), ["file/sink.h"], "report")
        check_equal(wrong_includes("study", '#include "host/sys.h"'), ["host/sys.h"], "study")

    tap.case("the core calls nothing but memory, strings and arithmetic", core_is_pure)
    tap.case("the same check finds the system calls of the seam", system_calls_are_found)
    tap.case("kinds of symbols are told apart", kinds_are_told_apart)
    for layer in INCLUDES:
        tap.case(f"{layer} includes only the layers below it", includes, layer)
    tap.case("includes in the wrong direction are found", wrong_includes_are_found)
    tap.end()


if __name__ == "__main__":
    main()
