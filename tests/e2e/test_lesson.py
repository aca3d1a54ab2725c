# SPDX-License-Identifier: ISC
"""The walk-through that first users follow, step by step: the commands and
the configuration as the lesson prints them (ports moved out of the way), and
the errors of its troubleshooting section in its words."""

import json
import os
import re
import signal
import socket
import subprocess
import time

import openai as openai_sdk
import pytest

from llmd import first_line, ollama, run_llmd
from proc import BUILD, ROOT, clean_env, free_port
from raw import chat_body, post
from wait import seconds, wait_until

CONFIG = """# config.yaml - LiteLLM Proxy Configuration

model_list:
  # Your custom Task API model via Ollama
  - model_name: task-api-model
    litellm_params:
      model: ollama/task-api-model
      api_base: http://localhost:11434

  # Fallback to GPT-4o-mini (optional)
  - model_name: gpt-4o-mini
    litellm_params:
      model: gpt-4o-mini
      api_key: os.environ/OPENAI_API_KEY

# General settings
general_settings:
  master_key: sk-local-dev-key  # For local development
"""
KEY = "sk-local-dev-key"
PROMPT = "Create a task for reviewing the budget"


@pytest.fixture
def backend(sims):
    return sims("--demo", "--pace-ms", "1", models="task-api-model",
                host="localhost")


@pytest.fixture
def lesson(llmd, backend):
    """Step 3: llmd --config config.yaml --port N"""
    return llmd(CONFIG.replace(":11434", f":{backend.port}"), key=KEY,
                socket=True, workers=None)


def curl(gw, *args):
    """curl as the lesson calls it; returns (status, parsed body)."""
    p = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code}", *args], text=True,
        capture_output=True, timeout=seconds(30), env=clean_env(gw.dir))
    assert p.returncode == 0, p.stderr
    body, status = p.stdout.rsplit("\n", 1)
    return int(status), json.loads(body)


def test_step_1_version():
    p = run_llmd("--version")
    assert re.fullmatch(r"llmd \d+\.\d+\.\d+\n", p.stdout), p.stdout


def test_step_3_start(lesson):
    wait_until(lambda: f"llmd: listening on http://localhost:{lesson.port} "
               "(Press CTRL+C to quit)\n" in lesson.log(), 5)
    assert "2 models, 1 without key (gpt-4o-mini: OPENAI_API_KEY is not " \
        "set)" in lesson.log()
    # curl's localhost may mean ::1 first.
    for host in "127.0.0.1", "[::1]":
        if host == "[::1]" and not has_ipv6():
            continue
        status, _ = curl(lesson, f"http://{host}:{lesson.port}/health")
        assert status == 200


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def test_step_4_health(lesson):
    status, body = curl(lesson, f"http://localhost:{lesson.port}/health")
    assert status == 200
    assert list(body) == ["status", "version"]
    assert body["status"] == "healthy"
    assert re.fullmatch(r"\d+\.\d+\.\d+", body["version"])


def test_step_4_models(lesson):
    """Without a key, as the lesson prints it."""
    status, body = curl(lesson, f"http://localhost:{lesson.port}/v1/models")
    assert status == 200
    assert body == {"object": "list", "data": [{
        "id": "task-api-model", "object": "model", "created": 1700000000,
        "owned_by": "ollama"}]}


def test_step_4_completion(lesson):
    status, body = curl(
        lesson, f"http://localhost:{lesson.port}/v1/chat/completions",
        "-H", "Content-Type: application/json",
        "-H", f"Authorization: Bearer {KEY}",
        "-d", """{
    "model": "task-api-model",
    "messages": [
      {"role": "user", "content": "Create a task for reviewing the budget"}
    ]
  }""")
    assert status == 200
    assert list(body)[:5] == ["id", "object", "created", "model", "choices"]
    assert body["id"].startswith("chatcmpl-")
    assert body["object"] == "chat.completion"
    assert body["model"] == "task-api-model"
    c = body["choices"][0]
    assert c["index"] == 0 and c["finish_reason"] == "stop"
    assert c["message"]["role"] == "assistant"
    assert c["message"]["content"].startswith(
        "I'll create a task for reviewing the budget")
    u = body["usage"]
    assert u["total_tokens"] == u["prompt_tokens"] + u["completion_tokens"]
    assert u["completion_tokens"] > 0


