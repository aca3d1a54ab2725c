# SPDX-License-Identifier: ISC
"""Tool calls over Ollama, by the official OpenAI SDK: wire.md cases TOOL."""

import json

import pytest

import openai
from raw import chunks

MSG = [{"role": "user", "content": "Add 1 and 2"}]


def tool(name="add", **params):
    return {"type": "function", "function": {
        "name": name, "description": f"does {name}",
        "parameters": params or {
            "type": "object", "properties": {
                "a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"]}}}


def calls_of(message):
    return [(c.function.name, c.function.arguments)
            for c in message.tool_calls]


def stream(client, **kw):
    """The final completion of the SDK's stream helper."""
    with client.chat.completions.stream(model="m", messages=MSG, **kw) as s:
        for _ in s:
            pass
        return s.get_final_completion()


def test_TOOL_01_call(sim, client):
    sim.script("m", tool_calls=[{"name": "add",
                                 "arguments": {"a": 1, "b": 2}}])
    r = client.chat.completions.create(model="m", messages=MSG,
                                       tools=[tool()])
    c = r.choices[0]
    assert c.finish_reason == "tool_calls"
    assert c.message.content is None
    call, = c.message.tool_calls
    assert call.type == "function" and call.id
    assert json.loads(call.function.arguments) == {"a": 1, "b": 2}


def test_TOOL_02_full_loop(sim, client):
    sim.script("m", times=1, tool_calls=[
        {"name": "add", "arguments": {"a": 1, "b": 2}, "id": "call_x1"}])
    sim.script("m", append=True, text="3")
    r = client.chat.completions.create(model="m", messages=MSG,
                                       tools=[tool()])
    said = r.choices[0].message
    r = client.chat.completions.create(
        model="m", tools=[tool()], messages=[
            *MSG, said, {"role": "tool", "content": "3",
                         "tool_call_id": said.tool_calls[0].id}])
    assert r.choices[0].message.content == "3"
    sent = sim.last("m")["json"]["messages"]
    assert sent[1]["tool_calls"][0]["function"]["arguments"] \
        == {"a": 1, "b": 2}
    assert sent[2] == {"role": "tool", "content": "3", "tool_name": "add",
                       "tool_call_id": said.tool_calls[0].id}


