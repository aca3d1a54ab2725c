# SPDX-License-Identifier: ISC
"""Configuration from outside: the two files of LiteLLM's lesson, LiteLLM's
command line, limits, timeouts, reload, and other people's files."""

import json
import os
import pathlib
import re
import signal
import time

import pytest
import yaml

from llmd import first_line, ollama, openai, run_llmd
from proc import ROOT, free_port
from raw import chat_body, post
from wait import seconds, wait_until

FIRST = """model_list:
  - model_name: task-api-model
    litellm_params:
      model: ollama/task-api-model
      api_base: http://localhost:11434
  - model_name: gpt-4o-mini
    litellm_params:
      model: gpt-4o-mini
      api_key: os.environ/OPENAI_API_KEY
general_settings:
  master_key: sk-local-dev-key
"""
SECOND = """model_list:
  - model_name: task-api-model
    litellm_params:
      model: ollama/task-api-model
      api_base: http://localhost:11434
  - model_name: gpt-4o-mini
    litellm_params:
      model: gpt-4o-mini
      api_key: os.environ/OPENAI_API_KEY
  - model_name: claude-sonnet
    litellm_params:
      model: claude-3-5-sonnet-20241022
      api_key: os.environ/ANTHROPIC_API_KEY
"""


def check(path, env=None, status=(0,)):
    """The verdict of --check-config --json."""
    p = run_llmd("--config", path, "--check-config", "--json", env=env)
    assert p.returncode in status, (p.returncode, p.stdout, p.stderr)
    return json.loads(p.stdout)


def checked(text, tmp_path, env=None, status=(0,)):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return check(path, env, status)


def said(r, level="warnings"):
    return [json.dumps(w, ensure_ascii=False) for w in r[level]]


# --- the two files ----------------------------------------------------------

def test_first_file(tmp_path):
    r = checked(FIRST, tmp_path)
    assert r["schema"] == "config.check/1" and r["ok"] is True
    a, b = r["deployments"]
    assert (a["name"], a["provider"], a["upstream"], a["base_used"]) == (
        "task-api-model", "ollama", "task-api-model",
        "http://localhost:11434")
    assert (b["name"], b["provider"], b["upstream"]) == (
        "gpt-4o-mini", "openai", "gpt-4o-mini")
    assert b["state"] == "no key" and a["state"] != "no key"
    assert any("OPENAI_API_KEY" in w for w in said(r))
    assert any("model_list[1].litellm_params.api_key" in w for w in said(r))
    r = checked(FIRST, tmp_path, env={"OPENAI_API_KEY": "sk-x"})
    assert r["deployments"][1]["state"] != "no key"
    assert "sk-x" not in json.dumps(r)


def test_second_file(tmp_path):
    r = checked(SECOND, tmp_path, env={"OPENAI_API_KEY": "sk-x",
                                       "ANTHROPIC_API_KEY": "sk-y"})
    c = r["deployments"][2]
    assert c["provider"] == "anthropic"
    assert c["upstream"] == "claude-3-5-sonnet-20241022"
    assert c["state"] == "not yet"
    r = checked(SECOND, tmp_path)
    assert [d["state"] for d in r["deployments"]][1] == "no key"


@pytest.mark.parametrize("text", [FIRST, SECOND])
def test_the_files_run_as_they_are(llmd, sims, text):
    """Only the ports are moved out of the way."""
    sim = sims(models="task-api-model")
    gw = llmd(text.replace(":11434", f":{sim.port}"),
              key="sk-local-dev-key" if "master_key" in text else None,
              env={"OPENAI_API_KEY": None, "ANTHROPIC_API_KEY": None})
    r = gw.chat("task-api-model")
    assert r.status == 200, r
    r = gw.chat("gpt-4o-mini")
    assert r.status == 503 and r.json()["error"]["code"] == "no_api_key"
    assert "OPENAI_API_KEY" in r.json()["error"]["message"]
    assert "config.yaml:9" in r.json()["error"]["message"]
    assert [m["id"] for m in gw.get("/v1/models").json()["data"]] \
        == ["task-api-model"]
    if text is SECOND:
        r = gw.chat("claude-sonnet")
        assert r.status in (501, 503)
        p = gw.ctl("models", check=0)
        assert re.search(r"claude-sonnet\s+(not yet|no key)", p.stdout), p


