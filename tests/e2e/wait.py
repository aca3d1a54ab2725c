# SPDX-License-Identifier: ISC
"""Waiting without sleeping blindly: every wait has a predicate and a
deadline.  A sanitizer build gets more time."""

import os
import time

SLOW = bool(os.environ.get("LLMD_SANITIZER"))
LONG = bool(os.environ.get("LLMD_LONG"))
FACTOR = 4.0 if SLOW else 1.0


def seconds(n):
    """n seconds for a normal build, more for a sanitizer's."""
    return n * FACTOR


def wait_until(predicate, deadline=5.0, what=""):
    """Returns the first true value of predicate(); fails after deadline s."""
    end = time.monotonic() + seconds(deadline)
    pause = 0.002
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(
                f"not within {deadline} s: {what or predicate}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
