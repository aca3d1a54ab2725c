# SPDX-License-Identifier: ISC
"""The manuals against the tables that the programs are made from: what is in
a table is in its manual, and the manual names nothing else."""

import functools
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAN = ROOT / "man"
PAGES = ["llmd.8", "llmctl.1", "llmtop.1", "llmd.yaml.5", "llmd-control.7"]


@functools.cache
def source(name):
    return (ROOT / name).read_text()


@functools.cache
def rows(name, table):
    """The rows of `#define TABLE(X)` in a header, as lists of strings."""
    text = source(name)
    start = text.index(f"#define {table}(X)")
    end = re.compile(r"[^\\]\n").search(text, start).end()
    text = text[start:end].replace("\\\n", " ")
    found = []
    for row in re.finditer(r"\bX\(((?:[^()\"]|\"(?:[^\"\\]|\\.)*\")*)\)",
                           text.split("(X)", 1)[1]):
        cells = re.findall(r"((?:\"(?:[^\"\\]|\\.)*\"\s*)+)|([\w.]+)", row[1])
        found.append([
            "".join(re.findall(r"\"((?:[^\"\\]|\\.)*)\"", s)) if s else w
            for s, w in cells])
    assert found, (name, table)
    return found


# --- mdoc -------------------------------------------------------------------

MACROS = set("Ar Cm Dv Ev Fl Ic It Nm No Ns Oc Oo Op Pa Pc Po Pq Ql".split())
DELIMITERS = set(",.;:()[]|!?")


@functools.cache
def sections(page):
    """{section heading: [lines]}; subsections belong to their section."""
    found, here = {}, None
    for line in (MAN / page).read_text().splitlines():
        if line.startswith(".Sh "):
            here = found.setdefault(line[4:], [])
        elif here is not None:
            here.append(line)
    return found


def words(line, macro):
    """The arguments of a macro in a line: `.It Ic a , b Ar c` gives a, b for
    Ic."""
    taken, on = [], False
    for w in line.lstrip(".").split():
        if w in MACROS:
            on = w == macro
        elif on and w not in DELIMITERS:
            taken.append(w.removeprefix("\\&"))
    return taken


def named(lines, macro):
    return [w for ln in lines if ln.startswith(".")
            for w in words(ln, macro)]


def every(page, macro):
    return [w for lines in sections(page).values()
            for w in named(lines, macro)]


def items(lines, macro):
    """[(first words of macro, the whole line)] of the .It lines."""
    return [(words(ln, macro), ln) for ln in lines
            if ln.startswith(f".It {macro} ")]


def mandoc(*args):
    try:
        p = subprocess.run(["mandoc", *args], capture_output=True, text=True,
                           env={**os.environ, "LC_ALL": "C.UTF-8"})
    except FileNotFoundError:
        pytest.fail("mandoc is not installed: sh deploy/deps.sh build test")
    return p.stdout


# --- form -------------------------------------------------------------------

