# SPDX-License-Identifier: ISC
"""Programs under test: where they are, how they are started, their private
ports and folders, and what the kernel says about them."""

import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from wait import seconds, wait_until

TESTS = pathlib.Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD
FIXTURES = TESTS / "fixtures"
REPORT = re.compile(
    rb"(ERROR|WARNING): (Address|Thread|Leak|UndefinedBehavior)Sanitizer"
    rb"|runtime error:|\*\*\* .*(smash|overflow|corrupt)|[Aa]ssertion .*failed")


def free_port():
    """A port that nobody has on 127.0.0.1 or ::1, outside the range that
    the kernel gives to outgoing connections."""
    for _ in range(200):
        port = random.SystemRandom().randrange(10000, 32000)
        try:
            for family, addr in ((socket.AF_INET, "127.0.0.1"),
                                 (socket.AF_INET6, "::1")):
                try:
                    s = socket.socket(family)
                except OSError:
                    continue
                with s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    try:
                        s.bind((addr, port))
                    except OSError as e:
                        if family == socket.AF_INET6 and e.errno == 99:
                            continue    # no IPv6 here
                        raise
            return port
        except OSError:
            continue
    raise AssertionError("no free port")


def private_dir():
    """A folder of mode 0700 with a path short enough for sockets."""
    base = os.environ.get("TMPDIR", "/tmp")
    return pathlib.Path(tempfile.mkdtemp(
        prefix="llmd-", dir=base if len(base) < 40 else "/tmp"))


def clean_env(home, **extra):
    """An environment that holds nothing of the developer's own."""
    env = {
        "PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8",
        "TZ": "UTC", "TERM": "xterm-256color", "TMPDIR": str(home),
        "XDG_RUNTIME_DIR": str(home), "XDG_CONFIG_HOME": f"{home}/config",
        "XDG_STATE_HOME": f"{home}/state", "BUILD": str(BUILD),
    }
    for name, value in os.environ.items():
        if name.endswith("SAN_OPTIONS"):
            env[name] = value
    for name, value in extra.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = str(value)
    return env


class Proc:
    """One process with its log, ended by its pid and nothing else."""

    def __init__(self, argv, log, env, cwd=None, stdout=None, stderr=None,
                 preexec_fn=None, stdin=subprocess.DEVNULL):
        self.argv = [str(a) for a in argv]
        self.log_path = pathlib.Path(log)
        self.log_file = open(log, "wb")
        self.popen = subprocess.Popen(
            self.argv, stdin=stdin, env=env, cwd=cwd,
            stdout=self.log_file if stdout is None else stdout,
            stderr=self.log_file if stderr is None else stderr,
            preexec_fn=preexec_fn)
        self.pid = self.popen.pid
        self.awaited = False        # its end was asked for

    def log(self):
        return self.log_path.read_text("utf-8", "replace")

    def alive(self):
        return self.popen.poll() is None

    def wait(self, deadline=10):
        """The exit status; fails when the process goes on."""
        self.awaited = True
        try:
            return self.popen.wait(seconds(deadline))
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.argv[0]} did not end in {deadline} s\n{self.log()}"
            ) from None

    def signal(self, number):
        self.popen.send_signal(number)

    def kill(self):
        if self.alive():
            self.popen.send_signal(signal.SIGKILL)
            self.popen.wait()
        self.log_file.close()

    def report(self):
        """What a sanitizer or the C library wrote into the log, or None."""
        data = self.log_path.read_bytes()
        m = REPORT.search(data)
        return data[m.start():m.start() + 6000].decode(
            "utf-8", "replace") if m else None

    def rss_kb(self):
        """Resident memory that is the process's own (not file pages)."""
        with open(f"/proc/{self.pid}/status") as f:
            m = re.search(r"RssAnon:\s+(\d+) kB", f.read())
        return int(m[1])

    def fds(self):
        """Sorted targets of all open descriptors."""
        found = []
        for n in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                found.append(os.readlink(f"/proc/{self.pid}/fd/{n}"))
            except OSError:
                pass
        return sorted(found)

    def sockets(self):
        return sum(t.startswith("socket:") for t in self.fds())

    def cpu_s(self):
        """User and system time used so far, in seconds."""
        with open(f"/proc/{self.pid}/stat") as f:
            part = f.read().rsplit(")", 1)[1].split()
        return (int(part[11]) + int(part[12])) / os.sysconf("SC_CLK_TCK")


def remove(path):
    shutil.rmtree(path, ignore_errors=True)


__all__ = ["BUILD", "FIXTURES", "Proc", "ROOT", "TESTS", "clean_env",
           "free_port", "private_dir", "remove", "wait_until"]
