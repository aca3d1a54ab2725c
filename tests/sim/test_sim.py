# SPDX-License-Identifier: ISC
"""Scripts, records and the control endpoint of llmsim."""

import base64
import hashlib
import http.client
import json
import re
import socket
import struct
import subprocess
import threading
import time

from simlib import (FIXTURES, HERE, LLMSIM, Sim, chat, dechunk, events, lines,
                    read_one, split_answer)

SIM = None


def setup_module():
    global SIM
    SIM = Sim()


def teardown_module():
    SIM.stop()


def setup_function():
    SIM.call("reset", {})


def test_script_by_name_and_header():
    got = lines(SIM.post("/api/chat", chat("sim:text=a%3Bb c;token_chars=1")))
    assert [x["message"]["content"] for x in got] == list("a;b c") + [""]
    assert got[-1]["eval_count"] == 6
    got = lines(SIM.post("/api/chat", chat("task-api-model"),
                         "x-sim: text=hello; finish=length"))
    assert got[-1]["done_reason"] == "length"
    status, _, body = split_answer(SIM.post("/api/chat", chat("sim:nokey=1")))
    assert " 400 " in status and b"unknown script key 'nokey'" in body


def test_script_sequence_and_times():
    SIM.call("script", {"model": "m", "scripts": [
        {"status": 503}, {"text": "second"}, {"text": "rest"}]})
    assert b" 503 " in SIM.post("/api/chat", chat())
    for want in "second", "rest", "rest":
        got = json.loads(split_answer(SIM.post(
            "/api/chat", chat(stream=False)))[2])
        assert got["message"]["content"] == want
    SIM.call("script", {"model": "m", "times": 1, "script": {"text": "a"}})
    SIM.call("script", {"model": "m", "append": True,
                        "script": {"text": "b"}})
    assert b'"a"' in SIM.post("/api/chat", chat(stream=False))
    assert b'"b"' in SIM.post("/api/chat", chat(stream=False))


def test_script_refuses_nonsense():
    c = http.client.HTTPConnection("127.0.0.1", SIM.port, timeout=10)
    for body, want in (('{"model":"m","script":{"pace":"x"}}', "a number"),
                       ('{"model":"m","script":{"fault":"x"}}', "fault 'x'"),
                       ('{"script":{}}', "name a model"),
                       ('{"model":', "unexpected EOF")):
        c.request("POST", "/__sim/script", body)
        r = c.getresponse()
        assert r.status == 400 and want in json.loads(r.read())["error"]
    c.close()


def test_tool_call_forms():
    three = [{"name": f"f{i}", "arguments": {"i": i}} for i in range(3)]
    SIM.script("m", tool_calls=three, tool_index="zero", tool_ids="none")
    got = lines(SIM.post("/api/chat", chat()))
    calls = [x["message"]["tool_calls"][0] for x in got[:-1]]
    assert [c["function"]["index"] for c in calls] == [0, 0, 0]
    assert not any("id" in c for c in calls)
    SIM.script("m", tool_calls=three, tool_on_done=True)
    got = lines(SIM.post("/api/chat", chat()))
    assert len(got) == 1 and got[0]["done"]
    assert [c["function"]["index"] for c in got[0]["message"]["tool_calls"]] \
        == [0, 1, 2]
    SIM.script("m", tool_calls=[{"name": "now"}], tool_one_line=True)
    got = lines(SIM.post("/api/chat", chat()))
    assert got[0]["message"]["tool_calls"][0]["function"]["arguments"] == {}


def test_stop_and_limit():
    SIM.script("m", text="aaaabbbbccccdddd")
    got = lines(SIM.post("/api/chat", chat(options={"stop": ["bccc"]})))
    assert "".join(x["message"]["content"] for x in got) == "aaaabbb"
    assert got[-1]["done_reason"] == "stop" and got[-1]["eval_count"] == 3
    got = lines(SIM.post("/api/chat", chat(options={"num_predict": 2})))
    assert "".join(x["message"]["content"] for x in got) == "aaaabbbb"
    assert got[-1]["done_reason"] == "length" and got[-1]["eval_count"] == 2
    got = lines(SIM.post("/api/chat", chat(
        "task-api-model", "#endless", options={"num_predict": 50})))
    assert got[-1]["done_reason"] == "length" and len(got) == 51