def test_start_lines(llmd, sims):
    sim = sims(models="task-api-model")
    gw = llmd(FIRST.replace(":11434", f":{sim.port}"), key="sk-local-dev-key")
    wait_until(lambda: first_line(gw.log(), "^try: "), 5)
    lines = gw.log().splitlines()
    assert "llmd 0.1.0: 2 models, 1 without key " \
        "(gpt-4o-mini: OPENAI_API_KEY is not set)" in lines
    assert f"llmd: listening on http://localhost:{gw.port} " \
        "(Press CTRL+C to quit)" in lines


def test_repository_config_is_the_first_file():
    got = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert got == yaml.safe_load(FIRST)
    text = (ROOT / "config.yaml").read_text()
    assert text.count("#") >= 5, "comments that teach"
    r = check(ROOT / "config.yaml")
    assert r["ok"] and not r["errors"]


# --- errors -----------------------------------------------------------------

def test_all_errors_at_once_with_a_caret(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "model_list:\n"
        "  - model_name: a\n"
        "    litellm_params:\n"
        "      model: ollama/a\n"
        "      timeout: soon\n"
        "  - model_name: b\n"
        "router_settings:\n"
        "  routing_strategy: simple-shufle\n")
    p = run_llmd("--config", "config.yaml", "--check-config", dir=tmp_path)
    assert p.returncode == 78
    out = p.stdout + p.stderr
    assert re.search(r"^config\.yaml:5:16: error: ", out, re.M), out
    assert re.search(r"^config\.yaml:6:\d+: error: .*litellm_params", out,
                     re.M), out
    assert re.search(r"^config\.yaml:8:21: error: ", out, re.M), out
    assert "simple-shuffle" in out
    lines = out.splitlines()
    i = lines.index(first_line(out, ":8:21: error"))
    assert "routing_strategy: simple-shufle" in lines[i + 1]
    caret = lines[i + 2]
    assert lines[i + 1].index("simple-shufle") == caret.index("^"), out
    p = run_llmd("--config", "config.yaml", "--port", free_port(),
                 dir=tmp_path)
    assert p.returncode == 78


@pytest.mark.parametrize("text, words", [
    ("general_setings:\n  master_key: sk-x\n", "general_settings"),
    ("general_settings:\n  mastr_key: sk-x\n", "master_key"),
    ("router_settings:\n  master_key: sk-x\n", "general_settings"),
    ("litellm_settings:\n  callbacks: [x]\n", "no effect yet"),
    ("router_settings:\n  routing_strategy: latency-based-routing\n",
     "no effect yet"),
    ("llmd_settings:\n  rmp: 5\n", "rpm"),
])
def test_warnings_say_the_next_step(tmp_path, text, words):
    r = checked(FIRST.split("general_settings")[0] + text, tmp_path)
    hits = [w for w in said(r) if words in w]
    assert hits, r["warnings"]


@pytest.mark.parametrize("text, words", [
    ("include: [missing.yaml]\n", "missing.yaml"),
    ("router_settings:\n  routing_strategy: nonsense\n", "nonsense"),
    ("general_settings:\n  custom_auth: my.auth\n", "custom_auth"),
    ("general_settings:\n  enable_jwt_auth: true\n", "enable_jwt_auth"),
    ("llmd_settings:\n  port: 70000\n", "70000"),
    ("llmd_settings:\n  rpm: many\n", "rpm"),
])
def test_refused_with_the_line(tmp_path, text, words):
    r = checked(FIRST.split("general_settings")[0] + text, tmp_path,
                status=(78,))
    assert any(words in e for e in said(r, "errors")), r["errors"]
    assert all(e["line"] > 0 for e in r["errors"])


