# SPDX-License-Identifier: ISC
"""Streams, by the official OpenAI SDK and by the byte: wire.md cases STR,
USE-01, USE-02, SSE and the golden streams."""

import asyncio
import json
import time

import pytest

import openai
from world import sdk
from llmd import ollama, openai as openai_model
from proc import FIXTURES
from raw import chat_body, chunks, events, post
from wait import LONG, seconds, wait_until

TEXT = "Zür ✓ 日本 👩‍🚀"
MSG = [{"role": "user", "content": "Hi"}]
GOLDEN = sorted(p.name for p in (FIXTURES / "golden").glob("chat_*.sse"))


def texts(got, key="content"):
    return "".join(ch["delta"].get(key) or "" for c in got
                   for ch in c["choices"])


def check_order(got, usage=None):
    """A chat stream has one role chunk first, then content, then one finish
    chunk; the usage chunk is last and only if asked for."""
    assert len({c["id"] for c in got}) == 1
    assert len({c["created"] for c in got}) == 1
    assert len({c["model"] for c in got}) == 1
    assert all(c["object"] == "chat.completion.chunk" for c in got)
    with_choice = [c for c in got if c["choices"]]
    deltas = [c["choices"][0]["delta"] for c in with_choice]
    assert deltas[0].get("role") == "assistant"
    assert not any("role" in d for d in deltas[1:])
    finish = [c["choices"][0]["finish_reason"] for c in with_choice]
    assert finish[-1] is not None and set(finish[:-1]) <= {None}
    if usage:
        assert got[-1]["choices"] == [] and got[-1]["usage"]
        assert all(c["usage"] is None for c in got[:-1])
        assert len(with_choice) == len(got) - 1
    elif usage is False:
        assert len(with_choice) == len(got)
        assert not any(c.get("usage") for c in got)
    return finish[-1]


@pytest.mark.parametrize("cut", [{}, {"split": 7}, {"split": 1}, {"chunk": 1},
                                 {"chunk": 7}, {"join": 50}, {"flush": True}],
                         ids=["whole", "split7", "split1", "chunk1", "chunk7",
                              "join", "flush"])
def test_STR_01_text(sim, gw, model, cut):
    sim.script(model, text=TEXT, token_chars=2, **cut)
    got = chunks(gw.chat(model, stream=True).body)
    assert texts(got) == TEXT
    assert check_order(got, usage=False) == "stop"


def test_STR_01_sdk(sim, client, model):
    sim.script(model, text=TEXT, token_chars=1)
    text, reasons = "", []
    for c in client.chat.completions.create(model=model, messages=MSG,
                                            stream=True):
        assert c.model == model
        text += c.choices[0].delta.content or ""
        reasons.append(c.choices[0].finish_reason)
    assert text == TEXT
    assert reasons[-1] == "stop" and set(reasons[:-1]) == {None}


def test_STR_01_async(sim, aclient, model):
    sim.script(model, echo=True, token_chars=1)

    async def one(c, i):
        text = ""
        s = await c.chat.completions.create(
            model=model, stream=True,
            messages=[{"role": "user", "content": f"{TEXT} {i}"}])
        async for ch in s:
            text += ch.choices[0].delta.content or ""
        return text

    async def go():
        async with aclient as c:
            return await asyncio.gather(*(one(c, i) for i in range(40)))
    assert asyncio.run(go()) == [f"{TEXT} {i}" for i in range(40)]


def test_STR_01_golden_text(sim, gw):
    """What comes from Ollama is, byte for byte, the golden stream (comments
    aside, which are keep-alives)."""
    sim.script("m", tokens=["Zür ✓ ", "日本 👩‍🚀"], prompt_tokens=11,
               completion_tokens=7)
    body = gw.chat("m", stream=True,
                   stream_options={"include_usage": True}).body
    want = (FIXTURES / "golden/chat_text.sse").read_bytes()
    assert masked(body) == masked(want.replace(b":\n\n", b""))


def masked(body):
    """Events with id, created, model and fingerprint made equal."""
    out = []
    for e in events(body):
        if e != "[DONE]":
            o = json.loads(e)
            for k in ("id", "created", "model"):
                if k in o:
                    o[k] = "*"
            e = json.dumps(o, ensure_ascii=False)
        out.append(e)
    return out


def test_STR_headers(sim, gw, model):
    r = gw.chat(model, stream=True)
    assert r.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert r.headers["Cache-Control"] == "no-cache"
    assert r.headers["X-Accel-Buffering"] == "no"
    assert "Content-Length" not in r.headers


