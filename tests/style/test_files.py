# SPDX-License-Identifier: ISC
"""Lints of everything that is not C: manuals, deployment files, scripts, and
what must stand in no file at all."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from common import BUILD, ROOT, rel, sources, text, tracked

MANUALS = ["llmd.8", "llmctl.1", "llmtop.1", "llmd.yaml.5"]
# Registries' hosts, and machine paths of a developer: nothing of either may
# be in a file.  Written in halves so that this file passes its own test.
HOSTS = [a + b for a, b in (
    ("registry.npm", "js.org"), ("py", "pi.org"), ("files.python", "hosted.org"),
    ("pypi.", "org"), ("crat", "es.io"), ("proxy.gol", "ang.org"),
    ("repo.mav", "en"), ("deb.deb", "ian.org"), ("archive.ubu", "ntu.com"),
    ("security.deb", "ian.org"))]
PATHS = [a + b for a, b in (
    ("/wo", "rk/"), ("/home", "/"), ("/ro", "ot/"), ("/Us", "ers/"),
    ("/tmp/br", "ief"))]


def plain_files():
    for p in tracked():
        data = p.read_bytes()
        if b"\0" in data[:4096] or "/fuzz/corpus/" in str(p) \
                or "/fixtures/" in str(p):
            continue
        yield p, data.decode("utf-8", "replace")


def test_no_registry_host():
    wrong = [f"{rel(p)}: {h}" for p, t in plain_files() for h in HOSTS
             if h in t]
    assert not wrong, "\n".join(wrong)


def test_no_path_of_a_machine():
    wrong = []
    for p, t in plain_files():
        for n, line in enumerate(t.splitlines(), 1):
            for path in PATHS:
                if path in line and "xample" not in line \
                        and not re.search(r"\w" + re.escape(path), line):
                    wrong.append(f"{rel(p)}:{n}: {line.strip()[:70]}")
    assert not wrong, "\n".join(wrong)


def test_lock_file_has_no_addresses():
    lock = json.loads(text(ROOT / "tests/node/package-lock.json"))
    for name, p in lock["packages"].items():
        assert "resolved" not in p, name
        if name:
            assert p["integrity"].startswith("sha512-"), name
    assert "omit-lockfile-registry-resolved=true" in text(
        ROOT / "tests/node/.npmrc")


def test_requirements_are_pinned():
    for line in text(ROOT / "tests/requirements.txt").splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[\w.-]+==[\w.]+", line), line


# --- manuals ----------------------------------------------------------------

@pytest.mark.parametrize("name", MANUALS)
def test_manual_is_clean(name):
    path = ROOT / "man" / name
    assert path.exists(), f"man/{name} is missing"
    assert shutil.which("mandoc"), "mandoc is not installed"
    p = subprocess.run(["mandoc", "-Tlint", "-Wwarning", str(path)],
                       capture_output=True, text=True)
    lines = [ln for ln in (p.stdout + p.stderr).splitlines()
             if "referenced manual not found" not in ln
             and "outdated mandoc.db" not in ln]
    assert not lines, "\n".join(lines)


def command_rows():
    """(words, help) of proto/commands.h."""
    t = text(ROOT / "proto/commands.h")
    t = t.split("#define COMMANDS(X)")[1].split("#define COMMAND_FLAGS")[0]
    return re.findall(r'X\(\w+,\s*"([^"]+)"', t.replace("\\\n", " "))


def flag_rows():
    t = text(ROOT / "proto/commands.h").split("#define COMMAND_FLAGS(X)")[1]
    return re.findall(r'X\((\w+),\s*"([^"]+)"', t.replace("\\\n", " "))


def rendered(name):
    """A manual as plain text, one space between words."""
    p = subprocess.run(["mandoc", "-Tutf8", str(ROOT / "man" / name)],
                       capture_output=True, text=True)
    out = re.sub(r".\x08", "", p.stdout)
    return re.sub(r"\s+", " ", out.replace("\u2010\n", "").replace(
        "\u2010", "-").replace("\u2212", "-").replace("\u2013", "-"))


def test_llmctl_manual_names_every_command():
    assert len(command_rows()) >= 10
    man = rendered("llmctl.1")
    missing = [w for w in command_rows() if w not in man]
    for _, spec in flag_rows():
        long = re.search(r"--[\w-]+", spec)[0]
        if long not in man:
            missing.append(long)
    assert not missing, missing


def test_llmd_manual_names_every_option():
    man = rendered("llmd.8")
    t = text(ROOT / "daemon/options.c")
    names = re.findall(r'^\t\{ "([\w-]+)", [^,]+, OPT_(\w+)', t, re.M)
    assert len(names) >= 12
    missing = [n for n, kind in names if f"--{n}" not in man
               and not kind.startswith("IGNORED")]
    assert not missing, missing


def test_yaml_manual_names_every_setting():
    man = rendered("llmd.yaml.5")
    t = text(ROOT / "daemon/conf/schema_settings.c")
    part = t.split("schema_llmd_rows")[1]
    keys = re.findall(r'^\t(?:ACTS|LIMIT_\w+|CODE)\("(\w+)"', part, re.M)
    assert len(keys) >= 20
    missing = [k for k in keys if k not in man]
    assert not missing, missing


# --- deployment files -------------------------------------------------------

def test_deployment_yaml_loads():
    files = [p for p in tracked() if rel(p).startswith("deploy/")
             and p.suffix in (".yaml", ".yml")]
    assert files, "no YAML in deploy/"
    kinds = set()
    for p in files:
        for doc in yaml.safe_load_all(text(p)):
            assert isinstance(doc, dict), rel(p)
            if "kind" in doc:
                assert doc.get("apiVersion") and doc["metadata"]["name"], \
                    rel(p)
                kinds.add(doc["kind"])
    assert {"ConfigMap", "Secret", "Deployment", "Service"} <= kinds, kinds


def test_kubernetes_deployment_is_whole():
    docs = [d for p in tracked() if rel(p).startswith("deploy/")
            and p.suffix in (".yaml", ".yml")
            for d in yaml.safe_load_all(text(p)) if d]
    dep = next(d for d in docs if d.get("kind") == "Deployment")
    c = dep["spec"]["template"]["spec"]["containers"][0]
    assert c["readinessProbe"]["httpGet"]["path"].startswith("/health")
    assert c["livenessProbe"]["httpGet"]["path"].startswith("/health")
    assert dep["spec"]["selector"]["matchLabels"].items() <= \
        dep["spec"]["template"]["metadata"]["labels"].items()
    svc = next(d for d in docs if d.get("kind") == "Service")
    assert svc["spec"]["selector"].items() <= \
        dep["spec"]["template"]["metadata"]["labels"].items()
    conf = next(d for d in docs if d.get("kind") == "ConfigMap")
    for value in conf["data"].values():
        assert yaml.safe_load(value)["model_list"]


def test_systemd_unit(tmp_path):
    units = [p for p in tracked() if p.suffix == ".service"]
    assert units, "no systemd unit in deploy/"
    for p in units:
        t = text(p)
        assert "Type=notify" in t
        for line in ("NoNewPrivileges=", "ProtectSystem=", "PrivateTmp="):
            assert line in t, f"{rel(p)}: {line}"
        if not shutil.which("systemd-analyze"):
            continue
        llmd = (ROOT / BUILD / "llmd").resolve()
        copy = tmp_path / p.name
        copy.write_text(re.sub(r"^(ExecStart=)\S+", rf"\g<1>{llmd}", t,
                               flags=re.M))
        v = subprocess.run(["systemd-analyze", "verify", str(copy)],
                           capture_output=True, text=True)
        said = [ln for ln in v.stderr.splitlines() if p.name in ln
                and "Command 'man " not in ln]
        assert not said, v.stderr


def test_dockerfile():
    files = [p for p in tracked() if p.name == "Dockerfile"]
    assert files, "no Dockerfile in deploy/"
    t = text(files[0])
    assert t.count("FROM ") >= 2, "multi-stage"
    assert re.search(r"^USER (?!root)", t, re.M)
    assert "HEALTHCHECK" in t and "0.0.0.0" in t


# --- scripts and tables -----------------------------------------------------

def test_shell_scripts_parse():
    wrong = []
    for p in tracked():
        head = p.read_bytes()[:40]
        if p.suffix == ".sh" or head.startswith(b"#!/bin/sh"):
            s = subprocess.run(["sh", "-n", str(p)], capture_output=True,
                               text=True)
            if s.returncode:
                wrong.append(f"{rel(p)}: {s.stderr}")
    assert not wrong, "\n".join(wrong)


def test_python_compiles():
    for p in tracked():
        if p.suffix == ".py":
            compile(text(p), str(p), "exec")


def test_schemas():
    """Every method has a schema, every schema is one."""
    import jsonschema

    t = text(ROOT / "proto/methods.h")
    methods = re.findall(r'X\([A-Z_]+,\s*"([\w.]+)"', t.replace("\\\n", ""))
    assert len(methods) >= 10
    missing = []
    for p in (ROOT / "proto/schema").glob("*.json"):
        schema = json.loads(text(p))
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema.get("title") or schema.get("description"), rel(p)
    for m in methods:
        if not (ROOT / f"proto/schema/{m}.json").exists():
            missing.append(m)
    assert not missing, missing


def test_fault_rows_are_75():
    rows = re.findall(r"^ ?(\d+)  \S", text(ROOT / "tests/faults.txt"), re.M)
    assert [int(r) for r in rows] == list(range(1, 76))


def test_fault_tests_have_rows():
    for p in tracked():
        if p.suffix in (".py", ".c", ".mjs") and "/tests/" in str(p):
            for n in re.findall(r"\bfault_(\d\d)_", text(p)):
                assert 1 <= int(n) <= 75, rel(p)


def test_unit_tests_name_what_they_link():
    wrong = [rel(p) for p in sources((".c",))
             if re.search(r"tests/(unit/test_|fuzz/fuzz_)", rel(p))
             and not re.search(r"^/\* LINK: .* \*/$", text(p), re.M)]
    assert not wrong, "\n".join(wrong)


def test_readme_commands_exist():
    """What the README tells to type is there: make targets and files."""
    t = text(ROOT / "README.md")
    make = text(ROOT / "Makefile")
    for target in set(re.findall(r"`?make ([a-z-]+)", t)):
        assert re.search(rf"^[a-z -]*\b{target}\b[^=\n]*:", make, re.M), \
            target
    for cmd in set(re.findall(r"\bllmctl ([a-z]+)", t)):
        assert any(w.split()[0] == cmd for w in command_rows()), cmd
