# SPDX-License-Identifier: ISC
"""Errors, keys, headers, models, cancels and clients' habits: wire.md cases
ERR, AUT, HST, PAS, MOD, CAN, CLI."""

import json
import time

import pytest

import openai
from world import sdk
from llmd import ollama, openai as openai_model
from proc import free_port
from raw import chat_body, chunks, events, get, post
from sim import body_of, header, headers_of
from wait import seconds, wait_until

MSG = [{"role": "user", "content": "Hi"}]


def ask(client, model, **kw):
    return client.chat.completions.create(model=model, messages=MSG, **kw)


def check_body(reply, status, code=None):
    """OpenAI's envelope with all four keys."""
    assert reply.status == status, reply
    e = reply.json()["error"]
    assert list(e) == ["message", "type", "param", "code"], e
    assert isinstance(e["message"], str) and e["message"]
    assert isinstance(e["type"], str)
    if code:
        assert e["code"] == code, e
    assert reply.headers["Content-Type"].startswith("application/json")
    assert reply.headers["x-request-id"]
    return e


# --- ERR --------------------------------------------------------------------

def test_ERR_01_model_unknown_to_ollama(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim, "nope")]})
    with sdk(gw) as client:
        for stream in False, True:
            with pytest.raises(openai.NotFoundError) as e:
                ask(client, "m", stream=stream)
            assert e.value.code == "model_not_found"
            assert "Model 'nope' not found on" in e.value.message
            assert "ollama pull nope" in e.value.message
            assert e.value.request_id.startswith("req_")


def test_ERR_01_model_unknown_to_llmd(gw, lax, sim):
    with pytest.raises(openai.NotFoundError) as e:
        ask(lax, "no-such-model")
    assert e.value.code == "model_not_found"
    assert "no-such-model" in e.value.message
    assert sim.requests() == []


@pytest.mark.parametrize("status, cls, sent", [
    (400, openai.BadRequestError, 400),
    (402, openai.APIStatusError, 402),
    (404, openai.NotFoundError, 404),
    (408, openai.InternalServerError, None),
    (409, openai.ConflictError, 409),
    (413, openai.APIStatusError, 413),
    (422, openai.UnprocessableEntityError, 422),
    (429, openai.RateLimitError, 429),
    (500, openai.InternalServerError, None),
    (502, openai.InternalServerError, None),
    (503, openai.InternalServerError, 503),
    (504, openai.InternalServerError, None),
    (529, openai.InternalServerError, None),
])
@pytest.mark.parametrize("stream", [False, True])
def test_ERR_02_classes(sim, gw, lax, status, cls, sent, stream):
    sim.script("o", status=status, error=f"made up {status}")
    with pytest.raises(cls) as e:
        ask(lax, "o", stream=stream)
    assert f"made up {status}" in e.value.message
    if sent:
        assert e.value.status_code == sent
    else:
        assert 500 <= e.value.status_code < 600
    check_body(gw.chat("o", stream=stream), e.value.status_code)


@pytest.mark.parametrize("body, words", [
    ('{"error":"plain text"}', "plain text"),
    ('{"error":{"message":"vLLM","type":"BadRequestError","param":null,'
     '"code":400}}', "vLLM"),
    ('{"object":"error","message":"old vLLM","type":"X","param":null,'
     '"code":400}', "old vLLM"),
    ('{"detail":"from FastAPI"}', "from FastAPI"),
    ('{"detail":[{"loc":["body"],"msg":"field required"}]}',
     "field required"),
    ('{"error":{"code":400,"message":"llama.cpp","type":"invalid"}}',
     "llama.cpp"),
    ("just words", "just words"),
])
def test_ERR_02_shapes(sim, gw, body, words):
    """Whatever shape a backend uses, the client gets OpenAI's."""
    sim.script("o", status=400, body=body, content_type="application/json")
    e = check_body(gw.chat("o"), 400)
    assert words in e["message"]
    assert e["code"] is None or isinstance(e["code"], str)


