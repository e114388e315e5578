# SPDX-License-Identifier: BSD-2-Clause
"""What is compiled for the guest: the program, the helpers of tests/vm/tools, and the test modules."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile

import packages


class Failed(Exception):
    """What was to be built, and the builder's output."""

    def __init__(self, what, output):
        super().__init__(what)
        self.output = output


def content_key(folder, *more):
    """A key of all files of a folder, by name and content."""
    digest = hashlib.sha256(json.dumps(more).encode())
    for top, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(top, name)
            with open(path, "rb") as file:
                data = file.read()
            digest.update(f"{os.path.relpath(path, folder)}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:16]


def command(what, arguments, **named):
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            **named,
        )
    except OSError as error:
        raise Failed(what, f"{arguments[0]}: {error.strerror}") from None
    if done.returncode:
        raise Failed(what, done.stdout)
    return done.stdout


def program(source, build, cache):
    """Configures if need be, and builds. Returns the build directory.

    build: the directory that the caller named, or None: one of our own, in the cache if the sources cannot be
    written to.
    """
    if build is None:
        build = os.path.join(source, "build-check", "vm")
        if not writable(build):
            build = os.path.join(cache, f"build-{packages.key(source)}")
    build = os.path.realpath(build)
    if not os.path.exists(os.path.join(build, "build.ninja")):
        options = ["--buildtype=debugoptimized", "-Dtests=false", "-Dbench=false"]
        command(f"configuring {build}", ["meson", "setup", build, *options], cwd=source)
    if writable(build):
        command(f"building {build}", ["ninja", "-C", build, "wirestamp"])
    return build


def writable(path):
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return os.access(path, os.W_OK)


@contextlib.contextmanager
def fresh_directory(final):
    """A directory that gets the name `final` if the body succeeds, at once whole."""
    fresh = tempfile.mkdtemp(prefix=".new-", dir=os.path.dirname(final))
    try:
        os.chmod(fresh, 0o755)
        yield fresh
        with contextlib.suppress(FileExistsError):
            try:
                os.rename(fresh, final)
            except OSError:
                # Another run was faster with the same.
                if not os.path.isdir(final):
                    raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def helpers(folder, cache):
    """Compiles each C file of the folder to a program. Returns the directory of the programs."""
    final = os.path.join(cache, f"helpers-{content_key(folder, packages.FORMAT)}")
    if os.path.isdir(final):
        return final
    with fresh_directory(final) as fresh:
        for name in sorted(os.listdir(folder)):
            stem, extension = os.path.splitext(name)
            if extension == ".c":
                flags = ["-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra"]
                command(
                    f"compiling {name}",
                    ["gcc", *flags, "-o", os.path.join(fresh, stem), os.path.join(folder, name)],
                )
    return final


def compiler_words(headers):
    """The kernel's own compiler if the machine has it, else the machine's: near enough for a module."""
    try:
        with open(os.path.join(headers, ".kernelvariables"), encoding="utf-8") as file:
            found = re.search(r"\bgcc-\d+", file.read())
    except OSError:
        found = None
    if found and packages.find(f"x86_64-linux-gnu-{found[0]}"):
        return []
    return ["CC=gcc", "HOSTCC=gcc", "CROSS_COMPILE="]


def modules(folder, setup):
    """Builds the folder's Kbuild against the guest's kernel. Returns the directory of the .ko, or None if empty."""
    if not os.path.exists(os.path.join(folder, "Kbuild")):
        return None
    words = compiler_words(setup.headers())
    tree = os.path.basename(setup.kernel_tree)
    final = os.path.join(setup.cache, f"modules-{content_key(folder, packages.FORMAT, tree, words)}")
    if os.path.isdir(final):
        return final
    with fresh_directory(final) as fresh:
        work = os.path.join(fresh, "work")
        shutil.copytree(folder, work)
        # No type data: it would need pahole.
        make = ["make", "-C", setup.headers(), f"M={work}", "CONFIG_DEBUG_INFO_BTF_MODULES="]
        jobs = f"-j{os.cpu_count() or 1}"
        # What make was started with for the project is not meant for the kernel's files.
        env = {k: v for k, v in setup.environment().items() if k not in ("MAKEFLAGS", "MFLAGS", "KERNEL")}
        said = command("building the test modules", [*make, jobs, *words, "modules"], env=env)
        for name in os.listdir(work):
            if name.endswith(".ko"):
                os.rename(os.path.join(work, name), os.path.join(fresh, name))
        shutil.rmtree(work)
        with open(os.path.join(fresh, "log"), "w", encoding="utf-8") as file:
            file.write(said)
    return final
