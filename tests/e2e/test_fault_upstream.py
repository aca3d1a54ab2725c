# SPDX-License-Identifier: ISC
"""Rows 23 to 47 of the fault table: what backends do to a gateway."""

import errno
import json
import socket
import time

import pytest

import openai as openai_sdk
from world import sdk
from llmd import ollama, openai, sanitized
from preloaded import Net
from proc import free_port
from raw import chat_body, chunks, events, post
from sim import header
from test_stream import texts
from wait import LONG, seconds, wait_until

CANARY = "sk-CANARY-4f1d9c"


def error_of(r, status=None, code=None):
    """The error of a plain reply."""
    if status:
        assert r.status == status, r
    e = r.json()["error"]
    assert list(e) == ["message", "type", "param", "code"]
    if code:
        assert e["code"] == code, e
    return e


def stream_error(r):
    """The error that ends a stream; there is no [DONE]."""
    assert r.status == 200, r
    ev = events(r.body)
    assert "[DONE]" not in ev, ev
    e = json.loads(ev[-1])["error"]
    assert set(e) == {"message", "type", "param", "code"}
    return e


def failed(r):
    """The error of an answer that failed before or inside the stream."""
    return stream_error(r) if r.status == 200 else error_of(r)


def still_fine(gw, sim, model):
    """The next request works: nothing of the last one is in its way."""
    sim.script(model, text="fine again")
    r = gw.chat(model)
    assert r.status == 200, r
    assert r.json()["choices"][0]["message"]["content"] == "fine again"
    got = chunks(gw.chat(model, stream=True).body)
    assert texts(got) == "fine again"


@pytest.fixture
def net(tmp_path):
    return Net(tmp_path)


