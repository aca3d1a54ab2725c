# SPDX-License-Identifier: ISC
"""Rows 52 to 73 of the fault table that exist so far: process, files,
control socket, terminal, secrets."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from llmd import Llmd, first_line, ollama, openai, run_llmd, sanitized
from proc import BUILD, Proc, clean_env, free_port, private_dir, remove
from raw import chat_body, post
from sim import header, headers_of
from wait import seconds, wait_until

EVIL = "a\x1b[2J\x1b]52;c;aGk=\x07b\u009b31mc\u202ed\u2066e\x7f"
FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# What a terminal program itself may send: colours and clearing to the end.
OWN = re.compile(r"\x1b\[[0-9;]*[mK]")


def config(sim, **more):
    return {"model_list": [ollama("m", sim), openai("o", sim)],
            "llmd_settings": {"request_log": "requests.log"}, **more}


# --- 52: logs that nobody reads ---------------------------------------------

def test_fault_52_the_reader_of_the_log_is_gone(llmd, sim):
    """No SIGPIPE, and requests go on."""
    r, w = os.pipe()
    gw = llmd({"model_list": [ollama("m", sim)],
               "litellm_settings": {"json_logs": True}},
              stdout=w, stderr=w)
    os.close(w)
    os.close(r)
    for _ in range(50):
        assert gw.chat("m").status == 200
    with gw.raw() as c:
        c.send(b"rubbish\r\n\r\n")
        c.reply()
    assert gw.proc.alive()


def test_fault_52_the_log_pipe_is_full(llmd, sim):
    """A reader that has stopped blocks no request."""
    r, w = os.pipe()
    fcntl.fcntl(w, 1031, 4096)              # F_SETPIPE_SZ
    gw = llmd({"model_list": [ollama("m", sim)],
               "litellm_settings": {"json_logs": True}},
              stdout=w, stderr=w)
    os.close(w)
    start = time.monotonic()
    for _ in range(200):
        assert gw.chat("m").status == 200
    assert time.monotonic() - start < seconds(10)
    assert gw.terminate(10) == 0, "it also ends"
    os.close(r)


def test_fault_52_request_log_cannot_be_written(llmd, sim):
    """A request log on a full device: requests go on, it is said once."""
    gw = llmd({"model_list": [ollama("m", sim)],
               "llmd_settings": {"request_log": "/dev/full"}})
    for _ in range(200):
        assert gw.chat("m").status == 200
    time.sleep(0.3)
    said = [ln for ln in gw.log().splitlines() if "/dev/full" in ln]
    assert 1 <= len(said) <= 5, gw.log()


# --- 58: YAML ---------------------------------------------------------------

MODEL = """model_list:
  - model_name: m
    litellm_params:
      model: ollama/m
      api_base: http://localhost:11434
