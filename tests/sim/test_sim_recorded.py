# SPDX-License-Identifier: ISC
"""The recorded requests of a real Ollama get the recorded answers, byte for
byte but for times, ids and vectors."""

import json
import re

from simlib import FIXTURES, Sim, chat, dechunk, read_one, split_answer

SIM = None


def setup_module():
    global SIM
    SIM = Sim()


def teardown_module():
    SIM.stop()


def setup_function():
    SIM.call("reset", {})


WIRE = FIXTURES / "ollama-wire"

MASKS = [
    (rb'("created_at":)"[^"]*"', rb'\1"T"'),
    (rb'("expires_at":)"[^"]*"', rb'\1"T"'),
    (rb'("(?:total|load|prompt_eval|eval)_duration":)\d+', rb"\g<1>1"),
    (rb'"call_[0-9a-z]{8}"', b'"call_x"'),
    (rb'("context":)\[[\d,]+\]', rb"\1[]"),
]


def mask(name, data):
    for pattern, by in MASKS:
        data = re.sub(pattern, by, data)
    if name.startswith("embed"):
        data = re.sub(rb"-?\d\.\d+(?:e-\d+)?", b"V", data)
    if name == "chat_tool_result_stream":
        # the tokenizer joins letters that we count one by one
        data = re.sub(rb'("prompt_eval_count":)\d+', rb"\g<1>1", data)
    return data


def recorded():
    out = {}
    for line in (WIRE / "REQUESTS.txt").read_text().splitlines():
        name, what, body, extra = (line.split("\t") + ["", ""])[:4]
        method, path = what.split()
        if name == "chat_overflow_truncate_false":
            body = json.dumps(chat("task-api-model", "x" * 6000,
                                   truncate=False))
        out[name] = method, path, body, extra
    return out


def ask_recorded(name):
    method, path, body, extra = recorded()[name]
    head = [f"{method} {path} HTTP/{'1.0' if '1.0' in extra else '1.1'}"]
    if "Host:" not in extra:
        head.append("Host: 127.0.0.1:11434")
    if extra.startswith("-H"):
        head.append(extra[3:].strip())
    if method == "POST":
        head.append(f"Content-Length: {len(body.encode())}")
    if "1.0" not in extra:
        head.append("X-Last: 1")
    s = SIM.connect()
    s.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body.encode())
    return read_one(s)


def chunk_texts(name, body, headers):
    if any("chunked" in h for h in headers):
        got, last = dechunk(body)
        return [mask(name, c.rstrip(b"\r")) for c in got], last
    return [mask(name, body)], True


def pytest_generate_tests(metafunc):
    if "recording" in metafunc.fixturenames:
        metafunc.parametrize("recording", list(recorded()))


def test_recorded(recording):
    want = (WIRE / f"{recording}.txt").read_bytes()
    if recording == "ps_empty_or_before":
        for m in "task-api-model", "task-think-model", "task-embed-model":
            SIM.post("/api/chat", {"model": m, "messages": [],
                                   "keep_alive": 0})
    elif recording == "ps_loaded":
        SIM.post("/api/chat", {"model": "task-api-model", "messages": []})
    got = ask_recorded(recording)
    if recording == "tags":
        got = keep_recorded_models(got)
    ws, wh, wb = split_answer(want)
    gs, gh, gb = split_answer(got)
    assert gs == ws

    def fields(headers):
        return [re.sub(r"^(Date|Content-Length): .*", r"\1", h)
                for h in headers if h]
    assert fields(gh) == fields(wh)
    if recording.startswith("show_") and "404" not in ws:
        wb, gb = (json.loads(re.search(rb"\{.*\}", b, re.S)[0])
                  for b in (wb, gb))
        assert gb == wb and list(gb) == list(wb)
        return
    assert chunk_texts(recording, gb, gh) == chunk_texts(recording, wb, wh)


def keep_recorded_models(data):
    """Our own extra models out of the list."""
    status, head, body = split_answer(data)
    got = json.loads(b"".join(dechunk(body)[0]))
    want = json.loads(re.search(
        rb"\{.*\}", (WIRE / "tags.txt").read_bytes(), re.S)[0])
    names = {m["name"] for m in want["models"]}
    got["models"] = [m for m in got["models"] if m["name"] in names]
    text = json.dumps(got, separators=(",", ":")).encode()
    return ("\r\n".join([status, *head]).encode() + b"\r\n\r\n%x\r\n" %
            len(text) + text + b"\r\n0\r\n\r\n")


def body_of(name):
    return (WIRE / f"{name}.txt").read_bytes()


def test_recorded_faults():
    SIM.script("m", fault="queue_full")
    got = split_answer(SIM.post("/api/chat", chat()))
    want = split_answer(body_of("fault_queue_full_503"))
    assert got[0] == want[0] and got[2] == want[2]
    SIM.script("m", fault="runner_killed", tokens=["tick", " toc", "k go",
                                                   "es t", "ick"])
    got = split_answer(SIM.post("/api/chat", chat()))
    want = split_answer(body_of("fault_runner_killed_chat_stream"))
    g, w = dechunk(got[2]), dechunk(want[2])
    assert g[1] and w[1] and len(g[0]) == len(w[0])
    assert g[0][-1] == w[0][-1]
    got = split_answer(SIM.post("/api/chat", chat(stream=False)))
    want = split_answer(body_of("fault_runner_killed_chat_nonstream"))
    assert got[0] == want[0] and got[2] == want[2]
    SIM.script("m", fault="server_terminated", text="tick tock goes the clock")
    got = split_answer(SIM.post("/api/chat", chat()))
    want = split_answer(body_of("fault_server_terminated_stream"))
    g, w = dechunk(got[2]), dechunk(want[2])
    assert not g[1] and not w[1] and len(g[0]) == len(w[0]) == 4