def test_ERR_03_refused(llmd):
    port = free_port()
    gw = llmd({"model_list": [ollama("m", f"http://localhost:{port}"),
                              openai_model("o", f"http://localhost:{port}")]})
    for model in "m", "o":
        for stream in False, True:
            r = gw.chat(model, stream=stream)
            e = check_body(r, 502, "upstream_unreachable")
            assert f"Connection refused to localhost:{port}" in e["message"]
    assert "ollama serve" in gw.chat("m").json()["error"]["message"]


def test_ERR_03_unknown_name(llmd):
    gw = llmd({"model_list": [
        ollama("m", "http://no-such-host.invalid:11434")]})
    e = check_body(gw.chat("m"), 502, "upstream_unreachable")
    assert "no-such-host.invalid" in e["message"]


def test_ERR_03_reset_before_headers(sim, gw, model):
    sim.script(model, fault="rst_before_head")
    check_body(gw.chat(model), 502)
    check_body(gw.chat(model, stream=True), 502)


def test_ERR_04_retry_after(sim, gw):
    sim.script("o", status=429, retry_after="7", error="slow down")
    r = gw.chat("o")
    check_body(r, 429)
    assert r.headers["Retry-After"] == "7"


def test_ERR_04_sdk_waits(sim, gw):
    sim.script("o", times=1, status=429, retry_after="1", error="slow")
    sim.script("o", append=True, text="ok")
    with sdk(gw, max_retries=2) as client:
        start = time.monotonic()
        r = ask(client, "o")
    assert r.choices[0].message.content == "ok"
    assert time.monotonic() - start > 0.9
    assert len(sim.requests("o")) == 2


@pytest.mark.parametrize("body, status, code", [
    (b"{", 400, "invalid_json"),
    (b"", 400, None),
    (b"[]", 400, None),
    (b"null", 400, None),
    (b'{"messages":[]}', 400, "missing_required_parameter"),
    (b'{"model":"m"}', 400, "missing_required_parameter"),
    (b'{"model":7,"messages":[]}', 400, "invalid_value"),
    (b'{"model":"m","messages":"Hi"}', 400, "invalid_value"),
    (b'{"model":"m","messages":{}}', 400, "invalid_value"),
    (b'{"model":"m","messages":[]}', 400, None),
    (b'{"model":"m","messages":[7]}', 400, None),
    (b'{"model":"m","messages":[{"role":"alien","content":"x"}]}', 400,
     None),
    (b'{"model":"m","messages":[{"role":"user","content":[{"type":"x"}]}]}',
     400, None),
    (b'{"model":"m","messages":[{"role":"user","content":7}]}', 400, None),
    (b'{"model":"m","messages":[{"content":"x"}]}', 400, None),
    (b'{"model":"m","messages":[]} x', 400, "invalid_json"),
    (b'{"model":"m","messages":[{"role":"user","content":"x"}],}', 400,
     "invalid_json"),
])
def test_ERR_05_bad_bodies(sim, gw, body, status, code):
    r = gw.post("/v1/chat/completions", body)
    check_body(r, status, code)
    assert sim.requests() == []


def test_ERR_06_error_line(sim, gw, lax, model):
    """An error in mid-stream is an error event: no [DONE], and the SDK
    raises with the text."""
    sim.script(model, text="one two three four five", words=True,
               error_after=2, error="CUDA out of memory")
    got = []
    with pytest.raises(openai.APIError) as e:
        for c in ask(lax, model, stream=True):
            got.append(c.choices[0].delta.content or "")
    assert "CUDA out of memory" in str(e.value)
    assert "".join(got).strip() == "one two"
    ev = events(gw.chat(model, stream=True).body)
    assert "[DONE]" not in ev
    err = json.loads(ev[-1])["error"]
    assert set(err) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("fault", ["cut_mid", "rst_mid", "no_last_chunk"])
@pytest.mark.parametrize("n", [0, 2])
def test_ERR_07_cut(sim, gw, lax, model, fault, n):
    more = {"no_finish": True, "done": 0} if fault == "no_last_chunk" else {}
    if fault != "no_last_chunk" and n == 0:
        more["cut_events"] = 0
    sim.script(model, text="one two three four five", words=True,
               fault=fault, **more)
    with pytest.raises(openai.APIError):
        for _ in ask(lax, model, stream=True):
            pass
    r = gw.chat(model, stream=True)
    assert r.status in (200, 502)
    assert b"[DONE]" not in r.body