"""


def check(text, tmp_path, name="config.yaml", env=None):
    """(exit status, the verdict of --check-config --json)."""
    path = tmp_path / name
    if isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text(text)
    start = time.monotonic()
    p = run_llmd("--config", path, "--check-config", "--json", dir=tmp_path,
                 env=env)
    assert time.monotonic() - start < seconds(3)
    assert p.returncode in (0, 78), (p.returncode, p.stdout, p.stderr)
    return p.returncode, json.loads(p.stdout)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [" + ",".join([f"*{a}"] * 9) + "]\n"
    for a, b in zip("abcdefgh", "bcdefghi"))


@pytest.mark.parametrize("text", [
    BOMB + MODEL,
    "a: " + "[" * 100_000 + "]" * 100_000 + "\n" + MODEL,
    "a: " + "{a: " * 100 + "1" + "}" * 100 + "\n" + MODEL,
    MODEL + "# " + "x" * (1 << 20) + "\n",
    MODEL + "\tx: 1\n",
    MODEL + "x: [1, 2\n",
    MODEL + "x: &a [*a]\n",
    b"\xff\xfe" + MODEL.encode("utf-16-le")[2:100],
    b"\x00\x01\x02", b"model_list:\n  - \xff\xfe\n",
    "- a\n- b\n", "just text\n", "model_list: 7\n", "model_list:\n- 7\n",
    "model_list:\n  - model_name: m\n",
], ids=["bomb", "deep", "deep-map", "large", "tab", "open", "cycle",
        "utf16", "binary", "bad-utf8", "list", "scalar", "number", "numbers",
        "no-params"])
def test_fault_58_refused(tmp_path, text):
    status, r = check(text, tmp_path)
    assert status == 78 and r["ok"] is False
    assert r["errors"]
    for e in r["errors"]:
        assert "config.yaml" in json.dumps(e)


def test_fault_58_duplicate_keys(tmp_path):
    """The last wins, with a warning that names both lines."""
    text = MODEL + "general_settings:\n  master_key: sk-one\n" \
        "  master_key: sk-two\n"
    status, r = check(text, tmp_path)
    assert status == 0
    said = json.dumps([w for w in r["warnings"] if "master_key"
                       in json.dumps(w)])
    assert "7" in said and "8" in said, r["warnings"]
    assert "sk-one" not in said and "sk-two" not in said
    gw = Llmd(text, key="sk-two")
    try:
        assert gw.chat("m").status != 401
        gw.key = "sk-one"
        assert gw.chat("m").status == 401
    finally:
        gw.stop()


def test_fault_58_scalars_by_schema(tmp_path):
    """Types come from the schema's row, not from YAML's guesses."""
    text = MODEL.replace("model_name: m", "model_name: no") + """
  - model_name: 0x10
    litellm_params: {model: ollama/m, api_base: http://localhost:11434,
                     timeout: "30", rpm: 1e2}
  - model_name: 1e3
    litellm_params: {model: ollama/m, api_base: http://localhost:11434}
  - model_name: 2026-01-01
    litellm_params: {model: ollama/m, api_base: http://localhost:11434}
  - model_name: !!binary abc
    litellm_params: {model: ollama/m, api_base: http://localhost:11434}
"""
    status, r = check(text, tmp_path)
    assert status == 0, r
    names = [d["name"] for d in r["deployments"]]
    assert names == ["no", "0x10", "1e3", "2026-01-01", "abc"]


def test_fault_58_tags_do_not_run(tmp_path):
    text = MODEL + "x: !!python/object/apply:os.system ['touch owned']\n"
    check(text, tmp_path)
    assert not (tmp_path / "owned").exists()


# --- 62 and 63: two daemons, old sockets ------------------------------------

def test_fault_62_port_in_use(llmd, sim):
    gw = llmd(config(sim))
    p = run_llmd("--config", gw.config_path, "--port", gw.port, "--socket",
                 gw.dir / "other.sock", "--workers", 2)
    assert p.returncode not in (0, None)
    line = first_line(p.stderr, "cannot listen")
    assert line == f"llmd: cannot listen on 127.0.0.1:{gw.port}: Address " \
        f"already in use (pid {gw.pid}, llmd)", p.stderr
    assert f"kill {gw.pid}" in p.stderr
    assert f"llmd --config {gw.config_path} --port {gw.port + 1}" in p.stderr
    assert gw.chat("m").status == 200, "the first is undisturbed"


def test_fault_62_port_held_by_something_else(sim, tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        (tmp_path / "config.yaml").write_text(MODEL)
        p = run_llmd("--port", port, "--socket", tmp_path / "c.sock",
                     dir=tmp_path)
    assert p.returncode != 0
    assert f"(pid {os.getpid()}, " in p.stderr
    assert "hint: stop it" in p.stderr


def test_fault_62_socket_in_use(llmd, sim):
    gw = llmd(config(sim))
    p = run_llmd("--config", gw.config_path, "--port", free_port(),
                 "--socket", gw.socket)
    assert p.returncode == 78, p.stderr
    assert f"another llmd is running (pid {gw.pid})" in p.stderr
    gw.ctl("status", check=0)


@pytest.mark.slow(200)
def test_fault_62_twenty_at_once(sim):
    """Of many that start at once on one socket and port, one runs."""
    home, port = private_dir(), free_port()
    (home / "config.yaml").write_text(MODEL)
    procs = [Proc([BUILD / "llmd", "--config", home / "config.yaml",
                   "--port", port, "--socket", home / "c.sock", "--workers",
                   2], home / f"{i}.log", clean_env(home)) for i in range(20)]
    try:
        wait_until(lambda: sum(p.alive() for p in procs) <= 1, 20,
                   "all but one end")
        time.sleep(0.3)
        alive = [p for p in procs if p.alive()]
        assert len(alive) == 1, [p.log() for p in procs]
        for p in procs:
            if p not in alive:
                assert p.popen.returncode > 0
                assert f"pid {alive[0].pid}" in p.log()
        alive[0].signal(signal.SIGTERM)
        assert alive[0].wait() == 0
    finally:
        for p in procs:
            p.kill()
        remove(home)


def test_fault_63_stale_socket(llmd, sim):
    """A socket file that nobody listens on is replaced."""
    gw = llmd(config(sim))
    gw.kill()
    assert gw.socket.exists()
    p = gw.ctl("status")
    assert p.returncode == 69, p
    assert "hint:" in p.stderr
    again = llmd(config(sim), dir=gw.dir)
    again.ctl("status", check=0)


@pytest.mark.parametrize("what", ["file", "directory", "symlink",
                                  "symlink-to-socket"])
def test_fault_63_not_a_socket(sim, what):
    """What is not a stale socket of llmd's is never deleted."""
    home = private_dir()
    path = home / "c.sock"
    other = home / "precious"
    other.write_text("precious")
    try:
        if what == "file":
            path.write_text("mine")
        elif what == "directory":
            path.mkdir()
        elif what == "symlink":
            path.symlink_to(other)
        else:
            s = socket.socket(socket.AF_UNIX)
            s.bind(str(home / "real.sock"))
            s.close()
            path.symlink_to(home / "real.sock")
        (home / "config.yaml").write_text(MODEL)
        p = run_llmd("--config", home / "config.yaml", "--port", free_port(),
                     "--socket", path, dir=home)
        assert p.returncode not in (0, None) and p.returncode > 0
        assert str(path) in p.stderr and "hint:" in p.stderr
        assert os.path.lexists(path)
        assert other.read_text() == "precious"
        if what == "file":
            assert path.read_text() == "mine"
        if what.startswith("symlink"):
            assert path.is_symlink()
    finally:
        remove(home)


@pytest.mark.parametrize("make", [
    lambda d: d / "no/such/dir/c.sock",
    lambda d: d / ("x" * 120),
    lambda d: (d / "ro").mkdir(mode=0o500) or d / "ro/c.sock"],
    ids=["missing", "too-long", "read-only"])
def test_fault_63_socket_cannot_be_made(make):
    home = private_dir()
    try:
        (home / "config.yaml").write_text(MODEL)
        path = make(home)
        if os.getuid() == 0 and path.parent.name == "ro":
            pytest.skip("root may write everywhere")
        p = run_llmd("--config", home / "config.yaml", "--port", free_port(),
                     "--socket", path, dir=home)
        assert p.returncode > 0
        assert str(path)[:60] in p.stderr or str(path.parent) in p.stderr
        assert "hint:" in p.stderr
    finally:
        remove(home)


# --- 64: who may ------------------------------------------------------------

def test_fault_64_modes(llmd, sim):
    gw = llmd(config(sim))
    mode = stat.S_IMODE(os.stat(gw.socket).st_mode)
    assert mode & 0o007 == 0, oct(mode)
    assert stat.S_IMODE(os.stat(gw.dir / "requests.log").st_mode) \
        & 0o077 == 0, "what llmd creates is its owner's"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_fault_64_another_user(llmd, sim):
    """Nobody cannot connect; let in by hand, nobody is a viewer, and what is
    refused is logged."""
    gw = llmd(config(sim))
    os.chmod(gw.dir, 0o755)

    def as_nobody(*args):
        return subprocess.run(
            [str(BUILD / "llmctl"), "--socket", str(gw.socket), *args],
            capture_output=True, text=True, timeout=seconds(20),
            env=clean_env(gw.dir), user=65534, group=65534, extra_groups=[])
    try:
        p = as_nobody("status")
    except PermissionError:
        pytest.skip("nobody may not run llmctl from this folder")
    assert p.returncode == 77, p
    assert "ermission" in p.stderr
    os.chmod(gw.socket, 0o666)
    p = as_nobody("status", "--json")
    assert p.returncode == 0, p
    p = as_nobody("route", "set", "m", "o")
    assert p.returncode == 77, p
    assert "operator" in p.stderr
    wait_until(lambda: first_line(gw.log(), "65534.*route.set|route.set.*"
                                  "65534"), 3, "the refusal is logged")
    gw.ctl("route", "set", "m", "o", check=0)


# --- 65 to 67: what reaches a terminal or a log -----------------------------

# Control characters are refused in a name; these are not control characters.
NAME = "evil\u202ed\u2066e\u200b\ufeffname" + "\u6f22" * 3


def test_fault_65_model_names(tmp_path):
    text = MODEL.replace("model_name: m", f"model_name: {json.dumps(EVIL)}")
    status, r = check(text, tmp_path)
    assert status == 78
    no_forbidden(json.dumps(r["errors"][0]["text"], ensure_ascii=False),
                 "error")


def evil_config(sim):
    return {"model_list": [
        ollama(NAME, sim, "m"), ollama("m", sim),
        openai("o", sim)], "llmd_settings": {"request_log": "requests.log"}}


def no_forbidden(text, what, terminal=False):
    if terminal:
        text = OWN.sub("", text).replace("\r\n", "\n")
    m = FORBIDDEN.search(text)
    assert m is None, f"{what}: {text[max(0, m.start() - 60):m.end() + 60]!r}"


def make_evil_traffic(gw, sim):
    sim.script("m", text="x", headers={"X-Evil": "y"})
    assert gw.chat(NAME, text=EVIL, user=EVIL).status == 200
    gw.chat(f"not-there{EVIL}")
    sim.script("m", status=500, body=json.dumps({"error": f"bad{EVIL}"}))
    assert gw.chat("m").status >= 400
    sim.script("o", text="one two", words=True, error_after=1,
               error=f"mid{EVIL}")
    gw.chat("o", stream=True)
    with gw.raw() as c:
        c.send(post(chat_body(), headers=[
            ("User-Agent", "\x9b31m\xff"),
            ("x-litellm-call-id", "id\x9b2J")]))
        c.reply()


def test_fault_65_logs_and_replies(llmd, sim):
    gw = llmd(evil_config(sim))
    make_evil_traffic(gw, sim)
    wait_until(lambda: len(gw.records("requests.log")) >= 5, 5)
    no_forbidden(gw.log(), "stderr")
    no_forbidden((gw.dir / "requests.log").read_text(), "request log")
    for r in gw.records("requests.log"):
        assert isinstance(r, dict)


@pytest.mark.parametrize("command", [
    ["models"], ["status"], ["routes"], ["ps"], ["tail", "-n", "50"]],
    ids=lambda c: c[0])
def test_fault_65_llmctl(llmd, sim, command):
    """On a terminal and in a pipe, escapes are shown, never obeyed."""
    gw = llmd(evil_config(sim))
    make_evil_traffic(gw, sim)
    wait_until(lambda: len(gw.records("requests.log")) >= 5, 5)
    p = gw.ctl(*command)
    assert p.returncode == 0, p
    no_forbidden(p.stdout, command)
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(str(BUILD / "llmctl"), [
            "llmctl", "--socket", str(gw.socket), *command],
            clean_env(gw.dir))
    out = b""
    end = time.monotonic() + seconds(15)
    while time.monotonic() < end:
        ready, _, _ = select.select([fd], [], [], 0.5)
        if not ready:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    assert status == 0, out
    no_forbidden(out.decode("utf-8", "replace"), f"{command} on a tty",
                 terminal=True)
    assert b"evil" in out or command[0] in ("status", "ps")


def test_fault_66_one_event_is_one_line(llmd, sim):
    """Nothing that a client or backend says can forge a log line."""
    forged = 'x\n{"forged":true}\r\n2026-01-01 forged line\u2028y\x85z'
    gw = llmd({"model_list": [ollama("m", sim), openai("o", sim)],
               "llmd_settings": {"request_log": "requests.log"}})
    before = len(gw.log().splitlines())
    n = 0
    gw.chat(forged)
    sim.script("m", status=500, error=forged)
    gw.chat("m", user=forged)
    sim.script("o", text="a b", words=True, error_after=1, error=forged)
    gw.chat("o", stream=True)
    n += 3
    wait_until(lambda: len(gw.records("requests.log")) >= n, 5)
    text = (gw.dir / "requests.log").read_text()
    assert len(text.split("\n")) - 1 == n
    for line in text.split("\n")[:-1]:
        assert "forged" not in json.loads(line)
    no_forbidden(text, "request log")
    no_forbidden(gw.log(), "stderr")
    assert not re.search(r"^(\{\"forged|2026-01-01 forged)", gw.log(), re.M)
    assert len(gw.log().splitlines()) - before <= 2 * n


def test_fault_67_formats_and_long_fields(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim)],
               "llmd_settings": {"request_log": "requests.log"}})
    evil = "%s%n%x%p%99999999d"
    r = gw.chat(evil)
    assert r.status == 404 and evil in r.json()["error"]["message"]
    long = "L" * 100_000
    r = gw.chat(long)
    assert r.status in (400, 404)
    assert len(r.body) < 3000
    sim.script("m", status=500, error=evil + long)
    r = gw.chat("m")
    assert r.status >= 500 and len(r.body) < 3000
    wait_until(lambda: len(gw.records("requests.log")) >= 3, 5)
    assert len((gw.dir / "requests.log").read_text()) < 8000
    assert len(gw.log()) < 20_000


