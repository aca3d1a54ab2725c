# SPDX-License-Identifier: ISC
"""Chat completions without streams, by the official OpenAI SDK: wire.md
cases CHAT, MSG, PAR, USE-03, JSON, IMG."""

import asyncio
import base64
import json
import zlib

import pytest
from pydantic import BaseModel

import openai
from world import sdk
from sim import body_of


def user(text="Hi"):
    return [{"role": "user", "content": text}]


def test_CHAT_01_plain_chats(sim, client, model):
    sim.script(model, text="Zür ✓ 日本 👩‍🚀", prompt_tokens=11,
               completion_tokens=7)
    ids = set()
    for _ in range(200):
        r = client.chat.completions.create(model=model, messages=user())
        assert r.choices[0].message.content == "Zür ✓ 日本 👩‍🚀"
        assert r.choices[0].message.role == "assistant"
        assert r.choices[0].finish_reason == "stop"
        assert r.object == "chat.completion"
        assert r.model == model
        assert type(r.created) is int and r.created > 1_600_000_000
        assert r.id.startswith("chatcmpl-")
        u = r.usage
        assert (u.prompt_tokens, u.completion_tokens, u.total_tokens) \
            == (11, 7, 18)
        ids.add(r.id)
    assert len(ids) == 200


def test_CHAT_01_async(sim, aclient, model):
    sim.script(model, echo=True)

    async def go():
        async with aclient as c:
            return await asyncio.gather(*(
                c.chat.completions.create(model=model,
                                          messages=user(f"text {i}"))
                for i in range(50)))
    got = asyncio.run(go())
    assert [r.choices[0].message.content for r in got] \
        == [f"text {i}" for i in range(50)]
    assert len({r.id for r in got}) == 50


