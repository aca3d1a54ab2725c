# SPDX-License-Identifier: ISC
"""A terminal for screen tests: a private tmux server with one window of a
known size.  Keys go in, the screen is read back, waits have a deadline."""

import re
import shlex
import subprocess
import uuid

from proc import clean_env
from wait import seconds, wait_until


class Screen:
    """Runs a command in a terminal of w x h.

    argv is run by tmux itself, so that its exit ends the pane; the pane
    stays (remain-on-exit) until close() so that the last screen can be
    read.
    """

    def __init__(self, argv, home, w=80, h=24, env=None, term=None):
        self.name = f"llmd-{uuid.uuid4().hex[:12]}"
        self.home = home
        self.env = clean_env(home, TMUX_TMPDIR=home, **(env or {}))
        if term:
            self.env["TERM"] = term
        # exec: the pane's process is the program, not a shell.
        command = "exec " + shlex.join(str(a) for a in argv)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", w, "-y", h,
                  "-s", "s", "cat")
        self.tmux("set-option", "-g", "remain-on-exit", "on")
        self.tmux("set-option", "-g", "status", "off")
        self.tmux("set-option", "-s", "escape-time", "0")
        self.tmux("set-option", "-g", "default-terminal",
                  term or "screen-256color")
        self.tmux("set-option", "-g", "history-limit", "5000")
        self.tmux("resize-window", "-x", w, "-y", h)
        self.tmux("respawn-pane", "-k", "-c", home, command)
        self.pid = int(self.ask("#{pane_pid}"))

    def tmux(self, *args):
        p = subprocess.run(
            ["tmux", "-L", self.name, *map(str, args)], env=self.env,
            capture_output=True, timeout=seconds(10))
        out = p.stdout.decode("utf-8", "replace")
        assert p.returncode == 0, (args, out, p.stderr)
        return out

    def ask(self, what):
        """A tmux format, such as #{pane_dead_status}."""
        return self.tmux("display-message", "-p", what).strip("\n")

    def keys(self, *names):
        """Keys by tmux's names: Enter, Escape, C-c, Down, F1, or one
        character."""
        self.tmux("send-keys", *names)

    def type(self, text):
        """Characters as they are."""
        self.tmux("send-keys", "-l", text)

    def paste(self, text):
        """A bracketed paste."""
        self.tmux("set-buffer", text)
        self.tmux("paste-buffer", "-p")

    def text(self, colours=False, history=False):
        """What the screen shows, a line per row."""
        args = ["capture-pane", "-p"]
        if colours:
            args.append("-e")
        if history:
            args += ["-S", "-"]
        return self.tmux(*args)

    def lines(self):
        return self.text().split("\n")[:self.size()[1]]

    def size(self):
        w, h = self.ask("#{pane_width} #{pane_height}").split()
        return int(w), int(h)

    def cursor(self):
        """(column, row), from 0."""
        x, y = self.ask("#{cursor_x} #{cursor_y}").split()
        return int(x), int(y)

    def alternate(self):
        """Whether the alternate screen is on."""
        return self.ask("#{alternate_on}") == "1"

    def resize(self, w, h):
        self.tmux("resize-window", "-x", w, "-y", h)

    def has(self, pattern):
        return re.search(pattern, self.text(), re.M)

    def wait(self, pattern, deadline=5):
        """Waits until the screen matches; returns the match."""
        try:
            return wait_until(lambda: self.has(pattern), deadline)
        except AssertionError:
            raise AssertionError(
                f"not on the screen within {deadline} s: {pattern}\n"
                f"{self.text()}") from None

    def wait_not(self, pattern, deadline=5):
        try:
            wait_until(lambda: not self.has(pattern), deadline)
        except AssertionError:
            raise AssertionError(
                f"still on the screen after {deadline} s: {pattern}\n"
                f"{self.text()}") from None

    def wait_exit(self, deadline=5):
        """The program's exit status."""
        def dead():
            # A pane is dead before its status is known, and tmux 3.3a now
            # and then misses the SIGCHLD: one of another child makes it
            # reap both.
            out = self.ask("#{pane_dead},#{pane_dead_status},"
                           "#{pane_dead_signal}").split(",")
            if out[0] == "1" and not out[1] and not out[2]:
                self.tmux("run-shell", "true")
                return None
            return out[0] == "1" and out
        out = wait_until(dead, deadline, "the program ends")
        return int(out[1]) if out[1] else None

    def close(self):
        subprocess.run(["tmux", "-L", self.name, "kill-server"],
                       env=self.env, capture_output=True, timeout=10)
