# SPDX-License-Identifier: BSD-2-Clause
"""Where the machine's own apt sources get Debian from, as the text of a sources file of ours.

Knows no mirror: what is written here is what the machine says, and where the release before the current
one is too old for the laboratory, the same place with another suite.
"""

import os
import re

# Releases whose own emulator and kernel are too old: the rest comes from their backports.
NEED_BACKPORTS = ("bookworm",)
# Names of one-line options that are not those of the fields.
FIELDS = {"arch": "architectures", "lang": "languages", "target": "targets"}
ONE_LINE = re.compile(r"(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+\S+)*)\s*$")


def parse_list(text):
    """One-line sources as a list of fields: {"types": "deb", "uris": ..., "suites": ..., ...}."""
    entries = []
    for line in text.splitlines():
        found = ONE_LINE.match(line.partition("#")[0].strip())
        if not found:
            continue
        kind, options, uri, suite, components = found.groups()
        fields = {"types": kind, "uris": uri, "suites": suite, "components": components.strip()}
        for option in (options or "").split():
            name, _, value = option.partition("=")
            name = FIELDS.get(name.rstrip("+-").lower(), name.rstrip("+-").lower())
            fields[name] = value.replace(",", " ") if name in FIELDS.values() else value
        entries.append(fields)
    return entries


def parse_deb822(text):
    """The same of a file of fields. A continued value keeps its lines (a key may stand in the file)."""
    entries = []
    fields = {}
    name = None
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                entries.append(fields)
            fields, name = {}, None
        elif line[0] in " \t":
            if name:
                fields[name] += "\n" + line
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return entries


def read_sources(etc="/etc/apt"):
    """What stands in the machine's files, switched-off entries left out."""
    entries = []
    folder = os.path.join(etc, "sources.list.d")
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        names = []
    for path in [os.path.join(etc, "sources.list"), *(os.path.join(folder, n) for n in names)]:
        if not path.endswith((".list", ".sources")):
            continue
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        entries += parse_deb822(text) if path.endswith(".sources") else parse_list(text)
    return [e for e in entries if e.get("enabled", "yes").lower() not in ("no", "false", "0", "off")]


def debian_suites(entry, codename):
    """Those of an entry's suites that are Debian's for this release, under its name or `stable` and the like."""
    suites = []
    for suite in entry.get("suites", "").split():
        base = re.sub(r"(-(updates|security|backports|proposed-updates)|/updates)$", "", suite)
        if base == codename or base in ("stable", "oldstable", "oldoldstable", "testing"):
            suites.append(suite)
    return suites


def derive(entries, codename, architecture="amd64"):
    """The sources file for this release, or None if the machine's sources do not name Debian's archive."""
    stanzas = []
    backports = f"{codename}-backports"
    for entry in entries:
        suites = debian_suites(entry, codename)
        architectures = entry.get("architectures", architecture).split()
        if (
            "deb" not in entry.get("types", "").split()
            or "main" not in entry.get("components", "").split()
            or not suites
            or architecture not in architectures
        ):
            continue
        # Updates and security fixes stand elsewhere on some mirrors; backports stand with the release.
        whole = any(not re.search(r"[-/]", suite) for suite in suites)
        if whole and codename in NEED_BACKPORTS and backports not in suites:
            suites.append(backports)
        fields = {
            **{name: value for name, value in entry.items() if name != "enabled"},
            "types": "deb",
            "suites": " ".join(suites),
            "components": "main",
            "architectures": architecture,
        }
        stanzas.append("".join(f"{name.title()}: {value}\n" for name, value in fields.items()))
    if not any(re.search(r"^Suites:(.* )?[a-z]+( |$)", s, re.M) for s in stanzas):
        return None
    return "\n".join(stanzas)


def target(codename):
    """The suite that is preferred for what the machine does not have, or None: the release itself."""
    return f"{codename}-backports" if codename in NEED_BACKPORTS else None
