# SPDX-License-Identifier: ISC
"""llmsim behind TLS and as a CONNECT proxy."""

import json
import socket
import ssl
import subprocess

from simlib import HERE, Sim, chat

SIM = None


def setup_module():
    global SIM
    SIM = Sim()


def teardown_module():
    SIM.stop()


def setup_function():
    SIM.call("reset", {})


def make_ca(tmp_path):
    subprocess.run(["sh", HERE / "mkca.sh", tmp_path], check=True,
                   stdout=subprocess.DEVNULL)
    return tmp_path


def tls(port, ca=None, name="localhost"):
    ctx = ssl.create_default_context(cafile=ca)
    # Python asks OpenSSL 3 to take a cut for an end; here it matters.
    ctx.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    s = socket.create_connection(("127.0.0.1", port), timeout=10)
    return ctx.wrap_socket(s, server_hostname=name)


def test_tls_certificates(tmp_path):
    d = make_ca(tmp_path)
    for name, why in (("good", None), ("expired", "expired"),
                      ("wrong", "mismatch"), ("self", "self-signed")):
        sim = Sim("--tls", d / f"{name}.pem", d / f"{name}.key")
        try:
            s = tls(sim.port, d / "ca.pem")
            assert why is None, f"{name} was accepted"
            s.sendall(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n"
                      b"Connection: close\r\n\r\n")
            assert s.recv(65536).endswith(b'{"version":"0.23.0"}')
            assert s.recv(1) == b""
            s.close()
            s = tls(sim.port, d / "ca.pem", "127.0.0.1")
            s.close()
        except ssl.SSLCertVerificationError as e:
            assert why and why in str(e).lower(), (name, e)
        sim.stop()


def test_tls_cut_and_control_port(tmp_path):
    d = make_ca(tmp_path)
    sim = Sim("--tls", d / "good.pem", d / "good.key", "--control-port", "0")
    tls_port, sim.port = sim.port, sim.next_port()
    for fault, clean in (("tls_cut_mid", False), ("server_terminated", True)):
        sim.script("m", text="one two three four five", fault=fault)
        s = tls(tls_port, d / "ca.pem")
        body = json.dumps(chat()).encode()
        s.suppress_ragged_eofs = False
        s.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body) + body)
        try:
            while s.recv(65536):
                pass
            assert clean
        except ssl.SSLError as e:
            assert not clean and "EOF" in str(e)
        s.close()
    got = sim.call("requests?model=m")
    assert all(r["tls"] for r in got)
    assert [r["end"] for r in got] == ["server_tls_cut", "server_fin"]
    sim.stop()


def test_connect_proxy():
    proxy = Sim("--connect-proxy")
    with proxy.connect() as s:
        s.sendall(f"CONNECT 127.0.0.1:{SIM.port} HTTP/1.1\r\n"
                  f"Host: 127.0.0.1:{SIM.port}\r\n\r\n".encode())
        assert s.recv(65536) == b"HTTP/1.1 200 Connection established\r\n\r\n"
        got = SIM.raw(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n"
                      b"Connection: close\r\n\r\n", s)
        assert got.endswith(b'{"version":"0.23.0"}')
    assert proxy.call("stats")["tunnels"] == 1
    r = proxy.call("requests")[0]
    assert r["method"] == "CONNECT" and r["status"] == 200
    assert b" 502 " in proxy.raw(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n")
    proxy.call("script", {"path": "127.0.0.1:1", "script": {"status": 407}})
    assert b" 407 " in proxy.raw(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n"
                                 b"Connection: close\r\n\r\n")
    proxy.stop()
