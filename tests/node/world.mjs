// SPDX-License-Identifier: ISC
// Starts llmsim and llmd for a test file, and scripts llmsim.

import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import OpenAI from 'openai';

const root = path.resolve(import.meta.dirname, '../..');
const build = path.resolve(root, process.env.BUILD ?? 'build');
const slow = process.env.LLMD_SANITIZER ? 4 : 1;

// Resolves to the first true value of look(); rejects after ms.
export async function until(look, ms, what) {
  const end = Date.now() + ms * slow;
  for (;;) {
    const value = await look();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((r) => setTimeout(r, 10));
  }
}

function start(dir, name, args) {
  const log = path.join(dir, `${name}.log`);
  const fd = openSync(log, 'w');
  const env = {
    PATH: process.env.PATH, HOME: dir, TZ: 'UTC', LANG: 'C.UTF-8',
    XDG_RUNTIME_DIR: dir, XDG_STATE_HOME: dir, TMPDIR: dir,
  };
  for (const [k, v] of Object.entries(process.env)) {
    if (k.endsWith('SAN_OPTIONS')) env[k] = v;
  }
  const child = spawn(path.join(build, name), args,
    { stdio: ['ignore', fd, fd], env, cwd: dir });
  const proc = {
    child, log: () => readFileSync(log, 'utf8'), ended: null,
    done: new Promise((resolve) => child.on('exit', (code, signal) => {
      proc.ended = { code, signal };
      resolve(proc.ended);
    })),
  };
  return proc;
}

async function freePort() {
  for (;;) {
    const port = 10000 + Math.floor(Math.random() * 22000);
    const free = await new Promise((resolve) => {
      const s = net.createServer();
      s.once('error', () => resolve(false));
      s.listen(port, '127.0.0.1', () => s.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

// A gateway with model `m` on Ollama and `o` on an OpenAI-compatible server.
export async function makeWorld({ key } = {}) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'llmd-'));
  const sim = start(dir, 'llmsim', ['--port', '0', '--control-port', '0',
    '--models', 'm,o', '--quiet', '--die-with-parent']);
  const m = await until(() => sim.ended
    ?? sim.log().match(/listening on (\S+)\n[^]*control on (\S+)\n/), 5000,
    'llmsim listens');
  const [, simUrl, control] = m;
  const entry = (name, model, extra) => `  - model_name: ${name}\n`
    + `    litellm_params:\n      model: ${model}\n${extra}`;
  writeFileSync(path.join(dir, 'config.yaml'), 'model_list:\n'
    + entry('m', 'ollama/m', `      api_base: ${simUrl}\n`)
    + entry('o', 'openai/o', `      api_base: ${simUrl}/v1\n`
      + '      api_key: sk-upstream\n')
    + (key ? `general_settings:\n  master_key: ${key}\n` : ''));
  const port = await freePort();
  const gw = start(dir, 'llmd', ['--config', 'config.yaml', '--port',
    String(port), '--socket', path.join(dir, 'c.sock'), '--workers', '2']);
  const url = `http://127.0.0.1:${port}`;
  await until(async () => {
    if (gw.ended) throw new Error(`llmd ended:\n${gw.log()}`);
    try { return (await fetch(`${url}/health`)).ok; } catch { return false; }
  }, 15000, 'llmd answers /health');

  const call = async (what, body) => {
    const r = await fetch(`${control}/__sim/${what}`, body && {
      method: 'POST', body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
    if (!r.ok) throw new Error(`llmsim: ${await r.text()}`);
    return r.json();
  };
  return {
    url, port, gw,
    client: (opts = {}) => new OpenAI({
      baseURL: `${url}/v1`, apiKey: key ?? 'sk-any', maxRetries: 0,
      timeout: 20000 * slow, ...opts,
    }),
    script: (model, script) => call('script', { model, script }),
    scripts: (model, scripts) => call('script', { model, scripts }),
    requests: async (model) => (await call(`requests?model=${model}`))
      .filter((r) => r.method === 'POST' && r.path !== '/api/show'),
    last: async (model) => {
      const r = (await call(`requests?model=${model}`)).at(-1);
      return { ...r, json: JSON.parse(r.body) };
    },
    async stop() {
      gw.child.kill('SIGTERM');
      let timer;
      const end = await Promise.race([gw.done, new Promise((r) => {
        timer = setTimeout(() => r('slow'), 15000 * slow);
      })]);
      clearTimeout(timer);
      sim.child.kill('SIGTERM');
      await sim.done;
      const log = gw.log();
      rmSync(dir, { recursive: true, force: true });
      if (end === 'slow') { gw.child.kill('SIGKILL'); throw new Error(`llmd did not end\n${log}`); }
      if (end.code !== 0) throw new Error(`llmd: ${JSON.stringify(end)}\n${log}`);
      if (/Sanitizer|runtime error:/.test(log)) throw new Error(log);
    },
  };
}
