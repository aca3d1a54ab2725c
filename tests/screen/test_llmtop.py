# SPDX-License-Identifier: ISC
"""llmtop's views and keys against a real llmd: what goes in by keys comes
out on the screen, and reaches llmd."""

import json
import re
import subprocess

import pytest

from llmd import ollama
from llmtop import Top, row
from proc import BUILD, clean_env
from wait import wait_until


@pytest.fixture
def top(screen, llmd, sim):
    def make(*args, **kw):
        return Top(screen, llmd, sim, *args, **kw)
    return make


def test_request_appears_live_and_ends(top):
    t = top()
    t.s.wait("no requests yet")
    t.sim.script("m", text="word " * 30, words=True, pace=50, first=300)
    thread = t.ask("chat")
    t.s.wait(r"[0-9a-f]+ +chat +m@\w+ +- +(connect|prefill|stream)")
    t.s.wait(r"infl 1 ")
    t.s.wait(r"chat +m@\w+ +- +stream +3\d\dms")
    t.s.wait(r"chat +m@\w+ +- +200 +3\d\dms +\d+ ", 10)
    thread.join(10)
    t.s.wait("0 live, 1 kept")


def test_failed_request_says_why(top):
    t = top()
    t.sim.script("o", status=429, retry_after="7")
    t.ask("fast").join(10)
    t.s.wait(r"fast +o@\w+.* 429 !")
    t.ask("nokey").join(10)
    t.s.wait(r"nokey +- +- +503 !")
    t.s.keys("Home")
    t.s.wait(r"^\| .*LLMTOP_TEST_NO_KEY")


def test_ended_requests_are_there_from_the_start(top):
    t = top()
    for _ in range(3):
        t.llmd.chat("chat")
    s = t.open()
    s.wait("0 live, 3 kept")
    assert len(re.findall(r" chat +m@", s.text())) == 3


def test_inspector(top):
    t = top()
    t.sim.script("m", text="one two three", words=True, pace=20, first=200)
    t.ask("chat").join(10)
    t.s.wait(r" chat .* 200 ")
    t.s.keys("Enter")
    t.s.wait(r"^Request [0-9a-f]+  chat > m@\w+ +200")
    t.s.wait(r"accept +\d\d:\d\d:\d\d\.\d{3}  from 127\.0\.0\.1")
    t.s.wait(r"route +chat -> m@")
    t.s.wait(r"\+2\d\dms  first ")
    t.s.wait(r"status +200  finish stop")
    t.s.wait(r"to the first token 2\d\dms")
    t.s.keys("n")
    t.s.wait("that was the last request")
    t.s.keys("Escape")
    t.s.wait(r"\[1 Requests\]")


def test_test_completion_streams(top):
    t = top()
    t.sim.script("m", text="alpha beta gamma delta omega", words=True,
                 pace=150)
    t.s.keys("3")
    t.s.wait(r"\[3 Models\]")
    t.s.wait(r"chat +ok +m@")
    t.s.keys("t")
    t.s.wait("test chat, prompt: Say hi in five words")
    t.s.keys("Enter")
    t.s.wait(r"test chat -> m@")
    t.s.wait(r"alpha beta(?! gamma)")
    t.s.wait(r"streaming \d")
    t.s.wait("alpha beta gamma delta omega", 10)
    t.s.wait(r"ok  first token .* tok.*total ")
    t.s.wait(r"\$ llmctl test chat -p 'Say hi in five words'")
    t.s.keys("t")
    t.s.wait("waits for the first token|streaming")
    t.s.wait(r"ok  first token", 10)
    t.s.keys("Escape")
    t.s.wait_not(r"test chat ->")
    t.s.keys("1")
    t.s.wait(r"chat +m@\w+ +\(test\) +200")


def test_test_prompt_is_edited(top):
    t = top()
    t.sim.script("m", echo=True)
    t.s.keys("3")
    t.s.wait(r"chat +ok")
    t.s.keys("t")
    t.s.wait("prompt: ")
    t.s.keys("C-u")
    t.s.type("grüße xQy")
    t.s.keys("Left", "Left", "BSpace")
    t.s.keys("Enter")
    t.s.wait(r"│ grüße xy|│ grüße Qy")
    assert t.sim.last("m")["json"]["messages"][-1]["content"] in (
        "grüße xy", "grüße Qy")