@pytest.mark.parametrize("cut", ["fin", "rst"])
@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_ERR_07_cut_non_stream(sim, gw, lax, model, cut, framing):
    sim.script(model, text="one two three four five", words=True, cut=cut,
               cut_after=60, framing=framing)
    with pytest.raises(openai.InternalServerError) as e:
        ask(lax, model)
    assert e.value.status_code == 502


def test_ERR_09_gateway_key(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim)],
               "general_settings": {"master_key": "sk-good"}}, key="sk-good")
    with sdk(gw) as client:
        assert ask(client, "m")
    with sdk(gw, api_key="sk-wrong") as client:
        with pytest.raises(openai.AuthenticationError) as e:
            ask(client, "m")
    assert e.value.code == "invalid_api_key"
    assert "sk-wrong" not in str(e.value.body)
    assert "sk-good" not in str(e.value.body)


@pytest.mark.parametrize("status", [401, 403])
def test_ERR_09_upstream_key(sim, gw, lax, status):
    """The backend refuses our key: the client's own was fine."""
    sim.script("o", status=status,
               error="Incorrect API key provided: sk-upstream")
    with pytest.raises(openai.InternalServerError) as e:
        ask(lax, "o")
    assert e.value.status_code == 502
    assert e.value.code == "upstream_auth"
    assert "sk-upstream" not in str(e.value.body)
    assert "sk-upstream" not in gw.log()


# --- what is not there ------------------------------------------------------

@pytest.mark.parametrize("method, path", [
    ("POST", "/v1/responses"), ("POST", "/v1/messages"),
    ("POST", "/v1/embeddings"), ("POST", "/v1/completions"),
    ("POST", "/v1/audio/speech"), ("POST", "/v1/images/generations"),
    ("POST", "/v1/moderations"), ("POST", "/v1/rerank"),
    ("POST", "/v1/messages?beta=true"),
])
def test_known_endpoints_are_501(gw, sim, method, path):
    r = gw.request(method, path, {"model": "m", "input": "x"})
    e = check_body(r, 501, "not_implemented")
    assert path.split("?")[0] in e["message"]
    assert r.headers["x-should-retry"] == "false"


def test_embeddings_by_the_sdk_do_not_retry(gw):
    with sdk(gw, max_retries=2) as client:
        start = time.monotonic()
        with pytest.raises(openai.APIStatusError) as e:
            client.embeddings.create(model="m", input="x")
    assert e.value.status_code == 501
    assert time.monotonic() - start < seconds(0.4)


def test_anthropic_sdk_gets_an_error_it_understands(gw):
    import anthropic

    with anthropic.Anthropic(base_url=gw.url, api_key="k",
                             max_retries=2) as client:
        with pytest.raises(anthropic.APIStatusError) as e:
            client.messages.create(model="m", max_tokens=5, messages=MSG)
    assert e.value.status_code == 501


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/", None), ("GET", "/nope", 404), ("POST", "/nope", 404),
    ("GET", "/v1", 404), ("GET", "/v1/chat/completions", 405),
    ("DELETE", "/v1/models", 405), ("PUT", "/health", 405),
    ("POST", "/v1/models", 405), ("GET", "/favicon.ico", 404),
    ("GET", "/v1/modelsx", 404)])
def test_unknown_paths(gw, method, path, status):
    r = gw.request(method, path)
    if status:
        check_body(r, status)
    if status == 405:
        assert r.headers["Allow"]