def test_event_forms():
    SIM.script("m", text="one", bom=True, eol="crlf", no_space=True, ids=True,
               retry=True, comments=True, ping=True, multi_data=True)
    body = b"".join(dechunk(split_answer(SIM.post(
        "/v1/chat/completions", chat()))[2])[0])
    assert body.startswith(b"\xef\xbb\xbf: keepalive\r\n\r\n")
    assert b"retry: 1\r\nid: 0\r\ndata:{" in body
    assert body.endswith(b"data:[DONE]\r\n\r\n")
    assert b'event: ping\r\ndata: {"type":"ping"}\r\n\r\n' in body
    event = body.split(b"id: 0\r\n")[1].split(b"\r\n\r\n")[0]
    text = b"\n".join(x[5:] for x in event.split(b"\r\n"))
    assert json.loads(text)["choices"][0]["delta"]["role"] == "assistant"
    SIM.script("m", text="one", eol="cr", no_final_eol=True)
    body = b"".join(dechunk(split_answer(SIM.post(
        "/v1/chat/completions", chat()))[2])[0])
    assert b"\n" not in body and body.endswith(b"data: [DONE]")


def test_done_and_finish_variants():
    for keys, tail in ((dict(done=0), None), (dict(done=2), 2),
                       (dict(after_done="junk"), "junk")):
        SIM.script("m", text="x", **keys)
        got = events(SIM.post("/v1/chat/completions", chat()))
        if tail is None:
            assert b"[DONE]" not in got
        elif tail == 2:
            assert got[-2:] == [b"[DONE]"] * 2
        else:
            assert got[-1] == b"junk"
    for finish, want in (("", '"finish_reason":""'), ("null", "null}]"),
                         ("weird", '"weird"')):
        SIM.script("m", text="x", finish=finish)
        got = events(SIM.post("/v1/chat/completions", chat()))
        assert want in got[-2].decode()
    SIM.script("m", text="x", finish="missing")
    got = events(SIM.post("/v1/chat/completions", chat()))
    assert b"finish_reason" not in got[-2]


def test_chunk_split_join():
    SIM.script("m", text="word " * 20)
    plain = b"".join(dechunk(split_answer(SIM.post(
        "/v1/chat/completions", chat()))[2])[0])

    def same(a, b):
        def drop(x):
            return re.sub(rb'"(id|created)":("[^"]*"|\d+)', b"", x)
        return drop(a) == drop(b)
    for chunk in 1, 7:
        SIM.script("m", text="word " * 20, chunk=chunk)
        got = dechunk(split_answer(SIM.post(
            "/v1/chat/completions", chat()))[2])[0]
        assert {len(c) for c in got[:-1]} == {chunk}
        assert same(b"".join(got), plain)
    SIM.script("m", text="word " * 20, chunk=-1)
    got = dechunk(split_answer(SIM.post("/v1/chat/completions", chat()))[2])[0]
    assert len(got) == 1 and same(got[0], plain)
    SIM.script("m", text="word " * 20, join=5)
    got = dechunk(split_answer(SIM.post("/v1/chat/completions", chat()))[2])[0]
    assert all(c.count(b"data: ") == 5 for c in got[:-1])
    SIM.script("m", text="word " * 4, split=7, split_ms=0.1)
    s = SIM.connect()
    body = json.dumps(chat()).encode()
    s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
              b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert len(s.recv(65536)) % 7 == 0
    assert b"[DONE]" in read_one(s)


def test_bad_bytes():
    for keys, want in ((dict(bad_utf8_at=1), b"bad \xff\xfe bytes"),
                       (dict(surrogate_at=1), b"\\ud83d")):
        SIM.script("m", text="one two three", **keys)
        assert want in SIM.post("/api/chat", chat())
        assert want in SIM.post("/v1/chat/completions", chat())
    SIM.script("m", text="one two three", half_utf8_at=1)
    for path in "/api/chat", "/v1/chat/completions":
        chunks, last = dechunk(split_answer(SIM.post(path, chat()))[2])
        assert not last and chunks[-1].endswith(b"caf\xc3")
    SIM.script("m", text="one two three", bad_json_at=1)
    got = dechunk(split_answer(SIM.post("/api/chat", chat()))[2])[0]
    json.loads(got[0])
    try:
        json.loads(got[1])
        raise AssertionError("event 1 is good JSON")
    except ValueError:
        pass


