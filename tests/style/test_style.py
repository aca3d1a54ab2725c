# SPDX-License-Identifier: ISC
"""Lints of the C code: who includes whom, lengths, names, headers that
compile alone, what must be in each file."""

import os
import re
import shutil
import subprocess

import pytest

from common import ROOT, ROOMS, code, functions, rel, sources, text, tracked

# --- who may include whom (the layers, lowest first) ------------------------

DAEMON = {
    # room: rooms of daemon/ that it may include besides itself
    "base": set(),
    "net": {"base"},
    "access": {"base"},
    "dialect": {"base"},
    "observe": {"base"},
    "route": {"base", "access", "dialect", "observe"},
    "conf": {"base", "access", "dialect", "observe", "route"},
    "upstream": {"base", "net", "conf", "access", "route", "dialect",
                 "observe"},
    "exchange": {"base", "net", "conf", "access", "route", "dialect",
                 "observe", "upstream"},
    "http": {"base", "net", "conf", "access", "route", "dialect", "observe",
             "upstream", "exchange"},
    "control": {"base", "conf", "access", "route", "observe", "upstream",
                "exchange"},
    "store": {"base", "access"},
}
# What everybody may include of proto/.
PROTO_ALL = {"proto/text.h", "proto/errors.h", "proto/metrics.h"}
# Rooms that may include more of it.
PROTO_FULL = {"control", "ctl", "tui", "proto"}
# Files of daemon/ itself.
TOP = {"main", "worker"}
PURE = {"conf", "access", "route", "dialect"}
PURE_FILES = {f"daemon/observe/{m}.{x}" for m in ("record", "hist", "ring")
              for x in "ch"} | {"daemon/control/filter.c",
                                "daemon/control/filter.h"}
IMPURE = re.compile(
    r"<(event2/[^>]*|event\.h|pthread\.h|threads\.h|sys/socket\.h"
    r"|netinet/[^>]*|arpa/[^>]*|netdb\.h|sys/un\.h|sys/epoll\.h"
    r"|sqlite3\.h|openssl/(?!sha|crypto)[^>]*)>")


