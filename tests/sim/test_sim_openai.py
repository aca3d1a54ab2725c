# SPDX-License-Identifier: ISC
"""llmsim as OpenAI: the strict form of whole answers, streams and errors."""

import base64
import json
import re
import struct

from simlib import FIXTURES, Sim, chat, dechunk, events, split_answer

SIM = None


def setup_module():
    global SIM
    SIM = Sim()


def teardown_module():
    SIM.stop()


def setup_function():
    SIM.call("reset", {})


def post_v1(body, path="/v1/chat/completions", *headers):
    status, head, data = split_answer(SIM.post(path, body, *headers))
    if any("chunked" in h for h in head):
        data = b"".join(dechunk(data)[0])
    return int(status.split()[1]), head, json.loads(data)


def test_openai_whole():
    SIM.script("m", text="Hi", prompt_tokens=11, completion_tokens=7)
    status, head, got = post_v1(chat(stream=False))
    assert status == 200 and any(h.startswith("x-request-id: ") for h in head)
    assert list(got) == ["id", "object", "created", "model", "choices",
                         "usage", "system_fingerprint"]
    assert got["id"].startswith("chatcmpl-")
    assert got["choices"] == [{
        "index": 0, "message": {"role": "assistant", "content": "Hi",
                                "refusal": None},
        "logprobs": None, "finish_reason": "stop"}]
    assert got["usage"]["total_tokens"] == 18


def test_openai_stream_is_golden():
    SIM.script("qwen3:8b", tokens=["Zür ✓ ", "日本 👩‍🚀"],
               prompt_tokens=11, completion_tokens=7)
    got = events(SIM.post("/v1/chat/completions", chat(
        "qwen3:8b", stream_options={"include_usage": True})))
    want = [e for e in (FIXTURES / "golden/chat_text.sse")
            .read_bytes().split(b"\n\n") if e.strip(b":\n")]

    def masked(e):
        e = re.sub(rb'"chatcmpl-[^"]*"', b'"I"', e)
        return re.sub(rb'"created":\d+', b'"created":1', e)
    assert [masked(e) for e in got] == \
        [masked(e).removeprefix(b"data: ") for e in want]


def test_openai_calls_in_deltas():
    SIM.script("m", tool_calls=[{"name": "f", "arguments": {"a": 1},
                                 "id": "call_a"},
                                {"name": "g", "arguments": "{\"b\": 2}"}],
               tool_delta=3)
    got = [json.loads(e) for e in events(SIM.post(
        "/v1/chat/completions", chat()))[:-1]]
    assert got[0]["choices"][0]["delta"] == {"role": "assistant",
                                             "content": None}
    args = {0: "", 1: ""}
    for e in got:
        for c in e["choices"][0]["delta"].get("tool_calls", []):
            args[c["index"]] += c["function"]["arguments"]
    assert args == {0: '{"a":1}', 1: '{"b":2}'}
    assert got[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_openai_errors():
    assert post_v1({"model": "nosuch", "messages": []})[0] == 404
    status, _, got = post_v1(b"{")
    assert status == 400 and list(got["error"]) == [
        "message", "type", "param", "code"]
    SIM.script("m", status=401)
    status, _, got = post_v1(chat(), "/v1/chat/completions",
                             "Authorization: Bearer sk-CANARY")
    assert status == 401 and "sk-CANARY" in got["error"]["message"]
    SIM.script("m", status=429, retry_after="2", flavor="vllm")
    status, head, got = post_v1(chat())
    assert status == 429 and "Retry-After: 2" in head
    assert got["error"]["code"] == 429


def test_openai_embeddings_agree():
    body = {"model": "text-embedding-3-small", "input": ["a", "b"],
            "dimensions": 5}
    floats = post_v1(body, "/v1/embeddings")[2]["data"]
    packed = post_v1({**body, "encoding_format": "base64"},
                     "/v1/embeddings")[2]["data"]
    for f, p in zip(floats, packed):
        raw = base64.b64decode(p["embedding"])
        want = struct.unpack("<5f", raw)
        assert struct.pack("<5f", *f["embedding"]) == raw
        assert abs(sum(x * x for x in want) - 1) < 1e-5


def test_openai_models_and_completions():
    got = json.loads(split_answer(SIM.get("/v1/models"))[2])
    assert list(got["data"][0]) == ["id", "object", "created", "owned_by"]
    SIM.script("hf.co/u/m:q4", text="x")
    for path in "hf.co/u/m:q4", "hf.co%2Fu%2Fm%3Aq4":
        got = json.loads(split_answer(SIM.get(f"/v1/models/{path}"))[2])
        assert got["id"] == "hf.co/u/m:q4"
    SIM.script("m", text="one two three")
    got = post_v1({"model": "m", "prompt": "x", "stop": " three"},
                  "/v1/completions")[2]
    assert got["object"] == "text_completion"
    assert got["choices"][0]["text"] == "one two"


def test_schema_makes_an_instance():
    schema = {"type": "object", "properties": {
        "title": {"type": "string"}, "n": {"$ref": "#/$defs/n"},
        "list": {"type": "array", "items": {"enum": ["a", "b"]}},
        "opt": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}},
        "$defs": {"n": {"type": "integer", "maximum": 7}}}
    got = post_v1(chat("gpt-4o-mini", stream=False, response_format={
        "type": "json_schema", "json_schema": {"name": "x",
                                               "schema": schema}}))[2]
    assert json.loads(got["choices"][0]["message"]["content"]) == {
        "title": "text", "n": 7, "list": ["a"], "opt": True}
    got = post_v1(chat("gpt-4o-mini", stream=False, tools=[
        {"type": "function", "function": {"name": "do", "parameters": schema}}
    ]))[2]
    call = got["choices"][0]["message"]["tool_calls"][0]["function"]
    assert call["name"] == "do" and json.loads(call["arguments"])["n"] == 7