def test_STR_02_role_on_each_chunk(sim, client, gw, model):
    sim.script(model, text="one two three", words=True, role_each=True)
    with client.chat.completions.stream(model=model, messages=MSG) as s:
        for _ in s:
            pass
        r = s.get_final_completion()
    if model == "m":
        assert r.choices[0].message.role == "assistant"
    assert r.choices[0].message.content == "one two three"


def test_STR_03_no_DONE(sim, gw, model):
    sim.script(model, text="fine", done=0 if model == "o" else 1)
    got = chunks(gw.chat(model, stream=True).body)
    assert texts(got) == "fine"
    assert check_order(got) == "stop"


@pytest.mark.parametrize("finish", ["", "missing", "null", "weird"])
def test_STR_04_finish_reason(sim, client, gw, finish):
    """Over Ollama any odd done_reason is a stop."""
    sim.script("m", text="fine", finish=finish)
    got = chunks(gw.chat("m", stream=True).body)
    assert check_order(got) == "stop"
    r = client.chat.completions.create(model="m", messages=MSG)
    assert r.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("finish", ["", "missing", "null"])
def test_STR_04_openai_upstream(sim, gw, finish):
    sim.script("o", text="fine", finish=finish)
    got = chunks(gw.chat("o", stream=True).body)
    assert texts(got) == "fine"
    assert check_order(got) == "stop"


def test_STR_05_empty_deltas(sim, gw):
    sim.script("m", text="one two", words=True, empty_deltas=3)
    got = chunks(gw.chat("m", stream=True).body)
    for c in got[1:-1]:
        assert c["choices"][0]["delta"].get("content"), c
    assert texts(got) == "one two"
    check_order(got)


def test_STR_06_content_with_finish(sim, gw, model):
    sim.script(model, text="one two", words=True, content_with_finish=True)
    got = chunks(gw.chat(model, stream=True).body)
    assert texts(got) == "one two"
    assert [ch["finish_reason"] for c in got for ch in c["choices"]][-1] \
        == "stop"


def test_STR_07_commit(llmd, sim):
    """The head is held until the first event, but not longer than
    stream_commit_ms; then comments only."""
    gw = llmd({"model_list": [ollama("m", sim)], "llmd_settings": {
        "stream_commit_ms": 300, "keepalive_ms": 200}})
    sim.script("m", text="late", delay=1500)
    with gw.raw(timeout=20) as c:
        c.send(post(chat_body(stream=True)))
        start = time.monotonic()
        r = c.head()
        took = time.monotonic() - start
        assert r.status == 200 and 0.25 < took < seconds(1.2)
        while b"[DONE]" not in c.buf:
            assert c.fill()
        lines = c.buf.split(b"\r\n")
    assert sum(b":\n\n" in ln for ln in lines) >= 2
    got = b"".join(ln for ln in lines if ln.startswith((b":", b"data")))
    first_data = got.index(b"data:")
    assert got[:first_data].replace(b":\n\n", b"") == b""

    with sdk(gw) as client:
        text = "".join(c.choices[0].delta.content or "" for c in
                       client.chat.completions.create(
                           model="m", messages=MSG, stream=True))
    assert text == "late"


def test_STR_07_held_by_default(sim, gw):
    """With the default of 45 s the status waits for the first event: an
    upstream's late error keeps its status."""
    sim.script("m", status=503, delay=1200, error="server busy")
    start = time.monotonic()
    r = gw.chat("m", stream=True)
    assert r.status == 503 and time.monotonic() - start > 1.1
    assert r.headers["Content-Type"].startswith("application/json")

    sim.script("m", text="late", first=1000)
    with gw.raw(timeout=20) as c:
        start = time.monotonic()
        c.send(post(chat_body(stream=True)))
        assert c.head().status == 200
        assert time.monotonic() - start > 0.9


def test_STR_07_error_after_commit(llmd, sim):
    """Once 200 is sent, an error is an event in the stream."""
    gw = llmd({"model_list": [ollama("m", sim)],
               "llmd_settings": {"stream_commit_ms": 100}})
    sim.script("m", status=500, delay=600, error="out of memory")
    r = gw.chat("m", stream=True)
    assert r.status == 200
    ev = events(r.body)
    assert "error" in json.loads(ev[-1]) and "[DONE]" not in ev
    with sdk(gw) as client, pytest.raises(openai.APIError):
        for _ in client.chat.completions.create(model="m", messages=MSG,
                                                stream=True):
            pass


def test_STR_08_json_answer(sim, gw, client, model):
    sim.script(model, text="whole answer", json_reply=True,
               prompt_tokens=3, completion_tokens=2)
    got = chunks(gw.chat(model, stream=True,
                         stream_options={"include_usage": True}).body)
    assert texts(got) == "whole answer"
    assert check_order(got, usage=True) == "stop"
    assert got[-1]["usage"]["total_tokens"] == 5
    text = "".join(c.choices[0].delta.content or "" for c in
                   client.chat.completions.create(model=model, messages=MSG,
                                                  stream=True))
    assert text == "whole answer"


