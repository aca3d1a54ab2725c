# SPDX-License-Identifier: ISC
"""The fixtures of these tests are in world.py, which tests/screen uses
too."""

from world import *     # noqa: F401,F403