def test_head_and_options(gw):
    with gw.raw() as c:
        c.send(b"HEAD /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        r = c.reply("HEAD")
        n = r.header("Content-Length")
        assert r.status == 200 and int(n) > 10
        c.send(get("/v1/models"))
        r = c.reply()
        assert r.status == 200 and r.header("Content-Length") == n
        c.send(b"OPTIONS /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert c.reply("OPTIONS").status == 204


# --- health and models ------------------------------------------------------

@pytest.mark.parametrize("path", ["/health", "/health/liveliness",
                                  "/health/liveness", "/health/readiness"])
def test_health(llmd, sim, path):
    """Without a key, and without asking a backend."""
    gw = llmd({"model_list": [ollama("m", sim)],
               "general_settings": {"master_key": "sk-good"}}, key="sk-good")
    r = gw.get(path, key=False)
    assert r.status == 200
    if path == "/health":
        assert list(r.json()) == ["status", "version"]
        assert r.json()["status"] == "healthy"
    assert sim.stats()["requests_total"] == 0


IDS = ["plain", "hf.co/u/m:q4", "a b", "ünï/✓", "x%y", "x+y"]


def test_MOD_01_models(llmd, sim):
    from urllib.parse import quote

    gw = llmd({"model_list": [
        *(ollama(n, sim, "m") for n in IDS),
        {"model_name": "gpt-4o-mini", "litellm_params": {
            "model": "gpt-4o-mini", "api_key": "os.environ/NOT_SET"}},
        {"model_name": "fixed", "model_info": {"created": 1234567890},
         "litellm_params": {"model": "openai/x", "api_key": "k",
                            "api_base": f"{sim.url}/v1"}}]})
    with sdk(gw, _strict_response_validation=True) as client:
        got = client.models.list().data
        assert [m.id for m in got] == [*IDS, "fixed"]
        assert got[0].owned_by == "ollama" and got[-1].owned_by == "openai"
        assert got[0].created == 1700000000
        assert got[-1].created == 1234567890
        for n in IDS:
            assert client.models.retrieve(n).id == n
        with pytest.raises(openai.NotFoundError) as e:
            client.models.retrieve("nope")
        assert e.value.code == "model_not_found"
    r = gw.get("/v1/models").json()
    assert list(r) == ["object", "data"] and r["object"] == "list"
    assert list(r["data"][0]) == ["id", "object", "created", "owned_by"]
    assert gw.get("/models").json() == r
    for n in IDS:
        assert gw.get("/v1/models/" + quote(n, safe="")).json()["id"] == n
    assert gw.get("/v1/models/hf.co/u/m:q4").json() \
        == gw.get("/v1/models/hf.co%2Fu%2Fm:q4").json()
    assert gw.get("/models/hf.co/u/m:q4").status == 200


def test_models_with_a_key_are_public_on_loopback(llmd, sim):
    conf = {"model_list": [ollama("m", sim)],
            "general_settings": {"master_key": "sk-good"}}
    gw = llmd(conf, key="sk-good")
    assert gw.get("/v1/models", key=False).status == 200
    conf["llmd_settings"] = {"public_models": False}
    gw = llmd(conf, key="sk-good")
    assert gw.get("/v1/models", key=False).status == 401
    assert gw.get("/v1/models").status == 200


def test_no_key_model(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim), {
        "model_name": "gpt-4o-mini", "litellm_params": {
            "model": "gpt-4o-mini", "api_key": "os.environ/MY_KEY"}}]},
        env={"MY_KEY": None})
    r = gw.chat("gpt-4o-mini")
    e = check_body(r, 503, "no_api_key")
    assert "MY_KEY" in e["message"] and "config.yaml:9" in e["message"]
    assert r.headers["x-should-retry"] == "false"


def test_not_yet_model(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim), {
        "model_name": "claude-sonnet", "litellm_params": {
            "model": "claude-3-5-sonnet-20241022",
            "api_key": "os.environ/A_KEY"}}]}, env={"A_KEY": "sk-ant"})
    r = gw.chat("claude-sonnet")
    check_body(r, 501, "not_implemented")
    assert r.headers["x-should-retry"] == "false"


# --- headers ----------------------------------------------------------------