def test_skipped_by_name(llmd, sim):
    """A deployment that cannot work is skipped; the rest runs."""
    gw = llmd({"model_list": [
        {"model_name": "cloud", "litellm_params": {
            "model": "bedrock/anthropic.claude-v2"}},
        {"model_name": "who", "litellm_params": {"model": "nonsense/x"}},
        ollama("m", sim)]})
    assert gw.chat("m").status == 200
    for name in "cloud", "who":
        r = gw.chat(name)
        assert r.status == 501, r
        assert r.headers["x-should-retry"] == "false"
    assert "cloud" in gw.log() and "bedrock" in gw.log()


def test_no_usable_model_starts_loudly(llmd):
    gw = llmd("model_list: []\n")
    assert gw.get("/v1/models").json()["data"] == []
    assert first_line(gw.log(), "no (usable )?model|0 models")


def test_missing_file(tmp_path):
    for args in (["--config", "nope.yaml"], []):
        p = run_llmd(*args, dir=tmp_path)
        assert p.returncode > 0 and "hint:" in p.stderr, p
    p = run_llmd("--config", tmp_path, dir=tmp_path)
    assert p.returncode > 0 and "hint:" in p.stderr, p


def test_search_order(tmp_path):
    """$CONFIG_FILE_PATH, ./config.yaml, the user's folder."""
    def name_of(**env):
        p = run_llmd("--check-config", "--json", dir=tmp_path, env=env)
        return json.loads(p.stdout)["deployments"][0]["name"]
    one = FIRST.replace("task-api-model\n    l", "{}\n    l", 1)
    (tmp_path / "config/llmd").mkdir(parents=True)
    (tmp_path / "config/llmd/config.yaml").write_text(one.format("user"))
    assert name_of() == "user"
    (tmp_path / "config.yaml").write_text(one.format("here"))
    assert name_of() == "here"
    (tmp_path / "env.yaml").write_text(one.format("env"))
    assert name_of(CONFIG_FILE_PATH=tmp_path / "env.yaml") == "env"


def test_include_and_environment(llmd, sim, tmp_path):
    (tmp_path / "models.yaml").write_text(yaml.safe_dump({
        "model_list": [openai("inc", sim, "o",
                              api_key="os.environ/FROM_FILE")]}))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({
        "include": ["models.yaml"],
        "environment_variables": {"FROM_FILE": "sk-from-file"},
        "model_list": [ollama("m", sim)]}))
    gw = llmd(None, args=["--config", tmp_path / "config.yaml"])
    assert gw.chat("inc").status == 200 and gw.chat("m").status == 200
    from sim import header
    assert header(sim.last("o"), "authorization") == ["Bearer sk-from-file"]


# --- LiteLLM's command line -------------------------------------------------

LITELLM_FLAGS = [
    ["--num_workers", "2"], ["--debug"], ["--detailed_debug"],
    ["--request_timeout", "600"], ["--drop_params"],
    ["--add_function_to_prompt"], ["--telemetry", "False"],
    ["--keepalive_timeout", "5"], ["--limit_concurrency", "500"],
    ["--max_requests_before_restart", "1000"],
    ["--timeout_worker_healthcheck", "5"], ["--run_gunicorn"],
    ["--run_hypercorn"], ["--run_granian"], ["--granian_threads", "2"],
    ["--iam_token_db_auth"], ["--use_prisma_db_push"],
    ["--prometheus_metrics_port", "9000"], ["--log_config", "x.json"],
    ["--temperature", "0.5"], ["--max_tokens", "100"],
    ["--max_budget", "10"], ["--reload"],
]


def test_litellm_flags_are_accepted(tmp_path):
    (tmp_path / "c.yaml").write_text(FIRST)
    for flag in LITELLM_FLAGS:
        p = run_llmd("--config", "c.yaml", *flag, "--check-config",
                     dir=tmp_path)
        assert p.returncode == 0, (flag, p.stderr)
        name, *value = flag
        if value:
            p = run_llmd("--config=c.yaml", f"{name}={value[0]}",
                         "--check-config", dir=tmp_path)
            assert p.returncode == 0, (flag, p.stderr)


