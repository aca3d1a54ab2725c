# SPDX-License-Identifier: ISC
"""llmd as the tests see it: two workers, a port and a socket of its own, a
config written from a dict or a text, and a clean end."""

import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request

import yaml

from proc import BUILD, Proc, clean_env, free_port, private_dir, remove
from raw import Raw
from wait import seconds, wait_until

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ollama(name, sim, upstream=None, **params):
    """A model_list entry served by Ollama's native API at `sim`."""
    url = sim if isinstance(sim, str) else sim.url
    return {"model_name": name, "litellm_params": {
        "model": f"ollama/{upstream or name}", "api_base": url, **params}}


def openai(name, sim, upstream=None, **params):
    """A model_list entry served by an OpenAI-compatible server at `sim`."""
    url = sim if isinstance(sim, str) else sim.url
    return {"model_name": name, "litellm_params": {
        "model": f"openai/{upstream or name}", "api_base": f"{url}/v1",
        "api_key": "sk-upstream", **params}}


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:600]!r}"


class Llmd:
    """One running llmd.

    config: a dict, or the text of a file (str).  args: more of the command
    line.  env: more of the environment (None takes a name out).  Keywords
    of Proc pass through.  wait=False: do not wait until it answers.
    """

    def __init__(self, config, *, args=(), env=None, workers=2, port=None,
                 wait=True, scheme="http", host=None, socket=True, key=None,
                 dir=None, config_name="config.yaml", **popen):
        self.dir = dir or private_dir()
        self.own_dir = dir is None
        self.config_path = self.dir / config_name
        if config is not None:
            self.write(config)
        self.key, self.scheme = key, scheme
        self.expect_exit, self.killed = 0, False
        for attempt in range(5):
            self.port = port or free_port()
            self.url = f"{scheme}://127.0.0.1:{self.port}"
            self.base = f"{self.url}/v1"
            self.socket = self.dir / "c.sock"
            argv = [BUILD / "llmd"]
            if config is not None:
                argv += ["--config", self.config_path]
            argv += ["--port", self.port]
            if workers:
                argv += ["--workers", workers]
            if socket:
                argv += ["--socket", self.socket]
            if host:
                argv += ["--host", host]
            self.proc = Proc([*argv, *args], self.dir / "llmd.log",
                             clean_env(self.dir, **(env or {})),
                             cwd=self.dir, **popen)
            if not wait:
                return
            if self.up(retry=port is None and attempt < 4):
                return

    def write(self, config):
        if isinstance(config, dict):
            config = yaml.safe_dump(config, sort_keys=False,
                                    allow_unicode=True)
        self.config_path.write_text(config)
        self.config_path.chmod(0o600)

    def up(self, retry=False):
        """Waits until /health answers; False if another test took the port
        in between."""
        def ready():
            if not self.proc.alive():
                return "ended"
            try:
                return self.get("/health").status == 200
            except OSError:
                return None
        if wait_until(ready, 15, "llmd answers /health") == "ended":
            log = self.proc.log()
            self.proc.kill()
            if retry and "Address already in use" in log:
                return False
            raise AssertionError(
                f"llmd ended at its start, status "
                f"{self.proc.popen.returncode}:\n{log}")
        return True

    @property
    def pid(self):
        return self.proc.pid

    def log(self):
        return self.proc.log()

    def request(self, method, path, body=None, headers=None, timeout=20,
                key=True):
        """One plain HTTP request; any status is a Reply."""
        head = {"Content-Type": "application/json"} if body is not None \
            else {}
        if self.key and key:
            head["Authorization"] = f"Bearer {self.key}"
        head.update(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        elif isinstance(body, str):
            body = body.encode()
        req = urllib.request.Request(self.url + path, body, head,
                                     method=method)
        try:
            with _opener.open(req, timeout=seconds(timeout)) as r:
                return Reply(r.status, r.headers, r.read())
        except urllib.error.HTTPError as e:
            with e:
                return Reply(e.code, e.headers, e.read())

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, body, **kw):
        return self.request("POST", path, body, **kw)

    def chat(self, model="m", text="Hi", headers=None, timeout=20, **body):
        """A chat request by plain HTTP."""
        return self.post("/v1/chat/completions", {
            "model": model, "messages": [{"role": "user", "content": text}],
            **body}, headers=headers, timeout=timeout)

    def raw(self, **kw):
        """A socket connected to the gateway."""
        return Raw(self.port, **kw)

    def ctl(self, *args, timeout=20, env=None, check=None, input=None):
        """Runs llmctl against this llmd; returns the CompletedProcess."""
        p = subprocess.run(
            [str(BUILD / "llmctl"), "--socket", str(self.socket),
             *[str(a) for a in args]], capture_output=True, text=True,
            timeout=seconds(timeout), input=input or "",
            env=clean_env(self.dir, **(env or {})))
        if check is not None:
            assert p.returncode == check, (p.returncode, p.stdout, p.stderr)
        return p

    def records(self, path):
        """The request log's lines as objects."""
        try:
            text = (self.dir / path).read_text("utf-8")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def wait_record(self, path, match, deadline=5):
        """The first request log line for which match(line) is true."""
        return wait_until(
            lambda: next((r for r in self.records(path) if match(r)), None),
            deadline, f"a fitting line in {path}")

    def terminate(self, deadline=10):
        """SIGTERM and the exit status."""
        self.proc.signal(signal.SIGTERM)
        return self.proc.wait(deadline)

    def kill(self):
        """SIGKILL, which stop() will not complain about."""
        self.killed = True
        self.proc.signal(signal.SIGKILL)
        self.proc.wait()

    def stop(self):
        """Ends it; fails on a wrong exit status or a sanitizer's report."""
        problem = None
        try:
            if self.proc.alive():
                status = self.terminate(15)
                if status != self.expect_exit:
                    problem = f"llmd: exit status {status} after SIGTERM"
            elif self.proc.popen.returncode < 0 and not self.killed:
                problem = f"llmd died of signal {-self.proc.popen.returncode}"
            elif not self.proc.awaited and not self.killed:
                problem = "llmd ended though nobody in this test asked it to"
        except AssertionError as e:
            problem = str(e)
        report = self.proc.report()
        log = self.proc.log()
        self.proc.kill()
        if self.own_dir:
            remove(self.dir)
        if report or problem:
            raise AssertionError(f"{report or problem}\n{log[-4000:]}")


def run_llmd(*args, dir=None, env=None, timeout=20, input=None):
    """Runs llmd to its end (--check-config, a refused start)."""
    home = dir or private_dir()
    try:
        return subprocess.run(
            [str(BUILD / "llmd"), *[str(a) for a in args]],
            capture_output=True, text=True, timeout=seconds(timeout),
            cwd=home, env=clean_env(home, **(env or {})), input=input or "")
    finally:
        if dir is None:
            remove(home)


def sanitized():
    return bool(os.environ.get("LLMD_SANITIZER"))


def first_line(text, pattern):
    """The first line of text that matches, or None."""
    return next((ln for ln in text.splitlines() if re.search(pattern, ln)),
                None)
