# SPDX-License-Identifier: BSD-2-Clause
"""The guest's first file system: enough to mount the host's root, which everything else is read from."""

import os
import stat
import subprocess

DIRECTORY = stat.S_IFDIR | 0o755
PROGRAM = stat.S_IFREG | 0o755
FILE = stat.S_IFREG | 0o644

# The modules without which the host's root is not seen.
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "virtio_console")

INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
{insmod}
mount -t 9p -o {options} host /host || poweroff -f
n=0
for path in {keep}; do
	n=$((n + 1))
	mkdir -p /keep/$n
	mount -o bind /host$path /keep/$n
done
umount /proc
mount -t proc proc /host/proc
mount -t sysfs sysfs /host/sys
mount -t devtmpfs dev /host/dev
mkdir -p /host/dev/pts /host/dev/shm
mount -t devpts devpts /host/dev/pts
ln -s /proc/self/fd /host/dev/fd
mount -t tmpfs -o mode=1777 tmpfs /host/dev/shm
for path in {empty}; do
	mount -t tmpfs -o mode=1777 tmpfs /host$path
done
n=0
for path in {keep}; do
	n=$((n + 1))
	mkdir -p /host$path
	mount -o bind /keep/$n /host$path
done
mkdir -p /host/run/laboratory
cp -a /laboratory/. /bin/busybox /host/run/laboratory/
exec switch_root /host /bin/sh /run/laboratory/start
"""

# The shell stays the first process: it takes what others leave behind. When the agent is gone, so is the machine.
START = """\
export PATH=/run/laboratory/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
echo /run/laboratory/bin/modprobe > /proc/sys/kernel/modprobe
{python} -B {agent} /run/laboratory/settings.json
echo "agent: exit status $?"
# Of the guest's own: the host's files are gone as soon as devices are shut down.
exec /run/laboratory/busybox poweroff -f
"""

OPTIONS = "trans=virtio,version=9p2000.L,ro,msize=512000,cache=loose,access=any"
# Writable in the guest, and its own. What of these the guest shall see of the host is bound over them.
EMPTY = ("/tmp", "/run", "/var/tmp")


class Archive:
    """A cpio archive of the "newc" kind (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self):
        self.parts = []
        self.number = 0

    def add(self, name, mode, data=b"", device=(0, 0)):
        self.number += 1
        encoded = name.encode() + b"\0"
        numbers = (self.number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        head = b"070701" + b"".join(b"%08x" % number for number in numbers) + encoded
        for part in (head, data):
            self.parts.append(part + b"\0" * (-len(part) % 4))

    def folders(self, *names):
        for name in names:
            self.add(name, DIRECTORY)

    def content(self):
        self.add("TRAILER!!!", 0)
        return b"".join(self.parts)


def read_dependencies(text):
    """modules.dep as {name: (path, paths of what it needs)}."""
    modules = {}
    for line in text.splitlines():
        path, _, needs = line.partition(":")
        modules[module_name(path)] = (path, needs.split())
    return modules


def module_name(path):
    return os.path.basename(path).partition(".")[0].replace("-", "_")


def load_order(modules, names):
    """Paths in the order in which they can be loaded. What is no module is built in, or missed later."""
    order = []
    for name in names:
        path, needs = modules.get(name, (None, []))
        for part in [*reversed(needs), path] if path else []:
            if part not in order:
                order.append(part)
    return order


def decompressed(path):
    with open(path, "rb") as file:
        data = file.read()
    if not path.endswith(".xz"):
        return data
    try:
        import lzma
    except ImportError:
        # A Python that was built without.
        return subprocess.run(["xz", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return lzma.decompress(data)


def under(path, folders):
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def quote(path):
    return "'" + path.replace("'", "'\\''") + "'"


def build(setup, agent, python, seen, settings, programs):
    """Content of the archive.

    seen: directories that the guest shall see at their own paths. settings: the agent's, as text. programs:
    {name: script} of what comes first in the guest's PATH.
    """
    archive = Archive()
    archive.folders("bin", "dev", "proc", "host", "keep", "modules", "laboratory", "laboratory/bin")
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    with open(setup.busybox, "rb") as file:
        archive.add("bin/busybox", PROGRAM, file.read())
    with open(os.path.join(setup.modules(), "modules.dep"), encoding="utf-8") as file:
        order = load_order(read_dependencies(file.read()), MODULES)
    insmod = []
    for path in order:
        name = f"modules/{module_name(path)}.ko"
        archive.add(name, FILE, decompressed(os.path.join(setup.modules(), path)))
        insmod.append(f"insmod /{name}")
    keep = " ".join(quote(path) for path in seen if under(path, EMPTY))
    words = {"options": OPTIONS, "keep": keep, "empty": " ".join(EMPTY), "insmod": "\n".join(insmod)}
    archive.add("init", PROGRAM, INIT.format(**words).encode())
    start = START.format(python=quote(python), agent=quote(agent))
    archive.add("laboratory/start", PROGRAM, start.encode())
    archive.add("laboratory/settings.json", FILE, settings.encode())
    for name, script in programs.items():
        archive.add(f"laboratory/bin/{name}", PROGRAM, script.encode())
    return archive.content()