def test_error_in_stream():
    SIM.script("m", text="one two three", error_after=2, error="it broke")
    got = lines(SIM.post("/api/chat", chat()))
    assert len(got) == 3 and got[-1] == {"error": "it broke"}
    got = events(SIM.post("/v1/chat/completions", chat()))
    assert json.loads(got[-1])["error"]["message"] == "it broke"
    assert len(got) == 4


def test_cuts():
    def ask(**keys):
        SIM.script("m", text="one two three four", **keys)
        return SIM.post("/api/chat", chat())
    assert ask(fault="cut_before_head") == b""
    assert ask(fault="rst_before_head") == b"<RST>"
    assert ask(fault="cut_mid_head").startswith(b"HTTP/1.1 200")
    assert b"\r\n\r\n" not in ask(fault="cut_mid_head")
    chunks, last = dechunk(split_answer(ask(fault="cut_mid"))[2])
    assert len(chunks) == 3 and not last and not chunks[2].endswith(b"\n")
    assert ask(fault="rst_mid").endswith(b"<RST>")
    body = split_answer(ask(cut_after=100))[2]
    assert len(body) == 100
    assert not dechunk(split_answer(ask(no_last_chunk=True))[2])[1]
    assert dechunk(split_answer(ask(done=0))[2])[1]


def test_hang_and_stall():
    SIM.script("m", fault="hang")
    with SIM.connect() as s:
        body = json.dumps(chat()).encode()
        s.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body) + body)
        s.settimeout(0.3)
        try:
            raise AssertionError(s.recv(1))
        except TimeoutError:
            pass
        assert SIM.call("requests?model=m")[0]["end"] == "open"
    got = SIM.call("requests?model=m&ended=1&min=1&timeout_ms=5000")
    assert got[0]["end"] == "client_fin" and got[0]["bytes"] == 0


def test_framing_lies():
    def ask(**keys):
        SIM.script("m", text="one two three four", **keys)
        return split_answer(SIM.post("/api/chat", chat()))

    def length(head):
        return [int(h[16:]) for h in head if h.startswith("Content-Length")]
    _, head, body = ask(content_length="short")
    assert length(head)[0] < len(body)
    _, head, body = ask(content_length="long")
    assert length(head)[0] > len(body)
    _, head, body = ask(framing="both")
    assert length(head) and "Transfer-Encoding: chunked" in head
    _, head, body = ask(framing="length")
    assert length(head) == [len(body)]
    _, head, body = ask(framing="close")
    assert not length(head) and "Connection: close" in head
    for bad, want in (("size", b"\nzz\r\n"), ("negative", b"\n-"),
                      ("plus", b"\n+"), ("overflow", b"\nfffffffffffffffff")):
        assert want in ask(bad_chunk=bad)[2]
    assert b";a=b\r\n" in ask(chunk_ext=";a=b")[2]
    assert ask(trailer="X-T: 1")[2].endswith(b"0\r\nX-T: 1\r\n\r\n")


def test_heads():
    def ask(**keys):
        SIM.script("m", text="x", **keys)
        return SIM.post("/api/chat", chat())
    got = ask(head_bytes=70000)
    assert abs(got.index(b"\r\n\r\n") - 70000) < 16
    assert ask(head_raw="X-A: 1\r\n folded\r\n").count(b"\r\n folded\r\n")
    got = ask(info=103, info_count=3)
    assert got.count(b"HTTP/1.1 103 Early Hints") == 3
    assert b"HTTP/1.1 200 OK" in got
    assert ask(fault="switch_101").startswith(b"HTTP/1.1 101 Switching")
    got = ask(status=307, location="http://other.example/x")
    assert b"Location: http://other.example/x\r\n" in got
    got = ask(status=502, content_type="text/html", body="<b>no</b>")
    assert b"\r\nContent-Type: text/html\r\n" in got and b"<b>no</b>" in got
    assert b"Content-Type" not in ask(fault="empty")
    assert b"\r\nX-One: 1\r\n" in ask(headers={"X-One": 1})
    assert ask(wire="no http\r\n") == b"no http\r\n"


def test_gzip_is_gzip():
    import gzip
    SIM.script("m", text="x" * 100, encoding="gzip")
    _, head, body = split_answer(SIM.post("/api/chat", chat(stream=False)))
    assert "Content-Encoding: gzip" in head
    assert json.loads(gzip.decompress(body))["message"]["content"] == "x" * 100


