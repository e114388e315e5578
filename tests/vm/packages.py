# SPDX-License-Identifier: BSD-2-Clause
"""Fetches what the laboratory needs and the machine has not, and unpacks it into a cache, as any user.

Nothing is installed, and nothing of the machine's apt is changed: sources, lists, caches and state are our own
(-c FILE), only the list of what is installed, the keys and settings such as a proxy are the machine's.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.parse

import sources

# Part of every key: to be raised when what is made from the same packages changes.
FORMAT = 1
LISTS_GOOD_FOR = 24 * 3600
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the guest's tests and its shell use: package, and a command by which it is found on the machine.
TOOLS = {
    "linuxptp": "hwstamp_ctl",
    "ethtool": "ethtool",
    "iproute2": "ip",
    "tcpdump": "tcpdump",
    "kmod": "kmod",
}
EMULATOR = "qemu-system-x86_64"
# Never beside the machine's own: the loader and the library of C are one.
NOT_UNPACKED = {"libc6", "libc-bin", "libc6-dev"}


class Missing(Exception):
    """Says in one line what is missing, and what to do."""


class Setup:
    """What was found or fetched: directories and files, all of them absolute."""

    def __init__(self, fields):
        self.tools = fields["tools"]
        self.kernel_tree = fields["kernel_tree"]
        self.kernel = fields["kernel"]
        self.emulator = fields["emulator"]
        self.busybox = fields["busybox"]
        self.cache = fields["cache"]

    def environment(self):
        """For programs that were unpacked: their libraries stand beside them."""
        return {**os.environ, "LD_LIBRARY_PATH": library_path(self.tools)}

    def firmware(self):
        """Options by which an unpacked emulator finds its files; one that is installed needs none."""
        if not self.emulator.startswith(self.tools + os.sep):
            return []
        folders = [f"{self.tools}/usr/share/{name}" for name in ("qemu", "seabios")]
        return [word for folder in folders for word in ("-L", folder)]

    def modules(self):
        return f"{self.kernel_tree}/lib/modules/{self.kernel}"

    def headers(self):
        return f"{self.kernel_tree}/usr/src/linux-headers-{self.kernel}"

    def whole(self):
        """Whether all of it is still there and runs."""
        paths = [f"{self.kernel_tree}/boot/vmlinuz-{self.kernel}", f"{self.modules()}/modules.dep"]
        if not all(os.path.exists(path) for path in [*paths, self.busybox, f"{self.headers()}/Makefile"]):
            return False
        return runs([self.emulator, "--version"], self.environment())


def library_path(tree):
    triplet = "x86_64-linux-gnu"
    return f"{tree}/usr/lib/{triplet}:{tree}/lib/{triplet}"


def runs(command, environment=None):
    try:
        return subprocess.run(command, env=environment, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def cache_directory():
    """Where all of it is kept; made if need be."""
    path = os.environ.get("WIRESTAMP_VM_CACHE")
    if not path:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        path = os.path.join(home, "wirestamp-vm")
    path = os.path.realpath(path)
    try:
        os.makedirs(path, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise Missing(
            f"cannot write to the cache {path}: {error.strerror} (set WIRESTAMP_VM_CACHE to a directory"
            " that can be written to)"
        ) from None
    return path


def release(path="/etc/os-release"):
    """(id, codename) of the machine's distribution."""
    fields = {}
    with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
        for line in file:
            name, _, value = line.strip().partition("=")
            fields[name] = value.strip("\"'")
    return fields.get("ID", ""), fields.get("VERSION_CODENAME", "")


def find(command):
    return shutil.which(command, path=PATH)


def static(path):
    """Whether this program runs without the files of the machine."""
    try:
        with open(path, "rb") as file:
            start = file.read(4096)
    except (OSError, TypeError):
        return False
    return start.startswith(b"\x7fELF") and b"ld-linux" not in start


def installed_emulator():
    """The machine's own, if it emulates the card; else None."""
    path = find(EMULATOR)
    if not path:
        return None
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        said = subprocess.run([path, "-device", "help"], capture_output=True, text=True, timeout=60).stdout
        return path if 'name "igb"' in said else None
    return None


def wanted_packages():
    """Names of packages that the machine lacks."""
    wanted = [package for package, command in TOOLS.items() if not find(command)]
    if not static(find("busybox")):
        wanted.append("busybox-static")
    if not installed_emulator():
        wanted.append("qemu-system-x86")
    return wanted