def test_step_4_without_the_key(lesson):
    status, body = curl(
        lesson, f"http://localhost:{lesson.port}/v1/chat/completions",
        "-d", json.dumps(chat_body("task-api-model")))
    assert status == 401
    assert body["error"]["code"] == "invalid_api_key"


def test_step_5_sdk(lesson):
    client = openai_sdk.OpenAI(
        base_url=f"http://localhost:{lesson.port}/v1", api_key=KEY)
    with client:
        response = client.chat.completions.create(
            model="task-api-model", messages=[
                {"role": "system", "content": "You are TaskMaster, a "
                 "helpful task management assistant."},
                {"role": "user", "content": "Create a high-priority task "
                 "for quarterly review"}])
    assert response.choices[0].message.content


def test_llmctl_beside_it(lesson):
    p = lesson.ctl("models", check=0)
    assert re.search(r"task-api-model +ok ", p.stdout), p.stdout
    assert re.search(r"gpt-4o-mini +no key ", p.stdout), p.stdout
    assert "hint: set OPENAI_API_KEY" in p.stdout + p.stderr
    p = lesson.ctl("test", "task-api-model", "-p", PROMPT, check=0)
    assert "I'll create a task for reviewing the budget" in p.stdout
    assert re.search(r"first token|ttft", p.stdout + p.stderr, re.I)
    assert re.search(r"tok(ens)?/s", p.stdout + p.stderr)
    lesson.chat("task-api-model")
    p = lesson.ctl("tail", check=0)
    assert "task-api-model" in p.stdout
    p = lesson.ctl("status", check=0)
    assert str(lesson.pid) in p.stdout


def test_background_service(llmd, backend):
    """nohup llmd --config config.yaml --port N > llmd.log 2>&1 &"""
    home = llmd(CONFIG.replace(":11434", f":{backend.port}"), key=KEY).dir
    port = free_port()
    p = subprocess.run(
        ["sh", "-c", f"nohup {BUILD}/llmd --config config.yaml --port "
         f"{port} --socket bg.sock > bg.log 2>&1 & echo $!"], cwd=home,
        capture_output=True, text=True, env=clean_env(home), timeout=20)
    pid = int(p.stdout)
    try:
        def up():
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    return True
            except OSError:
                return False
        wait_until(up, 10, "the service in the background listens")
        os.kill(pid, signal.SIGHUP)
        time.sleep(0.1)
        assert up()
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 10)
    assert "listening on" in (home / "bg.log").read_text()


# --- troubleshooting --------------------------------------------------------