def test_CHAT_01_members(sim, gw):
    """Every member that typed clients need is there, with null where it is
    unknown, in OpenAI's order."""
    sim.script("m", text="Hi", prompt_tokens=11, completion_tokens=7)
    r = gw.chat("m").json()
    assert list(r) == ["id", "object", "created", "model", "choices",
                       "usage", "system_fingerprint"]
    c = r["choices"][0]
    assert c["logprobs"] is None and c["index"] == 0
    assert c["message"] == {"role": "assistant", "content": "Hi",
                            "refusal": None}
    assert r["usage"] == {
        "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0}}
    assert r["system_fingerprint"] is None


NULLS = [
    "temperature", "top_p", "frequency_penalty", "presence_penalty",
    "logit_bias", "seed", "stop", "n", "max_completion_tokens", "max_tokens",
    "logprobs", "top_logprobs", "tools", "tool_choice",
    "parallel_tool_calls", "functions", "function_call", "response_format",
    "modalities", "audio", "prediction", "verbosity", "reasoning_effort",
    "stream", "stream_options", "metadata", "store", "user",
    "safety_identifier", "prompt_cache_key", "service_tier",
    "web_search_options",
]


def test_CHAT_02_unknown_fields_and_nulls(sim, client, model):
    sim.script(model, text="same")
    plain = client.chat.completions.create(model=model, messages=user())
    r = client.chat.completions.create(
        model=model, messages=user(), extra_body={
            **{n: None for n in NULLS}, "x_unknown": {"deep": [1, {}]},
            "chat_template_kwargs_": 1})
    assert r.choices[0].message.content \
        == plain.choices[0].message.content == "same"
    sent = sim.last(model)["json"]
    if model == "m":
        assert set(sent) <= {"model", "messages", "stream"}
    else:
        assert sent["x_unknown"] == {"deep": [1, {}]}


@pytest.mark.parametrize("content", ["absent", None, "", []],
                         ids=["absent", "null", "empty", "list"])
def test_CHAT_03_assistant_without_content(sim, gw, client, content):
    call = {"id": "call_1", "type": "function",
            "function": {"name": "f", "arguments": "{\"a\":1}"}}
    said = {"role": "assistant", "content": content, "tool_calls": [call]}
    if content == "absent":
        del said["content"]
    r = client.chat.completions.create(model="m", messages=[
        *user(), said,
        {"role": "tool", "tool_call_id": "call_1", "content": "42"}])
    assert r.choices[0].message.content
    sent = sim.last("m")["json"]["messages"]
    assert sent[1]["content"] == ""
    assert sent[1]["tool_calls"][0]["function"]["arguments"] == {"a": 1}


def test_MSG_01_roles_for_ollama(sim, client):
    client.chat.completions.create(model="m", messages=[
        {"role": "developer", "content": "D"},
        {"role": "system", "content": "S1"},
        {"role": "system", "content": "S2"}, *user("U")])
    sent = sim.last("m")["json"]["messages"]
    assert [(s["role"], s["content"]) for s in sent] == [
        ("system", "D"), ("system", "S1"), ("system", "S2"), ("user", "U")]


def test_MSG_03_three_text_parts(sim, client):
    client.chat.completions.create(model="m", messages=[{
        "role": "user", "content": [{"type": "text", "text": t}
                                    for t in ("one ", "two ", "Zür ✓")]}])
    sent = sim.last("m")["json"]["messages"]
    assert sent == [{"role": "user", "content": "one two Zür ✓"}]


@pytest.mark.parametrize("asked", [
    {"max_completion_tokens": 5}, {"max_tokens": 5},
    {"max_completion_tokens": 5, "max_tokens": 50}])
def test_PAR_01_length(sim, client, asked):
    sim.script("m", text="one two three four five six seven eight nine ten "
               "eleven twelve thirteen", words=True)
    r = client.chat.completions.create(model="m", messages=user(), **asked)
    assert sim.last("m")["json"]["options"] == {"num_predict": 5}
    assert r.choices[0].finish_reason == "length"


def test_PAR_01_zero_is_refused(client):
    with pytest.raises(openai.BadRequestError) as e:
        client.chat.completions.create(model="m", messages=user(),
                                       max_tokens=0)
    assert e.value.param == "max_tokens"


@pytest.mark.parametrize("stop, upstream", [
    ("x", ["x"]), (["a", "b"], ["a", "b"]), (None, None), ([], None)])
def test_PAR_02_stop(sim, client, stop, upstream):
    client.chat.completions.create(model="m", messages=user(), stop=stop)
    assert sim.last("m")["json"].get("options", {}).get("stop") == upstream


def test_PAR_02_five_stops(sim, client):
    with pytest.raises(openai.BadRequestError) as e:
        client.chat.completions.create(model="m", messages=user(),
                                       stop=list("abcde"))
    assert e.value.param == "stop"
    assert sim.requests("m") == []


def test_PAR_03_sampling(sim, client):
    client.chat.completions.create(
        model="m", messages=user(), temperature=0, seed=7,
        presence_penalty=0.5, frequency_penalty=-0.25)
    assert sim.last("m")["json"]["options"] == {
        "temperature": 0, "seed": 7, "presence_penalty": 0.5,
        "frequency_penalty": -0.25}
    client.chat.completions.create(model="m", messages=user())
    assert "options" not in sim.last("m")["json"]


def test_PAR_03_extensions(sim, client):
    """What local users add to a request by extra_body reaches Ollama."""
    client.chat.completions.create(
        model="m", messages=user(), extra_body={
            "top_k": 20, "min_p": 0.05, "repetition_penalty": 1.1,
            "num_ctx": 8192, "keep_alive": "10m"})
    sent = sim.last("m")["json"]
    assert sent["options"] == {"top_k": 20, "min_p": 0.05,
                               "repeat_penalty": 1.1, "num_ctx": 8192}
    assert sent["keep_alive"] == "10m"


@pytest.mark.parametrize("asked, param", [
    ({"n": 2}, "n"), ({"n": 0}, "n"), ({"logprobs": True}, "logprobs"),
    ({"reasoning_effort": "high"}, "reasoning_effort"),
    ({"temperature": "hot"}, "temperature"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"max_tokens": -4}, "max_tokens"), ({"seed": 1.5}, "seed"),
    ({"tools": "f"}, "tools"), ({"stream": "yes"}, "stream"),
])
def test_PAR_04_not_yet_or_wrong_names_the_parameter(sim, lax, asked, param):
    with pytest.raises(openai.BadRequestError) as e:
        lax.chat.completions.create(model="m", messages=user(),
                                    extra_body=asked)
    assert e.value.param == param
    assert param in e.value.message
    assert sim.requests("m") == []