def full_backlog():
    """A listener that answers no SYN any more: connecting to it hangs."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(0)
    held = []
    for _ in range(4):
        c = socket.socket()
        c.setblocking(False)
        c.connect_ex(s.getsockname())
        held.append(c)
    return s, held


# --- 23 and 24: connecting --------------------------------------------------

@pytest.mark.parametrize("number, words", [
    (errno.ECONNREFUSED, "Connection refused"),
    (errno.EHOSTUNREACH, "No route to host"),
    (errno.ENETUNREACH, "Network is unreachable"),
    (errno.EACCES, "Permission denied")])
def test_fault_23_connect_fails(llmd, net, number, words):
    gw = llmd({"model_list": [
        ollama("m", "http://10.255.255.1:11434"),
        openai("o", "http://10.255.255.1:8000")]}, env=net.env)
    net.rules(f"connect 10.255.255.1 {int(number)}")
    for model in "m", "o":
        for stream in False, True:
            start = time.monotonic()
            e = error_of(gw.chat(model, stream=stream), 502,
                         "upstream_unreachable")
            assert words in e["message"] and "10.255.255.1" in e["message"]
            assert time.monotonic() - start < seconds(1)


def test_fault_23_connect_hangs(llmd, net):
    """504 after the connect timeout; 5 s by default."""
    listener, held = full_backlog()
    port = listener.getsockname()[1]
    gw = llmd({"model_list": [ollama("m", "http://10.255.255.1:11434")],
               "llmd_settings": {"connect_timeout_ms": 700}}, env=net.env)
    net.rules(f"connect 10.255.255.1 to {port}")
    start = time.monotonic()
    e = error_of(gw.chat("m"), 504, "upstream_timeout")
    took = time.monotonic() - start
    assert 0.6 < took < seconds(2)
    assert "10.255.255.1" in e["message"]
    for s in (listener, *held):
        s.close()


def test_fault_23_other_requests_go_on(llmd, sim, net):
    """A backend that hangs in connect holds up nobody else."""
    listener, held = full_backlog()
    gw = llmd({"model_list": [
        ollama("dead", "http://10.255.255.1:11434"), ollama("m", sim)]},
        env=net.env)
    net.rules(f"connect 10.255.255.1 to {listener.getsockname()[1]}")
    waiting = []
    for _ in range(20):
        c = gw.raw()
        c.send(post(chat_body("dead")))
        waiting.append(c)
    start = time.monotonic()
    for _ in range(10):
        assert gw.chat("m").status == 200
    assert time.monotonic() - start < seconds(1)
    for s in (listener, *held, *waiting):
        s.close()


EAI = {"NXDOMAIN": -2, "SERVFAIL": -3, "FAIL": -4}


@pytest.mark.parametrize("name", EAI)
def test_fault_24_name_errors(llmd, net, name):
    gw = llmd({"model_list": [ollama("m", "http://gpu-box.internal:11434")]},
              env=net.env)
    net.rules(f"name gpu-box.internal error {EAI[name]}")
    e = error_of(gw.chat("m"), 502, "upstream_unreachable")
    assert "gpu-box.internal" in e["message"]


def test_fault_24_a_silent_resolver_blocks_nobody(llmd, sim, net):
    """30 s without an answer: other models are served, /health too, and the
    request itself ends at the connect timeout."""
    gw = llmd({"model_list": [ollama("slow", "http://slow.internal:11434"),
                              ollama("m", sim)],
               "llmd_settings": {"connect_timeout_ms": 1000}}, env=net.env)
    net.rules("name slow.internal wait 30000 error -3")
    waiting = []
    for _ in range(20):
        c = gw.raw()
        c.send(post(chat_body("slow")))
        waiting.append(c)
    start = time.monotonic()
    for _ in range(10):
        assert gw.chat("m").status == 200
        assert gw.get("/health").status == 200
    assert time.monotonic() - start < seconds(1)
    for c in waiting:
        r = c.reply()
        assert r.status in (502, 504), r
        c.close()
    assert time.monotonic() - start < seconds(4)


def test_fault_24_four_silent_names_do_not_stop_a_fifth(llmd, sim, net):
    names = [f"slow{i}.internal" for i in range(4)]
    gw = llmd({"model_list": [
        *(ollama(n, f"http://{n}:11434") for n in names),
        ollama("m", f"http://fast.internal:{sim.port}")],
        "llmd_settings": {"connect_timeout_ms": 1500}}, env=net.env)
    net.rules(*(f"name {n} wait 4000 error -3" for n in names[:3]),
              "name fast.internal 127.0.0.1")
    waiting = []
    for n in names[:3]:
        c = gw.raw()
        c.send(post(chat_body(n)))
        waiting.append(c)
    start = time.monotonic()
    assert gw.chat("m").status == 200
    assert time.monotonic() - start < seconds(1)
    for c in waiting:
        c.close()


def test_fault_24_the_next_address_is_tried(llmd, sim, net):
    """64 addresses that refuse, and one that works."""
    dead = [f"10.255.1.{i}" for i in range(1, 65)]
    gw = llmd({"model_list": [ollama("m", f"http://many.internal:{sim.port}")]},
              env=net.env)
    net.rules(f"name many.internal {' '.join(dead)} 127.0.0.1",
              *(f"connect {a} {errno.ECONNREFUSED}" for a in dead))
    r = gw.chat("m")
    # A limit on tries is fair, as long as it ends well or clean.
    assert r.status == 200 or error_of(r, 502, "upstream_unreachable")
    net.rules(f"name two.internal {dead[0]} 127.0.0.1",
              f"connect {dead[0]} {errno.EHOSTUNREACH}")
    gw = llmd({"model_list": [ollama("m", f"http://two.internal:{sim.port}")]},
              env=net.env)
    assert gw.chat("m").status == 200


def test_fault_24_ipv6_first_then_ipv4(llmd, sim, net):
    gw = llmd({"model_list": [ollama("m", f"http://both.internal:{sim.port}")]},
              env=net.env)
    net.rules("name both.internal 2001:db8::1 127.0.0.1",
              f"connect 2001:db8::1 {errno.ENETUNREACH}")
    assert gw.chat("m").status == 200


def test_fault_24_host_is_the_name(llmd, sim, net):
    """Whatever address a name has, the Host sent is the configured one."""
    gw = llmd({"model_list": [
        openai("o", f"http://evil.test:{sim.port}")]}, env=net.env)
    net.rules("name evil.test 127.0.0.1")
    assert gw.chat("o").status == 200
    assert header(sim.last("o"), "host") == [f"evil.test:{sim.port}"]


# --- 25 to 29: silence and early ends ---------------------------------------

def test_fault_25_never_answers(llmd, sim, model):
    gw = llmd({"model_list": [ollama("m", sim), openai("o", sim)],
               "litellm_settings": {"request_timeout": 1}})
    sim.script(model, hang=True)
    start = time.monotonic()
    error_of(gw.chat(model), 504, "upstream_timeout")
    assert 0.9 < time.monotonic() - start < seconds(3)
    wait_until(lambda: all(r["end"] != "open" for r in sim.requests(model)),
               5, "the upstream connection is closed")


def test_fault_25_stream_first_event(llmd, sim, model):
    """Not committed: 504; committed: comments, then an error event."""
    limits = {"first_event_timeout_ms": 900, "keepalive_ms": 200}
    gw = llmd({"model_list": [ollama("m", sim), openai("o", sim)],
               "llmd_settings": limits})
    sim.script(model, hang=True)
    error_of(gw.chat(model, stream=True), 504, "upstream_timeout")
    gw = llmd({"model_list": [ollama("m", sim), openai("o", sim)],
               "llmd_settings": {**limits, "stream_commit_ms": 200}})
    r = gw.chat(model, stream=True)
    assert r.body.startswith(b":\n\n")
    assert stream_error(r)["code"] == "upstream_timeout"


def test_fault_25_silence_in_mid_stream(llmd, sim, model):
    gw = llmd({"model_list": [ollama("m", sim), openai("o", sim)],
               "llmd_settings": {"gap_timeout_ms": 700}})
    sim.script(model, text="one two three four", words=True,
               fault="stall_mid")
    start = time.monotonic()
    e = stream_error(gw.chat(model, stream=True))
    assert e["code"] == "upstream_timeout"
    assert 0.6 < time.monotonic() - start < seconds(3)


def test_fault_25_the_head_alone_is_no_event(llmd, sim, model):
    gw = llmd({"model_list": [ollama("m", sim), openai("o", sim)],
               "llmd_settings": {"first_event_timeout_ms": 700}})
    sim.script(model, first=30000)
    error_of(gw.chat(model, stream=True), 504, "upstream_timeout")


@pytest.mark.parametrize("fault", ["cut_before_head", "rst_before_head",
                                   "cut_mid_head"])
def test_fault_26_dies_before_the_head(sim, gw, model, fault):
    sim.script(model, fault=fault)
    for stream in False, True:
        e = error_of(gw.chat(model, stream=stream), 502)
        assert e["code"].startswith("upstream_")
    still_fine(gw, sim, model)


@pytest.mark.parametrize("how", ["reuse", "reuse_rst"])
def test_fault_26_a_stale_connection_is_tried_again(sim, gw, model, how):
    """A kept connection that dies at its next use, before any byte: one
    silent retry on a new one."""
    sim.script(model, text="ok", close=how)
    for i in range(8):
        r = gw.chat(model, stream=bool(i % 2))
        assert r.status == 200, r
    r = gw.records("requests.log") or wait_until(
        lambda: gw.records("requests.log"), 3)
    assert all(x["status"] == 200 for x in r)


def test_fault_26_no_second_retry(sim, gw, model):
    """A fresh connection that dies is not tried again by itself: it may be
    a paid answer."""
    sim.script(model, fault="cut_before_head")
    n = len(sim.requests(model))
    assert gw.chat(model).status == 502
    assert len(sim.requests(model)) == n + 1


def test_fault_26_idle_close_is_seen(sim, gw, model):
    """The backend closes idle connections: the next request gets a new
    one."""
    sim.script(model, text="ok", close="idle", idle_ms=20)
    for _ in range(5):
        assert gw.chat(model).status == 200
        time.sleep(0.05)


@pytest.mark.parametrize("fault", ["cut_mid", "rst_mid",
                                   "server_terminated"])
def test_fault_27_dies_in_mid_stream(sim, gw, model, fault):
    sim.script(model, text="one two three four five six", words=True,
               fault=fault)
    r = gw.chat(model, stream=True)
    e = failed(r)
    assert e["code"] == "upstream_incomplete"
    # The connection to the client is closed: nobody takes it for the whole.
    with gw.raw() as c:
        c.send(post(chat_body(model, stream=True)))
        r = c.reply()
        assert b"[DONE]" not in r.body
        assert c.closed(5)
    with sdk(gw) as client, pytest.raises(openai_sdk.APIError):
        list(client.chat.completions.create(
            model=model, stream=True,
            messages=[{"role": "user", "content": "x"}]))
    log = gw.wait_record("requests.log", lambda r: r["error"])
    assert log["model"] == model
    still_fine(gw, sim, model)


def test_fault_27_runner_killed(sim, gw):
    sim.script("m", text="one two three four five six", words=True,
               fault="runner_killed")
    e = stream_error(gw.chat("m", stream=True))
    assert "unexpected EOF" in e["message"]


def test_fault_28_no_DONE_after_finish(sim, gw):
    sim.script("o", text="fine", fault="no_done")
    got = chunks(gw.chat("o", stream=True).body)
    assert texts(got) == "fine"


def test_fault_28_no_finish_and_no_DONE(sim, gw):
    """A clean end without a finish is a cut."""
    sim.script("o", text="one two", words=True, fault="no_finish")
    e = stream_error(gw.chat("o", stream=True))
    assert e["code"] == "upstream_incomplete"


def test_fault_28_no_usage(sim, gw, model):
    """Unknown counts are absent or estimates, never an invented 0."""
    sim.script(model, text="one two three four", words=True, usage="none")
    got = chunks(gw.chat(model, stream=True,
                         stream_options={"include_usage": True}).body)
    u = [c["usage"] for c in got if c.get("usage")]
    assert not u or u[0]["completion_tokens"] > 0
    gw.chat(model)
    r = gw.wait_record("requests.log", lambda r: r["model"] == model)
    assert r["tokens_out"] is None or r["tokens_estimated"] is True


@pytest.mark.parametrize("fault", ["bytes_after_done", "two_done"])
def test_fault_29_after_the_end(sim, gw, model, fault):
    sim.script(model, text="fine", fault=fault)
    got = chunks(gw.chat(model, stream=True).body)
    assert texts(got) == "fine"
    got = chunks(gw.chat(model, stream=True).body)
    assert texts(got) == "fine"
    still_fine(gw, sim, model)


# --- 30 to 35: the bytes of a stream ----------------------------------------

def openai_stream(*texts_, done=True):
    """The bytes of a plain OpenAI stream, LF ends."""
    head = '{"id":"c1","object":"chat.completion.chunk","created":1,' \
        '"model":"o","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}'
    out = "data: " + head % ('{"role":"assistant","content":""}', "null") \
        + "\n\n"
    for t in texts_:
        out += "data: " + head % (json.dumps({"content": t},
                                             ensure_ascii=False), "null") \
            + "\n\n"
    out += "data: " + head % ("{}", '"stop"') + "\n\n"
    return (out + ("data: [DONE]\n\n" if done else "")).encode()


def ollama_stream(*texts_):
    out = "".join(json.dumps({
        "model": "m", "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": t}, "done": False},
        ensure_ascii=False) + "\n" for t in texts_)
    return (out + json.dumps({
        "model": "m", "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": ""}, "done": True,
        "done_reason": "stop", "prompt_eval_count": 1, "eval_count": 2})
        + "\n").encode()


SNOW = ["雪 ", "café ", "😀"]


@pytest.mark.slow(300)
@pytest.mark.parametrize("which", ["sse", "crlf", "cr", "ndjson"])
def test_fault_30_cut_at_any_byte(sim, gw, which):
    """The same events, wherever the stream is cut in two writes."""
    model = "m" if which == "ndjson" else "o"
    data = ollama_stream(*SNOW) if model == "m" else openai_stream(*SNOW)
    if which == "crlf":
        data = b"\xef\xbb\xbf: hi\r\n\r\n" + data.replace(b"\n", b"\r\n")
    elif which == "cr":
        data = data.replace(b"\n", b"\r")
    ctype = "application/x-ndjson" if model == "m" else "text/event-stream"
    step = 1 if LONG else 17
    for at in range(1, len(data), step):
        sim.raw(model, data, content_type=ctype, split=at)
        got = chunks(gw.chat(model, stream=True).body)
        assert texts(got) == "".join(SNOW), (which, at)


def test_fault_30_one_byte_chunks(sim, gw, model):
    sim.script(model, tokens=SNOW, chunk=1, split=1)
    assert texts(chunks(gw.chat(model, stream=True).body)) == "".join(SNOW)


@pytest.mark.parametrize("extra", [
    b": comment\n\n", b"data\n\n", b"data:\n\n", b"event: x\n\n",
    b"id: 1\nretry: 5\n\n", b"\n\n\n", b"unknown: field\n\n", b"data: \n\n"])
def test_fault_30_odd_events(sim, gw, extra):
    data = openai_stream("a", "b")
    first = data.index(b"\n\n") + 2
    sim.raw("o", extra + data[:first] + extra + data[first:],
            content_type="text/event-stream")
    body = gw.chat("o", stream=True).body
    assert texts(chunks(body)) == "ab"
    for bad in (b"id:", b"retry:", b"event:", b"data:\n", b"data\n",
                b"unknown"):
        assert bad not in body


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5, 7, 9])
def test_fault_31_half_characters(sim, gw, model, cut):
    """Characters that are split over reads stay whole."""
    text = "雪 café 😀" * 20
    sim.script(model, tokens=[text], split=cut)
    r = gw.chat(model, stream=True)
    assert texts(chunks(r.body)) == text
    r.body.decode("utf-8")


def test_fault_31_ends_inside_a_character(sim, gw, model):
    sim.script(model, text="one two three", words=True, fault="half_utf8")
    r = gw.chat(model, stream=True)
    r.body.decode("utf-8")
    assert failed(r)


def test_fault_32_invalid_json_in_one_event(sim, gw, model):
    sim.script(model, text="one two three four", words=True, bad_json_at=3)
    r = gw.chat(model, stream=True)
    e = stream_error(r)
    assert e["code"].startswith("upstream_")
    for ev in events(r.body):
        json.loads(ev)
    still_fine(gw, sim, model)


def test_fault_32_invalid_first_event(sim, gw, model):
    """Nothing was sent yet, so it is a 502."""
    sim.script(model, fault="bad_json")
    assert failed(gw.chat(model, stream=True))["code"].startswith("upstream_")
    sim.raw(model, b'{"id": nonsense}', content_type="application/json")
    error_of(gw.chat(model), 502, "upstream_invalid_response")
    sim.raw(model, b'', content_type="application/json")
    error_of(gw.chat(model), 502)


@pytest.mark.slow(200)
def test_fault_33_endless_line(llmd, sim, model):
    """A line without end is refused at event_max_bytes; memory is bounded."""
    gw = llmd({"model_list": [ollama("m", sim), openai("o", sim)]})
    sim.script(model, text="warm")
    gw.chat(model)
    rss = gw.proc.rss_kb()
    sim.script(model, fault="endless_line")
    top = 0
    with gw.raw(timeout=60) as c:
        c.send(post(chat_body(model, stream=True)))
        c.sock.setblocking(False)
        end = time.monotonic() + seconds(40)
        while time.monotonic() < end:
            top = max(top, gw.proc.rss_kb())
            try:
                got = c.sock.recv(65536)
                c.buf += got
                if not got or b'"error"' in c.buf:
                    break
            except BlockingIOError:
                time.sleep(0.005)
    assert b"upstream_" in c.buf, c.buf[:300]
    assert b"[DONE]" not in c.buf
    if not sanitized():
        assert top - rss < 56 * 1024, "16 MiB, doubled while growing"
    wait_until(lambda: sim.requests(model, bodies=0)[-1]["end"] != "open", 5)


@pytest.mark.slow(200)
def test_fault_33_large_events(sim, gw, model):
    """12 MB in one event is fine, 17 MB is an error."""
    sim.script(model, line_bytes=12_000_000, text="x")
    body = gw.chat(model, stream=True, timeout=60).body
    assert len(texts(chunks(body))) >= 11_900_000
    sim.script(model, line_bytes=17_825_792, text="x")
    assert failed(gw.chat(model, stream=True, timeout=60))["code"].startswith(
        "upstream_")


def test_fault_33_large_reply(llmd, sim, model):
    gw = llmd({"model_list": [ollama("m", sim), openai("o", sim)],
               "llmd_settings": {"reply_max_bytes": 1 << 20}})
    sim.script(model, line_bytes=2 << 20, text="x")
    error_of(gw.chat(model), 502)
    still_fine(gw, sim, model)


@pytest.mark.parametrize("change", [
    lambda d: d.replace(b"\n", b"\r\n"), lambda d: d.replace(b"\n", b" \n"),
    lambda d: d.replace(b"\n", b"\n\n\n"), lambda d: b"\n \r\n" + d,
    lambda d: d[:-1], lambda d: d.replace(b'{"model"', b'  {"model"', 1)],
    ids=["crlf", "trailing", "blank", "leading", "no-last-lf", "indent"])
def test_fault_34_ndjson_forms(sim, gw, change):
    data = change(ollama_stream("a", "b", "c"))
    for split in (len(data), 5):
        sim.raw("m", data, content_type="application/x-ndjson", split=split)
        assert texts(chunks(gw.chat("m", stream=True).body)) == "abc"


def test_fault_34_several_objects_a_packet(sim, gw):
    sim.script("m", tokens=list("abcdefgh"), join=3)
    assert texts(chunks(gw.chat("m", stream=True).body)) == "abcdefgh"
    sim.script("m", tokens=list("abcdefgh"), join=100)
    assert texts(chunks(gw.chat("m", stream=True).body)) == "abcdefgh"


@pytest.mark.parametrize("line", [
    b'{"error":"model runner has stopped"}\n',
    b'data: {"error":{"message":"model runner has stopped"}}\n\n',
    b'data: {"error":"model runner has stopped"}\n\n',
    b'data: {"object":"error","message":"model runner has stopped",'
    b'"code":500}\n\n',
    b'event: error\ndata: {"error":{"message":"model runner has stopped",'
    b'"type":"x","code":503}}\n\n'])
def test_fault_35_error_object_in_a_stream(sim, gw, line):
    model = "m" if line.startswith(b"{") else "o"
    ctype = "application/x-ndjson" if model == "m" else "text/event-stream"
    good = ollama_stream("a", "b") if model == "m" else openai_stream("a")
    first = good.index(b"\n") + (1 if model == "m" else 2)
    sim.raw(model, line, content_type=ctype)        # at the start
    r = gw.chat(model, stream=True)
    assert "model runner has stopped" in failed(r)["message"]
    sim.raw(model, good[:first] + line, content_type=ctype)
    r = gw.chat(model, stream=True)
    assert "model runner has stopped" in failed(r)["message"]


# --- 36 to 42: answers that are none ----------------------------------------

HTML = "<html><head><title>502</title></head><body>" + "<p>x</p>" * 500 \
    + "\x1b[2J</body></html>"


@pytest.mark.parametrize("script", [
    {"status": 502, "body": HTML, "content_type": "text/html"},
    {"status": 502, "body": "", "content_type": "none"},
    {"status": 200, "body": HTML, "content_type": "text/html"},
    {"status": 200, "body": "", "content_type": "application/json"},
    {"status": 200, "body": "hello", "content_type": "text/plain"},
    {"status": 204, "body": "", "content_type": "none"},
    {"status": 500, "body": HTML, "content_type": "text/html"},
    {"status": 503, "body": HTML, "content_type": "text/html"},
    {"status": 418, "body": "teapot", "content_type": "text/plain"},
    {"status": 200, "body": "[]", "content_type": "application/json"},
    {"status": 200, "body": "null", "content_type": "application/json"},
    {"status": 200, "body": "{}", "content_type": "application/json"},
], ids=lambda s: f"{s['status']}-{s['content_type']}-{s['body'][:5]}")
def test_fault_36_no_answer(sim, gw, model, script):
    sim.script(model, **script)
    for stream in False, True:
        r = gw.chat(model, stream=stream)
        if r.status == 200 and stream:
            e = stream_error(r)
        else:
            assert r.status >= 400, r
            e = error_of(r)
        assert "<html" not in e["message"].lower()
        assert "\x1b" not in e["message"]
        assert len(e["message"]) < 600
    assert "\x1b" not in gw.log()
    still_fine(gw, sim, model)


def test_fault_37_early_hints(sim, gw, model):
    for info, n in ((103, 1), (100, 1), (103, 8), (102, 3)):
        sim.script(model, text="fine", info=info, info_count=n)
        assert gw.chat(model).status == 200, (info, n)
        assert texts(chunks(gw.chat(model, stream=True).body)) == "fine"


@pytest.mark.parametrize("fault", ["info_flood", "switch_101"])
def test_fault_37_flood_and_switch(sim, gw, model, fault):
    sim.script(model, fault=fault)
    error_of(gw.chat(model), 502)
    error_of(gw.chat(model, stream=True), 502)
    still_fine(gw, sim, model)


@pytest.mark.parametrize("keys", [
    {"content_length": "long", "framing": "length"},
    {"framing": "both"},
    {"bad_chunk": "size"}, {"bad_chunk": "overflow"},
    {"bad_chunk": "negative"}, {"bad_chunk": "crlf"}, {"bad_chunk": "plus"},
    {"no_last_chunk": True, "framing": "chunked"},
], ids=lambda k: "-".join(map(str, k.values())))
def test_fault_38_framing(sim, gw, model, keys):
    """502 or an error event; the client is not left hanging, and the next
    request does not read the rest."""
    sim.script(model, text="one two three", words=True,
               **({"chunk": 10, "framing": "chunked"}
                  if "bad_chunk" in keys else {}), **keys)
    start = time.monotonic()
    error_of(gw.chat(model), 502)
    assert time.monotonic() - start < seconds(5)
    r = gw.chat(model, stream=True)
    if "no_last_chunk" not in keys and "content_length" not in keys:
        assert b"[DONE]" not in r.body
    still_fine(gw, sim, model)


def test_fault_38_short_length(sim, gw, model):
    """Content-Length says less than what comes: what is behind it is never
    taken for the next reply."""
    sim.script(model, text="one two three four five", words=True,
               framing="length", content_length="short")
    error_of(gw.chat(model), 502)
    r = gw.chat(model, stream=True)
    if b"[DONE]" in r.body:     # what is missing was the [DONE] itself
        assert texts(chunks(r.body)) == "one two three four five"
    still_fine(gw, sim, model)


BAD_REPLIES = [
    b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\n folded\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 999999 OK\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/3 200 OK\r\n\r\n",
    b"ICY 200 OK\r\n\r\n", b"rubbish\r\n\r\n", b"\x16\x03\x01\r\n\r\n",
    b"{}", b"\r\n\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000
    + b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999"
    b"\r\n\r\n{}",
]


@pytest.mark.parametrize("wire", BAD_REPLIES, ids=range(len(BAD_REPLIES)))
def test_fault_38_bad_reply_heads(sim, gw, model, wire):
    sim.wire(model, wire, cut="fin")
    error_of(gw.chat(model), 502)
    error_of(gw.chat(model, stream=True), 502)
    still_fine(gw, sim, model)


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_fault_39_encoded_though_not_asked(sim, gw, model, coding):
    sim.script(model, text="fine", encoding=coding)
    e = error_of(gw.chat(model), 502)
    assert "encod" in e["message"].lower()
    error_of(gw.chat(model, stream=True), 502)
    assert header(sim.requests(model)[-1], "accept-encoding") == ["identity"]
    still_fine(gw, sim, model)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_fault_40_redirects_are_not_followed(sim, sims, gw, model, status):
    other = sims()
    sim.script(model, status=status,
               location=f"{other.url}/v1/chat/completions")
    for stream in False, True:
        e = error_of(gw.chat(model, stream=stream), 502)
        assert CANARY not in e["message"]
    assert other.stats()["requests_total"] == 0
    assert len(sim.requests(model)) == 2


@pytest.mark.parametrize("after", ["7", "120", "-5", "rubbish", "1e9",
                                   "Wed, 21 Oct 2065 07:28:00 GMT", "0"])
def test_fault_41_rate_limited_upstream(sim, gw, after):
    """429 passes with a Retry-After that clients can read, or none; the
    gateway itself does not storm."""
    sim.script("o", status=429, retry_after=after, error="slow down")
    r = gw.chat("o")
    error_of(r, 429)
    got = r.headers.get("Retry-After")
    assert got is None or got.isdigit() or got == after
    if after in ("7", "120"):
        assert got == after
    assert len(sim.requests("o")) == 1


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [
    '{"error":{"message":"Incorrect API key provided: %s","type":'
    '"invalid_request_error","param":null,"code":"invalid_api_key"}}',
    "bad key %s", "<html>%s</html>", '{"error":"%s"}', '{"key":"%s'])
def test_fault_42_our_key_is_refused(llmd, sim, status, body):
    """502 upstream_auth; the key that the backend echoes reaches nobody."""
    gw = llmd({"model_list": [openai("o", sim, api_key=CANARY)],
               "llmd_settings": {"request_log": "requests.log"}})
    sim.script("o", status=status, body=body % CANARY)
    for stream in False, True:
        r = gw.chat("o", stream=stream)
        error_of(r, 502, "upstream_auth")
        assert CANARY.encode() not in r.body
        assert CANARY not in str(r.headers)
    assert header(sim.last("o"), "authorization") == [f"Bearer {CANARY}"]
    gw.wait_record("requests.log", lambda r: r["status"] == 502)
    assert CANARY not in gw.log()
    assert CANARY not in (gw.dir / "requests.log").read_text()


def test_fault_42_errors_in_any_status_do_not_name_the_key(llmd, sim):
    gw = llmd({"model_list": [openai("o", sim, api_key=CANARY)]})
    for status in 400, 404, 429, 500:
        sim.script("o", status=status,
                   body='{"error":{"message":"key %s"}}' % CANARY)
        assert CANARY.encode() not in gw.chat("o").body, status
    sim.script("o", text="one two", words=True, error_after=1,
               error=f"broken {CANARY}")
    assert CANARY.encode() not in gw.chat("o", stream=True).body
    assert CANARY not in gw.log()


@pytest.mark.parametrize("fault", ["head_64k", "head_crlf", "head_rubbish"])
def test_fault_46_heads(sim, gw, model, fault):
    sim.script(model, fault=fault)
    error_of(gw.chat(model), 502)
    error_of(gw.chat(model, stream=True), 502)
    still_fine(gw, sim, model)


def test_fault_46_upstream_headers_do_not_pass(sim, gw, model):
    sim.script(model, text="fine", headers={
        "Set-Cookie": "a=b", "Server": "evil", "X-Powered-By": "php",
        "Access-Control-Allow-Origin": "*", "X-Secret": "1",
        "Location": "http://evil.example"})
    for stream in False, True:
        r = gw.chat(model, stream=stream)
        assert r.status == 200
        for n in ("set-cookie", "server", "x-powered-by", "x-secret",
                  "access-control-allow-origin", "location"):
            assert n not in {h.lower() for h in r.headers}, n


@pytest.mark.slow(200)
def test_fault_47_upstream_is_faster_than_the_client(llmd, sim, model):
    """As fast as the upstream can against a reader that stops and goes:
    bounded memory, and what is read is right."""
    gw = llmd({"model_list": [ollama("m", sim), openai("o", sim)]})
    sim.script(model, text="0123456789" * 100, token_chars=1000,
               endless=True)
    rss = gw.proc.rss_kb()
    top, got = 0, 0
    with gw.raw(rcvbuf=8192, timeout=30) as c:
        c.send(post(chat_body(model, stream=True)))
        assert c.head().status == 200
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert c.fill()
            got += len(c.buf)
            c.buf = b""
            top = max(top, gw.proc.rss_kb())
            time.sleep(0.002)
    assert got > 100_000
    if not sanitized():
        assert top - rss < 3000, "256 KiB and some buffers"
    wait_until(lambda: sim.requests(model, bodies=0)[-1]["end"] != "open", 5)


def test_closed_port_is_not_reused_by_accident():
    """free_port gives ports that nobody listens on."""
    port = free_port()
    with socket.socket() as s:
        assert s.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
