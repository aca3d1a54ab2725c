# SPDX-License-Identifier: ISC
"""A raw HTTP/1.1 client: sends the bytes it is told to, and reads replies
strictly, so that a wrong frame is seen."""

import json
import socket
import struct
import time

from wait import seconds


class RawReply:
    def __init__(self, status, headers, body, version="HTTP/1.1"):
        self.status, self.headers, self.body = status, headers, body
        self.version = version

    def header(self, name):
        got = [v for n, v in self.headers if n.lower() == name.lower()]
        assert len(got) <= 1, f"{name} twice: {got}"
        return got[0] if got else None

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:400]!r}"


class Closed(Exception):
    """The peer closed where a reply should have begun."""


class Raw:
    def __init__(self, port, host="127.0.0.1", timeout=10, rcvbuf=None):
        self.timeout = seconds(timeout)
        self.sock = socket.socket(socket.AF_INET)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect((host, port))
        self.buf = b""
        self.eof = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *pieces, pause=0.0):
        """Sends; False when the peer has closed in between."""
        for i, p in enumerate(pieces):
            if i and pause:
                time.sleep(pause)
            try:
                self.sock.sendall(p)
            except (BrokenPipeError, ConnectionResetError):
                return False
        return True

    def fill(self):
        """Reads once more; False at the end."""
        if self.eof:
            return False
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.eof = True
            return False
        self.buf += data
        return True

    def take(self, n):
        while len(self.buf) < n:
            if not self.fill():
                raise AssertionError(
                    f"cut reply: {len(self.buf)} of {n} bytes")
        got, self.buf = self.buf[:n], self.buf[n:]
        return got

    def line(self):
        while b"\r\n" not in self.buf:
            if not self.fill():
                raise AssertionError(f"cut line: {self.buf[:200]!r}")
        got, self.buf = self.buf.split(b"\r\n", 1)
        return got

    def head(self):
        """Status and headers of the next reply, 1xx included."""
        while not self.buf:
            if not self.fill():
                raise Closed()
        status = self.line()
        version, code, _ = (status + b" ").split(b" ", 2)
        assert version in (b"HTTP/1.1", b"HTTP/1.0"), status
        headers = []
        while True:
            line = self.line()
            if not line:
                break
            name, value = line.split(b":", 1)
            headers.append((name.decode("latin-1"),
                            value.strip().decode("latin-1")))
        return RawReply(int(code), headers, b"", version.decode())

    def reply(self, method="POST"):
        """The next whole reply; 1xx are skipped."""
        r = self.head()
        while 100 <= r.status < 200:
            r = self.head()
        if method == "HEAD" or r.status in (204, 304):
            return r
        te, cl = r.header("Transfer-Encoding"), r.header("Content-Length")
        assert not (te and cl), "both CL and TE in a reply"
        if te:
            assert te.lower() == "chunked", te
            while True:
                size = int(self.line(), 16)
                data = self.take(size)
                assert self.take(2) == b"\r\n"
                if not size:
                    break
                r.body += data
        elif cl is not None:
            r.body = self.take(int(cl))
        else:
            while self.fill():
                pass
            r.body, self.buf = self.buf, b""
        return r

    def closed(self, timeout=None):
        """Whether the peer closes, with nothing more sent before."""
        self.sock.settimeout(timeout or self.timeout)
        try:
            while self.fill():
                pass
        except TimeoutError:
            return False
        finally:
            self.sock.settimeout(self.timeout)
        return not self.buf

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)


def post(body, path="/v1/chat/completions", headers=(), host="localhost"):
    """The bytes of a POST."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    elif isinstance(body, str):
        body = body.encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\n" \
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    for name, value in headers:
        head += f"{name}: {value}\r\n"
    return head.encode("latin-1") + b"\r\n" + body


def get(path="/health", headers=(), host="localhost"):
    """The bytes of a GET."""
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
    for name, value in headers:
        head += f"{name}: {value}\r\n"
    return head.encode("latin-1") + b"\r\n"


def chat_body(model="m", text="Hi", **more):
    return {"model": model, "messages": [{"role": "user", "content": text}],
            **more}


def events(data):
    """The data of each SSE event in bytes, by the WHATWG rules."""
    out, cur = [], []
    for line in data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(
            b"\n"):
        if not line:
            if cur:
                out.append(b"\n".join(cur).decode())
            cur = []
        elif line.startswith(b"data:"):
            v = line[5:]
            cur.append(v[1:] if v.startswith(b" ") else v)
    return out


def chunks(data):
    """The JSON objects of a chat stream; asserts that it ends right."""
    ev = events(data)
    assert ev and ev[-1] == "[DONE]", f"no [DONE]: {data[-400:]!r}"
    assert "[DONE]" not in ev[:-1], "[DONE] twice"
    return [json.loads(e) for e in ev[:-1]]