def test_USE_03_no_prompt_count(sim, client):
    sim.script("m", text="Hi", no_prompt_count=True, completion_tokens=3)
    u = client.chat.completions.create(model="m", messages=user()).usage
    assert (u.prompt_tokens, u.completion_tokens, u.total_tokens) == (0, 3, 3)
    assert u.prompt_tokens_details.cached_tokens == 0


def test_stream_is_always_explicit(sim, gw):
    """Ollama's default is to stream."""
    gw.chat("m")
    assert sim.last("m")["json"]["stream"] is False
    gw.chat("m", stream=True)
    assert sim.last("m")["json"]["stream"] is True


def test_JSON_01_json_object(sim, client):
    r = client.chat.completions.create(
        model="m", messages=user("JSON please"),
        response_format={"type": "json_object"})
    assert sim.last("m")["json"]["format"] == "json"
    json.loads(r.choices[0].message.content)


class Task(BaseModel):
    title: str
    priority: int
    tags: list[str]


def test_JSON_02_parse(sim, client):
    sim.script("m", text='{"title":"Budget","priority":2,"tags":["q3"]}')
    r = client.chat.completions.parse(model="m", messages=user(),
                                      response_format=Task)
    assert r.choices[0].message.parsed == Task(
        title="Budget", priority=2, tags=["q3"])
    sent = sim.last("m")["json"]["format"]
    assert sent["type"] == "object"
    assert set(sent["properties"]) == {"title", "priority", "tags"}
    assert sent["required"] == ["title", "priority", "tags"]


def test_JSON_02_stream(sim, client):
    sim.script("m", text='{"title":"Zür","priority":1,"tags":[]}',
               token_chars=3)
    with client.chat.completions.stream(
            model="m", messages=user(), response_format=Task) as s:
        for _ in s:
            pass
        r = s.get_final_completion()
    assert r.choices[0].message.parsed == Task(title="Zür", priority=1,
                                               tags=[])


def test_JSON_02_schema_moves_as_its_bytes(sim, gw):
    """Numbers, order and unknown keywords of a schema are not touched."""
    schema = '{"type":"object","properties":{"b":{"type":"number",' \
        '"maximum":1.10},"a":{"type":"integer","x-k":9007199254740993}},' \
        '"required":["b"]}'
    body = '{"model":"m","messages":[{"role":"user","content":"x"}],' \
        '"response_format":{"type":"json_schema","json_schema":{"name":"s",' \
        f'"strict":true,"schema":{schema}}}}}}}'
    assert gw.post("/v1/chat/completions", body).status == 200
    assert f'"format":{schema}' in body_of(sim.last("m")).decode()


TOOL = {"type": "function", "function": {
    "name": "add", "description": "adds", "parameters": {
        "type": "object", "properties": {"a": {"type": "integer"}},
        "required": ["a"]}}}


def test_JSON_04_schema_and_tools(sim, client):
    """With a format Ollama could call no tool: tools win on the first turn,
    the schema after a tool's result."""
    sim.script("m", tool_calls=[{"name": "add", "arguments": {"a": 1}}])
    fmt = {"type": "json_schema", "json_schema": {
        "name": "t", "schema": Task.model_json_schema()}}
    r = client.chat.completions.create(model="m", messages=user(),
                                       tools=[TOOL], response_format=fmt)
    assert r.choices[0].message.tool_calls[0].function.name == "add"
    sent = sim.last("m")["json"]
    assert "format" not in sent and len(sent["tools"]) == 1

    sim.script("m", text='{"title":"x","priority":1,"tags":[]}')
    call = r.choices[0].message.tool_calls[0]
    r = client.chat.completions.create(
        model="m", tools=[TOOL], response_format=fmt, messages=[
            *user(), r.choices[0].message.model_dump(),
            {"role": "tool", "tool_call_id": call.id, "content": "2"}])
    assert "format" in sim.last("m")["json"]
    json.loads(r.choices[0].message.content)