def test_STR_08_json_error(sim, lax, model):
    """A JSON error under 200 is an error, not a stream."""
    sim.script(model, raw='{"error":"something broke"}',
               content_type="application/json")
    with pytest.raises(openai.APIError) as e:
        list(lax.chat.completions.create(model=model, messages=MSG,
                                         stream=True))
    assert "something broke" in str(e.value)


def test_USE_01_asked(sim, gw, model):
    sim.script(model, text="one two", words=True, prompt_tokens=11,
               completion_tokens=7)
    got = chunks(gw.chat(model, stream=True,
                         stream_options={"include_usage": True}).body)
    check_order(got, usage=True)
    u = got[-1]["usage"]
    assert (u["prompt_tokens"], u["completion_tokens"], u["total_tokens"]) \
        == (11, 7, 18)


@pytest.mark.parametrize("usage", ["always", "each", "early"])
def test_USE_02_not_asked(sim, gw, usage):
    """An upstream that sends usage unasked: nothing of it reaches a client
    that did not ask."""
    sim.script("o", text="one two", words=True, usage=usage)
    got = chunks(gw.chat("o", stream=True).body)
    assert texts(got) == "one two"
    assert all(c["choices"] for c in got)


def test_USE_02_accounting_knows_it(sim, gw):
    """llmd counts tokens though the client did not ask."""
    sim.script("o", text="one two", prompt_tokens=11, completion_tokens=7)
    chunks(gw.chat("o", stream=True).body)
    r = gw.wait_record("requests.log", lambda r: r["model"] == "o")
    assert (r["tokens_in"], r["tokens_out"]) == (11, 7)
    assert sim.last("o")["json"]["stream_options"]["include_usage"] is True


def test_USE_always_include(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim)], "general_settings": {
        "always_include_stream_usage": True}})
    got = chunks(gw.chat("m", stream=True).body)
    check_order(got, usage=True)


# --- SSE from an OpenAI-compatible upstream ---------------------------------

def clean(sim, gw, **more):
    sim.script("o", text=TEXT, token_chars=2, **more)
    return masked(gw.chat("o", stream=True).body)


@pytest.mark.parametrize("form", [
    {"eol": "crlf"}, {"eol": "cr"}, {"no_space": True}, {"bom": True},
    {"multi_data": True}, {"comments": True}, {"no_final_eol": True},
    {"eol": "cr", "bom": True, "no_space": True, "comments": True},
], ids=lambda f: "+".join(f"{k}={v}" for k, v in f.items()))
@pytest.mark.parametrize("cut", [{}, {"split": 1}, {"split": 7}],
                         ids=["whole", "split1", "split7"])
def test_SSE_01_forms(sim, gw, form, cut):
    want = clean(sim, gw)
    assert clean(sim, gw, **form, **cut) == want


@pytest.mark.parametrize("name", GOLDEN)
def test_SSE_03_golden_passes_through(sim, gw, name):
    """A golden stream from an OpenAI-compatible backend comes out byte for
    byte (model aside), in 7-byte pieces, and in 1-byte pieces and with CRLF
    in check-long."""
    want = (FIXTURES / "golden" / name).read_bytes()
    plain = want.replace(b":\n\n", b"").replace(b'"qwen3:8b"', b'"o"')
    if name == "chat_err.sse":
        plain = plain[:plain.rindex(b"data:")]
    for cut in ([7, 1] if LONG else [7]):
        for eol in (["lf", "crlf"] if LONG else ["lf"]):
            data = want.replace(b"\n", b"\r\n") if eol == "crlf" else want
            sim.raw("o", data, split=cut,
                    content_type="text/event-stream")
            got = gw.chat("o", stream=True,
                          stream_options={"include_usage": True}).body
            got = got.replace(b":\n\n", b"")
            if name == "chat_err.sse":
                got = got[:got.rindex(b"data:")]
            assert got == plain, (cut, eol)


GOLDEN_OLLAMA = {
    "chat_text.sse": {"tokens": ["Zür ✓ ", "日本 👩‍🚀"]},
    "chat_length.sse": {"tokens": ["Hi"], "finish": "length"},
    "chat_noarg.sse": {"tool_calls": [
        {"name": "g", "arguments": {}, "id": "call_a"}]},
    "chat_texttools.sse": {"tokens": [TEXT], "tool_calls": [
        {"name": "f", "arguments": {"a": 1}, "id": "call_a"}]},
    "chat_tools_oneshot.sse": {"tool_calls": [
        {"name": "f", "arguments": {"a": 1}, "id": "call_a"},
        {"name": "f", "arguments": {"a": 2}, "id": "call_b"}]},
}


