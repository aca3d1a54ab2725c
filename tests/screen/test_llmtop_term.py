# SPDX-License-Identifier: ISC
"""llmtop and its terminal: every size, colours, Esc, Ctrl-Z, signals, a lost
llmd, and what it costs."""

import os
import re
import signal
import time

import pytest

from llmtop import Top, fits
from proc import BUILD
from wait import SLOW, seconds, wait_until

SIZES = [(160, 48), (120, 36), (100, 30), (80, 24), (79, 24), (72, 20),
         (60, 15), (46, 10), (40, 8), (20, 2), (10, 4), (1, 1)]


@pytest.fixture
def top(screen, llmd, sim):
    def make(*args, **kw):
        return Top(screen, llmd, sim, *args, **kw)
    return make


def shown(s, w, h):
    """The screen once its first line is right for this size."""
    if w == 1:
        wait_until(lambda: s.size() == (1, 1) and s.alternate(), 5)
    elif w < 20 or h < 2:
        s.wait(f"^{w}x{h}$" if w < 14 else f"^llmtop {w}x{h}$")
    else:
        s.wait("^LIVE" if w < 72 else r"\| LIVE")
    return s.lines()


@pytest.mark.parametrize("w, h", SIZES)
def test_size_at_start(top, w, h):
    t = top(w=w, h=h)
    if w >= 20 and h >= 2:
        t.llmd.chat("chat")
    lines = shown(t.s, w, h)
    if w >= 40 and h >= 8:
        t.s.wait("m@|200")
        lines = t.s.lines()
    assert fits(lines, w, h), lines
    t.s.keys("q")
    assert t.s.wait_exit() == 0


def test_80x24_is_laid_out_as_drawn(top):
    t = top()
    t.sim.script("m", text="word " * 100, words=True, pace=50)
    t.ask("chat")
    t.s.wait(r" stream ")
    at = t.s.lines()
    assert re.match(r"llmtop \S+ up \S+ \| LIVE \| rps \d+\.\d infl \d+ "
                    r"queue \d+ err \S+ \| rev \d+$", at[0]), at[0]
    assert re.match(r"tok/s \d+ .* ttft p50 \S+ p95 \S+ +drop 0 "
                    r"+\d\d:\d\d:\d\d$", at[1]), at[1]
    assert at[2].startswith("[1 Requests]") and at[2].endswith(": cmd")
    assert re.match("search: none .* order: live, newest .* 1 live, 1 kept",
                    at[3])
    assert re.match(r" +AGE +ID +MODEL +UPSTREAM@BACKEND +KEY +STATE +TTFT "
                    r"+OUT TOK/S", at[4]), at[4]
    assert at[5].startswith("▸ ")
    assert at[20] == "─" * 80
    assert at[21].startswith("Enter inspect  x cancel")
    assert at[22] == "$ llmctl tail -f"


def test_60x15_and_40x8(top):
    t = top(w=60, h=15)
    t.llmd.chat("chat")
    t.s.wait(r"^LIVE rps .* tok/s \d+ p95 ")
    t.s.wait(r"^ +AGE +ID +.*UPSTREAM@BACKEND +STATE")
    t.s.wait(r"^\?help .* q quit$")
    assert not t.s.has("Requests")
    t.s.resize(40, 8)
    t.s.wait(r"^40x8 \?help")
    t.s.wait(r"m@\w+ +200")
    assert not t.s.has("AGE")
    t.s.keys("?")
    t.s.wait("Requests$")
    t.s.keys("q")
    t.s.wait(r"m@\w+ +200")


def test_resize_at_any_moment(top):
    t = top()
    t.slow()
    t.ask("chat")
    t.s.wait(" stream ")
    for w, h in [*SIZES, *reversed(SIZES)]:
        t.s.resize(w, h)
        assert fits(shown(t.s, w, h), w, h)
    t.s.resize(160, 48)
    t.s.wait("traffic, 15 min")
    t.s.wait("timeline")
    t.s.wait("log \\(4 opens it\\)")
    for key in "t", "?", ":", "2", "s", "Enter":
        t.s.keys(key)
        for w, h in (1, 1), (40, 8), (21, 3), (80, 24):
            t.s.resize(w, h)
            wait_until(lambda: len(t.s.lines()) == h, 5)
        t.s.keys("Escape")
    t.s.resize(80, 24)
    t.s.wait("LIVE")
    t.s.keys("C-c")
    assert t.s.wait_exit() == 0


def test_ascii(top):
    t = top("--ascii", w=160, h=48)
    t.llmd.chat("chat")
    t.s.wait(" 200 ")
    assert t.s.text().isascii()
    t.s.wait(r"\+- traffic, 15 min -")
    s = t.open(env={"LANG": "C", "LC_ALL": "C"})
    s.wait(" 200 ")
    assert s.text().isascii()


def test_no_color(top):
    t = top(env={"NO_COLOR": "1"})
    t.llmd.chat("chat")
    t.s.wait(" 200 ")
    assert not re.search("\x1b\\[[0-9;]*3[1-6]m", t.s.text(colours=True))
    s = t.open()
    s.wait(" 200 ")
    assert re.search("\x1b\\[[0-9;]*3[1-6]m", s.text(colours=True))


