# SPDX-License-Identifier: ISC
"""What the checks of llmsim share: starting it, asking it with raw bytes and
taking its answers apart.  Standard library only."""

import http.client
import json
import os
import pathlib
import re
import socket
import struct
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"
ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
LLMSIM = pathlib.Path(os.environ.get("LLMSIM", ROOT / BUILD / "llmsim"))



class Sim:
    def __init__(self, *args):
        self.proc = subprocess.Popen(
            [LLMSIM, "--port", "0", "--die-with-parent", "--quiet", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.proc.stdout.readline().decode()
        m = re.fullmatch(r"llmsim: listening on https?://127\.0\.0\.1:(\d+)\n",
                         line)
        assert m, line or self.proc.communicate()[1].decode()
        self.port = int(m[1])

    def next_port(self):
        return int(self.proc.stdout.readline().rsplit(b":", 1)[1])

    def stop(self):
        self.proc.terminate()
        _, err = self.proc.communicate(timeout=20)
        assert self.proc.returncode == 0 and not err, err.decode()

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def raw(self, data, sock=None):
        """The bytes that come back until the server closes."""
        with sock or self.connect() as s:
            s.sendall(data)
            out = b""
            while True:
                try:
                    piece = s.recv(65536)
                except ConnectionResetError:
                    return out + b"<RST>"
                if not piece:
                    return out
                out += piece

    def post(self, path, body, *headers, version="1.1"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        head = [f"POST {path} HTTP/{version}", f"Host: 127.0.0.1:{self.port}",
                f"Content-Length: {len(body)}", "Connection: close", *headers]
        return self.raw("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    def get(self, path, method="GET"):
        return self.raw(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
                        "Connection: close\r\n\r\n".encode())

    def call(self, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        if body is None:
            c.request("GET", f"/__sim/{path}")
        else:
            c.request("POST", f"/__sim/{path}", json.dumps(body))
        r = c.getresponse()
        data = r.read()
        c.close()
        assert r.status == 200, data
        return json.loads(data)

    def script(self, model, **keys):
        self.call("script", {"model": model, "script": keys})


def chat(model="m", text="hi", stream=True, **more):
    return {"model": model, "messages": [{"role": "user", "content": text}],
            "stream": stream, **more}


def split_answer(data):
    head, _, body = data.replace(b"\r\n\r\n", b"\n\n", 1).partition(b"\n\n")
    lines = head.replace(b"\r\n", b"\n").decode().split("\n")
    return lines[0], lines[1:], body


def dechunk(body):
    """The chunks, and whether the last one came."""
    out = []
    while body:
        size, _, rest = body.partition(b"\n")
        n = int(size, 16)
        if n == 0:
            return out, True
        out.append(rest[:n])
        body = rest[n:].removeprefix(b"\r").removeprefix(b"\n")
    return out, False


def lines(data):
    """The JSON lines of an NDJSON answer."""
    got, _ = dechunk(split_answer(data)[2])
    return [json.loads(x) for x in b"".join(got).splitlines()]


def events(data):
    _, head, body = split_answer(data)
    if any(h.lower().startswith("transfer-encoding") for h in head):
        body = b"".join(dechunk(body)[0])
    return [e.removeprefix(b"data: ") for e in body.split(b"\n\n") if e]


def read_one(s):
    """One answer on a connection that stays open."""
    data = b""
    s.settimeout(10)
    with s:
        while True:
            piece = s.recv(65536)
            data += piece
            if not piece or whole(data):
                return data


def whole(data):
    head, sep, body = data.partition(b"\r\n\r\n")
    if not sep:
        return False
    n = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    if n:
        return len(body) >= int(n[1])
    return b"chunked" in head and body.endswith(b"0\r\n\r\n")
