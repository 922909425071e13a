// The worker and a real llama.cpp server. The model is far too small to be right; what is tested is the wire, that
// nothing but what fits the schema is taken, that errors end as they should, and that what a bad model makes up
// about a user does not get into the profile. How much that is is reported.
import assert from 'node:assert/strict';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import { event } from '../flow/chats.mjs';
import { Program } from '../flow/program.mjs';
import { environment, until, withStack } from '../flow/stack.mjs';

const HOME = process.env.LOCAL_LLM_HOME;
const SAMPLES = path.join(import.meta.dirname, '../../deploy/local/conversations');
/** No further conversation is begun after so long. */
const BUDGET_MS = 100_000;
const BOUND_MS = 150_000;
/** Tokens of a prompt a second below which the machine is too busy: a prompt has 3,000. */
const LEAST_SPEED = 80;

/** Hands everything on to the real server and keeps each chat exchange: {request, status, answer}. */
async function recorder(port) {
  const exchanges = [];
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const sent = Buffer.concat(parts);
      const options = { host: '127.0.0.1', port, path: request.url, method: request.method, headers: request.headers };
      const onward = http.request(options, (answer) => {
        const got = [];
        answer.on('data', (part) => got.push(part));
        answer.on('end', () => {
          const body = Buffer.concat(got);
          const { statusCode: status } = answer;
          if (sent.length > 0) exchanges.push({ request: JSON.parse(sent), status, answer: JSON.parse(body) });
          response.writeHead(answer.statusCode, answer.headers);
          response.end(body);
        });
      });
      onward.on('error', () => response.destroy());
      response.on('close', () => onward.destroy());
      onward.end(sent);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { exchanges, port: server.address().port, close };
}

/** Where the value does not fit the schema (the strict subset of JSON schema); empty where it does. */
function misfits(value, schema, at = '$') {
  if (schema.enum && !schema.enum.includes(value)) return [`${at} is none of ${schema.enum}`];
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return [`${at} is no array`];
    return value.flatMap((item, i) => misfits(item, schema.items, `${at}[${i}]`));
  }
  if (schema.type === 'object') {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return [`${at} is no object`];
    const extra = Object.keys(value).filter((name) => !(name in schema.properties)).map((name) => `${at}.${name} is extra`);
    const missing = schema.required.filter((name) => !(name in value)).map((name) => `${at}.${name} is missing`);
    const inside = Object.entries(value).filter(([name]) => name in schema.properties)
      .flatMap(([name, item]) => misfits(item, schema.properties[name], `${at}.${name}`));
    return [...extra, ...missing, ...inside];
  }
  return typeof value === schema.type ? [] : [`${at} is no ${schema.type}`];
}

/** A sample conversation, cut after its first message: with one there is nothing to split, so at most two calls. */
function firstMessageOf(file) {
  const sample = JSON.parse(readFileSync(path.join(SAMPLES, file), 'utf8'));
  return chatOf(sample.sessionId, sample.userId, sample.title, [sample.messages[0].text]);
}

function chatOf(sessionId, userId, title, texts) {
  const id = `${sessionId}-m1`;
  const timestamp = new Date(Date.UTC(2026, 8, 1)).toISOString();
  const roles = ['user', 'assistant'];
  const messages = texts.map((content, i) => ({ messageId: `${id}_${roles[i]}`, role: roles[i], content, timestamp }));
  return { sessionId, userId, title, messages, ids: [id] };
}

/** Tokens of a prompt that the model reads a second, as its server says. */
async function promptSpeed(port) {
  const content = Array.from({ length: 200 }, (_, i) => `word${i}`).join(' ');
  const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content }], max_tokens: 1 }),
    signal: AbortSignal.timeout(BOUND_MS),
  });
  assert.equal(answer.status, 200);
  return (await answer.json()).timings.prompt_per_second;
}