def test_fault_68_keys_in_no_output(llmd, sim):
    """A client's key, our upstream keys, userinfo and query keys."""
    up, mine, info = "sk-UPCANARY1", "sk-MYCANARY2", "USERCANARY3"
    base = sim.url.replace("http://", f"http://u:{info}@")
    gw = llmd({"model_list": [
        openai("o", sim, api_key=up),
        {"model_name": "u", "litellm_params": {
            "model": "openai/u", "api_base": f"{base}/v1",
            "api_key": "os.environ/UP_KEY"}}],
        "general_settings": {"master_key": "os.environ/MY_KEY"},
        "llmd_settings": {"request_log": "requests.log"},
        "litellm_settings": {"json_logs": True}},
        env={"MY_KEY": mine, "UP_KEY": up}, args=["--debug"], key=mine)
    said = ""
    said += str(gw.chat("o").body) + str(gw.chat("u").body)
    said += str(gw.chat("u", headers={
        "Authorization": "Bearer sk-WRONGCANARY4"}).body)
    said += str(gw.get("/v1/models?api_key=sk-QUERYCANARY5").body)
    for cmd in (["status"], ["models"], ["routes"], ["ps"], ["tail"],
                ["reload"]):
        p = gw.ctl(*cmd, "--json")
        said += p.stdout + p.stderr
    wait_until(lambda: len(gw.records("requests.log")) >= 3, 5)
    said += gw.log() + (gw.dir / "requests.log").read_text()
    with open(f"/proc/{gw.pid}/cmdline") as f:
        said += f.read()
    assert "CANARY" not in said, said[max(0, said.index("CANARY") - 200):][
        :400]
    with open(f"/proc/{gw.pid}/environ", "rb") as f:
        env = f.read()
    assert up.encode() not in env and mine.encode() not in env


