# SPDX-License-Identifier: ISC
"""make bench: llmd's cost as a ratio to nginx proxy_pass in the same run.

The gateway has core 0, load and upstream core 1.  Every run of llmd comes
right after one of nginx; the table shows medians and quartiles of the pairs.
Absolute figures on shared machines mean little.

usage: bench.py [--pairs N] [--seconds S] [--only ROW,...] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
KEY = "sk-bench-0123456789abcdefghijklmnopqrstuv"

# What openai-python sends besides Host, Content-Length and Content-Type.
SDK_HEADERS = {
    "Accept": "application/json", "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive", "User-Agent": "OpenAI/Python 3.3.1",
    "X-Stainless-Lang": "python", "X-Stainless-Package-Version": "3.3.1",
    "X-Stainless-OS": "Linux", "X-Stainless-Arch": "x64",
    "X-Stainless-Runtime": "CPython",
    "X-Stainless-Runtime-Version": "3.11.7",
    "X-Stainless-Async": "false", "x-stainless-retry-count": "0",
    "x-stainless-timeout": "600", "x-stainless-raw-response": "true",
    "Authorization": "Bearer " + KEY,
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, deadline=10):
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"nothing listens on port {port}")


def cpu_ns(pids):
    """Time on a CPU of all threads of the processes."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


def rss_kb(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))


def children(pid):
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(p) for p in text.split()]


class Proc:
    """A process on one core; ended by pid."""

    def __init__(self, args, core, log, env=None):
        self.log = open(log, "ab")
        self.p = subprocess.Popen(["taskset", "-c", str(core), *map(str, args)],
                                  stdout=self.log, stderr=self.log,
                                  stdin=subprocess.DEVNULL,
                                  env={**os.environ, **(env or {})})

    @property
    def pids(self):
        return [self.p.pid] + children(self.p.pid)

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        try:
            self.p.wait(10)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
        self.log.close()


NGINX = """
daemon off; worker_processes 1; user root; error_log {dir}/nginx-error.log;
pid {dir}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log {dir}/nginx-access.log combined buffer=64k flush=1s;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  client_max_body_size 64m; client_body_buffer_size 2m;
  keepalive_requests 100000000; proxy_http_version 1.1;
  proxy_set_header Connection ""; proxy_read_timeout 600s;
  upstream up {{ server 127.0.0.1:{up}; keepalive 128;
                 keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://up; }}
    location /stream/ {{ proxy_pass http://up/; proxy_buffering off; }}
  }}
}}
"""

LLMD = """
model_list:
  - model_name: bench-model
    litellm_params: {{model: openai/upstream-1, rpm: 200000000,
                      api_base: "http://127.0.0.1:{up}/v1",
                      api_key: sk-up}}
  - model_name: bench-ollama
    litellm_params: {{model: ollama/bench-model, rpm: 200000000,
                      api_base: "http://127.0.0.1:{up}"}}
  - model_name: bench-idle
    litellm_params: {{model: openai/idle,
                      api_base: "http://127.0.0.1:{up}/v1",
                      api_key: sk-up}}
general_settings: {{master_key: {key}}}
llmd_settings: {{rpm: 200000000, request_log: {dir}/requests.jsonl}}
"""


def chat(model, text, **more):
    return json.dumps({"model": model, "messages": [
        {"role": "system", "content": "You are TaskMaster, a helpful task "
         "management assistant."},
        {"role": "user", "content": text}],
        "temperature": 0.7, "max_tokens": 256, **more}, ensure_ascii=False,
        separators=(",", ":"))


PROSE = ("The quarterly review is due on Thursday, and the budget has to be "
         "checked before that. ")


