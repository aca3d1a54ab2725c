# SPDX-License-Identifier: ISC
"""TLS on both sides (row 45): backends with good and bad certificates, cut
connections, a CONNECT proxy; and clients of an llmd that has a certificate."""

import json
import ssl
import subprocess

import httpx2
import pytest

from world import sdk
from llmd import ollama, openai, run_llmd
from preloaded import Net
from proc import TESTS, free_port
from raw import chat_body, chunks, events
from sim import header
from test_stream import texts
from wait import wait_until


@pytest.fixture(scope="session")
def ca(tmp_path_factory):
    """A folder with a private CA and its certificates."""
    d = tmp_path_factory.mktemp("ca")
    subprocess.run(["sh", str(TESTS / "sim/mkca.sh"), str(d)], check=True,
                   capture_output=True)
    return d


def pair(ca, name):
    return [ca / f"{name}.pem", ca / f"{name}.key"]


def backend(llmd, sim, ca, base=None, verify=None, **more):
    """llmd with `o` at a TLS backend that our CA vouches for."""
    url = base or f"https://localhost:{sim.port}"
    params = {"ssl_verify": str(ca / "ca.pem") if verify is None else verify}
    return llmd({"model_list": [openai("o", url, **params),
                                ollama("m", url, **params)]}, **more)


def test_fault_45_good(sims, llmd, ca):
    sim = sims(tls=pair(ca, "good"))
    for base in (f"https://localhost:{sim.port}",
                 f"https://127.0.0.1:{sim.port}"):
        gw = backend(llmd, sim, ca, base)
        for model in "o", "m":
            assert gw.chat(model).status == 200
            sim.script(model, text="by TLS", token_chars=1)
            got = chunks(gw.chat(model, stream=True).body)
            assert texts(got) == "by TLS"
    r = sim.last("o")
    assert r["tls"] is True
    assert header(r, "authorization") == ["Bearer sk-upstream"]


@pytest.mark.parametrize("cert, words", [
    ("expired", "expired"), ("wrong", "not for localhost"), ("self", "self")])
def test_fault_45_bad_certificates(sims, llmd, ca, cert, words):
    """Refused with the reason, and no request is sent."""
    sim = sims(tls=pair(ca, cert))
    gw = backend(llmd, sim, ca)
    for stream in False, True:
        r = gw.chat("o", stream=stream)
        assert r.status == 502, r
        e = r.json()["error"]
        assert e["code"] == "upstream_unreachable"
        assert words in e["message"].lower(), e
        assert "certificate" in e["message"].lower()
    assert sim.requests() == []


def test_fault_45_unknown_ca(sims, llmd, ca):
    """Verification is on by default: the system's roots do not know ours."""
    sim = sims(tls=pair(ca, "good"))
    gw = llmd({"model_list": [openai(
        "o", f"https://localhost:{sim.port}")]})
    r = gw.chat("o")
    assert r.status == 502
    assert "certificate" in r.json()["error"]["message"].lower()
    assert sim.requests() == []


def test_fault_45_verify_off(sims, llmd, ca):
    """ssl_verify: false is honoured, and said at the start."""
    sim = sims(tls=pair(ca, "self"))
    gw = backend(llmd, sim, ca, verify=False)
    assert gw.chat("o").status == 200
    assert "ssl_verify" in gw.log()


@pytest.mark.parametrize("model", ["o", "m"])
def test_fault_45_cut_without_close_notify(sims, llmd, ca, model):
    """A stream cut under TLS is an error, not an end."""
    sim = sims(tls=pair(ca, "good"))
    gw = backend(llmd, sim, ca)
    sim.script(model, text="one two three four five six", words=True,
               fault="tls_cut_mid")
    ev = events(gw.chat(model, stream=True).body)
    assert "[DONE]" not in ev and "error" in json.loads(ev[-1])
    sim.script(model, text="one two three four", cut_after=60, cut="tls")
    assert gw.chat(model).status == 502
    # A body that ends with the connection is trusted only after a
    # close_notify.
    sim.script(model, text="one two three four five six", words=True,
               framing="close", cut_after=120, cut="tls")
    assert gw.chat(model).status == 502


