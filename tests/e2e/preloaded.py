# SPDX-License-Identifier: ISC
"""Rules for preload/net.c: connect() and getaddrinfo() by a table, so that no
test needs an outside address."""

from proc import BUILD

NET = BUILD / "preload/net.so"


class Net:
    """`env` is for llmd's environment; rules() may be called any time."""

    def __init__(self, tmp_path):
        self.path = tmp_path / "net.rules"
        self.path.write_text("")
        self.env = {"LD_PRELOAD": NET, "LLMD_TEST_NET": self.path}

    def rules(self, *lines):
        new = self.path.with_suffix(".new")
        new.write_text("".join(ln + "\n" for ln in lines))
        new.rename(self.path)