def test_address_already_in_use(tmp_path):
    """The two lines, word by word, with who holds the port."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", free_port()))
        s.listen()
        port = s.getsockname()[1]
        p = run_llmd("--config", "config.yaml", "--port", port, "--socket",
                     tmp_path / "c.sock", dir=tmp_path)
    name = open("/proc/self/comm").read().strip()
    assert p.returncode != 0
    lines = p.stderr.splitlines()
    i = lines.index(
        f"llmd: cannot listen on 127.0.0.1:{port}: Address already in use "
        f"(pid {os.getpid()}, {name})")
    assert lines[i + 1] == (
        f"  hint: stop it (kill {os.getpid()}), or use another port: "
        f"llmd --config config.yaml --port {port + 1}")


def test_ollama_connection_failed(llmd):
    port = free_port()
    gw = llmd(CONFIG.replace(":11434", f":{port}"), key=KEY)
    for stream in False, True:
        r = gw.chat("task-api-model", stream=stream)
        assert r.status == 502
        e = r.json()["error"]
        assert e["code"] == "upstream_unreachable"
        assert e["message"] == f"Connection refused to localhost:{port}. " \
            "Is Ollama running? Start it: ollama serve"
    p = gw.ctl("test", "task-api-model")
    assert p.returncode == 1
    assert "ollama serve" in p.stdout + p.stderr
    p = gw.ctl("models", check=0)
    assert "task-api-model" in p.stdout


def test_model_not_found(llmd, sims):
    sim = sims(models="llama3:8b,qwen3:8b", host="localhost")
    gw = llmd(CONFIG.replace(":11434", f":{sim.port}"), key=KEY,
              args=["--config", "config.yaml"])
    r = gw.chat("task-api-model")
    assert r.status == 404
    e = r.json()["error"]
    assert e["code"] == "model_not_found"
    assert re.fullmatch(
        r"Model 'task-api-model' not found on (ollama|localhost) "
        rf"\(http://localhost:{sim.port}\)\. "
        r"It has: llama3:8b, qwen3:8b\. Run: ollama pull task-api-model, or "
        r"correct config\.yaml:7", e["message"]), e["message"]
    p = gw.ctl("test", "task-api-model")
    assert p.returncode == 1
    assert "ollama pull task-api-model" in p.stdout + p.stderr


def test_model_not_found_verbatim(llmd, sims):
    """With Ollama on its own port its short name is ollama."""
    with socket.socket() as s:
        if s.connect_ex(("127.0.0.1", 11434)) == 0:
            pytest.skip("something listens on :11434")
    sim = sims(models="llama3:8b,qwen3:8b", host="localhost", port=11434)
    assert sim.port == 11434
    gw = llmd(CONFIG, key=KEY, args=["--config", "config.yaml"])
    assert gw.chat("task-api-model").json()["error"]["message"] == (
        "Model 'task-api-model' not found on ollama "
        "(http://localhost:11434). It has: llama3:8b, qwen3:8b. "
        "Run: ollama pull task-api-model, or correct config.yaml:7")


# --- the lesson's three asks, as the README has them ------------------------

def readme_block():
    """The README's YAML block with the request log, the rate and the
    timeout."""
    text = (ROOT / "README.md").read_text()
    for block in re.findall(r"^```ya?ml\n(.*?)^```", text, re.M | re.S):
        if "request_log" in block and "rpm" in block and "timeout" in block:
            return block
    raise AssertionError("README.md has no such block")


def test_three_asks(llmd, sims):
    """As it stands there: at most 12 lines, a request log in a file, 100
    requests a minute, a timeout of 30 seconds."""
    block = readme_block()
    assert len(block.splitlines()) <= 12, block
    sim = sims(models="task-api-model", host="localhost")
    text = block.replace(":11434", f":{sim.port}")
    gw = llmd(text)
    assert not re.search("warning", gw.log()), gw.log()
    m = re.search(r"master_key: *(\S+)", block)
    gw.key = m[1] if m else None
    statuses = []
    for _ in range(110):
        statuses.append(gw.chat("task-api-model").status)
    assert statuses == [200] * 100 + [429] * 10
    log = re.search(r"request_log: *(\S+)", block)[1]
    path = gw.dir / log if not log.startswith("/") else log
    wait_until(lambda: len(open(path).readlines()) == 110, 5)


def test_three_asks_timeout(llmd, sims):
    block = readme_block()
    assert re.search(r"timeout: *30\b", block), block
    sim = sims(models="task-api-model", host="localhost")
    gw = llmd(re.sub(r"timeout: *30\b", "timeout: 1", block)
              .replace(":11434", f":{sim.port}"))
    m = re.search(r"master_key: *(\S+)", block)
    gw.key = m[1] if m else None
    sim.script("task-api-model", delay=20000)
    start = time.monotonic()
    assert gw.chat("task-api-model").status == 504
    assert time.monotonic() - start < seconds(3)


def test_sighup_and_ctrl_c(llmd, backend):
    gw = llmd({"model_list": [ollama("m", backend)]})
    gw.proc.signal(signal.SIGINT)
    assert gw.proc.wait(10) == 0
    assert first_line(gw.log(), "listening")


def test_shutting_down(llmd, sims):
    """/health is 503 shutting_down while llmd drains."""
    sim = sims()
    gw = llmd({"model_list": [ollama("m", sim)]})
    sim.script("m", delay=1500, text="last")
    with gw.raw() as slow, gw.raw() as probe:
        probe.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert probe.reply().status == 200
        slow.send(post(chat_body()))
        wait_until(lambda: sim.requests("m"), 5)
        gw.proc.signal(signal.SIGTERM)
        assert b"last" in slow.reply().body
    assert gw.proc.wait(10) == 0