def test_test_is_cancelled(top):
    t = top()
    t.slow()
    t.s.keys("3")
    t.s.wait(r"chat +ok")
    t.s.keys("t")
    t.s.wait("prompt: ")
    t.s.keys("Enter")
    t.s.wait("word word")
    t.s.keys("Escape")
    t.s.wait("cancelled")
    wait_until(lambda: t.sim.requests("m")[-1]["end"] != "open", 5,
               "the backend is left")
    t.s.keys("q")
    t.s.wait_not("test chat ->")
    t.s.wait(r"\[3 Models\]")


def test_test_failure_names_the_next_step(top):
    t = top()
    t.s.keys("3")
    t.s.wait(r"nokey +no key")
    t.s.keys("End")
    t.s.wait("next step: ")
    t.s.keys("t")
    t.s.wait("test nokey, prompt")
    t.s.keys("Enter")
    t.s.wait(r"FAIL  503 no_api_key")
    t.s.wait(r"Model 'nokey' has no API key: LLMTOP_TEST_NO_KEY is not set")
    t.s.wait(r"next step: \S")


def test_route_is_swapped_and_taken_back(top):
    t = top()
    t.s.keys("2")
    t.s.wait(r"chat +m@\w+ +100 .* ok")
    t.s.keys("s")
    t.s.wait(r"chat: m@\w+ -> \?")
    t.s.type("code")
    t.s.wait("1 of . match: code")
    t.s.keys("Enter")
    t.s.wait(r"before  m@")
    t.s.wait(r"after   task-api-model@")
    assert json.loads(t.llmd.ctl("routes", "--json").stdout)["data"][0][
        "source"] == "config", "changed without a yes"
    t.s.keys("n")
    t.s.wait("chat stays as it is")
    t.s.keys("w")
    t.s.wait(r"-> \?")
    t.s.type("code")
    t.s.keys("Enter")
    t.s.wait(r"Swap\? \[y/N\]")
    t.s.keys("y")
    t.s.wait(r"chat -> task-api-model@\w+  rev \d+")
    t.s.wait(r"\$ llmctl route set chat m@\w+ +\(takes it back\)")
    t.s.wait(r"rev \d+\* 1 ovr")
    t.s.wait(r"chat +task-api-model@\w+ +100 .* ok \*")
    t.llmd.chat("chat")
    assert t.sim.last()["json"]["model"] == "task-api-model"
    t.s.keys("U")
    t.s.wait("This is what the config file says")
    t.s.keys("y")
    t.s.wait(r"chat +m@\w+ +100 .* ok *$")
    t.llmd.chat("chat")
    assert t.sim.last()["json"]["model"] == "m"


def test_request_is_cancelled(top):
    t = top()
    t.slow()
    t.ask("chat")
    t.s.wait(r" chat .* stream ")
    t.s.keys("x")
    t.s.wait(r"[0-9a-f]+ cancelled after \d")
    t.s.wait(r"\$ llmctl kill [0-9a-f]+")
    t.s.wait(r"0 live, 1 kept")
    t.s.keys("x")
    t.s.wait("has ended: nothing to cancel")


def test_readonly_changes_nothing(top):
    t = top("--readonly")
    t.slow()
    t.ask("chat")
    t.s.wait(r" chat .* stream ")
    t.s.keys("x")
    t.s.wait("cancel: not with --readonly")
    t.s.keys(":")
    t.s.type("route set chat code")
    t.s.keys("Enter")
    t.s.wait("not with --readonly")
    t.s.keys("t")
    t.s.wait("test: not with --readonly")
    t.s.keys("1")
    t.s.wait(r" chat .* stream ")


def test_search(top):
    t = top()
    t.llmd.chat("chat")
    t.llmd.chat("code")
    t.s.wait("2 kept")
    t.s.keys("/")
    t.s.type("TASK-api")
    t.s.wait("1 of 2 kept")
    t.s.keys("Enter")
    t.s.wait(r"search: TASK-api")
    assert not t.s.has(r" chat +m@")
    t.s.keys("/")
    t.s.type("zzz")
    t.s.wait("no request holds that text")
    t.s.keys("Escape")
    t.s.wait("search: TASK-api +")
    t.s.keys("\\")
    t.s.wait(r" chat +m@")