def test_escape_is_quick(top):
    t = top()
    t.s.keys("?")
    t.s.wait("^Help")
    start = time.monotonic()
    t.s.keys("Escape")
    wait_until(lambda: not t.s.has("^Help"), 5)
    assert time.monotonic() - start < seconds(0.5)


@pytest.mark.skipif(SLOW, reason="a sanitizer's times say nothing")
def test_key_to_screen(top):
    """Median of what tmux needs besides; the budget is llmtop's own 16 ms,
    so that a loop that sleeps until its next frame (100 ms) is found."""
    t = top()
    took = []
    for i in range(12):
        start = time.monotonic()
        t.s.keys("2" if i % 2 == 0 else "1")
        wait_until(lambda: t.s.has(r"\[2 Routes\]" if i % 2 == 0 else
                                   r"\[1 Requests\]"), 5)
        took.append(time.monotonic() - start)
    assert sorted(took)[6] < 0.08, took


def test_suspend_and_go_on(screen, top):
    t = top()
    s = screen(["sh", "-mc", f"{BUILD}/llmtop -s "
                f"{t.llmd.socket}; echo stopped; stty -a | grep -o ' icanon'"
                "; read x; fg; echo left $?"])
    s.wait("LIVE")
    s.keys("C-z")
    s.wait("stopped")
    s.wait("icanon")
    assert not s.alternate()
    s.keys("Enter")
    s.wait(r"\[1 Requests\]")
    s.keys("3")
    s.wait(r"\[3 Models\]")
    s.keys("q")
    s.wait("left 0")
    assert not s.alternate()


@pytest.mark.parametrize("sig, status", [
    (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 0),
    (signal.SIGSEGV, 139), (signal.SIGABRT, 134)])
@pytest.mark.skipif(SLOW, reason="sanitizers take fatal signals")
def test_signals_give_the_terminal_back(screen, top, sig, status):
    t = top()
    s = screen(["sh", "-c", f"ulimit -c 0; {BUILD}/llmtop -s "
                f"{t.llmd.socket}; st=$?; stty -a | grep -o ' icanon'; "
                "echo status $st; cat"])
    s.wait("LIVE")
    pid = wait_until(lambda: children(s.pid), 5, "llmtop runs")[0]
    os.kill(pid, sig)
    s.wait(f"status {status}")
    assert s.has("icanon") and not s.alternate()


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(p) for p in f.read().split()]


def test_llmd_dies_and_comes_back(top, llmd):
    t = top()
    t.llmd.chat("chat")
    t.s.wait(" 200 ")
    t.slow()
    t.ask("code")
    t.ask("chat")
    t.s.wait(" stream ")
    t.llmd.kill()
    t.s.wait(r"!! DISCONNECTED 00:\d\d -- data below is from "
             r"\d\d:\d\d:\d\d, frozen")
    t.s.wait(r"retry in \ds \(try \d+\)   \[Enter\] now")
    t.s.wait("(connection refused|no such file)")
    assert t.s.has(r" chat +m@")
    t.s.keys("x")
    t.s.wait("not connected|has ended")
    t.s.keys("2", "t")
    t.s.wait("not connected to llmd")
    t.s.keys("1")
    again = llmd(t.config, dir=t.llmd.dir)
    t.s.keys("Enter")
    t.s.wait(r"LIVE again \d\d:\d\d:\d\d. llmd restarted", 10)
    t.s.wait(r" \| LIVE \| ")
    t.s.wait(r" chat +m@\w+ +- +lost")
    again.chat("fast")
    t.s.wait(r" fast +o@\w+ +- +200")


def test_stopped_llmd_is_silent(top):
    t = top()
    os.kill(t.llmd.pid, signal.SIGSTOP)
    try:
        t.s.wait(r"SILENT \d+s", 15)
        t.s.keys("2")
        t.s.wait(r"\[2 Routes\]")
    finally:
        os.kill(t.llmd.pid, signal.SIGCONT)
    t.s.wait(r" LIVE ", 10)


def test_starts_without_llmd(screen, top):
    t = top()
    sock = t.llmd.dir / "other.sock"
    s = screen([BUILD / "llmtop", "-s", sock])
    s.wait("!! NOT CONNECTED")
    s.wait("no such file: ")
    s.keys("q")
    assert s.wait_exit() == 0


@pytest.mark.skipif(SLOW, reason="a sanitizer's times say nothing")
@pytest.mark.slow(60)
def test_idle_costs_nothing(top):
    t = top()
    t.s.wait("LIVE")

    def cpu():
        with open(f"/proc/{t.s.pid}/stat") as f:
            part = f.read().rsplit(")", 1)[1].split()
        return (int(part[11]) + int(part[12])) / os.sysconf("SC_CLK_TCK")
    before, start = cpu(), time.monotonic()
    wait_until(lambda: time.monotonic() - start > 8, 10)
    assert cpu() - before <= 0.005 * 8 + 0.01
    with open(f"/proc/{t.s.pid}/status") as f:
        assert int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) < 20480
