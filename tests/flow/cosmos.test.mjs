// The worker on Cosmos DB instead of a Memory API: the same promises, against the strict stand-in.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { addTurn, conversation, hobby } from './chats.mjs';
import { Program } from './program.mjs';
import { IDENTITY, withEntra } from './entra.mjs';
import { environment, until, withStack } from './stack.mjs';

const KEY = Buffer.from('a key for flow tests, not a secret').toString('base64');

/** A stack whose worker and Memory API share one Cosmos DB account; `account` is its knobs. */
async function withCosmos(body, workerEnv = {}, options = {}) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'memory-worker-cosmos-'));
  const program = new Program('cosmos', { dir, env: environment(), command: [] });
  try {
    program.spawn([path.join(process.env.MW_BIN, 'memory-devstack'), 'cosmos', '--key', KEY]);
    const url = `http://127.0.0.1:${(await program.listening()).listening}`;
    const cosmos = { COSMOS_ENDPOINT: `${url}/`, COSMOS_KEY: KEY };
    const admin = async (method, route, json) => {
      const answer = await fetch(`${url}/_admin/${route}`, { method, body: json && JSON.stringify(json) });
      assert.equal(answer.status, 200);
      return answer.json();
    };
    const account = {
      faults: (faults) => admin('POST', 'faults', { clear: true, faults }),
      stats: () => admin('GET', 'stats'),
    };
    await withStack({
      env: { MEMORY_API_ENDPOINT: undefined, ...cosmos, ...workerEnv },
      api: ['--store', 'cosmos'],
      apiEnv: { ...cosmos, COSMOS_DATABASE_NAME: 'memory_db' },
      ...options,
    }, (stack) => body(stack, account));
  } finally {
    await program.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

test('with COSMOS_ENDPOINT and no Memory API the worker stores in Cosmos DB and counts what it costs', async () => {
  await withCosmos(async (stack, account) => {
    const chats = [1, 2, 3].map((n) => conversation(n, { user: n < 3 ? 'anna' : 'ben' }));
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
    assert.ok(await stack.metric('memory_worker_cosmos_request_units_total') > 0);
    assert.ok(await stack.metric('memory_worker_cosmos_requests_total', 'operation="create"') >= 5);
    assert.match(stack.worker.log, /memories go to Cosmos DB: memory_writer.cosmos-endpoint is taken from COSMOS_ENDPOINT/);
    assert.ok(!stack.worker.log.includes(KEY));
    assert.ok((await account.stats()).create.requests >= 5);
  });
});

test('throttling, lost answers and an outage of the account cost time, not messages', async () => {
  await withCosmos(async (stack, account) => {
    await account.faults([
      { kind: 'answer', status: 429, retry_after_ms: 1500, on: 'read', next: 4 }, // too long to be waited for in a call
      { kind: 'answer', status: 429, retry_after_ms: 20, on: 'create', next: 6 },
      { kind: 'lost-response', on: 'create', skip: 2, next: 4 },
      { kind: 'answer', status: 449, on: 'create', next: 3 },
      { kind: 'lost-response', on: 'replace', next: 2 },
    ]);
    const chats = Array.from({ length: 12 }, (_, n) => conversation(n, { user: `user-${n % 3}` }));
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
    assert.ok(await stack.metric('memory_worker_cosmos_retries_total') > 0);
    await account.faults([{ kind: 'answer', status: 503 }]);
    const late = Array.from({ length: 8 }, (_, n) => conversation(100 + n, { user: `late-${n}` }));
    await stack.publish(late);
    await stack.notReady('memory');
    await account.faults([]);
    await stack.storedOnceEach([...chats, ...late]);
  });
});

test('a worker killed again and again leaves one summary and each fact once in Cosmos DB', async () => {
  await withCosmos(async (stack) => {
    const chats = Array.from({ length: 12 }, (_, n) => conversation(n, { user: `user-${n % 2}` }));
    await stack.llmFaults([], { latency_median_ms: 100 });
    await stack.publish(chats);
    for (let i = 0; i < 3; ++i) {
      const before = await stack.storedCount(chats);
      await until('one more is stored', async () => before === chats.length || (await stack.storedCount(chats)) > before);
      await stack.kill('worker');
      await stack.start_worker();
    }
    await stack.storedOnceEach(chats);
  }, {}, { worker: ['--dispatcher.max-jobs=2'] });
});

test('memories deleted in Cosmos DB while a job is in flight stay deleted, what is said later is learned', async () => {
  await withCosmos(async (stack) => {
    const chat = conversation(1, { user: 'anna', turns: 2 });
    await stack.publish([chat]);
    await stack.storedOnceEach([chat]);
    await stack.llmFaults([], { latency_median_ms: 1500 });
    const running = conversation(2, { user: 'anna' });
    await stack.publish([running]);
    await until('the LLM works on it', async () => (await stack.llmStats()).in_flight === 1);
    await stack.forget('anna');
    await stack.busEmpty();
    assert.deepEqual((await stack.profile('anna')).interests, []);
    assert.equal(await stack.record(running), null);
    assert.equal(await stack.record(chat), null);
    await stack.llmFaults([]);
    chat.at = Date.now() + 120_000; // beyond the margin for clocks that differ
    chat.likes = [];
    addTurn(chat, `I like ${hobby(70)}.`);
    await stack.publish([chat]);
    await stack.storedOnceEach([chat]);
  });
});

test('check tries the account and says what is wrong with it', async () => {
  await withCosmos(async (stack) => {
    const well = await stack.workerCommand('check');
    assert.match(well.out, /ok {6}Memory store http:\/\/127\.0\.0\.1:\d+\/ memory_db: conversations, user-memories/);
    assert.equal(well.code, 0);
  }, {}, { start: ['redis', 'bus', 'llm', 'api'] });
  await withCosmos(async (stack) => {
    const wrong = await stack.workerCommand('check');
    assert.match(wrong.out, /FAILED {2}Memory store[^]*unauthorized: [^]*is COSMOS_KEY this account's key/);
    assert.equal(wrong.code, 1);
  }, { COSMOS_KEY: Buffer.from('another').toString('base64') }, { start: ['redis', 'bus', 'llm', 'api'] });
});

test('without any key worker and Memory API sign in to the account with Entra', async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'memory-worker-cosmos-'));
  const program = new Program('cosmos', { dir, env: environment(), command: [] });
  try {
    program.spawn([path.join(process.env.MW_BIN, 'memory-devstack'), 'cosmos']);
    const url = `http://127.0.0.1:${(await program.listening()).listening}`;
    const cosmos = { COSMOS_ENDPOINT: `${url}/` };
    const api = {};
    await withEntra({
      env: { MEMORY_API_ENDPOINT: undefined, ...cosmos },
      api: ['--store', 'cosmos'],
      apiEnv: api,
      start: [],
    }, async (stack, entra) => {
      Object.assign(api, cosmos, {
        COSMOS_DATABASE_NAME: 'memory_db', AZURE_AUTHORITY_HOST: entra.url, AZURE_TENANT_ID: IDENTITY.tenant,
        AZURE_CLIENT_ID: IDENTITY.client, AZURE_CLIENT_SECRET: IDENTITY.secret,
      });
      for (const name of ['bus', 'redis', 'llm', 'api', 'worker']) await stack[`start_${name}`]();
      const chats = [1, 2, 3].map((n) => conversation(n));
      await stack.publish(chats);
      await stack.storedOnceEach(chats);
      assert.match(stack.api.log, /"event":"signed-in".*"identity":"environment"/);
      assert.ok(!stack.api.log.includes(IDENTITY.secret));
    });
  } finally {
    await program.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});
