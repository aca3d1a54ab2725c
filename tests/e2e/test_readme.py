# SPDX-License-Identifier: ISC
"""README.md is true: its configuration runs as it stands there, its commands
and programs do what it prints.  Only the ports are moved: what llmd would
send to :11434 goes to this test's llmsim (tests/e2e/preload), and :4000 is
this test's llmd."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time

import pytest

from preloaded import Net
from proc import BUILD, ROOT, TESTS, clean_env
from wait import seconds, wait_until

README = (ROOT / "README.md").read_text()
KEY = "sk-local-dev-key"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def commands():
    """[(command, what the README prints)] of all console blocks."""
    found = []
    for block in blocks("console"):
        for m in re.finditer(r"^\$ ((?:.*\\\n)*.*\n)((?:(?!\$ ).*\n)*)",
                             block, re.M):
            found.append((m[1].strip(), m[2].rstrip("\n")))
    return found


@pytest.fixture
def start(llmd, sims, tmp_path):
    """Starts llmd with a text as its config.yaml; returns it and llmsim."""
    def go(text, **kw):
        sim = sims("--demo", "--pace-ms", "1", models="task-api-model",
                   host="localhost")
        net = Net(tmp_path)
        net.rules(f"connect 127.0.0.1 to {sim.port}",
                  f"connect ::1 to {sim.port}")
        return llmd(text, key=KEY, env=net.env, **kw), sim
    return go


@pytest.fixture
def gw(start):
    """llmd with the repository's config.yaml."""
    return start((ROOT / "config.yaml").read_text())[0]


def shell(gw, command, timeout=30):
    """Runs a line of the README; llmctl and llmd are those of the build."""
    env = clean_env(gw.dir, LLMCTL_SOCKET=gw.socket,
                    PATH=f"{BUILD}:{os.environ['PATH']}")
    command = re.sub(r"^curl ", "curl -sS ", command)
    p = subprocess.run(
        ["sh", "-c", command.replace("localhost:4000",
                                     f"localhost:{gw.port}")],
        cwd=gw.dir, env=env, capture_output=True, text=True,
        timeout=seconds(timeout))
    assert p.returncode == 0, (command, p.returncode, p.stdout, p.stderr)
    return p.stdout


# --- the three asks ---------------------------------------------------------

def three_asks():
    (block,) = blocks("yaml")
    assert len(block.splitlines()) == 12
    return block


def test_three_asks_as_it_stands(start):
    """100 requests a minute, exact while two workers are asked at once, then
    429 with the time to wait; each request is a line of the log."""
    gw, sim = start(three_asks())
    said = [ln for ln in gw.log().splitlines() if "warning" in ln]
    assert not [ln for ln in said if "everybody on this machine" not in ln]
    answers, lock = [], threading.Lock()

    def ask():
        for _ in range(15):
            r = gw.chat("task-api-model", max_tokens=1)
            with lock:
                answers.append(r)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    statuses = [r.status for r in answers]
    assert statuses.count(200) == 100
    refused = [r for r in answers if r.status != 200]
    assert {r.status for r in refused} == {429}
    for r in refused:
        assert 1 <= int(r.headers["Retry-After"]) <= 60
        assert r.json()["error"]["code"] == "rate_limit_exceeded"
        assert "rpm" in r.json()["error"]["message"]
    assert len(sim.requests("task-api-model")) == 100
    wait_until(lambda: len(gw.records("requests.log")) == 120, 5,
               "a line for each request")
    lines = gw.records("requests.log")
    assert sum(r["status"] == 429 for r in lines) == 20
    assert {r["key"] for r in lines} == {"master"}
    text = (gw.dir / "requests.log").read_text()
    assert KEY not in text and "Bearer" not in text


def spellings():
    """The timeout in the block and the two other ways that the README
    names."""
    block = three_asks()
    line = re.search(r"^ *timeout: 30\b.*\n", block, re.M)[0]
    others = re.findall(r"`(\w+: \{\w*timeout: 30\})`", README)
    assert len(others) == 2
    return [block, *(block.replace(line, "") + o + "\n" for o in others)]


@pytest.mark.parametrize("n", range(3))
def test_timeout_of_30_seconds(start, n):
    """Each spelling, with one second in place of thirty."""
    text, k = re.subn(r"timeout: 30\b", "timeout: 1", spellings()[n])
    assert k == 1
    gw, sim = start(text)
    sim.script("task-api-model", delay=20000)
    began = time.monotonic()
    r = gw.chat("task-api-model")
    assert r.status == 504
    assert r.json()["error"]["code"] == "upstream_timeout"
    assert 0.9 < time.monotonic() - began < seconds(4)