def test_validate_config(tmp_path):
    (tmp_path / "c.yaml").write_text(FIRST)
    p = run_llmd("-c", "c.yaml", "--validate_config", dir=tmp_path)
    assert p.returncode == 0
    (tmp_path / "c.yaml").write_text("model_list: [\n")
    p = run_llmd("-c", "c.yaml", "--validate_config", dir=tmp_path)
    assert p.returncode != 0


def test_one_model_without_a_file(llmd, sim):
    """litellm --model ollama/m --alias x --api_base URL"""
    gw = llmd(None, args=["--model", "ollama/m", "--alias", "mine",
                          "--api_base", sim.url])
    assert [m["id"] for m in gw.get("/v1/models").json()["data"]] == ["mine"]
    assert gw.chat("mine").status == 200
    assert sim.last("m")["path"] == "/api/chat"


def test_environment_like_litellm(llmd, sim):
    port = free_port()
    gw = llmd({"model_list": [ollama("m", sim)]}, wait=False, port=port,
              env={"LITELLM_MASTER_KEY": "sk-env"}, key="sk-env")
    wait_until(lambda: health(gw), 10)
    assert gw.chat("m").status == 200
    assert gw.post("/v1/chat/completions", chat_body(),
                   key=False).status == 401


def health(gw):
    try:
        return gw.get("/health").status == 200
    except OSError:
        return False


@pytest.mark.parametrize("args, words", [
    (["--prot", "4001"], "--prot"), (["--nonsense"], "--help"),
    (["--port", "x"], "port"), (["--port", "99999"], "port"),
    (["--port"], "port"), (["--workers", "0"], "workers"),
    (["extra"], "extra"), (["--host", "no such host"], "no such host")])
def test_wrong_usage(tmp_path, args, words):
    (tmp_path / "config.yaml").write_text(FIRST)
    p = run_llmd(*args, dir=tmp_path, timeout=8)
    assert p.returncode > 0, p
    assert words in p.stderr and "hint:" in p.stderr, p.stderr


def test_help_and_version():
    p = run_llmd("--version")
    assert p.returncode == 0 and re.search(r"\d+\.\d+\.\d+", p.stdout)
    p = run_llmd("--help")
    assert p.returncode == 0 and p.stderr == ""
    for flag in ("--config", "--port", "--host", "--socket", "--workers",
                 "--check-config", "--version", "--help"):
        assert flag in p.stdout
    assert all(len(ln) <= 80 for ln in p.stdout.splitlines())


# --- what the lesson asks for -----------------------------------------------

@pytest.mark.parametrize("where", ["deployment", "gateway"])
def test_rpm_is_exact_with_two_workers(llmd, sim, where):
    """100 a minute, then 429 with a Retry-After, over many connections."""
    conf = {"model_list": [ollama("m", sim)]}
    if where == "deployment":
        conf["model_list"][0]["litellm_params"]["rpm"] = 100
    else:
        conf["llmd_settings"] = {"rpm": 100}
    gw = llmd(conf)
    got = []
    socks = [gw.raw() for _ in range(16)]
    for i in range(130):
        socks[i % 16].send(post(chat_body()))
        if i % 16 == 15 or i == 129:
            for c in socks[:i % 16 + 1]:
                got.append(c.reply())
    for c in socks:
        c.close()
    ok = [r for r in got if r.status == 200]
    no = [r for r in got if r.status == 429]
    assert (len(ok), len(no)) == (100, 30)
    assert len(sim.requests("m")) == 100
    for r in no:
        assert r.json()["error"]["code"] == "rate_limit_exceeded"
        assert 1 <= int(r.header("Retry-After")) <= 60
    assert gw.get("/health").status == 200


@pytest.mark.parametrize("conf", [
    {"litellm_settings": {"request_timeout": 1}},
    {"router_settings": {"timeout": 1}},
    {"params": {"timeout": 1}}], ids=["request_timeout", "router", "params"])