def test_big_lines():
    SIM.script("m", line_bytes=10 * 1024 * 1024)
    got = lines(SIM.post("/api/chat", chat()))
    assert len(got[0]["message"]["content"]) == 10 * 1024 * 1024
    for path in "/api/chat", "/v1/chat/completions":
        SIM.script("m", line_bytes=-1)
        with SIM.connect() as s:
            body = json.dumps(chat()).encode()
            s.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
                      f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            n = 0
            while n < 20_000_000:
                piece = s.recv(1 << 20)
                assert piece
                n += len(piece)


def test_endless_and_client_left():
    SIM.script("m", text="again ", endless=True)
    with SIM.connect() as s:
        body = json.dumps(chat()).encode()
        s.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body) + body)
        n = 0
        while n < 5_000_000:
            n += len(s.recv(1 << 20))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
    r = SIM.call("requests?model=m&ended=1&min=1")[0]
    assert r["end"] == "client_rst" and r["bytes"] >= n
    assert r["closed_ms"] >= r["first_ms"] >= r["at_ms"]


def test_pace_and_delay():
    SIM.script("m", tokens=["a", "b", "c"], delay=100, first=100, pace=100)
    start = time.monotonic()
    got = SIM.post("/api/chat", chat())
    took = time.monotonic() - start
    assert 0.39 < took < 2 and len(lines(got)) == 4
    r = SIM.call("requests?model=m&ended=1&min=1")[0]
    assert 95 < r["first_ms"] - r["at_ms"] < 1000


def test_files_and_raw():
    golden = FIXTURES / "golden/chat_text.sse"
    SIM.script("m", sse_file=str(golden))
    _, _, body = split_answer(SIM.post("/v1/chat/completions", chat()))
    assert b"".join(dechunk(body)[0]) == golden.read_bytes()
    raw = bytes(range(256)) + b"\n\n"
    SIM.script("m", raw_b64=base64.b64encode(raw).decode())
    _, _, body = split_answer(SIM.post("/v1/chat/completions", chat()))
    assert b"".join(dechunk(body)[0]) == raw


def keep_alive():
    return http.client.HTTPConnection("127.0.0.1", SIM.port, timeout=10)


def test_connection_ends():
    def ask(c):
        c.request("POST", "/api/chat", json.dumps(chat(stream=False)))
        return c.getresponse().read()
    for close in "after", "reuse", "reuse_rst":
        SIM.script("m", text="x", close=close)
        c = keep_alive()
        assert ask(c)
        sock = c.sock
        if close == "after":
            assert sock.recv(1) == b""
            c.close()
            continue
        try:
            sock.sendall(b"POST /api/chat HTTP/1.1\r\n")
            assert sock.recv(1) == b"" and close == "reuse"
        except ConnectionResetError:
            assert close == "reuse_rst"
        c.close()
    assert SIM.call("stats")["stale_closed"] == 2
    SIM.script("m", text="x", close="idle", idle_ms=30)
    c = keep_alive()
    ask(c)
    assert c.sock.recv(1) == b""
    SIM.script("m", text="x")
    c = keep_alive()
    ask(c)
    ask(c)
    assert SIM.call("drop", {})["closed"] == 1
    assert c.sock.recv(1) == b""
    got = SIM.call("requests?model=m")
    assert [r["conn_request"] for r in got][-2:] == [1, 2]
    assert got[-1]["conn"] == got[-2]["conn"]


