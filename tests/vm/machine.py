# SPDX-License-Identifier: BSD-2-Clause
"""The guest: one run of the emulator, what its console said, and the events that its agent reports."""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import time

MEMORY = 768
# A panic ends the machine; interfaces are ours to name; igb's registers may be mapped. A record shows warnings,
# a shell only what is worse.
KERNEL_LINE = "console=ttyS0 panic=-1 net.ifnames=0 iomem=relaxed tsc=reliable no_timer_check"

# The guest's cards in the order of their slots: two igb on one wire, e1000e and virtio on another.
# An igb does not work beside another on bus 0: a port for each.
WIRES = (
    ("igb", "igb-a", "igb-b"),
    ("igb", "igb-b", "igb-a"),
    ("e1000e", "e1000e", "virtio"),
    ("virtio-net-pci", "virtio", "e1000e"),
)


def wires(folder):
    """Options for the cards, each wired to its peer by a pair of sockets in the folder."""
    words = []
    for number, (model, end, peer) in enumerate(WIRES):
        words += [
            *("-netdev", f"dgram,id={end},local.type=unix,local.path={folder}/{end}"
              f",remote.type=unix,remote.path={folder}/{peer}"),
            *("-device", f"pcie-root-port,id=port{number},chassis={number + 1},slot={number + 1}"),
            # 52:54:00 is locally administered; the last byte tells the cards apart.
            *("-device", f"{model},bus=port{number},netdev={end},romfile=,mac=52:54:00:77:73:{number:02x}"),
        ]
    return words


def command(setup, folder, initramfs, interactive):
    """The emulator's command line. Sockets and the console's record are in the folder."""
    console = ["-serial", "mon:stdio"] if interactive else ["-serial", f"file:{folder}/console"]
    line = f"{KERNEL_LINE} {'quiet' if interactive else 'loglevel=5'}"
    return [
        setup.emulator,
        *setup.firmware(),
        *("-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(MEMORY)),
        *("-display", "none", "-no-reboot", "-nic", "none"),
        *console,
        *([] if interactive else ["-monitor", "none"]),
        *("-kernel", f"{setup.kernel_tree}/boot/vmlinuz-{setup.kernel}"),
        *("-initrd", initramfs, "-append", line),
        # Mounts beneath the root have inode numbers of their own: made unique.
        *("-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"),
        *("-device", "virtio-9p-pci,fsdev=host,mount_tag=host"),
        *("-device", "virtio-serial-pci", "-chardev", f"socket,id=events,path={folder}/events"),
        *("-device", "virtserialport,chardev=events,name=events"),
        *wires(folder),
    ]


def die_with_parent():
    """In the child: whatever ends the driver ends the guest. PR_SET_PDEATHSIG is 1 (prctl(2))."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Machine:
    """A running guest. Use in a `with`: it ends with it.

    interactive: the guest's console is the driver's terminal, or its output if `input` is not its terminal.
    """

    def __init__(self, setup, folder, initramfs, interactive=False, input=subprocess.DEVNULL):
        self.console_path = os.path.join(folder, "console")
        self.error_path = os.path.join(folder, "stderr")
        # Of a guest before this one.
        for name in ["events", "console", *(end for _, end, _ in WIRES)]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.path.join(folder, "events"))
        listener.listen(1)
        self.listener = listener
        self.stream = None
        self.buffer = b""
        arguments = command(setup, folder, initramfs, interactive)
        with open(self.error_path, "wb") as errors:
            self.process = subprocess.Popen(
                arguments,
                env=setup.environment(),
                stdin=input,
                stdout=None if interactive else errors,
                stderr=errors,
                # A Ctrl-C is for us: we end it in our own time. A shell's terminal stays the shell's.
                start_new_session=not interactive,
                preexec_fn=die_with_parent,
            )

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for sock in (self.listener, self.stream):
            if sock:
                sock.close()

    def events(self, deadline):
        """Yields what the agent reports, as it comes, until the guest is gone.

        Yields None once, and stops, if the deadline (a function that says it, by time.monotonic()) passes.
        """
        while True:
            left = deadline() - time.monotonic()
            if left <= 0:
                yield None
                return
            ready, _, _ = select.select([self.stream or self.listener], [], [], min(left, 0.2))
            if not ready:
                if self.process.poll() is None:
                    continue
                if not self.stream:
                    return
            if not self.stream:
                self.stream, _ = self.listener.accept()
                continue
            try:
                data = self.stream.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                self.wait_for_end(deadline())
                return
            *lines, self.buffer = (self.buffer + data).split(b"\n")
            for line in lines:
                try:
                    yield json.loads(line)
                except ValueError:
                    yield {"event": "noise", "line": line.decode(errors="replace")}

    def wait_for_end(self, deadline):
        try:
            self.process.wait(max(0.1, min(10, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)

    def crashed(self):
        """What the emulator said if it aborted by itself, else "". A guest that panics ends it in order."""
        if self.process.poll() != -signal.SIGABRT:
            return ""
        with open(self.error_path, encoding="utf-8", errors="replace") as file:
            said = file.read().strip().splitlines()
        return said[-1] if said else "aborted"

    def console(self, lines=60):
        """The last lines that the kernel and its first process said, and what the emulator did."""
        said = []
        for path in (self.error_path, self.console_path):
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    said += file.read().replace("\r", "").splitlines()
            except OSError:
                pass
        return said[-lines:]
