#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Figures and pages of made-up runs: scripts against golden ones, gnuplot's opinion of all of them, and the pages' HTML.

    test_figures.py FIGURE_PRINT GOLDEN            (with WS_GOLDEN=write: makes the golden ones)
"""

import html.parser
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import Skip, Tap, check, check_equal  # noqa: E402

PRINT, GOLDEN = sys.argv[1:]
FIGURES = "histogram cdf tail time rates gaps waterfall".split()
GOLDENS = [
    *(("two", figure) for figure in FIGURES if figure != "time"),
    ("tiny", "time"),
    ("odd", "waterfall"),
    ("compare", "rates"),
]
NOTHING = 3
VOID = {"meta", "link", "br", "hr", "img", "input"}


def run(*arguments, **more):
    return subprocess.run([PRINT, *arguments], capture_output=True, timeout=120, **more)


def script(sample, figure, *more):
    """The script, or None if there is nothing to draw."""
    done = run(sample, figure, "script", *more)
    check(done.returncode in (0, NOTHING), f"status {done.returncode}: {done.stderr!r}")
    return done.stdout.decode() if done.returncode == 0 else None


def samples():
    return run("samples").stdout.decode().split()


def golden(sample, figure):
    path = os.path.join(GOLDEN, f"{sample}-{figure}.gp")
    text = script(sample, figure)
    check(text, "nothing to draw")
    if os.environ.get("WS_GOLDEN") == "write":
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    with open(path, encoding="utf-8") as file:
        wanted = file.read().splitlines()
    for number, (got, want) in enumerate(zip(text.splitlines(), wanted), 1):
        check_equal(got, want, f"{sample}-{figure}.gp, line {number}")
    check_equal(len(text.splitlines()), len(wanted), "lines")


def bounded(sample):
    for figure in FIGURES:
        blocks = re.findall(r"^\$\w+ << EOD\n(.*?)^EOD$", script(sample, figure) or "", re.M | re.S)
        for block in blocks:
            check(block.count("\n") <= 2000, f"{figure}: a curve of {block.count(chr(10))} points")


def what_is_possible():
    for figure in FIGURES:
        check_equal(script("empty", figure), None, f"{figure} of nothing")
        alone = script("one", figure)
        check_equal(alone is None, figure == "rates", f"{figure} of one series is empty")


def need_gnuplot():
    if not shutil.which("gnuplot"):
        raise Skip("gnuplot is not installed (gnuplot-nox)")


def gnuplot_has_no_complaint(sample):
    need_gnuplot()
    with tempfile.TemporaryDirectory(prefix="wirestamp-test-") as folder:
        for figure in FIGURES:
            for more in ((), ("dark",)) if sample == "odd" else ((),):
                text = script(sample, figure, *more)
                if text is None:
                    continue
                done = subprocess.run(["gnuplot", "-d"], input=text.encode(), cwd=folder,
                                      capture_output=True, timeout=120)
                check_equal((done.returncode, done.stderr), (0, b""), f"{figure}: gnuplot's words")
                svg = xml.fromstring(done.stdout)
                width, height = (float(n) for n in svg.get("viewBox").split()[2:])
                check(width == 600 and 200 < height < 3000, f"{figure}: {width}x{height}")
        check_equal(os.listdir(folder), [], "files that a script has made")


def pictures_of_all_formats():
    need_gnuplot()
    for kind, begin in (("svg", b"<?xml"), ("png", b"\x89PNG\r\n"), ("pdf", b"%PDF-")):
        for figure in FIGURES:
            done = run("two", figure, kind)
            check_equal((done.returncode, done.stderr), (0, b""), f"{figure}.{kind}")
            check(done.stdout.startswith(begin), f"{figure}.{kind}: {done.stdout[:20]!r}")


def hostile_names():
    need_gnuplot()
    done = run("odd", "tail", "svg")
    texts = ["".join(e.itertext()) for e in xml.fromstring(done.stdout).iter() if e.tag.endswith("}text")]
    for part in ('"; system "touch', "_^{a} %d 100%", "bad ?? bytes", "…"):
        check(any(part in text for text in texts), f"no {part!r} in {texts}")


def without_gnuplot():
    done = run("two", "cdf", "svg", env={"PATH": "/nonexistent"})
    check_equal(done.returncode, 4, "status")
    check(b"gnuplot-nox" in done.stderr, f"does not say what to install: {done.stderr!r}")
    page = run("two", "html", env={"PATH": "/nonexistent"})
    check_equal(page.returncode, 0, "status of the page")
    text = page.stdout.decode()
    check("gnuplot-nox" in text and "<svg" not in text, "the page does not say what to install")
    Page(text)


def gnuplot_that_fails():
    with tempfile.TemporaryDirectory(prefix="wirestamp-test-") as folder:
        def program(text):
            path = os.path.join(folder, "gnuplot")
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + text)
            os.chmod(path, 0o755)
            return run("two", "cdf", "svg", env={"PATH": folder})

        for text, words in (
            ("echo first >&2; echo 'line 3: no <such> thing' >&2; exit 1", b"no <such> thing"),
            ("exit 0", b"drew nothing"),
            ("kill -9 $$", b"signal 9"),
            # More than a pipe holds, both ways, with the script unread.
            ("head -c 300000 /dev/zero | tr '\\0' x >&2; echo >&2; echo last >&2; exit 2", b": last"),
        ):
            done = program("PATH=/usr/bin:/bin\n" + text)
            check_equal(done.returncode, 1, f"status of {text!r}")
            check(words in done.stderr, f"no {words!r} in {done.stderr[-200:]!r}")
        page = run("two", "html", env={"PATH": folder})
        check(b"last" in page.stdout and b"<svg" not in page.stdout, "the page does not say why")
        Page(page.stdout.decode())


class Page(html.parser.HTMLParser):
    """Strict: every tag is closed where it was opened, nothing is loaded, no id is there twice."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.used, self.tags, self.shown = [], [], [], [], []
        self.feed(text)
        self.close()
        check_equal(self.open, [], "tags that are open at the end")
        check_equal(sorted(self.ids), sorted(set(self.ids)), "ids")
        for name in self.used:
            check(name in self.ids, f"no element has the id {name}")

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        check(tag not in ("script", "iframe", "object", "embed", "link", "img"), f"a <{tag}>")
        names = [name for name, _ in attrs]
        check_equal(sorted(names), sorted(set(names)), f"attributes of <{tag}>")
        for name, value in attrs:
            check(not name.startswith("on"), f"an attribute {name}")
            if name == "id":
                self.ids.append(value)
            elif name == "aria-labelledby":
                self.used.append(value)
            elif name in ("href", "xlink:href", "src"):
                local = value.startswith("#") or value.startswith("data:image/png;base64,")
                check(local, f"<{tag} {name}={value!r}>")
                if value.startswith("#"):
                    self.used.append(value[1:])

    def handle_endtag(self, tag):
        check(self.open and self.open[-1] == tag, f"</{tag}> where {self.open[-3:]} are open")
        self.open.pop()

    def handle_data(self, data):
        if "style" in self.open:
            check("url(" not in data and "@import" not in data, "the style sheet loads something")
        else:
            self.shown.append(data)