def test_AUT_01_what_goes_upstream(llmd, sim, model):
    """Only what the backend needs: no key, cookie, tracing or hop-by-hop
    header of the client's."""
    gw = llmd({"model_list": [ollama("m", sim), openai_model("o", sim)],
               "general_settings": {"master_key": "sk-good"}}, key="sk-good")
    with sdk(gw, default_headers={
            "Cookie": "a=b", "X-Forwarded-For": "1.2.3.4",
            "Forwarded": "for=1.2.3.4", "TE": "trailers",
            "X-Custom": "client", "api-key": "sk-good",
            "OpenAI-Organization": "org", "Connection": "X-Custom",
            "Proxy-Authorization": "Basic eA==",
            "Accept-Encoding": "gzip, br"}) as client:
        assert ask(client, model)
    r = sim.last(model)
    names = {n for n, _ in headers_of(r)}
    for n in ("cookie", "x-forwarded-for", "forwarded", "te", "x-custom",
              "api-key", "x-api-key", "proxy-authorization", "keep-alive",
              "openai-organization", "upgrade"):
        assert n not in names, n
    assert not [n for n in names if n.startswith("x-stainless")]
    assert "sk-good" not in json.dumps(r["headers"])
    assert header(r, "host") == [f"127.0.0.1:{sim.port}"]
    assert header(r, "accept-encoding") == ["identity"]
    assert header(r, "content-type") == ["application/json"]
    assert header(r, "authorization") \
        == ([] if model == "m" else ["Bearer sk-upstream"])


@pytest.mark.parametrize("name, value", [
    ("Authorization", "Bearer sk-good"), ("Authorization", "bearer sk-good"),
    ("x-api-key", "sk-good"), ("api-key", "sk-good"),
    ("x-litellm-api-key", "sk-good"),
    ("x-litellm-api-key", "Bearer sk-good")])
def test_AUT_01_accepted_forms(llmd, sim, name, value):
    gw = llmd({"model_list": [ollama("m", sim)],
               "general_settings": {"master_key": "sk-good"}})
    r = gw.chat("m", headers={name: value})
    assert r.status == 200, r


@pytest.mark.parametrize("headers", [
    [], [("Authorization", "Basic sk-good")],
    [("Authorization", "Bearer ")], [("Authorization", "Bearer")],
    [("Authorization", "Bearer sk-goo")],
    [("Authorization", "Bearer sk-good2")], [("x-api-key", "")],
    [("Authorization", "Bearer wrong"), ("Authorization", "Bearer sk-good")],
    [("Authorization", "Bearer " + "x" * 7000)],
    [("Authorization", "Bearer ' OR 1=1 --")]], ids=str)
def test_AUT_01_refused_forms(llmd, sim, headers):
    gw = llmd({"model_list": [ollama("m", sim)],
               "general_settings": {"master_key": "sk-good"}})
    with gw.raw() as c:
        c.send(post(chat_body(), headers=headers))
        r = c.reply()
    assert r.status in (400, 401), r
    assert r.status == 401 or len(headers) == 2
    assert r.json()["error"]["code"] in ("invalid_api_key", "bad_request")
    assert sim.requests() == []


def test_reply_headers(sim, gw, model):
    r = gw.chat(model, headers={"x-litellm-call-id": "my-call-1"})
    assert r.headers["x-litellm-call-id"] == "my-call-1"
    assert r.headers["x-litellm-model-id"]
    assert r.headers["x-litellm-model-api-base"].startswith(sim.url)
    assert float(r.headers["x-litellm-overhead-duration-ms"]) >= 0
    assert r.headers["x-request-id"].startswith("req_")
    r2 = gw.chat(model)
    assert r2.headers["x-litellm-call-id"]
    assert r2.headers["x-request-id"] != r.headers["x-request-id"]
    assert "set-cookie" not in r.headers and r.headers.get("Server") is None


def test_call_id_cannot_split_the_reply(sim, gw):
    with gw.raw() as c:
        c.send(post(chat_body(), headers=[
            ("x-litellm-call-id", "a\x80\xffb" + "c" * 4000)]))
        r = c.reply()
    assert r.status == 200
    assert len(r.header("x-litellm-call-id")) < 300
    assert r.header("x-litellm-call-id").isascii()


def test_HST_01_foreign_host(llmd, sim):
    """With a key any Host may be used; Ollama sees its own authority."""
    gw = llmd({"model_list": [ollama("m", sim)],
               "general_settings": {"master_key": "sk-good"}}, key="sk-good")
    with gw.raw() as c:
        c.send(post(chat_body(), host="evil.example", headers=[
            ("Authorization", "Bearer sk-good")]))
        assert c.reply().status == 200
    assert header(sim.last("m"), "host") == [f"127.0.0.1:{sim.port}"]


