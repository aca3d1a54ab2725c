// SPDX-License-Identifier: ISC
// The official openai npm package against llmd: the same cases as tests/e2e.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { makeWorld, until } from './world.mjs';

const TEXT = 'Zür ✓ 日本 👩‍🚀';
const messages = [{ role: 'user', content: 'Hi' }];
const tools = [{
  type: 'function', function: {
    name: 'add', parameters: {
      type: 'object', properties: { a: { type: 'integer' } }, required: ['a'],
    },
  },
}];
let w;
let client;

before(async () => { w = await makeWorld(); client = w.client(); });
after(() => w.stop());

async function text(stream) {
  let out = '';
  for await (const c of stream) out += c.choices[0]?.delta.content ?? '';
  return out;
}

for (const model of ['m', 'o']) {
  describe(model === 'm' ? 'over Ollama' : 'over OpenAI', () => {
    test('CHAT-01 plain chats', async () => {
      await w.script(model, { text: TEXT, prompt_tokens: 11, completion_tokens: 7 });
      const got = await Promise.all(Array.from({ length: 200 }, () =>
        client.chat.completions.create({ model, messages })));
      assert.equal(new Set(got.map((r) => r.id)).size, 200);
      for (const r of got) {
        assert.match(r.id, /^chatcmpl-/);
        assert.equal(r.choices[0].message.content, TEXT);
        assert.equal(r.choices[0].finish_reason, 'stop');
        assert.equal(r.model, model);
        assert.ok(Number.isInteger(r.created));
        assert.equal(r.usage.total_tokens, 18);
      }
    });

    test('STR-01 stream', async () => {
      await w.script(model, { text: TEXT, token_chars: 1, split: 7 });
      assert.equal(await text(await client.chat.completions.create(
        { model, messages, stream: true })), TEXT);
    });

    test('STR-01 stream helper', async () => {
      await w.script(model, { text: TEXT, token_chars: 1 });
      const s = client.chat.completions.stream({ model, messages });
      const r = await s.finalChatCompletion();
      assert.equal(r.choices[0].message.content, TEXT);
      assert.equal(r.choices[0].message.role, 'assistant');
    });

    test('STR-02 role on each chunk', async () => {
      await w.script(model, { text: 'one two', words: true, role_each: true });
      const r = await client.chat.completions.stream({ model, messages })
        .finalChatCompletion();
      assert.equal(r.choices[0].message.content, 'one two');
    });

    for (const finish of ['', 'missing', 'null']) {
      test(`STR-04 finish ${JSON.stringify(finish)}`, async () => {
        await w.script(model, { text: 'fine', finish });
        const r = await client.chat.completions.stream({ model, messages })
          .finalChatCompletion();
        assert.equal(r.choices[0].finish_reason, 'stop');
      });
    }

    test('STR-08 JSON in answer to a stream', async () => {
      await w.script(model, { text: 'whole', json_reply: true });
      assert.equal(await text(await client.chat.completions.create(
        { model, messages, stream: true })), 'whole');
    });

    test('USE-01 usage asked for', async () => {
      await w.script(model, { text: 'x', prompt_tokens: 11, completion_tokens: 7 });
      const s = await client.chat.completions.create({
        model, messages, stream: true, stream_options: { include_usage: true },
      });
      const got = [];
      for await (const c of s) got.push(c);
      assert.deepEqual(got.at(-1).choices, []);
      assert.equal(got.at(-1).usage.total_tokens, 18);
      assert.ok(got.slice(0, -1).every((c) => c.usage === null));
    });

    test('TOOL-04 streamed call, runTools', async () => {
      await w.scripts(model, [
        { tool_calls: [{ name: 'add', arguments: { a: 41 } }] },
        { text: 'It is 42.' },
      ]);
      const seen = [];
      const run = client.chat.completions.runTools({
        model, messages, stream: true, tools: [{
          type: 'function', function: {
            name: 'add', parse: JSON.parse, parameters: tools[0].function.parameters,
            function: ({ a }) => { seen.push(a); return String(a + 1); },
          },
        }],
      });
      assert.equal(await run.finalContent(), 'It is 42.');
      assert.deepEqual(seen, [41]);
      const sent = (await w.last(model)).json.messages;
      assert.equal(sent.at(-1).role, 'tool');
      assert.equal(sent.at(-1).content, '42');
    });

    test('TOOL-05 three parallel calls', async () => {
      await w.script(model, {
        tool_calls: [1, 2, 3].map((a) => ({ name: 'add', arguments: { a } })),
        ...(model === 'm' ? { tool_index: 'zero' } : { tool_delta: 3 }),
      });
      const r = await client.chat.completions.stream({ model, messages, tools })
        .finalChatCompletion();
      assert.deepEqual(r.choices[0].message.tool_calls.map(
        (c) => JSON.parse(c.function.arguments)), [{ a: 1 }, { a: 2 }, { a: 3 }]);
      assert.equal(r.choices[0].finish_reason, 'tool_calls');
    });

    test('ERR-06 error in mid-stream', async () => {
      await w.script(model, {
        text: 'one two three four', words: true, error_after: 2, error: 'CUDA out of memory',
      });
      await assert.rejects(text(await client.chat.completions.create(
        { model, messages, stream: true })), /CUDA out of memory/);
    });

    for (const fault of ['cut_mid', 'rst_mid']) {
      test(`ERR-07 ${fault}`, async () => {
        await w.script(model, { text: 'one two three four', words: true, fault });
        await assert.rejects(async () => text(await client.chat.completions.create(
          { model, messages, stream: true })), OpenAI.APIError);
        await w.script(model, { text: 'one two three four', cut_after: 60, cut: 'rst' });
        await assert.rejects(client.chat.completions.create({ model, messages }),
          OpenAI.InternalServerError);
      });
    }

    test('CAN-01 abort', async () => {
      await w.script(model, { text: 'x ', endless: true, pace: 10 });
      const s = await client.chat.completions.create({ model, messages, stream: true });
      let n = 0;
      for await (const _ of s) if (++n === 5) break;
      await until(async () => (await w.requests(model)).at(-1).end !== 'open', 2000,
        'the upstream is closed');
      await w.script(model, { delay: 30000 });
      const ac = new AbortController();
      const before = (await w.requests(model)).length;
      const p = client.chat.completions.create({ model, messages }, { signal: ac.signal });
      p.catch(() => {});
      await until(async () => (await w.requests(model)).length > before, 2000, 'sent');
      ac.abort();
      await assert.rejects(p, OpenAI.APIUserAbortError);
      await until(async () => (await w.requests(model)).at(-1).end !== 'open', 2000,
        'the upstream is closed');
    });
  });
}