def pages(sample):
    text = run(sample, "html").stdout.decode()
    page = Page(text)
    check(not re.search(r"https?://", text), "an address")
    check_equal(dict(page.tags)["html"].get("lang"), "en", "language")
    tags = [tag for tag, _ in page.tags]
    check(tags.count("h1") == 1 and "table" in tags, "no title, or no table")
    for tag, attributes in page.tags:
        check(tag != "th" or attributes.get("scope") in ("row", "col"), "a heading of neither row nor column")
        check(tag != "svg" or attributes.get("aria-label"), "a figure without words")
    if shutil.which("gnuplot") and sample != "empty":
        check("svg" in tags, "no figures")
        check("rgb(" not in text, "colours that do not change with the page's")


def hostile_page():
    text = run("odd", "html").stdout.decode()
    shown = "".join(Page(text).shown)
    for part in ("<script>alert('1')</script>", "<b>bold</b>", 'is "powersave" <&>', "'1kpps,it'\\''s'"):
        check(part in shown, f"no {part!r}")
    check("<script" not in text and "<b>" not in text, "a name became a tag")


def main():
    tap = Tap()
    for sample, figure in GOLDENS:
        tap.case(f"script of {figure}, {sample}", golden, sample, figure)
    for sample in samples():
        tap.case(f"size of scripts, {sample}", bounded, sample)
        tap.case(f"gnuplot runs all scripts, {sample}", gnuplot_has_no_complaint, sample)
        tap.case(f"page, {sample}", pages, sample)
    tap.case("what is possible", what_is_possible)
    tap.case("pictures of all formats", pictures_of_all_formats)
    tap.case("hostile names", hostile_names)
    tap.case("hostile names in a page", hostile_page)
    tap.case("without gnuplot", without_gnuplot)
    tap.case("gnuplot that fails", gnuplot_that_fails)
    tap.end()


if __name__ == "__main__":
    main()