def test_fault_45_plain_backend_on_https(sims, llmd, ca):
    sim = sims()
    sim.call("script", {"path": "accept", "script": {
        "wire": "HTTP/1.1 400 Bad Request\r\n\r\n"}})
    gw = backend(llmd, sim, ca)
    assert gw.chat("o").status == 502
    sim = sims(tls=pair(ca, "good"))
    gw = llmd({"model_list": [openai("o", f"http://localhost:{sim.port}")]})
    assert gw.chat("o").status in (502, 400)


def test_fault_45_old_tls(sims, llmd, ca):
    """TLS 1.0 and 1.1 are refused."""
    for version in "1.0", "1.1":
        try:
            sim = sims("--tls-version", version, tls=pair(ca, "good"))
        except AssertionError:
            pytest.skip(f"this OpenSSL has no TLS {version}")
        gw = backend(llmd, sim, ca)
        assert gw.chat("o").status == 502
        assert sim.requests() == []


def test_TLS_connections_are_reused(sims, llmd, ca):
    sim = sims(tls=pair(ca, "good"))
    gw = backend(llmd, sim, ca)
    for _ in range(20):
        assert gw.chat("o").status == 200
    assert len({r["conn"] for r in sim.requests("o")}) <= 4


def test_TLS_stale_connection_is_tried_again(sims, llmd, ca):
    sim = sims(tls=pair(ca, "good"))
    gw = backend(llmd, sim, ca)
    sim.script("o", text="ok", close="reuse")
    for _ in range(6):
        assert gw.chat("o").status == 200


@pytest.fixture
def tunnel(sims, llmd, ca, tmp_path):
    """A backend wrong.example that only a CONNECT proxy can reach; returns
    (sim, proxy, a function that starts llmd with more environment)."""
    sim = sims(tls=pair(ca, "wrong"))
    proxy = sims("--connect-proxy", "--connect-to", f"127.0.0.1:{sim.port}")
    net = Net(tmp_path)
    net.rules("name wrong.example error -2")

    def start(**env):
        return backend(llmd, sim, ca, "https://wrong.example:8443",
                       env={**net.env, **env})
    return sim, proxy, start


def connects(proxy):
    return [r for r in proxy.call("requests") if r["method"] == "CONNECT"]


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_TLS_connect_proxy(tunnel, name):
    """HTTPS_PROXY by CONNECT: the name is the proxy's to resolve, and the
    certificate is checked through it."""
    sim, proxy, start = tunnel
    gw = start(**{name: proxy.url, "NO_PROXY": "nothing.example"})
    assert gw.chat("o").status == 200
    sim.script("o", text="tunnel", token_chars=1)
    assert texts(chunks(gw.chat("o", stream=True).body)) == "tunnel"
    r = connects(proxy)[0]
    assert r["target"] == "wrong.example:8443"
    assert header(r, "host") == ["wrong.example:8443"]
    assert not header(r, "authorization")
    assert header(sim.last("o"), "authorization") == ["Bearer sk-upstream"]
    assert header(sim.last("o"), "host") == ["wrong.example:8443"]


def test_TLS_proxy_with_a_password(tunnel):
    _, proxy, start = tunnel
    gw = start(HTTPS_PROXY=proxy.url.replace("//", "//me:secret@"))
    assert gw.chat("o").status == 200
    assert header(connects(proxy)[0], "proxy-authorization") \
        == ["Basic bWU6c2VjcmV0"]
    assert "secret" not in gw.log()


@pytest.mark.parametrize("no_proxy", ["wrong.example", "x.example,.example",
                                      "*"])
def test_TLS_no_proxy(tunnel, no_proxy):
    """NO_PROXY: directly, which fails here because the name is unknown."""
    _, proxy, start = tunnel
    gw = start(HTTPS_PROXY=proxy.url, NO_PROXY=no_proxy)
    r = gw.chat("o")
    assert r.status == 502
    assert r.json()["error"]["code"] == "upstream_unreachable"
    assert connects(proxy) == []


def test_TLS_loopback_needs_no_proxy(sims, llmd, ca):
    sim, proxy = sims(tls=pair(ca, "good")), sims("--connect-proxy")
    gw = backend(llmd, sim, ca, env={"HTTPS_PROXY": proxy.url})
    assert gw.chat("o").status == 200
    assert connects(proxy) == []