def test_fault_74_environment(llmd, sim):
    """Secrets that the config uses are gone from the process's own block,
    the rest of it stays, and a reload still knows them."""
    conf = {"model_list": [openai("o", sim, api_key="os.environ/UP_KEY")],
            "general_settings": {"master_key": "os.environ/MY_KEY"}}
    gw = llmd(conf, key="sk-mine-123", env={
        "UP_KEY": "sk-up-456", "MY_KEY": "sk-mine-123", "OTHER": "kept"})
    with open(f"/proc/{gw.pid}/environ", "rb") as f:
        env = f.read()
    assert b"sk-up-456" not in env and b"sk-mine-123" not in env
    assert b"OTHER=kept" in env
    conf["model_list"].append(ollama("m", sim))
    gw.write(conf)
    gw.ctl("reload", check=0)
    assert gw.chat("o").status == 200 and gw.chat("m").status == 200
    assert header(sim.last("o"), "authorization") == ["Bearer sk-up-456"]


@pytest.mark.parametrize("url", [
    "http://169.254.169.254/latest/meta-data", "http://127.0.0.1:%d/x",
    "http://localhost:%d/x", "http://[::ffff:127.0.0.1]:%d/", "file:///etc/"
    "passwd", "unix:/run/llmd/control.sock", "gopher://127.0.0.1:%d/",
    "http://0x7f000001:%d/", "http://2130706433:%d/", "ftp://127.0.0.1/x",
    "HTTP://127.1:%d/", "//127.0.0.1:%d/x", "data:,x"])