def test_timeouts_three_spellings(llmd, sim, conf):
    conf = dict(conf)
    gw = llmd({"model_list": [ollama("m", sim, **conf.pop("params", {}))],
               **conf})
    sim.script("m", delay=20000)
    start = time.monotonic()
    r = gw.chat("m")
    assert r.status == 504, r
    assert r.json()["error"]["code"] == "upstream_timeout"
    assert 0.9 < time.monotonic() - start < seconds(2.5)


def test_request_log(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim)],
               "general_settings": {"master_key": "sk-secret"},
               "llmd_settings": {"request_log": "requests.log"}},
              key="sk-secret")
    sim.script("m", text="one two", prompt_tokens=11, completion_tokens=7)
    call = gw.chat("m", text="PROMPT-IN-NO-LOG")
    gw.chat("m", stream=True)
    gw.chat("nope")
    lines = wait_until(lambda: len(gw.records("requests.log")) >= 3
                       and gw.records("requests.log"), 5)
    r = lines[0]
    for name in ("time", "id", "model", "deployment", "status", "attempts",
                 "ttft_ms", "total_ms", "tokens_in", "tokens_out", "key",
                 "client", "error"):
        assert name in r, r
    assert r["status"] == 200 and r["attempts"] == 1
    assert (r["tokens_in"], r["tokens_out"]) == (11, 7)
    assert r["id"] in call.headers["x-request-id"]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", r["time"])
    assert r["client"].startswith("127.0.0.1")
    assert lines[2]["status"] == 404
    text = (gw.dir / "requests.log").read_text()
    assert "PROMPT-IN-NO-LOG" not in text and "sk-secret" not in text


def test_json_logs_on_stdout(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim)],
               "litellm_settings": {"json_logs": True}})
    gw.chat("m")
    line = wait_until(lambda: first_line(gw.log(), r'^\{.*"model"'), 5)
    assert json.loads(line)["status"] == 200


def test_request_log_cannot_be_opened(llmd, sim):
    """It is said with the next step, and requests go on."""
    gw = llmd({"model_list": [ollama("m", sim)],
               "llmd_settings": {"request_log": "no/such/dir/x.log"}})
    assert gw.chat("m").status == 200
    line = first_line(gw.log(), "no/such/dir/x.log")
    assert line and "directory" in line


def test_weighted_tier(llmd, sims):
    """Entries with one name share its requests, by weight."""
    a, b = sims(), sims()
    gw = llmd({"model_list": [ollama("m", a, weight=3),
                              ollama("m", b, weight=1)]})
    for _ in range(200):
        assert gw.chat("m").status == 200
    n = len(a.requests("m")), len(b.requests("m"))
    assert sum(n) == 200 and 110 <= n[0] <= 185, n


# --- reload -----------------------------------------------------------------

def test_reload(llmd, sim):
    conf = {"model_list": [ollama("m", sim)]}
    gw = llmd(conf)
    conf["model_list"].append(ollama("new", sim, "m"))
    gw.write(conf)
    assert gw.chat("new").status == 404
    p = gw.ctl("reload", "--dry-run", check=0)
    assert "new" in p.stdout
    assert gw.chat("new").status == 404
    gw.ctl("reload", check=0)
    assert gw.chat("new").status == 200


BROKEN = ["model_list: [\n", "model_list:\n  - model_name: x\n", "\tx\n",
          "router_settings:\n  routing_strategy: nope\n", "\0",
          "general_settings:\n  master_key: os.environ/NOPE\n"]


def test_fault_55_reload_of_a_bad_file(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim)]})
    good = gw.config_path.read_text()
    for bad in BROKEN:
        gw.config_path.write_text(bad)
        p = gw.ctl("reload")
        assert p.returncode == 78 or p.returncode == 65, (bad, p)
        assert "config.yaml" in p.stderr + p.stdout
        gw.proc.signal(signal.SIGHUP)
        assert gw.chat("m").status == 200
    gw.config_path.unlink()
    assert gw.ctl("reload").returncode > 0
    gw.config_path.write_text(good)
    gw.ctl("reload", check=0)