@pytest.mark.parametrize("name", GOLDEN_OLLAMA)
@pytest.mark.parametrize("cut", [0, 7, 1])
def test_SSE_03_golden_from_ollama(sim, gw, name, cut):
    """The same streams made from Ollama's NDJSON."""
    if cut == 1 and not LONG:
        pytest.skip("1-byte pieces run in check-long")
    script = dict(GOLDEN_OLLAMA[name])
    if "tool_calls" in script and "tokens" not in script:
        script["tokens"] = []
    tools = [{"type": "function", "function": {"name": n}} for n in "fg"]
    sim.script("m", prompt_tokens=11, completion_tokens=7,
               **({"split": cut} if cut else {}), **script)
    more = {"tools": tools} if "tool_calls" in script else {}
    got = gw.chat("m", stream=True, stream_options={"include_usage": True},
                  **more).body
    want = (FIXTURES / "golden" / name).read_bytes()
    assert masked(got) == masked(want.replace(b":\n\n", b""))


@pytest.mark.parametrize("fault", ["bad_utf8", "half_utf8",
                                   "lone_surrogate"])
def test_SSE_04_invalid_text(sim, gw, lax, fault, model):
    """U+FFFD or an error, but never invalid UTF-8, and the SDK does not die
    of decoding."""
    sim.script(model, text="one two three", words=True, fault=fault)
    body = gw.chat(model, stream=True).body
    body.decode("utf-8")
    for e in events(body):
        if e != "[DONE]":
            json.dumps(json.loads(e), ensure_ascii=False).encode("utf-8")
    try:
        list(lax.chat.completions.create(model=model, messages=MSG,
                                         stream=True))
    except openai.APIError:
        assert fault == "half_utf8"
    r = gw.chat(model)
    r.body.decode("utf-8")


def test_SSE_05_keepalives_do_not_pass(sim, gw):
    sim.script("o", text="one two", words=True, comments=True, ids=True,
               retry=True, ping=True)
    body = gw.chat("o", stream=True).body
    for line in body.split(b"\n"):
        assert line == b"" or line == b":" or line.startswith(b"data: {") \
            or line == b"data: [DONE]", line
    assert texts(chunks(body)) == "one two"


def test_SSE_06_idle_comments(llmd, sim):
    """Every keepalive_ms one comment while the upstream is silent."""
    gw = llmd({"model_list": [ollama("m", sim), openai_model("o", sim)],
               "llmd_settings": {"keepalive_ms": 200}})
    for model in "m", "o":
        sim.script(model, tokens=["a", "b"], pace=1100)
        body = gw.chat(model, stream=True).body
        assert 3 <= body.count(b":\n\n") <= 12
        assert texts(chunks(body)) == "ab"


def test_one_write_per_event(sim, gw, model):
    """Each token reaches the client at once, not with the next."""
    sim.script(model, tokens=list("abcdef"), pace=150)
    with gw.raw(timeout=20) as c:
        c.send(post(chat_body(model, stream=True)))
        seen = []
        while b"[DONE]" not in c.buf:
            assert c.fill()
            n = c.buf.count(b"data: {")
            seen.append((time.monotonic(), n))
    spread = seen[-1][0] - seen[0][0]
    assert spread > 0.6 and len({n for _, n in seen}) >= 6


def test_http_10_client_gets_a_stream_that_ends(sim, gw, model):
    """No chunks for HTTP/1.0: the connection's end is the stream's end."""
    sim.script(model, text="old", token_chars=1)
    b = json.dumps(chat_body(model, stream=True)).encode()
    with gw.raw() as c:
        c.send(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: "
               + str(len(b)).encode() + b"\r\n\r\n" + b)
        r = c.reply()
        assert r.status == 200
        assert r.header("Transfer-Encoding") is None
    assert texts(chunks(r.body)) == "old"


def test_many_streams_at_once(sim, gw):
    """200 streams over both backends at once, each with its own text."""
    sim.script("m", echo=True, token_chars=3, pace=2)
    sim.script("o", echo=True, token_chars=3, pace=2)
    socks = []
    for i in range(200):
        c = gw.raw(timeout=30)
        c.send(post(chat_body("mo"[i % 2], f"text number {i} {TEXT}",
                              stream=True)))
        socks.append(c)
    for i, c in enumerate(socks):
        r = c.reply()
        assert texts(chunks(r.body)) == f"text number {i} {TEXT}"
        c.close()
    wait_until(lambda: gw.get("/health").status == 200)