def includes(path):
    for n, line in enumerate(text(path).splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if m:
            yield n, m[1], m[2]


def room(path):
    """"net" for daemon/net/conn.c, "" for daemon/main.c, "ctl"."""
    parts = rel(path).split("/")
    if parts[0] != "daemon":
        return parts[0]
    return parts[1] if len(parts) > 2 else ""


def allowed(path, name):
    mine = room(path)
    if name.startswith("proto/") or mine == "proto":
        if mine == "proto":
            return (ROOT / "proto" / name).exists() \
                or name.startswith("proto/")
        return name in PROTO_ALL or mine in PROTO_FULL or mine == ""
    if mine in ("ctl", "tui"):
        return not name.split("/")[0] in DAEMON and (
            (path.parent / name).exists() or (ROOT / mine / name).exists()
            or name.startswith(f"{mine}/"))
    theirs = name.split("/")[0] if "/" in name else ""
    if mine == "":                       # main, worker and their parts
        return True
    if theirs == "":
        return mine == "control" and name == "worker.h"
    if mine == "control" and name == "store/store.h":
        return True
    return theirs == mine or theirs in DAEMON.get(mine, set())


def test_include_direction():
    wrong = []
    for p in sources(rooms=ROOMS):
        for n, kind, name in includes(p):
            if kind == '"' and not allowed(p, name):
                wrong.append(f"{rel(p)}:{n}: may not include {name}")
    assert not wrong, "\n".join(wrong)


def test_ctl_and_tui_use_no_daemon_library():
    wrong = [f"{rel(p)}:{n}: {name}" for p in sources(rooms=("ctl", "tui"))
             for n, _, name in includes(p)
             if re.match(r"openssl/|yaml\.h|sqlite3\.h|event2/http", name)]
    assert not wrong, "\n".join(wrong)


def test_pure_rooms_are_pure():
    """No sockets, threads, event loop or database; time is an argument."""
    wrong = []
    for p in sources(rooms=("daemon",)):
        if room(p) not in PURE and rel(p) not in PURE_FILES:
            continue
        for n, line in enumerate(text(p).splitlines(), 1):
            if re.match(r"\s*#\s*include", line) and IMPURE.search(line):
                wrong.append(f"{rel(p)}:{n}: {line.strip()}")
        for n, line in enumerate(code(p).splitlines(), 1):
            m = re.search(r"\b(time|gettimeofday|clock_gettime|clock_now\w*"
                          r"|clock_mono\w*|clock_wall\w*|rand|random)\s*\(",
                          line)
            if m:
                wrong.append(f"{rel(p)}:{n}: {m[1]}(): time and chance are "
                             "arguments")
    assert not wrong, "\n".join(wrong)


def test_own_header_first():
    wrong = []
    for p in sources((".c",), ROOMS):
        if not p.with_suffix(".h").exists():
            continue
        first = next(iter(includes(p)), None)
        if first is None or first[1] != '"' or \
                os.path.basename(first[2]) != p.stem + ".h":
            wrong.append(f"{rel(p)}: does not include {p.stem}.h first")
    assert not wrong, "\n".join(wrong)


# --- lengths ----------------------------------------------------------------

def is_table(path):
    """A file that is mostly rows of a table: X-macro rows or an array."""
    rows = sum(bool(re.match(r"\s+(\w+\(|\{|X\(|\")|.*\\$", ln))
               for ln in text(path).splitlines())
    return rows > 0.6 * len(text(path).splitlines())


def test_file_lengths():
    wrong = []
    for p in sources():
        n = len(text(p).splitlines())
        if p.suffix == ".h" and n >= 150 and not is_table(p) \
                and rel(p).split("/")[0] in ROOMS:
            wrong.append(f"{rel(p)}: {n} lines, a header has less than 150")
        if n >= 800 and not is_table(p):
            wrong.append(f"{rel(p)}: {n} lines, a file has less than 800")
    for p in tracked():
        if p.suffix == ".py" and len(text(p).splitlines()) >= 1200:
            wrong.append(f"{rel(p)}: too long for a Python file")
    assert not wrong, "\n".join(wrong)


def test_function_lengths():
    """100 lines at most, if it is not a table."""
    wrong = []
    for p in sources((".c",)):
        lines = text(p).splitlines()
        for name, at, n, _ in functions(p):
            body = lines[at - 1:at + n]
            rows = sum(bool(re.match(r"\t+(\{|case |[A-Z_]+\(|\")", ln))
                       for ln in body)
            if n > 100 and rows < 0.6 * n:
                wrong.append(f"{rel(p)}:{at}: {name} has {n} lines")
    assert not wrong, "\n".join(wrong)


def test_line_lengths():
    wrong = []
    for p in sources():
        for n, line in enumerate(text(p).splitlines(), 1):
            if len(line.expandtabs(8)) > 80 and "http" not in line \
                    and not line.startswith("/* LINK: ") \
                    and not re.search(r'"[^"]{50,}"', line):
                wrong.append(f"{rel(p)}:{n}: {len(line.expandtabs(8))} "
                             "columns")
    assert not wrong, "\n".join(wrong)


# --- names ------------------------------------------------------------------

# Functions whose name another program or the language decides.
NAMES = {"main", "LLVMFuzzerTestOneInput", "LLVMFuzzerInitialize",
         "LLVMFuzzerCustomMutator"}


def module(path):
    return path.stem


# Words of C programmers that are names of their own.
OWN_WORDS = {"daemon/base/xmalloc.c": ("x",), "daemon/base/log.c": ("fatal",)}


def prefixes(path):
    """How functions of a file may begin: foo_ in foo.c and in foo_part.c;
    part_ there too; the room's name; and thing_ where the file or its header
    defines struct thing."""
    words = path.stem.split("_")
    out = {"_".join(words[:n]) for n in range(1, len(words) + 1)}
    out |= {"_".join(words[n:]) for n in range(1, len(words))}
    out.add(path.parent.name)
    heads = {path.with_name("_".join(words[:n]) + ".h")
             for n in range(1, len(words) + 1)}
    for p in (path, *heads):
        if p.exists():
            for thing in re.findall(r"^(?:struct|union|enum) (\w+)\b",
                                    code(p), re.M):
                part = thing.split("_")
                out |= {thing, part[-1]}
                if p.suffix == ".h":
                    out.add(part[0])
    return tuple(o + "_" for o in out) + OWN_WORDS.get(rel(path), ())


def test_function_names():
    wrong = []
    for p in sources((".c",), (*ROOMS,)):
        for name, at, _, static in functions(p):
            if name in NAMES or name in (module(p), p.parent.name):
                continue
            if not name.startswith(prefixes(p)):
                wrong.append(f"{rel(p)}:{at}: {name} should begin with "
                             f"{module(p)}_")
    assert not wrong, "\n".join(wrong)


def test_no_struct_typedefs():
    wrong = [f"{rel(p)}:{n}" for p in sources(rooms=ROOMS)
             for n, line in enumerate(code(p).splitlines(), 1)
             if re.match(r"\s*typedef\s+(struct|union|enum)\b", line)]
    assert not wrong, "\n".join(wrong)


def test_header_guards():
    wrong = []
    for p in sources((".h",), ROOMS):
        m = re.search(r"^#ifndef (\w+)\n#define \1$", text(p), re.M)
        want = "LLMD_" + p.stem.upper()
        if not m or not m[1].startswith("LLMD_") or \
                p.stem.upper() + "_H" not in m[1]:
            wrong.append(f"{rel(p)}: guard {m and m[1]}, not {want}_H")
    assert not wrong, "\n".join(wrong)


# libevent's error callback of a listener does not say whose it is.
GLOBALS = {("daemon/http/gate.c", "gate_this")}


def test_no_mutable_globals():
    """Only base/log has any, and what readline's callbacks without an
    argument need."""
    wrong = []
    for p in sources((".c",), ROOMS):
        if rel(p) in ("daemon/base/log.c", "ctl/repl.c"):
            continue
        depth = 0
        for n, line in enumerate(code(p).splitlines(), 1):
            if depth == 0:
                m = re.match(
                    r"(?:static\s+)?(?!const\b|extern\b|typedef\b|return\b"
                    r"|struct \w+ \{|enum\b|union \w+ \{|STAILQ|TAILQ|LIST"
                    r"|SLIST)(?:_Thread_local\s+)?[a-z_]\w*[\w \t\*]*?"
                    r"\*?(\w+)(\[[^\]]*\])*\s*(=|;)", line)
                if m and "const" not in line and "(" not in line \
                        and (rel(p), m[1]) not in GLOBALS:
                    wrong.append(f"{rel(p)}:{n}: {m[1]}")
            depth += line.count("{") - line.count("}")
            depth += line.count("(") - line.count(")")
    assert not wrong, "\n".join(wrong)


# `llmctl shell` has pipes into shell commands.
CALLS = {("ctl/repl_pipe.c", "popen")}


def test_unsafe_calls():
    """Functions that have no bound or no thread safety."""
    wrong = []
    for p in sources((".c",), ROOMS):
        for n, line in enumerate(code(p).splitlines(), 1):
            m = re.search(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|gets"
                          r"|strtok|asctime|ctime|localtime|gmtime"
                          r"|system|popen|alloca|tmpnam|mktemp|inet_ntoa"
                          r"|gethostbyname)\s*\(", line)
            if m and (rel(p), m[1]) not in CALLS:
                wrong.append(f"{rel(p)}:{n}: {m[1]}")
    assert not wrong, "\n".join(wrong)


# --- headers compile alone --------------------------------------------------

def compilers():
    return [cc for cc in ("gcc", "clang") if shutil.which(cc)] or ["cc"]


def test_every_header_compiles_alone(tmp_path):
    """All in one go: one file per header, with its own flags."""
    flags = ["-std=gnu11", "-D_GNU_SOURCE", "-I.", "-Idaemon", "-Iproto",
             "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c"]
    wrong = []
    for p in sources((".h",)):
        alone = tmp_path / "alone.c"
        alone.write_text(f'#include "{p}"\n#include "{p}"\n')
        c = subprocess.run(
            [compilers()[0], *flags, f"-I{p.parent}", str(alone)], cwd=ROOT,
            capture_output=True, text=True)
        if c.returncode:
            wrong.append(f"{rel(p)}:\n{c.stderr[:600]}")
    assert not wrong, "\n".join(wrong)


# --- the shape of files -----------------------------------------------------

def test_licence_line():
    wrong = [rel(p) for p in sources()
             if not text(p).startswith("/* SPDX-License-Identifier: ISC */")]
    wrong += [rel(p) for p in tracked()
              if p.suffix in (".py", ".sh", ".mjs") and
              "SPDX-License-Identifier: ISC" not in
              "\n".join(text(p).splitlines()[:3])]
    assert not wrong, "\n".join(wrong)


def test_white_space():
    wrong = []
    for p in sources():
        t = text(p)
        if not t.endswith("\n") or t.endswith("\n\n"):
            wrong.append(f"{rel(p)}: last line")
        for n, line in enumerate(t.splitlines(), 1):
            if line != line.rstrip():
                wrong.append(f"{rel(p)}:{n}: space at the end")
            if line.startswith("        ") and "*" not in line[:10]:
                wrong.append(f"{rel(p)}:{n}: eight spaces, not a tab")
            if "\r" in line:
                wrong.append(f"{rel(p)}:{n}: CR")
    assert not wrong, "\n".join(wrong)


def test_nothing_is_left_to_do():
    wrong = []
    for p in sources():
        for n, line in enumerate(text(p).splitlines(), 1):
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
                wrong.append(f"{rel(p)}:{n}: {line.strip()[:70]}")
    assert not wrong, "\n".join(wrong)


def test_return_type_on_its_own_line():
    wrong = []
    for p in sources((".c",), ROOMS):
        lines = code(p).splitlines()
        for n, line in enumerate(lines, 1):
            if "__attribute__" in "".join(lines[n:n + 1]):
                continue            # a declaration with an attribute
            if re.match(r"(static |const |unsigned |struct \w+ )*"
                        r"(int|void|bool|char|size_t|ssize_t|\w+_t|struct "
                        r"\w+|enum \w+|long|double|const char)"
                        r"(\s+\**|\s*\*+\s*)"
                        r"[a-z]\w+\([^;]*\)\s*\{?$", line) \
                    and not line.rstrip().endswith((";", ",")):
                wrong.append(f"{rel(p)}:{n}: {line.strip()[:70]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("folder", ["daemon", "ctl", "tui", "proto"])
def test_rooms_are_known(folder):
    """No new folder without a place in the layers."""
    top = ROOT / folder
    if not top.is_dir():
        pytest.fail(f"no {folder}/")
    have = {rel(p).split("/")[1] for p in sources(rooms=(folder,))
            if rel(p).count("/") > 1}
    known = {"daemon": set(DAEMON), "ctl": set(), "tui": {"widget"},
             "proto": {"schema"}}[folder]
    assert have <= known, have - known