def key(*parts):
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def parse_uris(text):
    """[(package, version, architecture)] of what `apt-get --print-uris` prints."""
    found = []
    for line in text.splitlines():
        match = re.match(r"'[^']+' ([^_ ]+)_([^_ ]+)_([^_ ]+)\.deb ", line)
        if match:
            found.append(tuple(urllib.parse.unquote(word) for word in match.groups()))
    return found


def newest_kernel(names, series, compare):
    """Of package names, the newest image of the series (6.1, 6.12) for any machine; None if there is none."""
    best = None
    for name in names:
        match = re.fullmatch(r"linux-image-((\d+\.\d+)\.\S+?-amd64)", name)
        if not match or match[2] != series or re.search(r"-(cloud|rt)-amd64$", name):
            continue
        if best is None or compare(match[1], best):
            best = match[1]
    return best


def newer(version, than):
    return subprocess.run(["dpkg", "--compare-versions", version, "gt", than]).returncode == 0


class Apt:
    """apt-get and apt-cache on our own sources, lists and caches."""

    def __init__(self, cache, codename, text):
        self.root = os.path.join(cache, "apt-" + key(FORMAT, codename, text))
        self.target = sources.target(codename)
        self.said = ""
        for folder in ("lists/partial", "archives/partial", "state"):
            os.makedirs(os.path.join(self.root, folder), exist_ok=True)
        self.write("laboratory.sources", text)
        self.config = self.write(
            "apt.conf",
            f'Dir::Etc::SourceList "{self.root}/laboratory.sources";\n'
            'Dir::Etc::SourceParts "/dev/null";\n'
            # The machine's preferences are about its own sources.
            'Dir::Etc::Preferences "/dev/null";\n'
            'Dir::Etc::PreferencesParts "/dev/null";\n'
            f'Dir::State "{self.root}/state";\n'
            f'Dir::State::Lists "{self.root}/lists";\n'
            f'Dir::State::Status "{status_file()}";\n'
            f'Dir::Cache "{self.root}";\n'
            f'Dir::Cache::Archives "{self.root}/archives";\n'
            'Dir::Cache::pkgcache "pkgcache.bin";\n'
            'Dir::Cache::srcpkgcache "srcpkgcache.bin";\n'
            f'Dir::Log "{self.root}/state";\n'
            'Acquire::Languages "none";\n'
            'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";\n'
            'Acquire::Retries "2";\n'
            'Acquire::http::Timeout "30";\n'
            'Acquire::https::Timeout "30";\n'
            # As root too: another user might not be let into the cache.
            'APT::Sandbox::User "root";\n'
            'APT::Install-Recommends "false";\n'
            # Locks of the machine's are not needed for looking, and a user may not take them.
            'Debug::NoLocking "true";\n'
            "#clear APT::Update::Pre-Invoke;\n"
            "#clear APT::Update::Post-Invoke;\n"
            "#clear APT::Update::Post-Invoke-Success;\n",
        )

    def write(self, name, text):
        path = os.path.join(self.root, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run(self, program, *arguments, cwd=None):
        """Its output, or None if it failed; self.said is then the reason."""
        command = [program, "-c", self.config, *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=cwd or self.root,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=400,
                env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            )
        except OSError as error:
            self.said = f"{program}: {error.strerror}"
            return None
        except subprocess.TimeoutExpired:
            self.said = f"{program} did not end within 400 s"
            return None
        wrong = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:", "Err:"))]
        if done.returncode:
            self.said = first_error(wrong) or f"{program}: exit status {done.returncode}"
            return None
        if wrong:
            self.said = first_error(wrong)
        return done.stdout

    def lists_age(self):
        """Seconds since the lists were fetched, infinite if they never were."""
        try:
            return time.time() - os.stat(os.path.join(self.root, "updated")).st_mtime
        except OSError:
            return float("inf")

    def update(self):
        """Fetches the lists. A part that fails shows by what is then not found."""
        self.said = ""
        if self.run("apt-get", "update", "-q") is not None and not self.said:
            self.write("updated", "")
            return True
        return False

    def resolve(self, wanted):
        """[(package, version, architecture)]: the packages wanted, and what they need that the machine lacks."""
        target = ["-t", self.target] if self.target else []
        said = self.run("apt-get", *target, "-y", "--print-uris", "install", *wanted) if wanted else ""
        if said is None:
            raise Missing(f"cannot find {' '.join(wanted)}: {self.said}")
        return [found for found in parse_uris(said) if found[0] not in NOT_UNPACKED]

    def resolve_kernel(self, series):
        """(kernel's name, [(package, version)]) of the newest kernel of a series with its headers."""
        names = (self.run("apt-cache", "pkgnames", "linux-image-") or "").split()
        kernel = newest_kernel(names, series, newer)
        if kernel is None:
            there = {m[1] for n in names if (m := re.match(r"linux-image-(\d+\.\d+)\.\S+-amd64$", n))}
            listed = ", ".join(sorted(there, key=lambda s: [int(n) for n in s.split(".")]))
            why = f"; {self.said}" if self.said else ""
            if not listed:
                raise Missing(f"the machine's package mirror gives no kernels{why}")
            raise Missing(f"no linux-image of {series} in the machine's sources (there: {listed}{why})")
        packages = []
        queue = [f"linux-image-{kernel}", f"linux-headers-{kernel}"]
        for name in queue:
            version, depends = self.show(name)
            packages.append((name, version))
            queue += [d for d in depends if re.match(r"linux-(headers|kbuild)-", d) and d not in queue]
        return kernel, packages

    def show(self, name):
        """(version, names of dependencies) of the newest version."""
        said = self.run("apt-cache", "show", "--no-all-versions", name)
        if not said:
            raise Missing(f"no {name} in the machine's sources: {self.said}")
        version = re.search(r"^Version: (\S+)$", said, re.M)[1]
        depends = re.search(r"^Depends: (.*)$", said, re.M)
        return version, re.findall(r"(?:^|[,|])\s*([^\s,|(]+)", depends[1] if depends else "")

    def download(self, packages, folder):
        """packages: (name, version[, architecture]), into the folder, checked by apt."""
        words = [f"{p[0]}={p[1]}" for p in packages]
        return self.run("apt-get", "-q", "download", *words, cwd=folder) is not None


def first_error(lines):
    errors = [line for line in lines if line.startswith("E:")] or lines
    return re.sub(r"\s+", " ", errors[0]) if errors else ""


def status_file():
    """The machine's list of what is installed."""
    path = "/var/lib/dpkg/status"
    return path if os.path.exists(path) else "/dev/null"


@contextlib.contextmanager
def locked(cache, say):
    """One at a time sets up or builds: who comes second finds it done."""
    with open(os.path.join(cache, "lock"), "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another run sets up or builds: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def set_up(series, say=print, refresh=False):
    """Finds or fetches everything for a kernel series; returns the Setup. Raises Missing."""
    machine = os.uname().machine
    if machine != "x86_64":
        raise Missing(f"the laboratory is an x86-64 machine and runs this machine's programs: not on {machine}")
    for command in ("apt-get", "apt-cache", "dpkg"):
        if not find(command):
            raise Missing(f"no {command} here: the laboratory is made of Debian's packages")
    identity, codename = release()
    if identity != "debian" or not codename:
        raise Missing(f"the laboratory is made of packages of the machine's release: Debian, not '{identity}'")
    text = sources.derive(sources.read_sources(), codename)
    if text is None:
        raise Missing(f"the machine's apt sources (/etc/apt) name no place with Debian's {codename} main")
    cache = cache_directory()
    with locked(cache, say):
        return set_up_locked(cache, series, codename, text, say, refresh)


def set_up_locked(cache, series, codename, text, say, refresh):
    wanted = wanted_packages()
    record = os.path.join(cache, f"set-{key(FORMAT, series, codename, text, wanted)}.json")
    if not refresh:
        with contextlib.suppress(OSError, ValueError, KeyError), open(record, encoding="utf-8") as file:
            setup = Setup(json.load(file))
            if setup.whole():
                return setup
    apt = Apt(cache, codename, text)
    fresh = apt.lists_age() < LISTS_GOOD_FOR and not refresh
    if not fresh:
        say(f"reading the package lists of {codename}")
        apt.update()
    try:
        fields = fetch(apt, cache, series, wanted, say)
    except Missing:
        if not fresh:
            raise
        # Lists that are old name packages that are gone.
        apt.update()
        fields = fetch(apt, cache, series, wanted, say)
    setup = Setup(fields)
    if not setup.whole():
        raise Missing(f"what was unpacked does not run: try {setup.emulator} --version; or remove {cache}")
    replace_file(record, json.dumps(fields, indent=1))
    return setup


def fetch(apt, cache, series, wanted, say):
    kernel, kernel_packages = apt.resolve_kernel(series)
    # The kernel's build tools are programs, too.
    tools_packages = apt.resolve([*wanted, "libelf1"] if not find_library("libelf.so.1") else wanted)
    tools = os.path.join(cache, "tools-" + key(FORMAT, sorted(tools_packages)))
    tree = os.path.join(cache, f"linux-{kernel}-" + key(FORMAT, sorted(kernel_packages)))
    unpack(apt, cache, tools_packages, tools, say, None)
    unpack(apt, cache, kernel_packages, tree, say, lambda top, final: finish_kernel(top, final, kernel, tools))
    return {
        "cache": cache,
        "kernel": kernel,
        "kernel_tree": tree,
        "tools": tools,
        "emulator": installed_emulator() or f"{tools}/usr/bin/{EMULATOR}",
        "busybox": find("busybox") if static(find("busybox")) else first_of(tools, "busybox"),
    }


def first_of(tree, name):
    """A program's place in an unpacked tree."""
    for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
        if os.path.exists(os.path.join(tree, folder, name)):
            return os.path.join(tree, folder, name)
    return os.path.join(tree, "usr/bin", name)


def find_library(name):
    folders = ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib")
    return next((f"{f}/{name}" for f in folders if os.path.exists(f"{f}/{name}")), None)


def unpack(apt, cache, packages, final, say, finish):
    """Downloads and unpacks into the directory `final`, which either is whole or is not there."""
    if os.path.isdir(final):
        return
    fresh = tempfile.mkdtemp(prefix=".new-", dir=cache)
    try:
        debs = os.path.join(fresh, "debs")
        top = os.path.join(fresh, "top")
        os.mkdir(debs)
        os.mkdir(top)
        # mkdtemp() lets nobody else in; others may use the cache.
        os.chmod(top, 0o755)
        names = " ".join(p[0] for p in packages)
        say(f"fetching {names}" if packages else "nothing is missing here but the kernel")
        if packages and not apt.download(packages, debs):
            raise Missing(f"cannot download {names}: {apt.said}")
        for name in sorted(os.listdir(debs)):
            done = subprocess.run(
                ["dpkg", "-x", os.path.join(debs, name), top], capture_output=True, text=True
            )
            if done.returncode:
                raise Missing(f"cannot unpack {name}: {done.stderr.strip()}")
        merge_usr(top)
        if finish:
            finish(top, final)
        os.rename(top, final)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def merge_usr(top):
    """Kernels of releases with everything under /usr keep their modules there: found at the older place."""
    old, new = os.path.join(top, "lib", "modules"), os.path.join(top, "usr", "lib", "modules")
    if os.path.isdir(new) and not os.path.exists(old):
        os.makedirs(os.path.join(top, "lib"), exist_ok=True)
        os.symlink("../usr/lib/modules", old)


def finish_kernel(top, final, kernel, tools):
    """What installing would have done: the modules' dependencies, and headers that know where they are."""
    for name in os.listdir(os.path.join(top, "usr", "src")):
        makefile = os.path.join(top, "usr", "src", name, "Makefile")
        if not os.path.isfile(makefile):
            continue
        with open(makefile, encoding="utf-8") as file:
            text = file.read()
        if "/usr/src/" in text:
            replace_file(makefile, text.replace("/usr/src/", f"{final}/usr/src/"))
    # Symbols for debuggers, never read here.
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(top, "usr", "src", f"linux-headers-{kernel}", "vmlinux"))
    kmod = find("kmod") or first_of(tools, "kmod")
    done = subprocess.run(
        ["depmod", "-b", top, kernel],
        executable=kmod,
        env={**os.environ, "LD_LIBRARY_PATH": library_path(tools)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Missing(f"depmod for {kernel} failed: {done.stderr.strip()}")


def replace_file(path, text):
    """Whole or not at all, for whoever reads it meanwhile."""
    fresh = f"{path}.{os.getpid()}"
    with open(fresh, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(fresh, path)
