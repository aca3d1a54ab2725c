# SPDX-License-Identifier: ISC
"""llmtop in a terminal, in front of a real llmd and llmsim."""

import http.client
import re
import threading

from llmd import ollama, openai
from proc import BUILD


class Top:
    """A gateway with four models and an llmtop that watches it.

    screen, llmd, sim: the fixtures.  Names: chat and code (Ollama), fast
    (OpenAI-compatible), nokey (its key is not set).
    """

    def __init__(self, screen, llmd, sim, *args, w=80, h=24, env=None,
                 models=(), **kw):
        self.sim, self.screen = sim, screen
        self.config = {"model_list": [
            ollama("chat", sim, "m"), ollama("code", sim, "task-api-model"),
            openai("fast", sim, "o"), *models,
            {"model_name": "nokey", "litellm_params": {
                "model": "openai/gpt-4o-mini",
                "api_key": "os.environ/LLMTOP_TEST_NO_KEY"}}]}
        self.llmd = llmd(self.config, **kw)
        self.s = self.open(*args, w=w, h=h, env=env)
        if (w, h) != (1, 1):
            self.s.wait(f"LIVE|^llmtop|^{w}x{h}")

    def open(self, *args, w=80, h=24, env=None):
        return self.screen([BUILD / "llmtop", "-s", self.llmd.socket, *args],
                           w=w, h=h, env=env)

    def ask(self, model="chat", **kw):
        """A streamed request in the background."""
        def run():
            try:
                self.llmd.chat(model, stream=True, **kw)
            except (OSError, http.client.HTTPException):
                pass
        t = threading.Thread(target=run, daemon=True)
        t.start()
        return t

    def slow(self, model="m", words=400, pace=50):
        """From now on this backend model streams slowly."""
        self.sim.script(model, text="word " * words, words=True, pace=pace)


def fits(lines, w, h):
    """Every line of a screen is within its width."""
    return len(lines) == h and all(len(ln) <= w for ln in lines)


def row(text, pattern):
    """The first line that matches, or None."""
    return next((ln for ln in text.split("\n") if re.search(pattern, ln)),
                None)