def test_reload_under_load(llmd, sim):
    """Streams that run are not touched; no request fails."""
    conf = {"model_list": [ollama("m", sim), openai("o", sim)]}
    gw = llmd(conf)
    sim.script("m", text="x " * 30, words=True, pace=20)
    socks = []
    for i in range(20):
        c = gw.raw(timeout=30)
        c.send(post(chat_body("m", stream=True)))
        socks.append(c)
    for i in range(20):
        conf["model_list"][1]["model_info"] = {"id": f"v{i}"}
        gw.write(conf)
        gw.ctl("reload", check=0)
        assert gw.chat("o").status == 200
    for c in socks:
        assert b"[DONE]" in c.reply().body
        c.close()


def test_nohup(llmd, sim):
    """nohup llmd ... > llmd.log 2>&1 & works, and survives SIGHUP."""
    gw = llmd({"model_list": [ollama("m", sim)]},
              preexec_fn=lambda: (signal.signal(signal.SIGHUP,
                                                signal.SIG_IGN),
                                  os.setsid()))
    for _ in range(3):
        gw.proc.signal(signal.SIGHUP)
    assert gw.chat("m").status == 200


# --- other people's files ---------------------------------------------------

CORPUS = pathlib.Path(os.environ.get("LLMD_CONFIG_CORPUS",
                                     ROOT.parent / "shared/configs"))


def dummy_env(text):
    """Every variable that the file names, set as expected.json has them."""
    return {n: f"http://dummy.invalid/{n.lower()}"
            if re.search("BASE|URL", n) else
            f"{'openai/' if 'MODEL' in n else ''}dummy-{n.lower()}"
            for n in re.findall(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)",
                                text)}


def test_corpus(tmp_path, capsys):
    """60 real files: name, provider, upstream model and base URL agree with
    LiteLLM wherever it loads the file; at least 97 % load."""
    if not CORPUS.is_dir():
        with capsys.disabled():
            print(f"\ncorpus: not run, there is no {CORPUS} "
                  "(LLMD_CONFIG_CORPUS names another folder)")
        return
    expected = json.loads((CORPUS / "expected.json").read_text())
    files = sorted(CORPUS.glob("*.yaml"))
    assert len(files) >= 50
    loads, exceptions, wrong = 0, [], []
    for path in files:
        want = expected[path.name]
        env = dummy_env(path.read_text(errors="replace"))
        r = check(path, env, status=(0, 78))
        for w in r["warnings"] + r["errors"]:
            assert w["text"] and w["line"] >= 0, w
        for d in r["skipped"]:
            assert d["reason"], d
        if r["ok"]:
            loads += 1
        else:
            exceptions.append((path.name, said(r, "errors")[0][:200]))
        if want.get("litellm_loads") and r["ok"]:
            wrong += differences(path.name, want["deployments"],
                                 r["deployments"])
    with capsys.disabled():
        print(f"\ncorpus: {loads} of {len(files)} files load")
        for name, why in exceptions:
            print(f"  {name}: {why}")
    assert wrong == []
    ours = [n for n, _ in exceptions
            if expected[n].get("litellm_loads")]
    assert loads >= 0.97 * len(files) or not ours, (loads, exceptions)


def differences(name, want, got):
    def key(d):
        return (d["name"], d["provider"], d["upstream"])
    out = []
    left = [dict(d) for d in got]
    for w in want:
        hit = next((g for g in left if key(g) == key(w) and (
            w["base_used"] is None or (g["base_used"] or "").rstrip("/")
            == w["base_used"].rstrip("/"))), None)
        if hit:
            left.remove(hit)
        else:
            near = [g for g in got if g["name"] == w["name"]]
            out.append((name, {k: w[k] for k in (
                "name", "provider", "upstream", "base_used")}, near[:2]))
    return out