def test_fault_71_image_urls_are_not_fetched(sims, sim, llmd, url):
    """An image URL is data; nothing is connected to because of it."""
    meta = sims()
    gw = llmd({"model_list": [ollama("m", sim)]})
    r = gw.post("/v1/chat/completions", {"model": "m", "messages": [{
        "role": "user", "content": [{"type": "image_url", "image_url": {
            "url": url % meta.port if "%d" in url else url}}]}]})
    assert r.status == 400, r
    assert meta.stats()["requests_total"] == 0
    assert sim.requests() == []


# --- 72 and 73 --------------------------------------------------------------

HEADERS = [
    ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Proto", "https"), ("X-Real-IP", "6.6.6.6"),
    ("Forwarded", "for=6.6.6.6"), ("Via", "1.1 evil"), ("Cookie", "a=b"),
    ("api-key", "sk-good"), ("x-api-key", "sk-good"),
    ("OpenAI-Organization", "org-evil"), ("OpenAI-Project", "p"),
    ("Proxy-Authorization", "Basic eA=="), ("Proxy-Connection", "x"),
    ("Keep-Alive", "timeout=5"), ("TE", "trailers"), ("Upgrade", "h2c"),
    ("Trailer", "X-T"), ("Range", "bytes=0-1"), ("If-None-Match", "x"),
    ("X-Api-Base", "http://evil.example"), ("x-litellm-api-base", "e"),
    ("anthropic-beta", "x"), ("Origin", "http://localhost"),
    ("Referer", "http://x"), ("traceparent", "00-1-2-3"),
    ("Content-Encoding", "identity"), ("Accept", "text/html"),
    ("Accept-Encoding", "gzip"), ("Connection", "authorization, x-keep"),
    ("X-Keep", "1"), ("X-Anything", "2")]