test('CHAT-03 replay of an assistant message with null content', async () => {
  await w.script('m', { tool_calls: [{ name: 'add', arguments: { a: 1 } }] });
  const first = await client.chat.completions.create({ model: 'm', messages, tools });
  const said = first.choices[0].message;
  assert.equal(said.content, null);
  assert.equal(said.tool_calls[0].function.arguments, '{"a":1}');
  await w.script('m', { text: '2' });
  const r = await client.chat.completions.create({
    model: 'm', tools, messages: [...messages, { ...said, parsed: null },
      { role: 'tool', tool_call_id: said.tool_calls[0].id, content: '2' }],
  });
  assert.equal(r.choices[0].message.content, '2');
  const sent = (await w.last('m')).json.messages;
  assert.equal(sent[1].content, '');
  assert.deepEqual(sent[1].tool_calls[0].function.arguments, { a: 1 });
  assert.equal(sent[2].tool_name, 'add');
});

test('STR-03 no [DONE]', async () => {
  await w.script('o', { text: 'fine', done: 0 });
  assert.equal(await text(await client.chat.completions.create(
    { model: 'o', messages, stream: true })), 'fine');
});

test('TOOL-09 no arguments', async () => {
  await w.script('m', { tool_calls: [{ name: 'add', arguments: {} }] });
  const r = await client.chat.completions.stream({ model: 'm', messages, tools })
    .finalChatCompletion();
  assert.equal(r.choices[0].message.tool_calls[0].function.arguments, '{}');
});

test('TOOL-10 length after a call', async () => {
  await w.script('m', { tool_calls: [{ name: 'add', arguments: { a: 1 } }], finish: 'length' });
  const r = await client.chat.completions.create({ model: 'm', messages, tools });
  assert.equal(r.choices[0].finish_reason, 'length');
});