def test_pages_are_all_there():
    assert sorted(p.name for p in MAN.iterdir()) == sorted(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_lint(page):
    """mandoc has nothing to say, but for our own pages, which are not
    installed here."""
    said = [ln for ln in mandoc("-Tlint", "-W", "style",
                                MAN / page).splitlines()
            if "referenced manual not found" not in ln
            and "mandoc.db" not in ln]
    assert not said, "\n".join(said)


@pytest.mark.parametrize("page", PAGES)
def test_references(page):
    for name, section in re.findall(r"^\.Xr (\S+) (\d)",
                                    (MAN / page).read_text(), re.M):
        assert (MAN / f"{name}.{section}").exists(), f"{name}({section})"


@pytest.mark.parametrize("page", PAGES)
def test_fits_80_columns(page):
    text = re.sub(r".\x08", "", mandoc("-Tutf8", "-Owidth=78", MAN / page))
    wide = [ln for ln in text.splitlines() if len(ln) > 80]
    assert not wide, "\n".join(wide)


# --- llmd(8) ----------------------------------------------------------------

def option_rows():
    text = source("daemon/options.c")
    text = text[text.index("options_rows[] = {"):text.index("OPTIONS_N")]
    return re.findall(r"\{ \"(\w[\w-]*|)\", ('.'|0), (OPT_\w+),", text)


def test_options():
    lines = sections("llmd.8")["OPTIONS"]
    flags = {w for ln in lines for w in words(ln, "Fl")}
    known = set()
    for name, letter, _ in option_rows():
        known |= {f"-{name}"} if name else set()
        known |= {letter[1]} if letter != "0" else set()
    assert flags == known


def test_options_without_effect():
    """Those and no others stand in the list after "no effect"."""
    lines = sections("llmd.8")["OPTIONS"]
    at = next(i for i, ln in enumerate(lines) if "have no effect" in ln)
    ignored = {n for n, _, kind in option_rows()
               if kind.startswith("OPT_IGNORED")}
    assert {w[1:] for w in named(lines[at:], "Fl")} == ignored


def test_routes():
    text = source("daemon/http/server.c")
    text = text[text.index("server_routes[]"):text.index("server_later[]")]
    served = set(re.findall(r"\{ \"(/[^\"]*)\"", text))
    listed = {w for ln in sections("llmd.8")["HTTP"]
              if ln.startswith(".It Ic ") for w in words(ln, "Ic")
              if w.startswith("/")}
    assert listed == served


def error_rows():
    text = re.sub(r"\\\n", " ", source("proto/errors.h"))
    found = re.findall(
        r"ERROR\((\w+), \"(\w*)\", (\d+),\s+\"\w*\",\s+\"\w*\","
        r"\s+(-?\d+),\s+(\d+),", text)
    assert len(found) == text.count("ERROR(") - 1
    return [(i, code, int(status), int(rpc), int(exit))
            for i, code, status, rpc, exit in found if code]


def test_error_codes():
    table = {(code, status) for _, code, status, _, _ in error_rows()
             if status}
    listed = {(w[0], int(ln.split("Pq ")[1])) for w, ln in
              items(sections("llmd.8")["ERROR CODES"], "Cm")}
    assert listed == table


def test_environment():
    """Every variable that the daemon asks for by name."""
    asked = set()
    for path in (ROOT / "daemon").rglob("*.c"):
        asked |= set(re.findall(
            r"(?:getenv|\w+_env|conf_env_get)\([^\"();]*\"([A-Za-z_]+)\"",
            path.read_text()))
    assert {"PORT", "NOTIFY_SOCKET", "LITELLM_LOG"} <= asked
    named_here = set(named(sections("llmd.8")["ENVIRONMENT"], "Ev"))
    assert asked <= named_here


def test_limits():
    """The defaults that the manual gives in its table are those of the
    code."""
    text = " ".join(sections("llmd.8")["HTTP"])
    http1 = source("daemon/net/http1.h")
    assert re.search(r"HTTP1_LINE_MAX\s+8190\b", http1)
    assert re.search(r"HTTP1_HEAD_MAX\s+(32768|\(32 \* 1024\))", http1)
    assert re.search(r"HTTP1_FIELDS_MAX\s+100\b", http1)
    assert "32 KiB, 8,190 bytes, 100; 10 s" in text


# --- llmctl(1) --------------------------------------------------------------

def flag_names(spec):
    spec = spec.split("=")[0].rstrip("?")
    return [f.lstrip("-") if len(f) == 2 else f[1:] for f in spec.split(",")]


def test_commands():
    table = {r[1] for r in rows("proto/commands.h", "COMMANDS")}
    listed = [" ".join(w) for w, _ in
              items(sections("llmctl.1")["COMMANDS"], "Ic")]
    assert sorted(listed) == sorted(table)


def test_command_flags():
    """Each command's own flags stand in its entry, and no others do."""
    entries, here = {}, None
    for ln in sections("llmctl.1")["COMMANDS"]:
        if ln.startswith(".It Ic "):
            here = entries.setdefault(" ".join(words(ln, "Ic")), set())
        if here is not None and ln.startswith(".It"):
            here |= set(words(ln, "Fl"))
    entries["shell"] |= set(named(sections("llmctl.1")["SHELL"], "Fl"))
    words_of = {r[0]: r[1] for r in rows("proto/commands.h", "COMMANDS")}
    want = {w: set() for w in words_of.values()}
    shared = {}
    for owner, spec, _ in rows("proto/commands.h", "COMMAND_FLAGS"):
        if owner == "GLOBAL":
            continue
        want[words_of[owner]] |= set(flag_names(spec))
        shared.setdefault(spec, []).append(words_of[owner])
    for name, flags in want.items():
        # --message and --dry-run are explained once.
        assert entries[name] <= flags, name
        missing = flags - entries[name] - {"-message"}
        assert not missing, (name, missing)
    assert "-message" in named(sections("llmctl.1")["COMMANDS"], "Fl")


def test_global_flags():
    table = set()
    for owner, spec, _ in rows("proto/commands.h", "COMMAND_FLAGS"):
        if owner == "GLOBAL":
            table |= set(flag_names(spec))
    listed = {w for ln in sections("llmctl.1")["FLAGS"]
              if ln.startswith(".It Fl ") for w in words(ln, "Fl")}
    assert listed == table


def test_exit_statuses():
    lines = sections("llmctl.1")["EXIT STATUS"]
    listed = {int(ln.split()[1]) for ln in lines if ln.startswith(".It ")}
    assert {exit for *_, exit in error_rows()} <= listed
    assert {0, 1, 130, 141} <= listed


def test_llmctl_environment():
    asked = set()
    for path in [*(ROOT / "ctl").glob("*.c"),
                 *(ROOT / "proto").glob("client*.c")]:
        asked |= set(re.findall(r"(?:getenv|_env|_env_on)\(\"([A-Z_]+)\"",
                                path.read_text()))
    assert asked == set(named(sections("llmctl.1")["ENVIRONMENT"], "Ev"))


# --- llmd-control(7) --------------------------------------------------------

def test_methods():
    table = {}
    for _, name, role, lane, *_ in rows("proto/methods.h", "METHODS"):
        lane = "" if lane == "CALL" else f" , {lane.lower()}"
        table[name] = f"{role.lower()}{lane}"
    listed = {w[0]: ln.split("Pq ")[1] for w, ln in
              items(sections("llmd-control.7")["CALLS"], "Ic")}
    assert listed == table


def test_events():
    lines = sections("llmd-control.7")["EVENTS"]
    assert {w[0] for w, _ in items(lines, "Cm")} == {
        r[1] for r in rows("proto/topics.h", "TOPICS")}
    assert set(named(lines, "Ic")) - {"event.subscribe"} == {
        r[1] for r in rows("proto/topics.h", "TOPIC_EVENTS")}


def test_control_errors():
    table = {(code, rpc) for _, code, status, rpc, _ in error_rows()
             if not status and rpc and code not in ("usage", "timeout")}
    listed = {(w[0], int(ln.split("Pq ")[1])) for w, ln in items(
        sections("llmd-control.7")["ERRORS IN ANSWERS"], "Cm")}
    assert listed == table


# --- llmd.yaml(5) -----------------------------------------------------------

SECTIONS = {
    "schema_top_rows": "THE TOP LEVEL",
    "schema_entry_rows": "MODEL_LIST ENTRIES",
    "schema_params_rows": "LITELLM_PARAMS",
    "schema_info_rows": "MODEL_INFO",
    "schema_litellm_rows": "LITELLM_SETTINGS",
    "schema_router_rows": "ROUTER_SETTINGS",
    "schema_general_rows": "GENERAL_SETTINGS",
    "schema_llmd_rows": "LLMD_SETTINGS",
}
TYPES = {
    "BOOL": "boolean", "INT": "integer", "U16": "integer", "U32": "integer",
    "I64": "integer", "NUM": "number", "SECONDS": "seconds",
    "BYTES32": "size", "BYTES64": "size", "STR": "text", "STRS": "list",
    "MAP": "mapping",
}


def cells(row):
    """The arguments of a macro, strings joined, at the top level only."""
    out, cell, depth = [], "", 0
    for part in re.findall(r"\"(?:[^\"\\]|\\.)*\"|[(){}]|,|[^\"(){},]+",
                           row):
        if part == "," and depth == 0:
            out.append(cell.strip())
            cell = ""
            continue
        depth += (part in "({") - (part in ")}")
        cell += part
    out.append(cell.strip())
    return ["".join(re.findall(r"\"([^\"]*)\"", c)) if '"' in c else c
            for c in out]


@functools.cache
def schema():
    """{table: {key: (kind, type, default, note)}}."""
    tables = {}
    text = source("daemon/conf/schema_model.c") + \
        source("daemon/conf/schema_settings.c")
    for name, body in re.findall(
            r"struct schema_row (\w+)\[\] = \{\n(.*?)\tLAST\n\};", text,
            re.S):
        table = tables[name] = {}
        for kind, row in re.findall(
                r"^\t([A-Z_0-9]+)\((.*?)\),$(?=\n(?:\t[A-Z{]|\Z))",
                body, re.S | re.M):
            c = cells(" ".join(row.split()))
            if kind == "ACTS":
                table[c[0]] = ("acts", c[1], c[7], None)
            elif kind.startswith("LIMIT_"):
                t = {"MS": "U32", "B32": "BYTES32", "B64": "BYTES64"}[
                    kind[6:]]
                table[c[0]] = ("acts", t, c[-2], None)
            elif kind == "CODE":
                table[c[0]] = ("acts", c[1], c[2], None)
            elif kind == "BODY":
                table[c[0]] = ("body", c[1], "NULL", None)
            else:
                table[c[0]] = (kind.lower(), "ANY", "NULL",
                               c[1] if len(c) > 1 else None)
        for row in re.findall(r"^\t\{ (\".*?) \},$", body, re.S | re.M):
            c = cells(" ".join(row.split()))
            assert c[1] == "SCHEMA_ENUM", c
            table[c[0]] = ("acts", "ENUM", c[7], c[8])
    return tables


def test_schema_is_read():
    """The reader above finds every row that the C compiler does."""
    assert set(schema()) == set(SECTIONS)
    text = source("daemon/conf/schema_model.c") + \
        source("daemon/conf/schema_settings.c")
    macros = re.findall(r"^\t(?:ACTS|CODE|BODY|LATER|QUIET|PLACED|NOWHERE|"
                        r"REFUSED|LIMIT_\w+)\(\"|^\t\{ \"", text, re.M)
    assert len(macros) == sum(map(len, schema().values())) > 300


@pytest.mark.parametrize("table", SECTIONS)
def test_keys(table):
    lines = sections("llmd.yaml.5")[SECTIONS[table]]
    listed = set(named(lines, "Ic"))
    assert listed == set(schema()[table])


@pytest.mark.parametrize("table", SECTIONS)
def test_types_and_defaults(table):
    lines = sections("llmd.yaml.5")[SECTIONS[table]]
    heads = {w[0]: ln for w, ln in items(lines, "Ic")}
    acting = {k for k, v in schema()[table].items() if v[0] == "acts"}
    assert set(heads) == acting
    for key, (_, kind, default, note) in schema()[table].items():
        if key not in acting:
            continue
        head = heads[key].split(" : No ", 1)[1]
        said = head.split(" Pq default ")
        want = note.replace("|", " | ") if kind == "ENUM" else \
            TYPES.get(kind, said[0])
        assert said[0] == want, (key, head)
        assert (said[1] if len(said) > 1 else "NULL") == default, (key, head)


KINDS = {       # what a paragraph says -> kinds of the keys that it lists
    "Defaults of the request body": {"body"},
    "Without effect yet": {"later"},
    "Nothing is done": {"quiet"},
    "Anything else": {"quiet"},
    "Belongs to": {"placed"},
    "Never an effect": {"nowhere"},
    "Refuse the start": {"refused"},
}


@pytest.mark.parametrize("table", SECTIONS)
def test_effects(table):
    """A key stands in the paragraph that tells the truth about it."""
    kinds = {"acts"}
    for ln in sections("llmd.yaml.5")[SECTIONS[table]]:
        kinds = next((k for start, k in KINDS.items()
                      if ln.startswith(start)), kinds)
        if ln.startswith(".It Ic ") or ln in (".El", "Limits"):
            kinds = {"acts"}
        for key in words(ln, "Ic") if ln.startswith(".") else ():
            assert schema()[table][key][0] in kinds, (key, kinds)


def test_body_types():
    lines = sections("llmd.yaml.5")["LITELLM_PARAMS"]
    at = next(i for i, ln in enumerate(lines)
              if ln.startswith("Defaults of the request body"))
    kind = None
    for ln in lines[at:lines.index(".El", at)]:
        if ln.startswith(".It "):
            kind = ln[4:]
        for key in words(ln, "Ic") if ln.startswith(".Ic") else ():
            want = schema()["schema_params_rows"][key][1]
            assert TYPES.get(want, "any value") == kind, key


def provider_rows():
    text = source("daemon/conf/providers.c")
    text = text[text.index("struct provider providers[]"):
                text.index("#define PROVIDERS_N")]
    return [(kind, *re.findall(r"\"([^\"]*)\"", row)) for kind, row in
            re.findall(r"^\t(WORKS|OPENAI|NOT_YET|NEVER)\((.*?)\),$",
                       text, re.S | re.M)]


def test_providers():
    """Each provider once, with every URL and variable of its row."""
    lines = sections("llmd.yaml.5")["PROVIDERS"]
    entries, here = {}, []
    for ln in lines:
        if ln.startswith(".It Cm "):
            here = [ln]
            for w in words(ln, "Cm"):
                assert w not in entries
                entries[w] = here
        else:
            here.append(ln)
    others = [w for w in named(lines, "Cm") if w not in entries]
    for kind, name, *texts in provider_rows():
        if kind in ("NOT_YET", "NEVER"):
            assert others.count(name) == 1, name
            continue
        entry = " ".join(entries.pop(name))
        for text in texts:
            if text not in ("HTTP-Referer", "X-Title", "OR_SITE_URL",
                            "OR_APP_NAME"):
                assert text in entry, (name, text)
    assert not entries
    assert len(others) == sum(k in ("NOT_YET", "NEVER")
                              for k, *_ in provider_rows())


# --- llmtop(1) --------------------------------------------------------------

SCOPES = {
    "REQUESTS": "Requests", "ROUTES": "Routes", "MODELS": "Models",
    "LOGS": "Logs", "INSPECT": "One request", "TEST": "The test",
    "PAGER": "Help and long texts", "LIST": "Every view", "ALL": "Everywhere",
}


def test_llmtop_keys():
    """Each key stands where it works, as the screen writes it."""
    table = {name: set() for name in SCOPES.values()}
    text = source("tui/bindings.h")
    for scope, label in re.findall(
            r"\bX\((\w+), [^\"]*?, \"((?:[^\"\\]|\\.)*)\",", text):
        table[SCOPES[scope]].add(tuple(label.replace("\\\\", "\\e").split()))
    listed, here = {}, None
    for ln in sections("llmtop.1")["KEYS"]:
        if ln.startswith(".Ss "):
            here = listed.setdefault(ln[4:], set())
        elif ln.startswith(".It "):
            here.add(tuple(words(ln, "Ic")))
    assert listed == table


def test_llmtop_options():
    text = source("tui/options.c")
    known = {f"-{n}" for n in re.findall(r"^\t\{ \"([\w-]+)\", ", text,
                                         re.M)}
    known |= set(re.search(r"getopt_long\([^\"]*\"([\w:]+)\"", text)[1]
                 .replace(":", ""))
    assert {w for ln in sections("llmtop.1")["OPTIONS"]
            if ln.startswith(".It ") for w in words(ln, "Fl")} == known


def test_llmtop_views():
    table = re.findall(r"X\(\w+, view_(\w+)\)", source("tui/view.h"))
    lines = sections("llmtop.1")["DISPLAY"]
    assert [ln.split()[2].lower() for ln in lines
            if ln.startswith(".It ")] == table
    assert [w for ln in sections("llmtop.1")["OPTIONS"]
            for w in words(ln, "Cm")] == table


# --- README.md and CHANGELOG.md ----------------------------------------------

def version():
    return re.search(r"^VERSION\s*=\s*(\S+)", source("Makefile"), re.M)[1]


def test_changelog_begins_with_this_version():
    first = re.search(r"^## (\S+)", source("CHANGELOG.md"), re.M)[1]
    assert first == version()


def test_readme_counts_providers():
    """Those that work, but for the two that it names, each under two
    prefixes."""
    works = sum(kind in ("WORKS", "OPENAI") for kind, *_ in provider_rows())
    said = int(re.search(r"Ollama, OpenAI, (\d+) others by name",
                         source("README.md"))[1])
    assert said == works - 4


def test_readme_links():
    """What README.md links to inside the repository exists."""
    for link in re.findall(r"\]\(([^)#:]+)\)", source("README.md")):
        assert (ROOT / link).exists(), link