def png():
    def part(kind, data):
        raw = kind + data
        return len(data).to_bytes(4, "big") + raw \
            + zlib.crc32(raw).to_bytes(4, "big")
    # A pixel whose base64 holds both + and /, so that url-safe differs.
    return b"\x89PNG\r\n\x1a\n" \
        + part(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\2\0\0\0") \
        + part(b"tEXt", b"k\0" + b"\xfb\xff\xfe\xfb\xef\xbe" * 3) \
        + part(b"IDAT", zlib.compress(b"\0\xff\0\0")) + part(b"IEND", b"")


JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + b"\x3e\x3f" * 20 \
    + b"\xff\xd9"


@pytest.mark.parametrize("mime, data", [("image/png", png()),
                                        ("image/jpeg", JPEG)],
                         ids=["png", "jpeg"])
@pytest.mark.parametrize("form", ["standard", "urlsafe", "lines", "unpadded"])
def test_IMG_01_data_urls(sim, client, mime, data, form):
    std = base64.b64encode(data).decode()
    sent_as = {
        "standard": std,
        "urlsafe": base64.urlsafe_b64encode(data).decode(),
        "lines": "\r\n".join(std[i:i + 20] for i in range(0, len(std), 20)),
        "unpadded": base64.urlsafe_b64encode(data).decode().rstrip("="),
    }[form]
    client.chat.completions.create(model="m", messages=[{
        "role": "user", "content": [
            {"type": "text", "text": "what is it?"},
            {"type": "image_url", "image_url": {
                "url": f"data:{mime};base64,{sent_as}"}}]}])
    got = sim.last("m")["json"]["messages"]
    assert got == [{"role": "user", "content": "what is it?",
                    "images": [std]}]


@pytest.mark.parametrize("url", [
    "http://127.0.0.1:1/x.png", "https://example.com/x.png",
    "http://169.254.169.254/latest", "file:///etc/passwd",
    "data:image/png,rawtext", "data:image/png;base64,@@@@",
    "data:image/png;base64,", "data:text/html;base64,PGI+", "x"])
def test_IMG_01_other_urls_are_refused(sim, lax, url):
    with pytest.raises(openai.BadRequestError):
        lax.chat.completions.create(model="m", messages=[{
            "role": "user", "content": [
                {"type": "image_url", "image_url": {"url": url}}]}])
    assert sim.requests("m") == []


def test_ollama_extras_in_the_answer_do_not_leak(sim, gw):
    r = gw.chat("m")
    for word in (b"total_duration", b"created_at", b"eval_count",
                 b"done_reason"):
        assert word not in r.body


def test_repeat_cut_is_length(sim, gw):
    """Ollama stops a model that repeats itself without done:true; that is
    an answer, not a failure (ollama-measured.md 1.3)."""
    sim.script("m", fault="repeat_cut")
    r = gw.chat("m")
    assert r.status == 200
    assert r.json()["choices"][0]["finish_reason"] == "length"
    assert "upstream_repeat_cut" in r.headers["x-llmd-warning"]


def test_agents_sdk_tool_loop(sim, gw):
    """The official Agents SDK over chat completions: call, tool, answer."""
    import agents

    sim.script("m", times=1, tool_calls=[
        {"name": "add", "arguments": {"a": 2, "b": 40}}])
    sim.script("m", append=True, text="It is 42.")
    seen = []

    @agents.function_tool
    def add(a: int, b: int) -> str:
        """Adds."""
        seen.append((a, b))
        return str(a + b)

    async def go():
        agents.set_tracing_disabled(True)
        client = openai.AsyncOpenAI(base_url=gw.base, api_key="sk-any",
                                    max_retries=0)
        async with client:
            agent = agents.Agent(
                name="calc", instructions="Add.", tools=[add],
                model=agents.OpenAIChatCompletionsModel(
                    model="m", openai_client=client))
            return await agents.Runner.run(agent, "2 + 40?")
    r = asyncio.run(go())
    assert r.final_output == "It is 42."
    assert seen == [(2, 40)]
    got = sim.last("m")["json"]["messages"]
    assert got[-1]["role"] == "tool" and got[-1]["content"] == "42"
    assert got[-1]["tool_name"] == "add"


def test_default_retries_reach_a_good_answer(sim, gw):
    """The SDK's own retries work: 503 first, then 200."""
    sim.script("o", times=1, status=503, retry_after="0")
    sim.script("o", append=True, text="fine")
    with sdk(gw, max_retries=2) as c:
        r = c.chat.completions.create(model="o", messages=user())
    assert r.choices[0].message.content == "fine"
