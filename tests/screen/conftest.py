# SPDX-License-Identifier: ISC
"""Fixtures of the screen tests: those of tests/e2e, and a terminal."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent
                       / "e2e"))

from proc import private_dir, remove    # noqa: E402
from tmux import Screen                 # noqa: E402
from world import *     # noqa: E402,F401,F403


@pytest.fixture
def screen(request):
    """Opens any number of terminals: screen(argv, w=80, h=24, env=...)."""
    opened, homes = [], []

    def make(argv, home=None, **kw):
        if home is None:
            home = private_dir()
            homes.append(home)
        opened.append(Screen(argv, home, **kw))
        return opened[-1]
    yield make
    if getattr(request.node, "call_failed", True):
        for s in opened:
            try:
                print(f"--- screen {s.size()}\n{s.text()}")
            except AssertionError as e:
                print(f"--- screen is gone: {e}")
    for s in opened:
        s.close()
    for h in homes:
        remove(h)
