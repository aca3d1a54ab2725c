# SPDX-License-Identifier: ISC
"""Rows 1 to 22 of the fault table: what clients do to a gateway."""

import json
import os
import resource
import selectors
import time

import pytest

from gate_cases import BAD, INNER
from llmd import ollama, openai, sanitized
from raw import Closed, chat_body, chunks, get, post
from sim import body_of
from test_gate import check_refused
from wait import LONG, SLOW, seconds, wait_until

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"


def settled(gw, what="llmd is as quiet as at its start"):
    """Waits until the number of descriptors does not change; returns it."""
    def same():
        n = len(gw.proc.fds())
        time.sleep(0.1)
        return n == len(gw.proc.fds()) and n
    return wait_until(same, 10, what)


def back_to(gw, fds, deadline=10):
    wait_until(lambda: len(gw.proc.fds()) <= fds, deadline,
               f"descriptors back to {fds} from {len(gw.proc.fds())}")


def warm(gw, n=24):
    """Every worker has served, so that its pools and arenas exist."""
    for i in range(n):
        with gw.raw() as c:
            c.send(post(chat_body("mo"[i % 2], stream=bool(i & 2))))
            assert c.reply().status == 200


def leave_times(sim, model, n):
    """When the upstream's client left, in the order of the requests."""
    got = wait_until(lambda: (lambda r: r if len(r) >= n and all(
        x["end"] != "open" for x in r) else None)(sim.requests(model)), 10,
        "all upstream requests have ended")
    return got