# --- what it tells to type --------------------------------------------------

def test_curl_prints_what_it_says(gw):
    seen = 0
    for command, printed in commands():
        if not command.startswith("curl "):
            continue
        seen += 1
        got = json.loads(shell(gw, command))
        try:
            want = json.loads(printed)
        except ValueError:      # the completion is cut
            assert list(got)[:5] == re.findall(r"\"(\w+)\":", printed)[:5]
            said = got["choices"][0]["message"]
            assert said["role"] == "assistant"
            assert said["content"].startswith(
                re.search(r"\"content\":\"(.*?)\.\.\.", printed, re.S)[1])
        else:
            assert got == want
    assert seen == 3


NUMBER = re.compile(r"~?\d[\d,.:]*\w*|%|-")


def shape(line):
    """A line without its numbers and the width of its columns."""
    return re.sub(r"\s+", " ", NUMBER.sub("#", line)).strip()


def test_llmctl_prints_what_it_says(gw):
    """Tables have the README's head and rows, sentences its words."""
    got = {c: shell(gw, c) for c, _ in commands()
           if c.startswith("llmctl ")}
    want = dict(commands())
    assert set(got) == {
        "llmctl models", "llmctl test task-api-model", "llmctl tail",
        'llmctl route set gpt-4o-mini task-api-model -m "no key yet"'}
    assert shape(got["llmctl models"]) == shape(want["llmctl models"])
    for command in got:
        if command.startswith("llmctl route set"):
            assert got[command].strip() == want[command]
    test = got["llmctl test task-api-model"].splitlines()
    said = want["llmctl test task-api-model"].splitlines()
    assert test[0] == said[0]
    assert shape(test[-1]) == shape(said[-1])
    line = want["llmctl tail"].splitlines()[0].split()
    tail = got["llmctl tail"].split()       # the test alone has come by
    assert len(tail) == len(line)
    assert tail[2:5] == line[2:5]
    assert tail[7] == line[7] == "ttft"


def command_words():
    text = re.sub(r"\\\n", " ", (ROOT / "proto/commands.h").read_text())
    return re.findall(r"X\([A-Z_]+,\s*\"([a-z ]+)\",\s*\"[^\"]*\",\s*\"",
                      text.split("COMMAND_FLAGS")[0])


def test_llmctl_commands_exist(gw):
    """Every llmctl command named anywhere in README.md, with its flags."""
    known = command_words()
    named = set(re.findall(r"llmctl ((?:[a-z]+\b ?|--?[a-z-]+\b ?)+)",
                           README))
    assert len(named) > 8
    for text in named:
        words = text.split()
        match = [k for k in known if words[:len(k.split())] == k.split()]
        if not match and words[0] not in {k.split()[0] for k in known}:
            # prose: "llmctl links GNU readline", "llmctl and llmtop"
            assert f"`llmctl` {words[0]}" in README, text
            continue
        assert match, f"no such command: llmctl {text}"
        out = shell(gw, f"llmctl help {match[0]}")
        for flag in words:
            if flag.startswith("-"):
                assert re.search(rf"(^|[ ,]){flag}\b", out, re.M), text


def test_make_targets_exist():
    make = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`(?:sudo )?make ([a-z-]+)", README):
        assert re.search(rf"^(?:[a-z-]+ )*{target}(?: [a-z-]+)*:", make,
                         re.M), target


def test_python_snippet(gw, tmp_path):
    (code,) = blocks("python")
    p = subprocess.run(
        [sys.executable, "-c", code.replace("localhost:4000",
                                            f"localhost:{gw.port}")],
        capture_output=True, text=True, timeout=seconds(60),
        env=clean_env(gw.dir))
    assert p.returncode == 0, p.stderr
    assert p.stdout.startswith("I'll create a task for the review"), p.stdout


def test_node_snippet(gw, tmp_path):
    (code,) = blocks("js")
    node = shutil.which("node", path=os.path.dirname(sys.executable)) or \
        shutil.which("node")
    modules = TESTS / "node/node_modules"
    if not node or not modules.exists():
        pytest.skip("no Node SDK: sh tests/setup.sh")
    (tmp_path / "node_modules").symlink_to(modules)
    script = tmp_path / "snippet.mjs"
    script.write_text(code.replace("localhost:4000", f"localhost:{gw.port}"))
    p = subprocess.run([node, str(script)], capture_output=True, text=True,
                       timeout=seconds(60), env=clean_env(gw.dir))
    assert p.returncode == 0, p.stderr
    assert p.stdout.startswith("I'll create a task for the review"), p.stdout