def test_requests_are_recorded():
    body = json.dumps(chat("task-api-model", "Zür", stream=False)).encode()
    SIM.post("/api/chat?x=1", body, "X-Two: b", "x-two:  c ")
    r = SIM.call("requests")[0]
    assert r["method"] == "POST" and r["target"] == "/api/chat?x=1"
    assert r["path"] == "/api/chat" and r["model"] == "task-api-model"
    assert ["X-Two", "b"] in r["headers"] and ["x-two", "c"] in r["headers"]
    assert r["body"].encode() == body and r["body_len"] == len(body)
    assert r["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert r["status"] == 200 and r["end"] == "complete"
    assert SIM.call(f"requests?since={r['n']}") == []
    assert SIM.call(f"requests?min=1&since={r['n']}&timeout_ms=50") == []


def test_bad_requests():
    for data in (b"GARBAGE\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
                 b"POST / HTTP/1.1\r\nContent-Length: 1\r\n"
                 b"Content-Length: 1\r\n\r\nx",
                 b"POST / HTTP/1.1\r\nContent-Length: 1\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                 b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
                 b"\r\nzz\r\n",
                 b"GET / HTTP/1.1\r\nA: \0\r\n\r\n"):
        assert SIM.raw(data).startswith(b"HTTP/1.1 400 "), data
    assert all(r["malformed"] for r in SIM.call("requests"))


def test_chunked_request_and_pipelining():
    body = json.dumps(chat("task-api-model", stream=False)).encode()
    chunked = b"".join(b"%x;e=1\r\n" % len(p) + p + b"\r\n" for p in (
        body[:10], body[10:])) + b"0\r\nX-Trailer: 1\r\n\r\n"
    got = SIM.raw(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n" + chunked +
                  b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n"
                  b"Connection: close\r\n\r\n")
    assert got.count(b"HTTP/1.1 200 OK") == 2
    assert SIM.call("requests")[0]["body"].encode() == body


def test_expect_and_early_answer():
    SIM.call("script", {"path": "/v1/chat/completions", "script": {
        "early": True, "status": 413}})
    got = SIM.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Length: 1000000\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 413 ")
    SIM.call("reset", {})
    body = json.dumps(chat("task-api-model", stream=False)).encode()
    with SIM.connect() as s:
        s.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n"
                  b"Expect: 100-continue\r\nConnection: close\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body))
        assert s.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert b" 200 OK" in SIM.raw(body, s)


def test_stuck_model_is_cured_by_unload():
    SIM.script("m", stuck=True)
    threads = [threading.Thread(target=SIM.post, args=("/api/chat", chat()),
                                daemon=True)]
    threads[0].start()
    SIM.call("requests?model=m&min=1")
    assert b"done_reason\":\"unload" in SIM.post(
        "/api/chat", {"model": "m", "messages": [], "keep_alive": 0})
    assert b"done_reason\":\"stop" in SIM.post("/api/chat", chat())
    assert SIM.call("drop", {"all": True})["closed"] == 1
    threads[0].join(10)


def test_accept_rules():
    sim = Sim("--control-port", "0")
    port, sim.port = sim.port, sim.next_port()

    def ask(**keys):
        sim.call("script", {"path": "accept", "times": 1, "script": keys})
        try:
            s = socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionResetError:
            return b"<RST>"
        return sim.raw(b"", s)
    assert ask(cut="fin") == b""
    assert ask(cut="rst") == b"<RST>"
    assert ask(wire="noise") == b"noise"
    sim.call("script", {"path": "accept", "times": 1, "script": {
        "hang": True}})
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        s.settimeout(0.2)
        try:
            raise AssertionError(s.recv(1))
        except TimeoutError:
            pass
    sim.stop()


def test_demo_answers_the_lesson():
    demo = Sim("--demo", "--models", "task-api-model", "--pace-ms", "1")
    got = lines(demo.post("/api/chat", chat(
        "task-api-model", "Create a task for reviewing the budget")))
    text = "".join(x["message"]["content"] for x in got)
    assert text.startswith("I'll create a task for reviewing the budget...")
    assert got[1]["message"]["content"] == " create"
    text = json.loads(split_answer(demo.post("/api/chat", chat(
        "task-api-model", "Create a high-priority task for quarterly review",
        stream=False)))[2])["message"]["content"]
    assert text == (
        "I'll create that high-priority task for you:\n\n**Task Created:**\n"
        "- Title: Quarterly Review\n- Priority: High\n- Status: Pending\n\n"
        "Would you like to add a due date or any additional details?")
    demo.stop()


def test_many_connections():
    SIM.script("m", tokens=["a"] * 5, pace=20)
    body = json.dumps(chat()).encode()
    data = (b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close"
            b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    socks = [SIM.connect() for _ in range(400)]
    for s in socks:
        s.sendall(data)
    for s in socks:
        assert SIM.raw(b"", s).endswith(b"0\r\n\r\n")
    assert SIM.call("stats")["connections_max"] >= 400


def test_readme_names_every_key():
    keys = subprocess.run([LLMSIM, "--keys"], stdout=subprocess.PIPE,
                          check=True).stdout.decode()
    readme = (HERE / "README.md").read_text()
    names = re.findall(r"^(\w+) +(?:text|int|ms|bool|json) ", keys, re.M)
    assert len(names) > 80
    assert [n for n in names if f"`{n}`" not in readme] == []
    faults = re.findall(r'^(\w+) +"', keys, re.M)
    assert [n for n in faults if f"`{n}`" not in readme] == []