def test_fault_72_headers_of_the_client(llmd, sim):
    gw = llmd({"model_list": [ollama("m", sim), openai("o", sim)],
               "general_settings": {"master_key": "sk-good"}}, key="sk-good")
    for model in "m", "o":
        with gw.raw() as c:
            c.send(post(chat_body(model), headers=[
                ("Authorization", "Bearer sk-good"), *HEADERS]))
            assert c.reply().status == 200
        r = sim.last(model)
        names = [n for n, _ in headers_of(r)]
        assert len(names) == len(set(names)), names
        assert set(names) <= {
            "host", "content-type", "content-length", "accept",
            "accept-encoding", "user-agent", "authorization", "connection",
            "transfer-encoding"}, names
        assert "sk-good" not in json.dumps(r["headers"])
        assert header(r, "authorization") == (
            ["Bearer sk-upstream"] if model == "o" else [])


def test_fault_72_routing_fields_of_the_client(sim, sims, llmd):
    """api_base, api_key and the like in a body choose no backend."""
    other = sims()
    gw = llmd({"model_list": [ollama("m", sim), openai("o", sim)]})
    evil = {"api_base": other.url, "base_url": other.url,
            "api_key": "sk-evil", "custom_llm_provider": "openai",
            "model_list": [], "user_config": {"a": other.url},
            "extra_headers": {"Authorization": "x"}}
    for model in "m", "o":
        r = gw.chat(model, **evil)
        assert r.status in (200, 400)
    assert other.stats()["requests_total"] == 0
    for r in sim.requests("o"):
        assert header(r, "authorization") == ["Bearer sk-upstream"]


def refused_start(conf_text, tmp_path, *args, env=None):
    (tmp_path / "config.yaml").write_text(conf_text)
    return run_llmd("--config", "config.yaml", "--port", free_port(),
                    "--socket", tmp_path / "c.sock", *args, dir=tmp_path,
                    env=env, timeout=5)


KEY = MODEL + "general_settings:\n  master_key: %s\n"


@pytest.mark.parametrize("value, env, words", [
    ('""', {}, "empty"), ("' '", {}, "empty"), ("", {}, "empty"),
    ("null", {}, "empty"), ("os.environ/NOT_SET", {}, "NOT_SET"),
    ("os.environ/EMPTY", {"EMPTY": ""}, "EMPTY")])
def test_fault_73_no_secret(tmp_path, value, env, words):
    p = refused_start(KEY % value, tmp_path, env=env)
    assert p.returncode == 78, (p.returncode, p.stderr)
    assert words in p.stderr
    assert "config.yaml:7:" in p.stderr, p.stderr


def test_fault_73_well_known_key(llmd, tmp_path):
    gw = llmd(KEY % "sk-1234", key="sk-1234")
    assert first_line(gw.log(), "sk-1234|well-known"), gw.log()
    assert gw.get("/v1/models").status == 200
    p = refused_start(KEY % "sk-1234", tmp_path, "--host", "0.0.0.0")
    assert p.returncode == 78, (p.returncode, p.stderr)
    assert "hint:" in p.stderr


