# SPDX-License-Identifier: ISC
"""llmsim as the tests see it: started on a port of its own, scripted by
model name, asked what it received.  tests/sim/README.md names the keys."""

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request

from proc import BUILD, FIXTURES, Proc, clean_env, private_dir, remove
from wait import wait_until

MODELS = "m,o,task-api-model"
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Sim:
    """One llmsim.  `url` is what goes into api_base (without /v1)."""

    def __init__(self, *args, models=MODELS, port=0, tls=None, host=None):
        self.dir = private_dir()
        argv = [BUILD / "llmsim", "--port", port, "--control-port", 0,
                "--models", models, "--files", FIXTURES,
                "--die-with-parent"]
        if not port:            # --quiet hides a port that was given
            argv.append("--quiet")
        if tls:
            argv += ["--tls", *tls]
        if host:
            argv += ["--host", host]
        self.proc = Proc([*argv, *args], self.dir / "sim.log",
                         clean_env(self.dir))
        m = wait_until(
            lambda: not self.proc.alive() or re.search(
                r"listening on (https?)://\S+:(\d+)\n(?:.*\n)*?"
                r"llmsim: control on (\S+)\n", self.proc.log()),
            5, "llmsim listens")
        assert m is not True, f"llmsim did not start:\n{self.proc.log()}"
        self.scheme, self.port, self.control = m[1], int(m[2]), m[3]
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"

    def call(self, call, body=None, **query):
        query = {k: v for k, v in query.items() if v is not None}
        url = f"{self.control}/__sim/{call}"
        if query:
            url += "?" + urllib.parse.urlencode(query)
        data = None if body is None else json.dumps(body).encode()
        req = urllib.request.Request(
            url, data, {"Content-Type": "application/json"})
        try:
            with _opener.open(req, timeout=20) as r:
                return json.loads(r.read() or b"null")
        except urllib.error.HTTPError as e:
            raise AssertionError(
                f"llmsim refused {call} {body}: {e.read()!r}") from None

    def script(self, model, *, path=None, times=None, append=False, **keys):
        """How `model` answers from now on."""
        rule = {"model": model, "script": keys, "append": append}
        if path:
            rule["path"] = path
        if times:
            rule["times"] = times
        self.call("script", rule)

    def raw(self, model, data, **keys):
        """`model` answers with these bytes as its body."""
        self.script(model, raw_b64=base64.b64encode(data).decode(), **keys)

    def wire(self, model, data, **keys):
        """`model` answers with these bytes, head included."""
        self.script(model, wire_b64=base64.b64encode(data).decode(), **keys)

    def requests(self, model=None, path=None, **query):
        """What arrived (bodies included), oldest first; generating requests
        only, unless a path is given."""
        got = self.call("requests", model=model, path=path, **query)
        if path is None:
            got = [r for r in got if r["method"] == "POST"
                   and r["path"] not in ("/api/show", "/api/ps")]
        return got

    def last(self, model=None, path=None):
        """The newest request, its body parsed as `json`."""
        r = wait_until(lambda: self.requests(model, path), 5,
                       "llmsim received a request")[-1]
        r["json"] = json.loads(body_of(r))
        return r

    def settled(self, model=None, n=1):
        """The newest n requests, once their answers have ended."""
        def ended():
            got = self.requests(model)
            return got[-n:] if len(got) >= n and all(
                r["end"] != "open" for r in got[-n:]) else None
        return wait_until(ended, 10, "llmsim ended its answers")

    def stats(self):
        return self.call("stats")

    def reset(self):
        self.call("reset", {})

    def stop(self):
        report = None
        if self.proc.alive():
            self.proc.signal(15)
            self.proc.wait(10)
        report = self.proc.report()
        self.proc.kill()
        remove(self.dir)
        assert report is None, report


def body_of(request):
    """The raw bytes of a request's body."""
    if "body_b64" in request:
        return base64.b64decode(request["body_b64"])
    return request["body"].encode()


def headers_of(request):
    """[(lower-case name, value)] in the order of arrival."""
    return [(n.lower(), v) for n, v in request["headers"]]


def header(request, name):
    """Values of one header."""
    return [v for n, v in headers_of(request) if n == name.lower()]