async function withLocalModel(body) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'memory-worker-local-llm-'));
  const command = [path.join(HOME, 'venv/bin/python'), path.join(import.meta.dirname, 'serve.py'), HOME];
  const model = new Program('llama', { dir, env: environment(), command });
  try {
    model.spawn();
    await body((await model.listening()).listening);
  } finally {
    await model.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function withWorker(port, body) {
  const proxy = await recorder(port);
  const options = {
    start: ['redis', 'bus', 'api', 'worker'],
    env: { AZURE_AI_CHAT_ENDPOINT: `http://127.0.0.1:${proxy.port}/v1`, AZURE_AI_CHAT_KEY: undefined },
    worker: ['--llm_analyzer.max-in-flight=1', '--llm_analyzer.max-output-tokens=100',
      '--llm_analyzer.request-timeout=150s', '--dispatcher.job-deadline=10min'],
    onEnd: 'kill',
  };
  try {
    await withStack(options, (stack) => body(stack, proxy.exchanges));
  } finally {
    proxy.close();
  }
}

async function settle(stack, chat) {
  const before = await stack.settledCount();
  await stack.store(chat);
  const message = event({ ...chat, messages: [chat.messages[0], chat.messages.at(-1)] }, 0);
  await stack.send([message]);
  await until('its event is settled', async () => (await stack.settledCount()) > before, BOUND_MS);
  return stack.record(chat);
}

/** Analyses that came to their end. */
function whole(exchanges) {
  return exchanges.filter((e) => e.request.response_format && e.answer.choices?.[0].finish_reason === 'stop');
}

const CAUSES = ['not-fresh', 'not-user', 'no-quote', 'malformed'];

/** The tests proper, as subtests of `t`. */
async function check(t, port) {
  await withWorker(port, async (stack, exchanges) => {
    const begin = Date.now();

    await t.test('a prompt longer than its context ends as that, not as an outage', async () => {
      const long = chatOf('long', 'long.user', 'Long', ['I like sailing very much. '.repeat(900), 'I see.']);
      const record = await settle(stack, long);
      const refused = exchanges.find((e) => e.status === 400);
      assert.equal(refused.answer.error.type, 'exceed_context_size_error');
      assert.equal(record.status, 'defaults');
      const { skipped } = JSON.parse((await stack.documents(long)).conversation.worker);
      assert.match(skipped[0].reason, /^context.too.long$/);
      assert.equal((await stack.health()).code, 200);
    });

    const records = [];
    await t.test('sample conversations end in memories or in defaults, none is dead-lettered', async () => {
      for (const file of readdirSync(SAMPLES).sort().slice(0, 3)) {
        if (records.length > 0 && Date.now() - begin > BUDGET_MS) break;
        records.push(await settle(stack, firstMessageOf(file)));
      }
      for (const record of records) assert.ok(['ok', 'defaults'].includes(record.status), record.status);
      assert.deepEqual(await stack.deadLetters(), []);
    });

    await t.test('it takes the request as it is, with schema and output limit; its usage is counted', async () => {
      const asked = exchanges.filter((e) => e.request.response_format);
      assert.ok(asked.length > 0);
      for (const { status, answer } of asked) {
        assert.ok(status === 200 || answer.error.type === 'exceed_context_size_error', JSON.stringify(answer));
      }
      for (const e of asked) assert.equal(e.request.response_format.type, 'json_schema');
      for (const e of asked.filter((one) => one.status === 200)) {
        assert.ok(e.answer.usage.completion_tokens <= e.request.max_completion_tokens);
      }
      const output = exchanges.reduce((sum, e) => sum + (e.answer.usage?.completion_tokens ?? 0), 0);
      assert.equal(await stack.metric('memory_worker_llm_tokens_total', 'kind="output"'), output);
    });

    await t.test('whatever was taken fits the schema', () => {
      const finished = whole(exchanges);
      const fitting = finished.filter((e) => {
        const { schema } = e.request.response_format.json_schema;
        return misfits(JSON.parse(e.answer.choices[0].message.content), schema).length === 0;
      });
      assert.ok(records.filter((r) => r.status === 'ok').length <= fitting.length);
      for (const record of records.filter((r) => r.status === 'ok')) {
        assert.ok(record.summary.length > 0 && record.themes.length <= 5);
      }
      t.diagnostic(`${finished.length} whole answers, ${fitting.length} fit the schema, ` +
        `${records.filter((r) => r.status === 'ok').length} of ${records.length} conversations summarised`);
    });

    await t.test('operations without evidence are dropped and counted', async () => {
      const operations = whole(exchanges)
        .reduce((sum, e) => sum + JSON.parse(e.answer.choices[0].message.content).operations.length, 0);
      let dropped = 0;
      for (const cause of CAUSES) {
        dropped += await stack.metric('memory_worker_operations_dropped_total', `cause="${cause}"`);
      }
      assert.ok(dropped <= operations);
      const share = operations === 0 ? 'none were made' : `${Math.round((100 * dropped) / operations)} %`;
      const took = Math.round((Date.now() - begin) / 1000);
      t.diagnostic(`operations that failed the evidence check: ${dropped} of ${operations} (${share}); ${took} s`);
    });
  });
}

test('a real llama.cpp server answers, and the worker lives with it', async (t) => {
  await withLocalModel(async (port) => {
    const speed = Math.round(await promptSpeed(port));
    t.diagnostic(`the model reads ${speed} tokens of a prompt a second`);
    const skip = speed < LEAST_SPEED && `the machine is too busy: ${speed} tokens of a prompt a second`;
    const name = 'the wire, the schema, the errors, and what a bad model cannot do';
    await t.test(name, { skip }, (inner) => check(inner, port));
  });
});