def test_freeze_keeps_the_order(top):
    t = top()
    t.llmd.chat("chat")
    t.s.wait("1 kept")
    t.s.keys("Space")
    t.s.wait("FROZEN, 0 new")
    t.llmd.chat("code")
    t.s.wait("FROZEN, 1 new")
    assert not t.s.has(r" code +task")
    t.s.keys("Space")
    t.s.wait(r" code +task")


def test_selection_stays_with_its_request(top):
    t = top()
    t.llmd.chat("chat")
    t.llmd.chat("code")
    t.s.wait("2 kept")
    t.s.keys("Down")
    t.s.wait(r"^▸.* chat ")
    t.llmd.chat("fast")
    t.s.wait("3 kept")
    t.s.wait(r"^▸.* chat ")
    t.s.keys("Home")
    t.s.wait(r"^▸.* fast ")
    t.llmd.chat("code")
    t.s.wait(r"^▸.* code ")


def test_palette(top):
    t = top()
    t.s.keys(":")
    t.s.type("mod")
    t.s.keys("Tab")
    t.s.wait(r"^:models$")
    t.s.keys("Enter")
    t.s.wait(r"\[3 Models\]")
    t.s.keys(":")
    t.s.type("status")
    t.s.keys("Enter")
    t.s.wait(r"^ listen +http://127")
    t.s.wait(r"next step: set LLMTOP_TEST_NO_KEY")
    t.s.keys("q")
    t.s.keys(":")
    t.s.type("route set chat co")
    t.s.keys("Tab")
    t.s.wait(r"^:route set chat code$")
    t.s.keys("Enter")
    t.s.wait(r"Swap\? \[y/N\]")
    t.s.keys("Escape")
    t.s.keys(":")
    t.s.type("rotue")
    t.s.keys("Enter")
    t.s.wait(r"rotue.*")
    t.s.keys(":")
    t.s.type("shell")
    t.s.keys("Enter")
    t.s.wait("leave with q, then: llmctl shell")
    t.s.keys(":")
    t.s.type("quit")
    t.s.keys("Enter")
    assert t.s.wait_exit() == 0


def test_reload_asks(top):
    t = top()
    t.s.keys(":")
    t.s.type("reload")
    t.s.keys("Enter")
    t.s.wait("config ok, no changes")
    t.config["model_list"].append(ollama("extra", t.sim, "m"))
    t.llmd.write(t.config)
    t.s.keys(":")
    t.s.type("reload")
    t.s.keys("Enter")
    t.s.wait(r"\+ model extra")
    t.s.keys("y")
    t.s.wait("config loaded, rev")
    t.s.keys("3")
    t.s.wait(r"^. extra +ok")
    t.llmd.write("model_list: [")
    t.s.keys(":")
    t.s.type("reload")
    t.s.keys("Enter")
    t.s.wait(r"config.yaml:\d+")
    t.s.keys("q")
    t.s.wait(r"\[3 Models\]")


def test_logs(top):
    t = top()
    t.s.keys("4")
    t.s.wait(r"\[4 Logs\]")
    t.s.wait("level>=info")
    t.llmd.ctl("reload", check=0)
    t.s.wait(r"\d\d:\d\d:\d\d\.\d{3} info ")
    t.s.keys("-", "-")
    t.s.wait("level>=error  0 lines")
    t.s.wait("no line of that level")
    t.s.keys("+", "+")
    t.s.wait(r"info ")


def test_help_lists_the_keys(top):
    t = top()
    t.s.keys("?")
    t.s.wait(r"Enter +one request: its timeline +:inspect")
    t.s.keys("PgDn")
    t.s.wait(r"Tab +the next view")
    t.s.keys("Escape")
    t.s.wait(r"\[1 Requests\]")