class Bench:
    def __init__(self, args):
        self.args = args
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="llmd-bench-"))
        os.chmod(self.dir, 0o755)
        self.up_port, self.ng_port, self.ll_port = (free_port()
                                                    for _ in range(3))
        self.rows = []

    # Processes.

    def start(self):
        self.load = self.dir / "llmload"
        subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o",
                        self.load, ROOT / "tests/bench/llmload.c"],
                       check=True)
        conf = self.dir / "nginx.conf"
        conf.write_text(NGINX.format(dir=self.dir, up=self.up_port,
                                     port=self.ng_port))
        self.up = Proc([self.load, "serve", self.up_port, 50], 1,
                       self.dir / "up.log")
        wait_port(self.up_port)
        self.ng = Proc(["nginx", "-c", conf, "-p", self.dir], 0,
                       self.dir / "nginx.log")
        wait_port(self.ng_port)
        self.start_llmd()

    def start_llmd(self, config=None):
        conf = self.dir / "llmd.yaml"
        conf.write_text(config or LLMD.format(up=self.up_port, key=KEY,
                                              dir=self.dir))
        self.ll = Proc([BUILD / "llmd", "--config", conf, "--port",
                        self.ll_port, "--workers", 1, "--socket",
                        self.dir / "c.sock"], 0, self.dir / "llmd.log")
        wait_port(self.ll_port)

    def stop(self):
        for p in (self.ll, self.ng, self.up):
            p.stop()
        shutil.rmtree(self.dir)

    # One measurement.

    def wrk(self, port, path, body, conns):
        script = self.dir / "post.lua"
        data = self.dir / "body.json"
        data.write_text(body)
        lines = ["wrk.method='POST'",
                 f"local f=io.open('{data}','rb') wrk.body=f:read('*a')",
                 "wrk.headers['Content-Type']='application/json'"]
        lines += [f"wrk.headers['{k}']='{v}'" for k, v in SDK_HEADERS.items()]
        script.write_text("\n".join(lines) + """
done = function(s, l, r)
  io.write(string.format("RESULT %d %d %d %.3f\\n", s.requests,
    s.errors.status + s.errors.read + s.errors.write + s.errors.timeout,
    s.duration, l:percentile(50)))
end
""")
        out = subprocess.run(
            ["taskset", "-c", "1", "wrk", "-t1", f"-c{conns}",
             f"-d{self.args.seconds}s", "-s", script,
             f"http://127.0.0.1:{port}{path}"],
            capture_output=True, text=True, check=True).stdout
        n, bad, us, p50 = re.search(r"RESULT (\d+) (\d+) (\d+) ([\d.]+)",
                                    out).groups()
        if int(bad) or not int(n):
            raise SystemExit(f"{path}: {bad} errors of {n} requests\n{out}")
        return int(n), float(p50)

    def small(self, proc, port, path, body, conns):
        t = cpu_ns(proc.pids)
        n, p50 = self.wrk(port, path, body, conns)
        return (cpu_ns(proc.pids) - t) / n / 1000, p50

    def streams(self, proc, port, path, model, n, seconds):
        with subprocess.Popen(
                ["taskset", "-c", "1", self.load, "streams", "127.0.0.1",
                 str(port), str(n), str(seconds), path, model, KEY],
                stdout=subprocess.PIPE, text=True) as p:
            p.stdout.readline()
            time.sleep(0.2)
            t = cpu_ns(proc.pids)
            r = json.loads(p.stdout.readline())
            used = cpu_ns(proc.pids) - t
        if r["errors"] or not r["events"]:
            raise SystemExit(f"streams: {r}")
        share = max(r["seconds"] - 0.2, 0.1) / r["seconds"]
        return used / (r["events"] * share) / 1000, r

    # Rows.

    def row(self, name, budget, values, unit="x nginx", note=""):
        values = sorted(values)
        med = statistics.median(values)
        q = (statistics.quantiles(values, n=4) if len(values) > 3
             else [values[0], med, values[-1]])
        ok = budget is None or med <= budget
        self.rows.append(dict(row=name, median=round(med, 3),
                              q1=round(q[0], 3), q3=round(q[2], 3),
                              unit=unit, budget=budget, ok=ok, note=note))
        print(f"{name:44} {med:8.2f} [{q[0]:.2f}-{q[2]:.2f}] {unit:8}"
              f" {'' if budget is None else f'<= {budget}':9}"
              f" {'ok' if ok else 'OVER'}  {note}", flush=True)

    def compare(self, name, budget, body, conns=16, model="bench-model"):
        ratios, base, own = [], [], []
        for _ in range(self.args.pairs):
            a, _ = self.small(self.ng, self.ng_port, "/v1/chat/completions",
                              body.replace(model, "bench-model"), conns)
            b, _ = self.small(self.ll, self.ll_port, "/v1/chat/completions",
                              body, conns)
            ratios.append(b / a)
            base.append(a)
            own.append(b)
        self.row(name, budget, ratios,
                 note=f"nginx {statistics.median(base):.1f} us, "
                      f"llmd {statistics.median(own):.1f} us")

    def latency(self):
        ratios = []
        body = chat("bench-model", PROSE)
        for _ in range(self.args.pairs):
            _, a = self.small(self.ng, self.ng_port, "/v1/chat/completions",
                              body, 1)
            _, b = self.small(self.ll, self.ll_port, "/v1/chat/completions",
                              body, 1)
            ratios.append(b / a)
        self.row("p50 at c=1", 1.05, ratios)

    def sse(self, name, budget, model, n):
        ratios = []
        for _ in range(max(self.args.pairs // 2, 2)):
            a, _ = self.streams(self.ng, self.ng_port,
                                "/stream/v1/chat/completions",
                                "bench-model", n, 2)
            b, r = self.streams(self.ll, self.ll_port,
                                "/v1/chat/completions", model, n, 2)
            ratios.append(b / a)
        self.row(name, budget, ratios, note=f"p99 way {r['p99_us']} us")

    def memory(self):
        self.ll.stop()
        self.start_llmd()
        time.sleep(0.3)
        idle = rss_kb(self.ll.p.pid)
        self.row("RSS idle, one worker", 8, [idle / 1024], "MB")
        # What the first requests bring in once is not a stream's.
        self.wrk(self.ll_port, "/v1/chat/completions",
                 chat("bench-model", PROSE), 16)
        limit = 5000
        for n in (1000, limit):
            before = rss_kb(self.ll.p.pid)
            with subprocess.Popen(
                    [self.load, "streams", "127.0.0.1", str(self.ll_port),
                     str(n), "2", "/v1/chat/completions", "bench-idle", KEY],
                    stdout=subprocess.PIPE, text=True) as p:
                opened = json.loads(p.stdout.readline())["open"]
                time.sleep(1)
                after = rss_kb(self.ll.p.pid)
                p.stdout.readline()
            if opened < n:
                print(f"only {opened} of {n} streams: descriptor limit")
            self.row(f"RSS per idle stream, {opened}", 8,
                     [(after - before) / opened], "kB")
            time.sleep(0.5)

    def startup(self):
        times = []
        for _ in range(5):
            self.ll.stop()
            t = time.monotonic()
            self.ll = Proc([BUILD / "llmd", "--config",
                            self.dir / "llmd.yaml", "--port", self.ll_port,
                            "--workers", 1, "--socket", self.dir / "c.sock"],
                           0, self.dir / "llmd.log")
            while True:
                try:
                    urllib.request.urlopen(
                        f"http://127.0.0.1:{self.ll_port}/health",
                        timeout=1).read()
                    break
                except OSError:
                    time.sleep(0.0005)
            times.append((time.monotonic() - t) * 1000)
        self.row("start to first 200", 20, times, "ms",
                 "fork and exec included")

    def run(self):
        small = chat("bench-model", "Create a high-priority task for the "
                     "quarterly review and remind me on Thursday morning")
        todo = {
            "small": lambda: self.compare("small chat, c=16", 1.15, small),
            "small64": lambda: self.compare("small chat, c=64", 1.2, small,
                                            64),
            "ollama": lambda: self.compare(
                "small chat to Ollama and back, c=16", 1.3,
                small.replace("bench-model", "bench-ollama"),
                model="bench-ollama"),
            "latency": self.latency,
            "prose": lambda: self.compare(
                "122 KB prompt, prose", 1.1,
                chat("bench-model", PROSE * (122000 // len(PROSE)))),
            "escapes": lambda: self.compare(
                "122 KB prompt, an escape every 27 bytes", 1.4,
                chat("bench-model", ("x" * 25 + "\n") * 4518)),
            "image": lambda: self.compare(
                "1 MB image body", 0.9, json.dumps({
                    "model": "bench-model", "messages": [
                        {"role": "user", "content": [
                            {"type": "image_url", "image_url": {
                                "url": "data:image/png;base64," +
                                       "iVBORw0K" * 131072}}]}]})),
            "sse": lambda: self.sse("SSE event relayed, 200 x 50/s", 1.1,
                                    "bench-model", 200),
            "sse1000": lambda: self.sse("SSE event relayed, 1000 x 50/s",
                                        1.1, "bench-model", 1000),
            "ndjson": lambda: self.sse("SSE event translated, 200 x 50/s",
                                       1.15, "bench-ollama", 200),
            "memory": self.memory,
            "startup": self.startup,
        }
        only = self.args.only.split(",") if self.args.only else todo
        for name in only:
            todo[name]()
        if self.args.json:
            pathlib.Path(self.args.json).write_text(
                json.dumps(self.rows, indent=1))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--pairs", type=int, default=8)
    ap.add_argument("--seconds", type=int, default=1)
    ap.add_argument("--only")
    ap.add_argument("--json")
    args = ap.parse_args()
    subprocess.run(["sh", ROOT / "deploy/deps.sh", "build", "bench"],
                   check=True)
    b = Bench(args)
    b.start()
    try:
        b.run()
    finally:
        b.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