def test_TLS_proxy_refuses(tunnel):
    _, proxy, start = tunnel
    proxy.call("script", {"path": "wrong.example:8443",
                          "script": {"status": 407}})
    gw = start(HTTPS_PROXY=proxy.url)
    r = gw.chat("o")
    assert r.status == 502
    assert "proxy" in r.json()["error"]["message"].lower()
    assert "407" in r.json()["error"]["message"]


def test_TLS_proxy_is_dead(tunnel):
    _, _, start = tunnel
    gw = start(HTTPS_PROXY=f"http://127.0.0.1:{free_port()}")
    r = gw.chat("o")
    assert r.status == 502
    assert "proxy" in r.json()["error"]["message"].lower()


# --- clients by TLS ---------------------------------------------------------

@pytest.fixture
def tls_gw(llmd, sim, ca):
    cert, key = pair(ca, "good")
    return llmd({"model_list": [ollama("m", sim), openai("o", sim)]},
                args=["--ssl_certfile_path", cert, "--ssl_keyfile_path",
                      key], wait=False, scheme="https")


def context(ca):
    return ssl.create_default_context(cafile=str(ca / "ca.pem"))


def test_TLS_sdk_streams(tls_gw, sim, ca):
    """The official SDK over https, LiteLLM's flags."""
    sim.script("m", text="Zür ✓ 日本 👩‍🚀", token_chars=1, pace=2)
    wait_until(lambda: "listening" in tls_gw.log()
               or not tls_gw.proc.alive(), 10)
    assert "https://localhost:" in tls_gw.log()
    http = httpx2.Client(verify=context(ca))
    with sdk(tls_gw, http_client=http) as client:
        for _ in range(5):
            text = "".join(
                c.choices[0].delta.content or ""
                for c in client.chat.completions.create(
                    model="m", stream=True,
                    messages=[{"role": "user", "content": "Hi"}]))
            assert text == "Zür ✓ 日本 👩‍🚀"
        assert client.models.list().data[0].id == "m"


def test_TLS_large_bodies_both_ways(tls_gw, sim, ca):
    wait_until(lambda: "listening" in tls_gw.log(), 10)
    sim.script("o", echo=True)
    big = "x" * 3_000_000
    with httpx2.Client(verify=context(ca), timeout=30) as http:
        r = http.post(tls_gw.base + "/chat/completions",
                      json=chat_body("o", big))
    assert r.status_code == 200
    assert r.json()["choices"][0]["message"]["content"] == big


def test_TLS_noise_and_plain_http(tls_gw, ca):
    """Plain HTTP on the TLS port is closed; service goes on."""
    wait_until(lambda: "listening" in tls_gw.log(), 10)
    for data in (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 b"\x16\x03\x01\x00\x05hello", b"\0" * 100):
        with tls_gw.raw() as c:
            c.send(data)
            c.half_close()
            assert c.closed(10) or c.buf
    with httpx2.Client(verify=context(ca)) as http:
        assert http.get(tls_gw.url + "/health").status_code == 200


def test_TLS_client_gone(tls_gw, sim, ca):
    wait_until(lambda: "listening" in tls_gw.log(), 10)
    sim.script("m", delay=30000)
    with httpx2.Client(verify=context(ca), timeout=0.5) as http:
        with pytest.raises(httpx2.TimeoutException):
            http.post(tls_gw.base + "/chat/completions", json=chat_body())
    wait_until(lambda: sim.requests("m")[-1]["end"] != "open", 3)


def test_TLS_missing_files(tmp_path, ca):
    (tmp_path / "config.yaml").write_text("model_list: []\n")
    cert, key = pair(ca, "good")
    other = pair(ca, "self")[1]
    for args in (["--ssl_certfile_path", tmp_path / "no.pem",
                  "--ssl_keyfile_path", key],
                 ["--ssl_certfile_path", cert],
                 ["--ssl_certfile_path", cert, "--ssl_keyfile_path", other]):
        p = run_llmd("--config", tmp_path / "config.yaml", "--port",
                     free_port(), "--socket", tmp_path / "c.sock", *args,
                     timeout=5)
        assert p.returncode > 0, (args, p)
        assert "hint:" in p.stderr, p.stderr
