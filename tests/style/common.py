# SPDX-License-Identifier: ISC
"""The files of the tree, as the lints see them."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
ROOMS = ("daemon", "ctl", "tui", "proto")


def tracked():
    """Every file of the project: what git tracks, and what it would take."""
    p = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"], capture_output=True, check=False)
    if p.returncode == 0:
        names = [n for n in p.stdout.decode().split("\0") if n]
    else:                       # an unpacked archive
        skip = {"build", ".git", "node_modules", "__pycache__"}
        names = [str(f.relative_to(ROOT)) for f in ROOT.rglob("*")
                 if f.is_file() and not skip & set(f.parts)]
    return sorted(p for p in (ROOT / n for n in set(names)) if p.is_file())


def rel(path):
    return str(path.relative_to(ROOT))


def sources(ext=(".c", ".h"), rooms=None):
    """C files; rooms: only under these top folders."""
    return [p for p in tracked() if p.suffix in ext and (
        rooms is None or rel(p).split("/")[0] in rooms)]


def text(path):
    return path.read_text("utf-8", "replace")


def code(path):
    """The text with comments and literals blanked out, lines kept."""
    def blank(m):
        s = m[0]
        keep = re.sub(r"[^\n]", " ", s)
        return s[0] + keep[1:-1] + s[-1] if s[0] in "\"'" and len(s) > 1 \
            else keep
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"'
                  r"|'(?:\\.|[^'\\\n])*'", blank, text(path), flags=re.S)


def functions(path):
    """(name, first line, number of lines, is static) of each function that
    the file defines.  KNF: the name begins a line, `{` and `}` stand alone
    in column 0."""
    lines = code(path).splitlines()
    found, i = [], 0
    while i < len(lines):
        m = re.match(r"([A-Za-z_]\w*)\(", lines[i])
        if not m or i == 0 or m[1] == "__attribute__":
            i += 1
            continue
        j = i
        while j < len(lines) and not re.match(r"[{};#]", lines[j]) \
                and not lines[j].rstrip().endswith(";"):
            j += 1
        if j < len(lines) and lines[j].startswith("{"):
            end = j
            while end < len(lines) and not lines[end].startswith("}"):
                end += 1
            head = lines[i - 1]
            found.append((m[1], i + 1, end - j + 1,
                          bool(re.match(r"static\b", head))))
            i = end
        i += 1
    return found