def test_HST_01_foreign_host_without_a_key(gw, sim):
    with gw.raw() as c:
        c.send(post(chat_body(), host="evil.example"))
        r = c.reply()
    assert r.status == 403
    assert r.json()["error"]["code"] == "origin_not_allowed"
    assert sim.requests() == []


# --- PAS --------------------------------------------------------------------

PASS_BODY = (
    b'{ "x_first":1e-7,"model" : "o",\n "messages":[{"role":"user",'
    b'"content":"Z\\u00fcr \xe2\x9c\x93","x":{"n":0.10}}],\t"temperature":'
    b'1.0,"seed":9007199254740993,"big":123456789012345678901234567890,'
    b'"neg":-0,"nested":{"model":"inner","a":[1.10,1e400,true,null]},'
    b'"z":"\\ud83d\\ude00\\u0000" }')


def test_PAS_01_request_bytes(sim, gw):
    assert gw.post("/v1/chat/completions", PASS_BODY).status == 200
    sent = body_of(sim.last("o"))
    assert sent == PASS_BODY.replace(b'"model" : "o"', b'"model" : "o"')


def test_PAS_01_only_the_model_changes(llmd, sim):
    sim.script("up/stream:x", text="fine")
    gw = llmd({"model_list": [openai_model("o", sim, "up/stream:x")]})
    assert gw.post("/v1/chat/completions", PASS_BODY).status == 200
    assert body_of(sim.last("up/stream:x")) \
        == PASS_BODY.replace(b'"model" : "o"', b'"model" : "up/stream:x"')


REPLY = (b'{"id":"chatcmpl-1","object":"chat.completion","created":1.7e9,'
         b'"model":"up","x_top":{"model":"keep","n":1e-7,"m":0.10},'
         b'"choices":[{"index":0,"message":{"role":"assistant","content":'
         b'"\\u00fc\\ud83d\\ude00","refusal":null,"x":[]},"finish_reason":'
         b'"stop","logprobs":null}],\n "usage":{"prompt_tokens":1,'
         b'"completion_tokens":2,"total_tokens":3,"cost":0.000010}}')


def test_PAS_01_reply_bytes(llmd, sim):
    gw = llmd({"model_list": [openai_model("o", sim, "up")]})
    sim.raw("up", REPLY, content_type="application/json")
    r = gw.chat("o")
    assert r.body == REPLY.replace(b'"model":"up"', b'"model":"o"')


def test_PAS_01_stream_bytes(llmd, sim):
    gw = llmd({"model_list": [openai_model("o", sim, "up")]})
    head = b'{"id":"c","object":"chat.completion.chunk","created":1,' \
        b'"model":"up","x":{"n":1e-7,"model":"keep"},"choices":[{"index":0,'
    data = b"".join(b"data: " + head + d + b'}]}\n\n' for d in (
        b'"delta":{"role":"assistant","content":"","x":0.10}',
        b'"delta":{"content":"\\u00fc","extra":null}',
        b'"delta":{},"finish_reason":"stop"')) + b"data: [DONE]\n\n"
    sim.raw("up", data, content_type="text/event-stream")
    assert gw.chat("o", stream=True).body \
        == data.replace(b'"model":"up"', b'"model":"o"')


# --- CAN --------------------------------------------------------------------

@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("when", ["before", "first", "middle"])
def test_CAN_01_upstream_is_closed(sim, gw, model, how, when):
    """The upstream connection closes within 100 ms of the client's."""
    script = {"before": {"delay": 30000},
              "first": {"first": 30000, "text": "x"},
              "middle": {"text": "x ", "endless": True, "pace": 20}}[when]
    sim.script(model, **script)
    c = gw.raw(timeout=20)
    c.send(post(chat_body(model, stream=True)))
    wait_until(lambda: sim.requests(model), 5)
    if when == "middle":
        while c.buf.count(b"data: {") < 5:
            assert c.fill()
    left = time.monotonic()
    if how == "fin":
        c.close()
    else:
        c.reset()
    r = wait_until(lambda: next(
        (r for r in sim.requests(model) if r["end"] in
         ("client_fin", "client_rst")), None), 5,
        "llmsim saw its client leave")
    assert time.monotonic() - left < seconds(1), r
    log = gw.wait_record("requests.log", lambda r: r["status"] == 499)
    assert log["model"] == model
    assert gw.chat("o" if model == "m" else "m").status == 200