test('JSON-02 parse', async () => {
  const Task = z.object({ title: z.string(), priority: z.number() });
  await w.script('m', { text: '{"title":"Budget","priority":2}', token_chars: 3 });
  const body = { model: 'm', messages, response_format: zodResponseFormat(Task, 'task') };
  const r = await client.chat.completions.parse(body);
  assert.deepEqual(r.choices[0].message.parsed, { title: 'Budget', priority: 2 });
  const s = await client.chat.completions.stream(body).finalChatCompletion();
  assert.deepEqual(s.choices[0].message.parsed, { title: 'Budget', priority: 2 });
  assert.equal((await w.last('m')).json.format.type, 'object');
});

test('SSE-01 odd forms of SSE', async () => {
  for (const form of [{ eol: 'crlf' }, { eol: 'cr' }, { bom: true, no_space: true },
    { multi_data: true, comments: true }, { no_final_eol: true }]) {
    await w.script('o', { text: TEXT, token_chars: 2, split: 7, ...form });
    assert.equal(await text(await client.chat.completions.create(
      { model: 'o', messages, stream: true })), TEXT, JSON.stringify(form));
  }
});

test('SSE-05 keep-alives do not pass', async () => {
  await w.script('o', {
    text: 'one two', words: true, comments: true, ids: true, retry: true, ping: true,
  });
  assert.equal(await text(await client.chat.completions.create(
    { model: 'o', messages, stream: true })), 'one two');
});

test('ERR-01 unknown model', async () => {
  await assert.rejects(client.chat.completions.create({ model: 'nope', messages }), (e) => {
    assert.ok(e instanceof OpenAI.NotFoundError);
    assert.equal(e.code, 'model_not_found');
    assert.match(e.requestID, /^req_/);
    return true;
  });
});

test('ERR-02 classes', async () => {
  for (const [status, cls] of [[400, 'BadRequestError'], [404, 'NotFoundError'],
    [409, 'ConflictError'], [422, 'UnprocessableEntityError'], [429, 'RateLimitError'],
    [500, 'InternalServerError'], [503, 'InternalServerError']]) {
    await w.script('o', { status, error: `made up ${status}` });
    await assert.rejects(client.chat.completions.create({ model: 'o', messages }), (e) => {
      assert.ok(e instanceof OpenAI[cls], `${status}: ${e}`);
      assert.match(e.message, new RegExp(`made up ${status}`));
      return true;
    });
  }
});

test('ERR-04 the SDK waits for Retry-After', async () => {
  await w.scripts('o', [{ status: 429, retry_after: '1' }, { text: 'ok' }]);
  const start = Date.now();
  const r = await w.client({ maxRetries: 2 }).chat.completions.create(
    { model: 'o', messages });
  assert.equal(r.choices[0].message.content, 'ok');
  assert.ok(Date.now() - start > 900);
});

test('ERR-09 our key is refused upstream', async () => {
  await w.script('o', { status: 401 });
  await assert.rejects(client.chat.completions.create({ model: 'o', messages }), (e) => {
    assert.equal(e.status, 502);
    assert.equal(e.code, 'upstream_auth');
    assert.ok(!JSON.stringify(e.error).includes('sk-upstream'));
    return true;
  });
});

test('MOD-01 models', async () => {
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  assert.deepEqual(ids, ['m', 'o']);
  const m = await client.models.retrieve('m');
  assert.deepEqual(Object.keys(m).slice(0, 4), ['id', 'object', 'created', 'owned_by']);
  await assert.rejects(client.models.retrieve('nope'), OpenAI.NotFoundError);
});

test('501 is not retried', async () => {
  const start = Date.now();
  await assert.rejects(w.client({ maxRetries: 2 }).embeddings.create(
    { model: 'm', input: 'x' }), (e) => e.status === 501);
  assert.ok(Date.now() - start < 400 * (process.env.LLMD_SANITIZER ? 4 : 1));
});

test('ERR-09 the gateway\'s own key', async () => {
  const k = await makeWorld({ key: 'sk-good' });
  try {
    assert.ok(await k.client().chat.completions.create({ model: 'm', messages }));
    await assert.rejects(k.client({ apiKey: 'sk-wrong' }).chat.completions.create(
      { model: 'm', messages }), OpenAI.AuthenticationError);
  } finally {
    await k.stop();
  }
});

test('a browser page of a foreign origin', async () => {
  const r = await fetch(`${w.url}/v1/chat/completions`, {
    method: 'POST', headers: { origin: 'https://evil.example' },
    body: JSON.stringify({ model: 'm', messages }),
  });
  assert.equal(r.status, 403);
});
