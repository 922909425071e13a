// 0.25 CPU and 512 MB, as the original is deployed: with the default budgets, conversations of 1 MB and an LLM that
// stalls, the worker stays within the limits, and settles everything once the LLM answers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { conversation, event, lastMessageId, stored } from '../flow/chats.mjs';
import { until, withStack } from '../flow/stack.mjs';
import { makeGroup } from './cgroup.mjs';

const MEGABYTE = 1 << 20;
const LIMITS = { cpus: 0.25, memory: 512 * MEGABYTE };
const BUDGET = Math.floor(LIMITS.memory / 10) * 4;
const SMALL = 2000;
const STALLED_BOUND_MS = 240_000;
const RECOVERY_BOUND_MS = 420_000;
const FILLER = 'and we talked about it for quite a while '.repeat(400);

/** A conversation of 1 MB: the assistant says most of it. */
function large(number) {
  const chat = conversation(number, { turns: 64 });
  for (const message of chat.messages) if (message.role === 'assistant') message.content = FILLER;
  return chat;
}

async function load(stack, chats) {
  for (const chat of chats) await stack.data.command('SET', `session:${chat.sessionId}`, stored(chat));
  await stack.send(chats.map((chat) => event(chat)));
}

/** Keeps the highest values seen. */
function watcher(stack) {
  const most = { bytes: 0, inFlight: 0, resident: 0, unsettled: 0 };
  return async () => {
    const status = readFileSync(`/proc/${stack.worker.pid}/status`, 'utf8');
    const seen = {
      bytes: await stack.metric('memory_worker_bytes_in_flight'),
      inFlight: (await stack.llmStats()).in_flight,
      resident: Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024,
      unsettled: await stack.metric('memory_worker_deliveries_unsettled'),
    };
    for (const key of Object.keys(most)) most[key] = Math.max(most[key], seen[key]);
    return most;
  };
}

/** @param reached (most) whether the stalled worker holds as much as it should get to hold */
async function stallAndRecover(t, limits, { maxJobs, largeCount, reached }) {
  const worker = [`--dispatcher.max-jobs=${maxJobs}`, '--llm_analyzer.request-timeout=10min',
    '--receiver.lock-duration=60s'];
  const redis = ['--appendonly', 'no'];
  await withStack({ bus: { lock: '60s' }, redis, launcher: limits.launcher, worker }, async (stack) => {
    const started = stack.worker.events('starting')[0];
    assert.equal(started.bytes_in_flight, BUDGET, 'budgets come from the cgroup');
    assert.equal(started.threads, 1);
    await stack.llmFaults([{ kind: 'hang', hang_ms: 600_000 }]);
    const look = watcher(stack);
    const larges = Array.from({ length: largeCount }, (_, n) => large(n));
    const smalls = Array.from({ length: SMALL }, (_, n) => conversation(10_000 + n));
    await load(stack, larges);
    await load(stack, smalls);
    await until('the worker holds as much as it may', async () => reached(await look()), STALLED_BOUND_MS);
    await until('it holds some rounds of jobs', async () => (await look()).unsettled >= 3 * maxJobs, STALLED_BOUND_MS);
    const stalled = await look();
    assert.ok(stalled.bytes <= BUDGET, `${stalled.bytes} bytes in flight`);
    assert.ok(stalled.unsettled <= 4 * maxJobs + 16, `${stalled.unsettled} deliveries held`);
    assert.ok((await stack.subscription()).active > 0, 'the rest waits on the bus');
    assert.deepEqual(await stack.deadLetters(), []);
    await stack.kill('llm');
    await stack.start_llm();
    await until('everything is settled', async () => {
      const { bytes } = await look();
      assert.ok(bytes <= BUDGET, `${bytes} bytes in flight`);
      const s = await stack.subscription();
      if (s.active + s.locked > 0) throw new Error(`${s.active} active, ${s.locked} locked`);
      return true;
    }, RECOVERY_BOUND_MS);
    const most = await look();
    assert.equal(limits.killed(), 0);
    assert.deepEqual(await stack.deadLetters(), []);
    for (const chat of [...larges.slice(0, 20), ...smalls.slice(0, 20)])
      assert.ok(await stack.isStored(chat, lastMessageId(chat)), `${chat.sessionId} is stored`);
    const mb = (bytes) => `${Math.round(bytes / MEGABYTE)} MB`;
    t.diagnostic(`cgroup v${limits.version}: at most ${mb(limits.peak())} of ${mb(LIMITS.memory)} (${mb(most.resident)} ` +
      `resident), ${mb(most.bytes)} in flight, ${most.inFlight} calls; throttled ${limits.throttled()} times`);
  });
}

async function inGroup(name, body) {
  const limits = makeGroup(`memory-worker-${name}-${process.pid}`, LIMITS);
  try {
    await body(limits);
  } finally {
    limits.remove();
  }
}

test('in 0.25 CPU and 512 MB it survives a stalled LLM with the default of 10 jobs', (t) =>
  inGroup('default', (limits) => stallAndRecover(t, limits,
    { maxJobs: 10, largeCount: 60, reached: (most) => most.inFlight === 10 })));

test('... and with so many jobs that the budget of bytes is what holds them back', (t) =>
  inGroup('bytes', (limits) => stallAndRecover(t, limits,
    { maxJobs: 400, largeCount: 150, reached: (most) => most.bytes >= 0.8 * BUDGET })));