def test_CAN_01_non_stream(sim, gw, model):
    sim.script(model, delay=30000)
    c = gw.raw()
    c.send(post(chat_body(model)))
    wait_until(lambda: sim.requests(model), 5)
    c.close()
    wait_until(lambda: sim.requests(model)[-1]["end"] != "open", 2)
    gw.wait_record("requests.log", lambda r: r["status"] == 499)


def test_CAN_01_sdk_break(sim, gw, lax, model):
    """Leaving the SDK's loop is a cancel."""
    sim.script(model, text="x ", endless=True, pace=10)
    with ask(lax, model, stream=True) as s:
        for i, _ in enumerate(s):
            if i == 5:
                break
    wait_until(lambda: sim.requests(model)[-1]["end"] != "open", 2)


# --- CLI --------------------------------------------------------------------

@pytest.mark.parametrize("headers", [
    [("Accept", "application/json")], [("Accept", "*/*")], [],
    [("x-stainless-timeout", "NOT_GIVEN")],
    [("Accept", "text/html"), ("Accept-Encoding", "gzip, br, zstd")]])
def test_CLI_01_accept(sim, gw, model, headers):
    sim.script(model, text="sse")
    with gw.raw() as c:
        c.send(post(chat_body(model, stream=True), headers=headers))
        r = c.reply()
    assert r.header("Content-Type").startswith("text/event-stream")
    assert r.header("Content-Encoding") is None
    assert chunks(r.body)


@pytest.mark.parametrize("ctype", [
    None, "application/x-www-form-urlencoded", "text/plain",
    "application/json; charset=utf-8", "Application/JSON", ""])
def test_CLI_01_content_type(gw, ctype):
    b = json.dumps(chat_body()).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
    if ctype is not None:
        head += b"Content-Type: " + ctype.encode() + b"\r\n"
    with gw.raw() as c:
        c.send(head + b"Content-Length: %d\r\n\r\n" % len(b) + b)
        assert c.reply().status == 200


def test_CLI_02_without_v1(sim, gw, model):
    r = gw.post("/chat/completions", chat_body(model))
    assert r.status == 200


def test_CLI_02_two_at_once(sim, gw):
    sim.script("m", delay=500, echo=True)
    a, b = gw.raw(), gw.raw()
    start = time.monotonic()
    a.send(post(chat_body(text="one")))
    b.send(post(chat_body(text="two")))
    got = [c.reply().json()["choices"][0]["message"]["content"]
           for c in (a, b)]
    assert got == ["one", "two"]
    assert time.monotonic() - start < seconds(0.95)


@pytest.mark.parametrize("chunks_of", [1, 7, 100000])
def test_CLI_chunked_request(sim, gw, chunks_of):
    body = json.dumps(chat_body(text="Zür " * 300,
                                stream=False)).encode()
    data = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(p), p) for p in (
        body[i:i + chunks_of] for i in range(0, len(body), chunks_of)))
    with gw.raw() as c:
        c.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n" + data
               + b"0\r\nTrailer: x\r\n\r\n")
        assert c.reply().status == 200
        c.send(get())
        assert c.reply().status == 200
    assert sim.last("m")["json"]["messages"][0]["content"] == "Zür " * 300


def test_CLI_expect_100(sim, gw):
    b = json.dumps(chat_body()).encode()
    with gw.raw() as c:
        c.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
               b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(b))
        assert c.head().status == 100
        c.send(b)
        assert c.reply().status == 200


def test_keep_alive_100_requests_on_one_connection(sim, gw, model):
    sim.script(model, echo=True)
    with gw.raw() as c:
        for i in range(100):
            c.send(post(chat_body(model, f"t{i}", stream=bool(i % 2))))
            r = c.reply()
            assert r.status == 200, r
            assert b"[DONE]" in r.body if i % 2 else \
                f'"t{i}"'.encode() in r.body
    # Connections to the backend are reused as well.
    assert len({r["conn"] for r in sim.requests(model)}) < 20