def test_hostile_names_are_escaped(top):
    """llmd refuses control characters in its file; a client may send
    them."""
    t = top()
    evil = "ev\x1b]0;pwned\x07il\x1b[2J\u202e" + "\u754c" * 3
    assert t.llmd.chat(evil).status == 404
    t.s.wait(r"ev\\x1b\]0;pwn")
    t.s.keys("Enter")
    t.s.wait(r"ev\\x1b\]0;pwned\\x07il\\x1b\[2J")
    raw = t.s.text(colours=True)
    assert "\x07" not in raw and "\u202e" not in raw
    assert "\x1b]" not in raw
    assert t.s.ask("#{pane_title}") != "pwned"


def test_model_output_is_escaped(top):
    t = top()
    t.sim.script("m", text="a\x1b[2Jb\x1b]0;pwned\x07c\rd\n界e")
    t.s.keys("3")
    t.s.wait(r"chat +ok")
    t.s.keys("t")
    t.s.wait("prompt: ")
    t.s.keys("Enter")
    t.s.wait(r"a\\x1b\[2Jb\\x1b\]0;pwned\\x07c\\rd")
    t.s.wait("│ 界e +│")
    assert t.s.ask("#{pane_title}") != "pwned"


def test_long_answer_scrolls(top):
    t = top()
    t.sim.script("m", text="\n".join(f"line {i}" for i in range(60)))
    t.s.keys("3")
    t.s.wait(r"chat +ok")
    t.s.keys("t")
    t.s.wait("prompt: ")
    t.s.keys("Enter")
    t.s.wait("line 59")
    t.s.keys("PageUp")
    t.s.wait_not("line 59")
    t.s.keys("G")
    t.s.wait("line 59")


def once(llmd, *args, **env):
    return subprocess.run(
        [str(BUILD / "llmtop"), "--once", "-s", str(llmd.socket), *args],
        capture_output=True, text=True, timeout=20,
        env=clean_env(llmd.dir, **env))


def test_once(top):
    t = top()
    t.llmd.chat("chat")
    p = once(t.llmd, COLUMNS=80)
    assert p.returncode == 0, p.stderr
    assert re.search(r"^llmd \S+ up \S+ \| rps ", p.stdout)
    assert re.search(r" chat +m@\w+ .* 200 ", p.stdout)
    assert all(len(ln) <= 80 for ln in p.stdout.split("\n"))
    p = once(t.llmd, "--json")
    o = json.loads(p.stdout)
    assert o["schema"] == "llmtop.once/1" and o["rev"] >= 1
    d = o["data"]
    assert d["requests"][0]["model"] == "chat"
    assert d["status"]["traffic"]["total"] == 1
    assert [r["model"] for r in d["routes"]][:2] == ["chat", "code"]
    assert d["models"][0]["state"] == "ok"


def test_once_without_llmd(top):
    t = top()
    p = subprocess.run(
        [str(BUILD / "llmtop"), "--once", "-s", "/nonexistent/c.sock"],
        capture_output=True, text=True, timeout=20,
        env=clean_env(t.llmd.dir))
    assert p.returncode == 69 and p.stdout == ""
    assert p.stderr.startswith("llmtop: cannot reach llmd: no such file")
    assert "hint: " in p.stderr


@pytest.mark.parametrize("args, says", [
    (["--view", "nothing"], "requests routes models logs"),
    (["--fps", "0"], "1 to 60"), (["--json"], "--once"),
    (["chat"], "no arguments"), (["--nothing"], "llmtop --help")])
def test_wrong_usage(args, says):
    p = subprocess.run([str(BUILD / "llmtop"), *args], capture_output=True,
                       text=True, timeout=20)
    assert p.returncode == 64 and says in p.stderr and p.stdout == ""


def test_needs_a_terminal():
    p = subprocess.run([str(BUILD / "llmtop")], capture_output=True,
                       text=True, timeout=20, stdin=subprocess.DEVNULL)
    assert p.returncode == 64 and "--once" in p.stderr


def test_row_of_a_swapped_model_is_marked(top):
    t = top("--view", "models")
    t.s.wait(r"\[3 Models\]")
    t.llmd.ctl("route", "set", "chat", "code", check=0)
    t.s.wait(r"chat\* +ok +task-api-model@")
    assert row(t.s.text(), "chat\\*")