def test_TOOL_02_broken_arguments_in_the_history(sim, client):
    """Agents replay broken arguments; Ollama takes only objects."""
    r = client.chat.completions.create(model="m", messages=[
        *MSG, {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function",
             "function": {"name": "add", "arguments": "{\"a\": 1"}},
            {"id": "c2", "type": "function",
             "function": {"name": "add", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "?"},
        {"role": "tool", "tool_call_id": "c2", "content": "?"}])
    assert r.choices[0].message.content
    got = sim.last("m")["json"]["messages"][1]["tool_calls"]
    assert got[0]["function"]["arguments"] == {"_raw": "{\"a\": 1"}
    assert got[1]["function"]["arguments"] == {}


def test_TOOL_03_tool_message_of_parts(sim, client):
    client.chat.completions.create(model="m", messages=[
        *MSG, {"role": "assistant", "tool_calls": [
            {"id": "c1", "type": "function",
             "function": {"name": "add", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": [
            {"type": "text", "text": "4"}, {"type": "text", "text": "2"}]}])
    assert sim.last("m")["json"]["messages"][2] == {
        "role": "tool", "content": "42", "tool_call_id": "c1",
        "tool_name": "add"}


def test_TOOL_04_streamed(sim, client, model):
    sim.script(model, tool_calls=[{"name": "add",
                                   "arguments": {"a": 1, "b": 2}}])
    with client.chat.completions.stream(
            model=model, messages=MSG, tools=[tool()]) as s:
        for _ in s:
            pass
        c = s.get_final_completion().choices[0]
    assert c.finish_reason == "tool_calls"
    assert c.message.role == "assistant"
    (name, args), = calls_of(c.message)
    assert name == "add" and json.loads(args) == {"a": 1, "b": 2}


def test_TOOL_04_first_delta_has_everything(sim, gw):
    sim.script("m", tool_calls=[{"name": "add", "arguments": {"a": 1}}])
    body = gw.chat("m", stream=True, tools=[tool()]).body
    deltas = [t for c in chunks(body) for ch in c["choices"]
              for t in ch["delta"].get("tool_calls", [])]
    first = deltas[0]
    assert first["index"] == 0 and first["type"] == "function"
    assert first["id"] and first["function"]["name"] == "add"
    assert sum("id" in d for d in deltas) == 1
    assert sum("name" in d["function"] for d in deltas) == 1


THREE = [{"name": "add", "arguments": {"a": i, "b": 10 * i}}
         for i in (1, 2, 3)]


@pytest.mark.parametrize("index", ["zero", "none", "count"])
@pytest.mark.parametrize("one_line", [False, True], ids=["lines", "one_line"])
def test_TOOL_05_parallel(sim, client, index, one_line):
    sim.script("m", tool_calls=THREE, tool_index=index,
               tool_one_line=one_line)
    c = stream(client, tools=[tool()]).choices[0]
    assert [json.loads(a) for _, a in calls_of(c.message)] \
        == [t["arguments"] for t in THREE]
    assert [t.index for t in c.message.tool_calls] == [0, 1, 2]
    assert len({t.id for t in c.message.tool_calls}) == 3

    r = client.chat.completions.create(model="m", messages=MSG,
                                       tools=[tool()])
    assert [json.loads(a) for _, a in calls_of(r.choices[0].message)] \
        == [t["arguments"] for t in THREE]


def test_TOOL_06_no_ids(sim, client, gw):
    sim.script("m", tool_calls=THREE, tool_ids="none")
    c = stream(client, tools=[tool()]).choices[0]
    ids = [t.id for t in c.message.tool_calls]
    r = client.chat.completions.create(model="m", messages=MSG,
                                       tools=[tool()])
    ids += [t.id for t in r.choices[0].message.tool_calls]
    assert len(set(ids)) == 6
    assert all(i.startswith("call_") and len(i) >= 12 for i in ids)


def test_TOOL_07_on_the_done_line(sim, client):
    sim.script("m", tool_calls=THREE[:2], tool_on_done=True)
    c = stream(client, tools=[tool()]).choices[0]
    assert len(c.message.tool_calls) == 2
    assert c.finish_reason == "tool_calls"
    r = client.chat.completions.create(model="m", messages=MSG,
                                       tools=[tool()])
    assert len(r.choices[0].message.tool_calls) == 2
    assert r.choices[0].finish_reason == "tool_calls"


def test_TOOL_08_two_identical(sim, client):
    sim.script("m", tool_calls=[THREE[0], THREE[0]])
    c = stream(client, tools=[tool()]).choices[0]
    assert len(c.message.tool_calls) == 2
    assert c.message.tool_calls[0].id != c.message.tool_calls[1].id


def test_TOOL_09_no_arguments(sim, client):
    sim.script("m", tool_calls=[{"name": "now", "arguments": {}}])
    c = stream(client, tools=[tool("now")]).choices[0]
    assert calls_of(c.message) == [("now", "{}")]
    r = client.chat.completions.create(model="m", messages=MSG,
                                       tools=[tool("now")])
    assert calls_of(r.choices[0].message) == [("now", "{}")]


def test_TOOL_10_length_after_a_call(sim, client, gw):
    sim.script("m", tool_calls=[THREE[0]], finish="length")
    r = client.chat.completions.create(model="m", messages=MSG,
                                       tools=[tool()])
    assert r.choices[0].finish_reason == "length"
    got = chunks(gw.chat("m", stream=True, tools=[tool()]).body)
    assert [ch["finish_reason"] for c in got for ch in c["choices"]][-1] \
        == "length"


def test_TOOL_11_none(sim, client):
    client.chat.completions.create(model="m", messages=MSG, tools=[tool()],
                                   tool_choice="none")
    assert "tools" not in sim.last("m")["json"]


def test_TOOL_11_required(sim, client):
    sim.script("m", tool_calls=[THREE[0]])
    raw = client.chat.completions.with_raw_response.create(
        model="m", messages=MSG, tools=[tool()], tool_choice="required")
    assert raw.parse().choices[0].message.tool_calls
    sent = sim.last("m")["json"]
    assert len(sent["tools"]) == 1
    assert len(sent["messages"]) == len(MSG) + 1, "an instruction is added"
    assert any(m["role"] == "system" and "must call" in m["content"]
               for m in sent["messages"])


def test_TOOL_11_required_but_not_called(sim, client):
    """The answer is checked: the caller is told that no tool was called."""
    sim.script("m", text="I would rather not")
    raw = client.chat.completions.with_raw_response.create(
        model="m", messages=MSG, tools=[tool()], tool_choice="required")
    assert "tool_choice" in raw.headers["x-llmd-warning"]
    assert raw.parse().choices[0].message.content == "I would rather not"


def test_TOOL_11_named(sim, client):
    sim.script("m", tool_calls=[{"name": "sub", "arguments": {}}])
    r = client.chat.completions.create(
        model="m", messages=MSG, tools=[tool("add"), tool("sub")],
        tool_choice={"type": "function", "function": {"name": "sub"}})
    assert [t["function"]["name"] for t in sim.last("m")["json"]["tools"]] \
        == ["sub"]
    assert r.choices[0].message.tool_calls[0].function.name == "sub"


def test_TOOL_11_named_but_unknown(sim, client):
    with pytest.raises(openai.BadRequestError) as e:
        client.chat.completions.create(
            model="m", messages=MSG, tools=[tool("add")],
            tool_choice={"type": "function", "function": {"name": "mul"}})
    assert e.value.param == "tool_choice"
    assert sim.requests("m") == []


def test_TOOL_12_schema_keywords(sim, client):
    client.chat.completions.create(model="m", messages=MSG, tools=[tool(
        "plan",
        type="object",
        properties={
            "who": {"$ref": "#/$defs/Person"},
            "kind": {"const": "task"},
            "when": {"oneOf": [{"type": "string"}, {"type": "null"}]},
        },
        required=["who"],
        **{"$defs": {"Person": {
            "type": "object", "properties": {"name": {"type": "string"}},
            "required": ["name"]}}})])
    f = sim.last("m")["json"]["tools"][0]["function"]
    props = f["parameters"]["properties"]
    assert props["who"]["type"] == "object"
    assert props["who"]["properties"]["name"] == {"type": "string"}
    assert props["kind"]["enum"] == ["task"]
    assert props["when"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    text = json.dumps(f)
    assert "$ref" not in text and "oneOf" not in text and "const" not in text
    assert f["parameters"]["required"] == ["who"]


def test_TOOL_12_recursive_ref_ends(sim, client):
    """A schema that refers to itself cannot be inlined; it must not hang or
    grow the gateway."""
    node = {"type": "object", "properties": {
        "child": {"$ref": "#/$defs/Node"}, "v": {"type": "integer"}}}
    raw = client.chat.completions.with_raw_response.create(
        model="m", messages=MSG, tools=[tool(
            "tree", type="object",
            properties={"root": {"$ref": "#/$defs/Node"}},
            **{"$defs": {"Node": node}})])
    assert raw.status_code == 200
    assert sim.last("m")["body_len"] < 100_000


def test_TOOL_12_no_parameters(sim, client):
    client.chat.completions.create(model="m", messages=MSG, tools=[
        {"type": "function", "function": {"name": "now", "strict": True}}])
    f = sim.last("m")["json"]["tools"][0]["function"]
    assert f["parameters"] == {"type": "object", "properties": {}}
    assert "strict" not in f


def test_TOOL_14_large_arguments(sim, client):
    big = "x" * 1_000_000
    sim.script("m", tool_calls=[{"name": "add", "arguments": {"a": big}}])
    r = client.chat.completions.create(model="m", messages=MSG,
                                       tools=[tool()])
    args = r.choices[0].message.tool_calls[0].function.arguments
    assert json.loads(args) == {"a": big}
    c = stream(client, tools=[tool()]).choices[0]
    assert json.loads(c.message.tool_calls[0].function.arguments) \
        == {"a": big}


def test_old_functions(sim, client):
    """functions / function_call, answered as they were asked."""
    sim.script("m", tool_calls=[{"name": "add", "arguments": {"a": 1}}])
    r = client.chat.completions.create(
        model="m", messages=MSG, functions=[tool()["function"]])
    c = r.choices[0]
    assert c.finish_reason == "function_call"
    assert c.message.function_call.name == "add"
    assert json.loads(c.message.function_call.arguments) == {"a": 1}
    assert sim.last("m")["json"]["tools"][0]["function"]["name"] == "add"
