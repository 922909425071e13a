// A stalled LLM, 100,000 events waiting and conversations of 1 MB: the process stays within its budgets of items and
// of bytes, and when the LLM answers again it goes on.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { conversation, event, stored } from './chats.mjs';
import { until, withStack } from './stack.mjs';

const EVENTS = 100_000;
const LARGE = 200;
const MEGABYTE = 1 << 20;
const WINDOW_ROOM = 50_000;
const BYTES = 64 * MEGABYTE;
const RESIDENT_LIMIT = 400 * MEGABYTE;
const RECOVERY_BOUND_MS = 120_000;
const SANITIZED = readFileSync(`${process.env.MW_BIN}/memory-worker`).includes('__asan_init');
// Long windows: they fill the room; as it runs short the oldest, the large conversations, close.
const OPTIONS = ['--dispatcher.bytes-in-flight=64MiB', `--receiver.window-room=${WINDOW_ROOM}`,
  '--dispatcher.quiet=10min', '--dispatcher.max-age=20min',
  '--dispatcher.max-jobs=64', '--llm_analyzer.request-timeout=10min', '--receiver.lock-duration=60s'];

const FILLER = 'and we talked about it for quite a while '.repeat(400);
const largeConversation = (number) => conversation(number, { turns: 64, text: (turn) => `Turn ${turn}: ${FILLER}` });

test('with a stalled LLM and 100,000 events waiting the budgets hold, and the work goes on afterwards', async () => {
  const redis = ['--appendonly', 'no'];
  await withStack({ bus: { lock: '60s' }, worker: OPTIONS, redis, onEnd: 'kill' }, async (stack) => {
    await stack.llmFaults([{ kind: 'hang', hang_ms: 600_000 }]);
    const large = [];
    for (let n = 0; n < LARGE; n += 1) {
      const chat = largeConversation(n);
      await stack.data.command('SET', `session:${chat.sessionId}`, stored(chat));
      large.push({ ...chat, messages: chat.messages.map((m) => ({ ...m, content: '' })) });
    }
    const most = { unsettled: 0, bytes: 0, inFlight: 0, resident: 0 };
    const look = async () => {
      const seen = {
        unsettled: await stack.metric('memory_worker_deliveries_unsettled'),
        bytes: await stack.metric('memory_worker_bytes_in_flight'),
        inFlight: (await stack.llmStats()).in_flight,
        resident: Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${stack.worker.pid}/status`, 'utf8'))[1]) * 1024,
      };
      for (const key of Object.keys(most)) most[key] = Math.max(most[key], seen[key]);
      return seen;
    };
    await stack.send(large.map((chat) => event(chat)));
    for (let sent = LARGE; sent < EVENTS; sent += 1000) {
      await stack.send(Array.from({ length: Math.min(1000, EVENTS - sent) }, (_, i) =>
        event(conversation(sent + i, { user: `user-${(sent + i) % 5000}`, at: Date.now() }))));
      if (sent % 10_000 === LARGE) await look();
    }
    await until('the worker holds as much as it may', async () => (await look()).unsettled >= WINDOW_ROOM * 0.9);
    const { totals, active } = await stack.subscription();
    assert.equal(totals.enqueued, EVENTS);
    assert.ok(active > 0, 'the rest waits in the bus');
    assert.ok(most.unsettled <= WINDOW_ROOM, `${most.unsettled} deliveries`);
    assert.ok(most.bytes > 0 && most.bytes <= BYTES, `${most.bytes} bytes in flight`);
    assert.ok(most.inFlight > 0 && most.inFlight <= 64, `${most.inFlight} LLM calls`);
    if (!SANITIZED) assert.ok(most.resident <= RESIDENT_LIMIT, `${most.resident} bytes resident`);
    assert.deepEqual(await stack.deadLetters(), []);
    await stack.kill('llm'); // its hanging calls end, too
    await stack.start_llm();
    await until('the first parts of large conversations are stored', async () => {
      let begun = 0;
      for (const chat of large.slice(0, 20)) if ((await stack.record(chat)) !== null) begun += 1;
      return begun >= 10;
    }, RECOVERY_BOUND_MS);
    await look();
    assert.ok(most.bytes <= BYTES, `${most.bytes} bytes in flight`);
  });
});
