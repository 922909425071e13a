// SIGTERM and SIGINT: what runs is finished within the drain limit, what waits is given back uncounted.
import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation } from './chats.mjs';
import { OtlpReceiver } from './receivers.mjs';
import { until, withStack as withStackNearBy } from './stack.mjs';

/** More than run at once, and no more than are ready at once (four rounds of ten jobs and 16). */
const COUNT = 50;
/** The bus is some milliseconds away, as it is in real life: credit is out when the signal comes. */
const withStack = (options, body) => withStackNearBy({ ...options, bus: { delayMs: 10, ...options.bus } }, body);
const manyConversations = () => Array.from({ length: COUNT }, (_, n) => conversation(n));

/** Publishes and waits until LLM calls are running and deliveries are waiting behind them. */
async function withWorkInHand(stack) {
  const chats = manyConversations();
  await stack.publish(chats);
  await until('LLM calls run and all was delivered', async () => {
    const { in_flight: running } = await stack.llmStats();
    return running > 0 && (await stack.subscription()).active === 0;
  });
  return chats;
}

async function nothingWasCounted(stack) {
  const { locked, totals } = await stack.subscription();
  assert.equal(locked, 0, 'no lock is left behind');
  assert.equal(totals.abandoned, 0, 'no delivery count is burnt');
  assert.equal(totals.deadLettered, 0);
}

const ENDINGS = [
  { signal: 'SIGTERM', threads: 1, actors: 'the actors on the I/O thread' },
  { signal: 'SIGINT', threads: 1, actors: 'the actors on the I/O thread' },
  { signal: 'SIGTERM', threads: 3, actors: 'the actors on threads of their own' },
];
for (const { signal, threads, actors } of ENDINGS) {
  test(`${signal} with jobs running, ${actors}: they are finished, the rest is given back, exit code 0`, async () => {
    const worker = ['--supervisor.drain-limit=60s', `--process.threads=${threads}`];
    await withStack({ llm: ['--latency-median-ms', '1500'], worker }, async (stack) => {
      const chats = await withWorkInHand(stack);
      const { in_flight: running } = await stack.llmStats();
      stack.worker.signal(signal);
      assert.deepEqual(await stack.worker.end(), { code: 0, signal: null });
      await nothingWasCounted(stack);
      const done = await stack.storedCount(chats);
      assert.ok(done >= running, `${running} ran, ${done} are stored`);
      await stack.start_worker();
      await stack.storedOnceEach(chats);
      assert.equal((await stack.llmStats()).messages.max_times, 1, 'nothing was paid for twice');
    });
  });
}

test('SIGTERM with windows open: they are closed early or given back, exit code 0', async () => {
  const worker = ['--dispatcher.quiet=1h', '--dispatcher.max-age=12h', '--supervisor.drain-limit=60s'];
  await withStack({ worker }, async (stack) => {
    const chats = Array.from({ length: 5 }, (_, n) => conversation(n, { at: Date.now() }));
    await stack.publish(chats);
    await until('all are held', async () => (await stack.metric('memory_worker_windows_open')) === 5);
    stack.worker.signal('SIGTERM');
    assert.deepEqual(await stack.worker.end(), { code: 0, signal: null });
    await nothingWasCounted(stack);
    await stack.start_worker('--dispatcher.quiet=0s');
    await stack.storedOnceEach(chats);
  });
});

test('SIGTERM while the LLM hangs: the drain limit ends the wait, everything is given back, exit code 0', async () => {
  await withStack({ worker: ['--supervisor.drain-limit=1s'] }, async (stack) => {
    await stack.llmFaults([{ kind: 'hang', hang_ms: 600_000 }]);
    const chats = await withWorkInHand(stack);
    stack.worker.signal('SIGTERM');
    assert.deepEqual(await stack.worker.end(), { code: 0, signal: null });
    await nothingWasCounted(stack);
    await stack.llmFaults([]);
    await stack.start_worker();
    await stack.storedOnceEach(chats);
  });
});

test('a second SIGTERM ends the worker at once with another exit code, and nothing is lost', async () => {
  await withStack({ worker: ['--supervisor.drain-limit=10min'] }, async (stack) => {
    await stack.llmFaults([{ kind: 'hang', hang_ms: 600_000 }]);
    const chats = await withWorkInHand(stack);
    stack.worker.signal('SIGTERM');
    await until('the first signal is seen', () => stack.worker.events('signal').length === 1);
    assert.ok(stack.worker.alive);
    stack.worker.signal('SIGTERM');
    const { code } = await stack.worker.end();
    assert.ok(code > 0, `exit code ${code}`);
    await stack.llmFaults([]);
    await stack.start_worker('--supervisor.drain-limit=5s');
    await stack.storedOnceEach(chats);
  });
});

test('a second SIGTERM ends the worker at once also while the last spans wait for their receiver', async () => {
  const receiver = await OtlpReceiver.start();
  receiver.refuse = () => 'hang';
  try {
    await withStack({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url } }, async (stack) => {
      const chats = manyConversations();
      await stack.publish(chats);
      await stack.storedOnceEach(chats);
      stack.worker.signal('SIGTERM');
      await until('the worker sends its last spans', () => receiver.requests > 0 && stack.worker.events('stopped').length === 1);
      stack.worker.signal('SIGTERM');
      assert.deepEqual(await stack.worker.end(), { code: 1, signal: null });
    });
  } finally {
    await receiver.stop();
  }
});

test('SIGTERM with every dependency gone: exit code 0 all the same', async () => {
  await withStack({}, async (stack) => {
    await stack.publish(manyConversations());
    for (const name of ['llm', 'api', 'redis', 'bus']) await stack.kill(name);
    await stack.notReady('bus');
    stack.worker.signal('SIGTERM');
    assert.deepEqual(await stack.worker.end(), { code: 0, signal: null });
  });
});

test('the idle worker ends at SIGTERM, and while it starts', async () => {
  await withStack({}, async (stack) => {
    stack.worker.signal('SIGTERM');
    assert.deepEqual(await stack.worker.end(), { code: 0, signal: null });
    await stack.start_worker();
    stack.worker.signal('SIGTERM');
    assert.deepEqual(await stack.worker.end(), { code: 0, signal: null });
  });
});