def test_fault_01_client_leaves_before_the_first_token(sim, gw, model):
    sim.script(model, delay=30000)
    warm_fds = settled(gw)
    late = []
    for i in range(200 if LONG else 25):
        c = gw.raw()
        c.send(post(chat_body(model, stream=bool(i % 2))))
        wait_until(lambda: len(sim.requests(model)) == i + 1, 5)
        start = time.monotonic()
        (c.close if i % 3 else c.reset)()
        wait_until(lambda: sim.requests(model)[-1]["end"] != "open", 5)
        late.append(time.monotonic() - start)
    late.sort()
    assert late[len(late) // 2] < seconds(0.1), late
    assert late[-1] < seconds(1), late
    wait_until(lambda: sum(r["status"] == 499 for r in
                           gw.records("requests.log")) == len(late), 5)
    back_to(gw, warm_fds)


@pytest.mark.slow(300)
def test_fault_02_client_leaves_in_mid_stream(sim, gw):
    """Five chunks, then gone; descriptors and memory go back."""
    for model in "m", "o":
        sim.script(model, text="x ", endless=True, pace=2)

    def once(i):
        c = gw.raw()
        c.send(post(chat_body("mo"[i % 2], stream=True)))
        while c.buf.count(b"data: {") < 5:
            assert c.fill()
        (c.close if i % 2 else c.reset)()

    for i in range(60):
        once(i)
    wait_until(lambda: all(r["end"] != "open" for r in sim.requests()), 10)
    fds, rss = settled(gw), gw.proc.rss_kb()
    n = 1000 if LONG else 150
    for i in range(n):
        once(i)
    wait_until(lambda: all(r["end"] != "open" for r in sim.requests()), 10)
    back_to(gw, fds)
    if not sanitized():
        assert gw.proc.rss_kb() - rss < 2048
    wait_until(lambda: len([r for r in gw.records("requests.log")
                            if r["status"] in (200, 499)]) == n + 60, 5)
    ids = [r["id"] for r in gw.records("requests.log")]
    assert len(set(ids)) == len(ids), "one record per request"


def test_fault_03_half_close_is_gone(sim, gw, model):
    sim.script(model, delay=30000)
    with gw.raw() as c:
        c.send(post(chat_body(model)))
        wait_until(lambda: sim.requests(model), 5)
        start = time.monotonic()
        c.half_close()
        wait_until(lambda: sim.requests(model)[-1]["end"] != "open", 5)
        assert time.monotonic() - start < seconds(0.5)
        assert c.closed(5)
    gw.wait_record("requests.log", lambda r: r["status"] == 499)


def slow_readers(gw, model, n):
    socks = []
    for _ in range(n):
        c = gw.raw(rcvbuf=4096, timeout=30)
        c.send(post(chat_body(model, stream=True)))
        socks.append(c)
    for c in socks:
        assert c.head().status == 200
    return socks


@pytest.mark.slow(300)
def test_fault_04_slow_readers(llmd, sim, model):
    """A client that does not read stops its upstream; memory is bounded, the
    client is cut after the write timeout, and others are served."""
    gw = llmd({"model_list": [ollama("m", sim), openai("o", sim)],
               "llmd_settings": {"write_timeout_ms": 4000,
                                 "request_log": "requests.log"}})
    sim.script(model, text="x" * 200, token_chars=200, endless=True)
    rss = gw.proc.rss_kb()
    n = 200 if LONG else 40
    socks = slow_readers(gw, model, n)

    def stopped():
        before = [r["bytes"] for r in sim.requests(model, bodies=0)]
        time.sleep(0.3)
        return before == [r["bytes"] for r in sim.requests(model, bodies=0)]
    wait_until(stopped, 10, "the upstream is not read any more")
    if not sanitized():
        # 256 KiB queued and one event each, with the allocator's rest.
        assert gw.proc.rss_kb() - rss < n * 640
    start = time.monotonic()
    other = "o" if model == "m" else "m"
    assert gw.chat(other).status == 200
    assert SLOW or time.monotonic() - start < 0.5
    wait_until(lambda: all(r["end"] != "open" for r in
                           sim.requests(model, bodies=0)), 20,
               "cut after the write timeout")
    for c in socks:
        c.close()


@pytest.mark.slow(200)
def test_fault_04_a_slow_but_living_reader_is_not_cut(llmd, sim):
    """Who reads a little all the time stays."""
    gw = llmd({"model_list": [openai("o", sim)],
               "llmd_settings": {"write_timeout_ms": 1500}})
    sim.script("o", text="x" * 200, token_chars=200, endless=True)
    with gw.raw(rcvbuf=4096, timeout=30) as c:
        c.send(post(chat_body("o", stream=True)))
        assert c.head().status == 200
        end = time.monotonic() + 4
        while time.monotonic() < end:
            assert c.fill(), "cut though it reads"
            c.buf = b""
            time.sleep(0.05)


def test_fault_05_slow_heads_and_bodies(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim)], "llmd_settings": {
        "head_timeout_ms": 1000, "body_idle_timeout_ms": 800,
        "idle_timeout_ms": 1500}})
    for _ in range(12):
        assert gw.chat("m").status == 200
    sim.reset()
    fds = settled(gw)
    heads = [gw.raw() for _ in range(20)]
    start = time.monotonic()
    for c in heads:
        c.send(HEAD[:20])
    # One byte each 100 ms does not extend the absolute deadline.
    drip, sent = heads[0], 20
    while time.monotonic() - start < 0.9:
        drip.send(HEAD[sent:sent + 1])
        sent += 1
        time.sleep(0.1)
    assert gw.chat("m").status == 200, "others are served meanwhile"
    for c in heads:
        check_refused(c, (408,), "slow head")
    assert 0.9 < time.monotonic() - start < seconds(6)

    with gw.raw() as c:            # a body that stops
        start = time.monotonic()
        c.send(HEAD + b"Content-Length: 1000\r\n\r\n{")
        check_refused(c, (408,), "slow body")
        assert 0.7 < time.monotonic() - start < seconds(4)
    with gw.raw() as c:            # a chunked body that stops
        c.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{")
        check_refused(c, (408,), "slow chunked body")
    with gw.raw() as c:            # an idle connection is just closed
        assert c.closed(seconds(6))
    with gw.raw() as c:
        c.send(get())
        assert c.reply().status == 200
        assert c.closed(seconds(6))
    for c in heads:
        c.close()
    back_to(gw, fds)
    assert sim.requests("m") and len(sim.requests("m")) == 1


def test_fault_05_minimum_rate(llmd, sim):
    """A body that comes slower than body_min_rate is refused, though each
    byte comes in time."""
    gw = llmd({"model_list": [ollama("m", sim)], "llmd_settings": {
        "body_idle_timeout_ms": 1000, "body_min_rate": 1000}})
    with gw.raw() as c:
        c.send(HEAD + b"Content-Length: 100000\r\n\r\n{")
        start = time.monotonic()
        c.sock.settimeout(0.1)
        got = b""
        while time.monotonic() - start < seconds(15) and not got:
            if not c.send(b" "):
                break
            try:
                got = c.sock.recv(65536)
            except TimeoutError:
                pass
        assert b" 408 " in got[:40], got[:200]


@pytest.mark.slow(300)
def test_fault_06_many_idle_and_streaming(llmd, sim):
    """Idle and streaming connections, one event a second each; none fails.
    Their number is what the descriptors here allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = 10000 if LONG else 400
    n = min(want, (hard - 600) // 5)
    if n < want or not LONG:
        print(f"fault 06: {n} idle + {n} streaming; 10,000 + 10,000 not run "
              f"({hard} descriptors, "
              f"{'check-long' if LONG else 'make check'})")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gw = llmd({"model_list": [openai("o", sim)]})
    sim.script("o", tokens=["tick "] * 4, pace=1000)
    sel = selectors.DefaultSelector()
    idle, live = [], {}
    for _ in range(n):
        idle.append(gw.raw(timeout=60))
    for i in range(n):
        c = gw.raw(timeout=60)
        c.send(post(chat_body("o", stream=True)))
        c.sock.setblocking(False)
        sel.register(c.sock, selectors.EVENT_READ, c)
        live[c] = b""
    errors, end = 0, time.monotonic() + seconds(60 + n / 100)
    while live and time.monotonic() < end:
        for key, _ in sel.select(1):
            c = key.data
            data = c.sock.recv(65536)
            live[c] += data
            if not data or live[c].endswith(b"0\r\n\r\n"):
                sel.unregister(c.sock)
                text = live.pop(c)
                if text.count(b"tick ") != 4 or b"[DONE]" not in text:
                    errors += 1
                c.close()
    assert not live, f"{len(live)} streams did not end"
    assert errors == 0
    for c in idle[:: max(1, n // 100)]:
        c.send(get())
        assert c.reply().status == 200
    for c in idle:
        c.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(SLOW, reason="a sanitizer needs more descriptors")
def test_fault_07_descriptors_run_out(llmd, sim):
    """With 64 descriptors: 503 for who is too many, no spinning, at most one
    line a second, and service again at once when there is room."""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    gw = llmd({"model_list": [ollama("m", sim)],
               "llmd_settings": {"connections": 1000}}, preexec_fn=limit)
    lines = len(gw.log().splitlines())
    cpu, start = gw.proc.cpu_s(), time.monotonic()
    held, refused = [], 0
    for _ in range(300):
        c = gw.raw(timeout=2)
        held.append(c)
    time.sleep(2)
    took = time.monotonic() - start
    used = gw.proc.cpu_s() - cpu
    assert used / took < 0.25, f"{used} s of CPU in {took} s"
    for c in held:
        c.sock.setblocking(False)
        try:
            if b" 503 " in c.sock.recv(100):
                refused += 1
        except OSError:
            pass
    assert refused > 0, "the reserve descriptor answers 503"
    said = len(gw.log().splitlines()) - lines
    assert said <= took + 2, gw.log()
    for c in held:
        c.close()
    wait_until(lambda: gw.chat("m", timeout=2).status == 200, 3)


def test_fault_07_connection_limit(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim)],
               "llmd_settings": {"connections": 8}})
    held = []
    for _ in range(8):
        c = gw.raw()
        c.send(get())
        assert c.reply().status == 200
        held.append(c)
    with gw.raw() as c:
        c.send(get())
        r = c.reply()
        assert r.status == 503 and r.header("Retry-After") == "1"
        assert r.json()["error"]["code"] == "overloaded"
        assert c.closed()
    held.pop().close()
    wait_until(lambda: gw.get("/health").status == 200, 2)
    for c in held:
        c.close()


def test_fault_08_declared_too_large(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim)]})
    for n in (64 << 20) + 1, 1 << 30, 1 << 40:
        with gw.raw() as c:
            c.send(HEAD + b"Content-Length: %d\r\n\r\n" % n)
            check_refused(c, (413,), f"{n} bytes")
    with gw.raw() as c:
        c.send(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n"
               % (1 << 30))
        check_refused(c, (413,), "expect")
    gw = llmd({"model_list": [ollama("m", sim)],
               "general_settings": {"max_request_size_mb": 1}})
    with gw.raw() as c:
        c.send(HEAD + b"Content-Length: %d\r\n\r\n" % ((1 << 20) + 1))
        check_refused(c, (413,), "max_request_size_mb")
    big = chat_body(text="x" * 900_000)
    assert gw.post("/v1/chat/completions", big).status == 200
    assert len(sim.requests("m")) == 1


def test_fault_08_refused_while_it_still_sends(llmd, sim):
    """The 413 can be read though the client goes on sending."""
    gw = llmd({"model_list": [ollama("m", sim)],
               "llmd_settings": {"body_max_bytes": 100000}})
    with gw.raw() as c:
        c.send(HEAD + b"Content-Length: 900000\r\n\r\n" + b" " * 900000)
        assert c.reply().status == 413


def test_fault_09_chunked_too_large(llmd, sim):
    limit = 4 << 20
    gw = llmd({"model_list": [ollama("m", sim)],
               "llmd_settings": {"body_max_bytes": limit}})
    warm_rss = gw.proc.rss_kb()
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with gw.raw() as c:
        c.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(80):
            if not c.send(chunk):
                break
        if not sanitized():
            assert gw.proc.rss_kb() - warm_rss < limit // 1024 + 1024
        assert c.reply().status == 413
        c.half_close()
        assert c.closed()
    assert sim.requests("m") == []


def test_fault_09_all_bodies_together(llmd, sim):
    """body_total_max_bytes is a limit of the process: then 503."""
    gw = llmd({"model_list": [ollama("m", sim)], "llmd_settings": {
        "body_max_bytes": 2 << 20, "body_total_max_bytes": 4 << 20}})
    held = []
    for _ in range(3):
        c = gw.raw()
        c.send(HEAD + b"Content-Length: %d\r\n\r\n" % (2 << 20)
               + b" " * ((2 << 20) - 1))
        held.append(c)

    def refused():
        for c in held:
            c.sock.setblocking(False)
            try:
                c.buf += c.sock.recv(4096)
            except OSError:
                pass
        return [c for c in held if b" 503 " in c.buf[:40]]
    no = wait_until(refused, 5, "a body is refused")
    assert len(no) < 3 and b"overloaded" in no[0].buf
    for c in held:
        c.close()
    wait_until(lambda: gw.chat("m").status == 200, 5)


def test_fault_10_prompt_bombs(sim, gw):
    """Large but valid requests: linear time, and others are not held up."""
    sim.script("m", text="fine")
    many = {"model": "m", "messages": [{"role": "user", "content": "x"}]
            * 100_000}
    tools = chat_body(tools=[{"type": "function", "function": {
        "name": f"f{i}", "parameters": {"type": "object", "properties": {
            "a": {"type": "integer"}}}}} for i in range(10_000)])
    for body in (chat_body(text="x" * 10_000_000), many, tools):
        start = time.monotonic()
        r = gw.post("/v1/chat/completions", body)
        assert r.status in (200, 400, 413)
        assert time.monotonic() - start < seconds(5)


@pytest.mark.parametrize("body", [
    b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000,
    b'{"model":"m","messages":' + b"[" * 200 + b"]" * 200 + b"}",
    b'{"model":"m","x":' + b'[{"a":' * 80 + b"1" + b"}]" * 80
    + b',"messages":[]}'])
def test_fault_11_deep_json(llmd, sim, body):
    """On a stack of 256 KiB."""
    def small():
        resource.setrlimit(resource.RLIMIT_STACK, (256 << 10, 256 << 10))
    gw = llmd({"model_list": [ollama("m", sim)]},
              **({} if SLOW else {"preexec_fn": small}))
    r = gw.post("/v1/chat/completions", body)
    assert r.status == 400 and r.json()["error"]["code"] == "invalid_json"
    deep = b'{"model":"m","messages":[{"role":"user","content":"x"}],"x":' \
        + b"[" * 120 + b"]" * 120 + b"}"
    assert gw.post("/v1/chat/completions", deep).status == 200


@pytest.mark.parametrize("body", [
    b'{"model":"m","messages":[{"role":"user","content":"x"}],'
    b'"model":"secret"}',
    b'{"model":"m","mod\\u0065l":"secret","messages":[]}',
    b'{"messages":[],"model":"m","messages":[{"role":"user",'
    b'"content":"x"}]}',
    b'{"model":"m","messages":[{"role":"user","role":"system",'
    b'"content":"x"}]}',
    b'{"model":"m","stream":false,"stream":true,"messages":[{"role":"user",'
    b'"content":"x"}]}',
    b'{"model":"m","messages":[{"role":"user","content":[{"type":"text",'
    b'"text":"a","text":"b"}]}]}',
    b'{"model":"m","stream_options":{"include_usage":true,'
    b'"include_usage":false},"messages":[{"role":"user","content":"x"}]}',
], ids=["model", "escaped", "messages", "role", "stream", "part", "options"])
def test_fault_12_duplicate_keys(sim, gw, body):
    for name in b"m", b"o":
        sent = body.replace(b'"model":"m"', b'"model":"%s"' % name)
        if name == b"o" and (b"role\":\"user\",\"role" in body
                             or b'"text":"a"' in body):
            continue                # not interpreted: passed through
        r = gw.post("/v1/chat/completions", sent)
        assert r.status == 400, (name, r)
    assert sim.requests() == []


@pytest.mark.parametrize("text, ok", [
    (b'a\\u0000b', True), (b'\\ud83d\\ude00', True), (b'\\/\\b\\f', True),
    (b'\xf0\x9f\x98\x80', True), (b'\xef\xbf\xbd', True), (b'\x7f', True),
    (b'\xff', False), (b'\xc0\x80', False), (b'\xed\xa0\x80', False),
    (b'\xf5\x80\x80\x80', False), (b'\xe2\x82', False), (b'\x80', False),
    (b'a\x00b', False), (b'a\nb', False), (b'a\x1fb', False),
    (b'\\x41', False), (b'\\u12', False), (b'\\u 123', False),
], ids=repr)
def test_fault_13_strings(sim, gw, text, ok):
    for name in b"m", b"o":
        r = gw.post("/v1/chat/completions", b'{"model":"%s","messages":[{'
                    b'"role":"user","content":"%s|end"}]}' % (name, text))
        assert r.status == (200 if ok else 400), (name, r)
    if ok:
        want = json.loads(b'"' + text + b'|end"')
        for name in "m", "o":
            got = sim.last(name)["json"]["messages"][0]["content"]
            assert got == want, name
        assert text + b"|end" in body_of(sim.last("o"))


def test_fault_13_lone_surrogates(sim, gw):
    """Valid JSON that is no valid text: passed on unchanged where bytes are
    passed on; over Ollama U+FFFD or unchanged, never invalid UTF-8."""
    for text in (rb"\ud83d", rb"\ude00", rb"\ud83dx", rb"\ude00\ud83d"):
        r = gw.post("/v1/chat/completions", b'{"model":"o","messages":[{'
                    b'"role":"user","content":"%s"}]}' % text)
        assert r.status in (200, 400)
        if r.status == 200:
            assert text in body_of(sim.last("o"))
        r = gw.post("/v1/chat/completions", b'{"model":"m","messages":[{'
                    b'"role":"user","content":"%s"}]}' % text)
        assert r.status in (200, 400)
        if r.status == 200:
            body_of(sim.last("m")).decode("utf-8")


def test_fault_13_bom(sim, gw):
    body = b"\xef\xbb\xbf" + json.dumps(chat_body()).encode()
    assert gw.post("/v1/chat/completions", body).status == 400
    assert sim.requests() == []


@pytest.mark.parametrize("number", [
    b"9007199254740993", b"123456789012345678901234567890", b"1e400",
    b"-0", b"1.10", b"1E-7", b"0.1000000000000000055511151231257827"])
def test_fault_14_numbers_are_not_touched(sim, gw, number):
    body = b'{"model":"o","messages":[{"role":"user","content":"x"}],' \
        b'"x":%s,"y":[%s]}' % (number, number)
    assert gw.post("/v1/chat/completions", body).status == 200
    assert body_of(sim.last("o")) == body


@pytest.mark.parametrize("number", [
    b"NaN", b"Infinity", b"-Infinity", b"01", b"1.", b".5", b"+1", b"0x10",
    b"1e", b"--1", b"1_000", b"'1'"])
def test_fault_14_no_numbers(sim, gw, number):
    for name in b"m", b"o":
        r = gw.post("/v1/chat/completions", b'{"model":"%s","messages":[{'
                    b'"role":"user","content":"x"}],"x":%s}'
                    % (name, number))
        assert r.status == 400, (name, r)
    assert sim.requests() == []


def test_fault_14_extreme_options_for_ollama(sim, gw):
    """Numbers that Ollama cannot hold are refused or sent, not wrapped."""
    for seed in ("9007199254740993", "-1"):
        r = gw.post("/v1/chat/completions", '{"model":"m","messages":[{'
                    f'"role":"user","content":"x"}}],"seed":{seed}}}')
        assert r.status == 200
        assert f'"seed":{seed}' in body_of(sim.last("m")).decode()
    r = gw.post("/v1/chat/completions", '{"model":"m","messages":[{"role":'
                '"user","content":"x"}],"max_tokens":99999999999999999999}')
    assert r.status == 400


def test_fault_15_encoded_body(sim, gw):
    import gzip

    body = gzip.compress(json.dumps(chat_body()).encode())
    for coding in ("gzip", "br", "zstd", "deflate"):
        r = gw.post("/v1/chat/completions", body,
                    headers={"Content-Encoding": coding})
        assert r.status == 415, r
        assert r.json()["error"]["code"] == "unsupported_encoding"
    r = gw.post("/v1/chat/completions", json.dumps(chat_body()),
                headers={"Content-Encoding": "identity"})
    assert r.status == 200
    assert len(sim.requests()) == 1


def test_fault_16_garbage_after_a_body(sim, gw):
    with gw.raw() as c:
        c.send(INNER + b"garbage that is no request\r\n\r\n")
        assert c.reply().status == 200
        check_refused(c, (400, 501), "garbage")
    assert len(sim.requests("m")) == 1


def test_fault_16_too_much_pipelined(llmd, sim):
    """More than 64 KiB waiting behind a pending request: closed."""
    gw = llmd({"model_list": [ollama("m", sim)]})
    sim.script("m", delay=20000)
    with gw.raw() as c:
        c.send(post(chat_body()))
        wait_until(lambda: sim.requests("m"), 5)
        start = time.monotonic()
        one = get()
        for _ in range(200_000 // len(one)):
            if not c.send(one):
                break
        try:
            c.reply()
        except (Closed, AssertionError):
            pass
        assert time.monotonic() - start < seconds(5)
    wait_until(lambda: sim.requests("m")[-1]["end"] != "open", 5)


def test_fault_16_pipelined_in_order(sim, gw):
    sim.script("m", echo=True)
    with gw.raw() as c:
        c.send(b"".join(post(chat_body(text=f"n{i}", stream=bool(i % 3)))
                        for i in range(60)))
        for i in range(60):
            body = c.reply().body
            text = "".join(ch["choices"][0]["delta"].get("content") or ""
                           for ch in chunks(body)) if i % 3 else \
                json.loads(body)["choices"][0]["message"]["content"]
            assert text == f"n{i}"


def gate_cases(*prefixes):
    return [n for n in BAD if n.split(":")[0] in prefixes]


def refused_and_unseen(gw, sim, name):
    data, statuses = BAD[name]
    with gw.raw() as c:
        c.send(data)
        check_refused(c, statuses, name)
    assert sim.requests() == [], f"{name} reached the backend"


def test_fault_17_smuggling(sim, gw):
    for name in gate_cases("te", "length", "chunk size", "chunk", "eol",
                           "fold"):
        refused_and_unseen(gw, sim, name)


def test_fault_18_control_bytes(sim, gw):
    for name in gate_cases("value", "name"):
        refused_and_unseen(gw, sim, name)


def test_fault_19_host(sim, gw):
    for name in gate_cases("host", "line"):
        refused_and_unseen(gw, sim, name)


def test_fault_19_absolute_form_grants_nothing(llmd, sim):
    """The authority of an absolute form neither routes nor opens."""
    gw = llmd({"model_list": [ollama("m", sim)],
               "general_settings": {"master_key": "sk-good"}}, key="sk-good")
    b = json.dumps(chat_body()).encode()
    for target in (b"http://localhost/v1/chat/completions",
                   b"http://evil.example/v1/chat/completions",
                   b"http://localhost/health/../v1/chat/completions"):
        with gw.raw() as c:
            c.send(b"POST " + target + b" HTTP/1.1\r\nHost: localhost\r\n"
                   b"Content-Length: %d\r\n\r\n" % len(b) + b)
            assert c.reply().status in (400, 401)
    assert sim.requests() == []


TRAVERSAL = [
    a + b for a in ("/v1/models/", "/health/", "/")
    for b in ("../../admin", "..", ".", "../", "./x", "%2e%2e/admin",
              "%2e%2e%2fadmin", "..%2fadmin", "..%5cadmin", "%2e/x",
              ".%2e/x", "%2E%2E/x", "..;/admin", "..%00/x", "%00",
              "x%00.json", "/x", "x//y", "%2f%2fetc/passwd", "....//x")]


def test_fault_20_traversal(llmd, sim):
    """No form of a path reaches anything but what its plain form is; with a
    key nothing but the public paths answers 200."""
    gw = llmd({"model_list": [ollama("m", sim)],
               "general_settings": {"master_key": "sk-good"},
               "llmd_settings": {"public_models": False}})
    assert len(TRAVERSAL) >= 60
    for path in TRAVERSAL:
        with gw.raw() as c:
            c.send(get(path))
            r = c.reply()
            assert r.status in (400, 401, 404), (path, r)
            assert r.json()["error"]["message"]
            if "%00" in path:
                assert r.status == 400, path
    for path in ("//v1/models", "/v1//models", "/v1/./models",
                 "/health/../v1/models", "/v1/models/", "/V1/models"):
        with gw.raw() as c:
            c.send(get(path))
            assert c.reply().status != 200, path
    assert sim.requests() == []


@pytest.mark.parametrize("data", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
    b"\x00" * 400, b"\xff" * 400, os.urandom(3000),
    b"SSH-2.0-OpenSSH_9.2p1\r\n", b"*1\r\n$4\r\nPING\r\n",
    b"\x80\x2e\x01\x00\x02\x00\x15"], ids=[
        "tls", "h2", "nul", "ff", "random", "ssh", "redis", "sslv2"])
def test_fault_21_noise(sim, gw, data):
    lines = len(gw.log())
    for _ in range(20):
        with gw.raw() as c:
            c.send(data)
            try:
                r = c.reply()
                assert r.status in (400, 431, 501, 505)
            except Closed:
                pass
            c.half_close()
            assert c.closed(5)
    assert len(gw.log()) - lines < 4000
    assert gw.chat("m").status == 200


def test_fault_21_websocket(gw):
    with gw.raw() as c:
        c.send(get("/v1/realtime", headers=[
            ("Connection", "Upgrade"), ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]))
        r = c.reply()
        assert r.status in (404, 501)


ORIGINS = [
    ("http://localhost:3000", True), ("http://127.0.0.1:8080", True),
    ("https://localhost", True), ("http://[::1]:5", True),
    ("app://obsidian.md", True), ("vscode-webview://abc", True),
    ("tauri://localhost", True), ("http://a.localhost", True),
    ("http://evil.example", False), ("null", False), ("", False),
    ("http://localhost.evil.example", False), ("https://evil.localhost.x",
                                               False),
    ("http://localhost@evil.example", False), ("evil", False)]


@pytest.mark.parametrize("origin, ok", ORIGINS, ids=lambda v: str(v))
def test_fault_22_origin(sim, gw, origin, ok):
    with gw.raw() as c:
        c.send(post(chat_body(), headers=[("Origin", origin)]))
        r = c.reply()
        if ok:
            assert r.status == 200
            assert r.header("Access-Control-Allow-Origin") == origin
            assert "origin" in r.header("Vary").lower()
        else:
            assert r.status == 403
            assert r.json()["error"]["code"] == "origin_not_allowed"
            assert r.header("Access-Control-Allow-Origin") is None
            assert sim.requests() == []
    with gw.raw() as c:
        c.send(b"OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost"
               b"\r\nOrigin: " + origin.encode() + b"\r\n"
               b"Access-Control-Request-Method: POST\r\n"
               b"Access-Control-Request-Headers: authorization, "
               b"x-stainless-os\r\n\r\n")
        r = c.reply()
        if ok:
            assert r.status == 204
            assert r.header("Access-Control-Allow-Origin") == origin
            assert r.header("Access-Control-Allow-Headers") \
                == "authorization, x-stainless-os"
            assert "POST" in r.header("Access-Control-Allow-Methods")
        else:
            assert r.status == 403
            assert r.header("Access-Control-Allow-Origin") is None


def test_fault_22_no_cors_without_an_origin(gw):
    r = gw.chat("m")
    assert not [n for n in r.headers if n.lower().startswith(
        "access-control")]


def test_fault_22_rebinding(llmd, sim):
    """A page on a name that now points at 127.0.0.1."""
    gw = llmd({"model_list": [ollama("m", sim)]})
    for path in "/health", "/v1/models", "/v1/chat/completions":
        with gw.raw() as c:
            data = post(chat_body(), path, host="rebind.example") \
                if "chat" in path else get(path, host="rebind.example")
            c.send(data)
            r = c.reply()
            assert r.status == 403
            assert r.json()["error"]["code"] == "origin_not_allowed"
    gw = llmd({"model_list": [ollama("m", sim)],
               "llmd_settings": {"allowed_hosts": ["box.lan"]}})
    with gw.raw() as c:
        c.send(post(chat_body(), host="box.lan:4000"))
        assert c.reply().status == 200


def test_fault_22_listed_origins(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim)],
               "llmd_settings": {"cors_origins": ["https://app.example"]}})
    for origin, status in (("https://app.example", 200),
                           ("http://localhost:3000", 403)):
        with gw.raw() as c:
            c.send(post(chat_body(), headers=[("Origin", origin)]))
            assert c.reply().status == status