def test_fault_73_open_on_other_addresses(llmd, tmp_path):
    p = refused_start(MODEL, tmp_path, "--host", "0.0.0.0")
    assert p.returncode == 78, (p.returncode, p.stderr)
    assert "master_key" in p.stderr and "allow_open" in p.stderr
    gw = llmd(MODEL + "llmd_settings:\n  allow_open: true\n",
              host="0.0.0.0")
    assert gw.get("/v1/models").status == 200


def test_fault_73_a_key_anywhere_is_never_open(llmd):
    """LiteLLM ignores a misplaced key and runs open; llmd does not."""
    for text in ("litellm_settings:\n  master_key: sk-mine\n",
                 "master_key: sk-mine\n",
                 "general_settings:\n  master_key: sk-mine\n"
                 "  disable_auth: true\n"):
        gw = llmd(MODEL + text, key="sk-mine")
        assert gw.post("/v1/chat/completions", chat_body(),
                       key=False).status == 401, text
        assert gw.chat("m").status != 401, text


# --- control socket garbage (61) --------------------------------------------

@pytest.mark.parametrize("data", [
    b"\0" * 1000, b"\xff" * 1000, b"{" * 200_000, b"[" * 200_000 + b"\n",
    b"{}\n" * 1000, b"null\n", b"[]\n", b'{"jsonrpc":"2.0"}\n',
    b'{"jsonrpc":"2.0","id":1,"method":7}\n',
    b'{"jsonrpc":"2.0","id":1,"method":"status","method":"x"}\n',
    b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * 900_000 + b'"}\n',
    b"x" * (3 << 20) + b"\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_fault_61_garbage(llmd, sim, data):
    gw = llmd(config(sim))
    rss = gw.proc.rss_kb()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(seconds(10))
        s.connect(str(gw.socket))

        def feed():
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        t = threading.Thread(target=feed)
        t.start()
        try:
            while s.recv(65536):
                pass
        except (ConnectionResetError, TimeoutError):
            pass
        t.join()
    gw.ctl("status", check=0)
    if not sanitized():
        assert gw.proc.rss_kb() - rss < 8 * 1024
    assert gw.chat("m").status == 200


def test_fault_61_many_connections(llmd, sim):
    gw = llmd(config(sim))
    held = []
    for _ in range(200):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        try:
            s.connect(str(gw.socket))
        except OSError:
            pass
        held.append(s)
    assert gw.chat("m").status == 200
    for s in held:
        s.close()
    wait_until(lambda: gw.ctl("status").returncode == 0, 5)


# --- signals (56) -----------------------------------------------------------

def test_fault_56_sigterm_lets_streams_finish(llmd, sim):
    gw = llmd(config(sim))
    sim.script("m", text="one two three four five six", words=True, pace=150)
    with gw.raw(timeout=20) as c:
        c.send(post(chat_body(stream=True)))
        assert c.head().status == 200
        gw.proc.signal(signal.SIGTERM)
        while b"[DONE]" not in c.buf:
            assert c.fill(), "the stream was cut"
    assert gw.proc.wait(10) == 0


def test_fault_56_second_sigterm_is_now(llmd, sim):
    gw = llmd(config(sim))
    sim.script("m", delay=30000)
    with gw.raw() as c:
        c.send(post(chat_body()))
        wait_until(lambda: sim.requests("m"), 5)
        gw.proc.signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in gw.log(), 5)
        gw.proc.signal(signal.SIGTERM)
        assert gw.proc.wait(3) == 0


def test_fault_56_sighup(llmd, sim):
    """Ignored at the start (nohup): stays ignored.  Without a terminal:
    reload."""
    gw = llmd(config(sim),
              preexec_fn=lambda: signal.signal(signal.SIGHUP,
                                               signal.SIG_IGN))
    gw.proc.signal(signal.SIGHUP)
    assert gw.chat("m").status == 200
    gw = llmd(config(sim), preexec_fn=os.setsid)
    conf = config(sim)
    conf["model_list"].append(ollama("added", sim, "m"))
    gw.write(conf)
    gw.proc.signal(signal.SIGHUP)
    wait_until(lambda: gw.chat("added").status == 200, 5)
