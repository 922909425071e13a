// A dependency goes away: nothing is dead-lettered, the health report names it, nobody hammers it, and after its
// recovery everything is stored, each fact once.
import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation, event } from './chats.mjs';
import { until, withStack } from './stack.mjs';

const chatsFrom = (first, count) => Array.from({ length: count }, (_, i) => conversation(first + i));
const OBSERVE_MS = 3000;

/** Watches for a while that holds: the only way to see that something does not happen. */
async function observe(stack, check) {
  const end = Date.now() + OBSERVE_MS;
  await until('the observation is over', async () => {
    await check();
    return Date.now() > end;
  });
}

async function nothingDeadLettered(stack) {
  assert.deepEqual(await stack.deadLetters(), []);
}

const LLM_OUTAGES = {
  'answers 503': { kind: 'error', status: 503 },
  'answers 500': { kind: 'error', status: 500 },
  'cuts every connection': { kind: 'cut' },
  'answers no JSON at all': { kind: 'malformed_body' },
};

for (const [name, fault] of Object.entries(LLM_OUTAGES)) {
  test(`the LLM ${name}: held, not ready, no busy loop, stored after its recovery`, async () => {
    await withStack({}, async (stack) => {
      await stack.llmFaults([fault]);
      const chats = chatsFrom(0, 60);
      await stack.publish(chats);
      await stack.notReady('llm');
      const before = (await stack.llmStats()).chat;
      await observe(stack, () => nothingDeadLettered(stack));
      const calls = (await stack.llmStats()).chat - before;
      assert.ok(calls <= 40, `${calls} calls of the LLM while it was down`);
      await stack.llmFaults([]);
      await stack.storedOnceEach(chats);
      await stack.ready();
    });
  });
}

test('the LLM is gone: held, not ready, stored after it is back', async () => {
  await withStack({}, async (stack) => {
    await stack.kill('llm');
    const chats = chatsFrom(0, 60);
    await stack.publish(chats);
    assert.match(await stack.notReady('llm'), /unreachable|connection/);
    await observe(stack, () => nothingDeadLettered(stack));
    await stack.start_llm();
    await stack.storedOnceEach(chats);
    await stack.ready();
  });
});

test('the LLM is not there at the start: not ready, nothing is touched, it begins when the LLM comes', async () => {
  await withStack({ start: ['redis', 'bus', 'api'] }, async (stack) => {
    const chats = chatsFrom(0, 20);
    await stack.publish(chats);
    await stack.start_worker();
    await stack.notReady('llm');
    await observe(stack, async () => {
      await nothingDeadLettered(stack);
      const { totals } = await stack.subscription();
      assert.equal(totals.abandoned, 0);
    });
    await stack.start_llm();
    await stack.storedOnceEach(chats);
  });
});

test('the LLM throttles with Retry-After: obeyed, held, nothing is dead-lettered', async () => {
  await withStack({}, async (stack) => {
    await stack.llmFaults([{ kind: 'throttle', retry_after_ms: 1000 }]);
    const chats = chatsFrom(0, 40);
    await stack.publish(chats);
    await until('the LLM was asked', async () => ((await stack.llmStats()).outcomes.throttle ?? 0) > 0);
    const before = (await stack.llmStats()).chat;
    await observe(stack, () => nothingDeadLettered(stack));
    const calls = (await stack.llmStats()).chat - before;
    assert.ok(calls <= 60, `${calls} calls of an LLM that asked to wait`);
    await stack.llmFaults([]);
    await stack.storedOnceEach(chats);
  });
});

test('the LLM hangs: calls end by their time-out, held, stored after its recovery', async () => {
  await withStack({ worker: ['--llm_analyzer.request-timeout=1s'] }, async (stack) => {
    await stack.llmFaults([{ kind: 'hang', hang_ms: 600_000 }]);
    const chats = chatsFrom(0, 40);
    await stack.publish(chats);
    await stack.notReady('llm');
    await nothingDeadLettered(stack);
    await stack.llmFaults([]);
    await stack.storedOnceEach(chats);
    await stack.ready();
  });
});

test('every fifth answer of the LLM is a 503: everything is stored', async () => {
  await withStack({}, async (stack) => {
    await stack.llmFaults([{ kind: 'error', status: 503, rate: 0.2 }]);
    const chats = chatsFrom(0, 100);
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
  });
});

test('Redis is gone: held, not ready, stored after it is back', async () => {
  await withStack({}, async (stack) => {
    const chats = chatsFrom(0, 60);
    await Promise.all(chats.map((chat) => stack.store(chat)));
    await stack.kill('redis');
    await stack.notReady('redis');
    await stack.send(chats.map((chat) => event(chat)));
    await observe(stack, () => nothingDeadLettered(stack));
    await stack.start_redis();
    await stack.storedOnceEach(chats);
    await stack.ready();
  });
});

test('Redis comes back empty: its events are held, not dead-lettered as not found', async () => {
  await withStack({ onEnd: 'kill' }, async (stack) => {
    const chats = chatsFrom(0, 20);
    await stack.kill('redis');
    await stack.notReady('redis');
    await stack.start_redis();
    await stack.ready();
    await stack.data.command('FLUSHALL');
    await stack.send(chats.map((chat) => event(chat)));
    await observe(stack, () => nothingDeadLettered(stack));
    await Promise.all(chats.map((chat) => stack.store(chat)));
    await stack.storedOnceEach(chats);
  });
});

test('Redis refuses writes: the worker goes on without its own keys', async () => {
  await withStack({}, async (stack) => {
    const chats = chatsFrom(0, 20);
    await Promise.all(chats.map((chat) => stack.store(chat)));
    await stack.data.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
    await stack.send(chats.map((chat) => event(chat)));
    await stack.storedOnceEach(chats);
    assert.equal(stack.worker.events('redis-writes-denied').length, 1, 'the log says once what that costs');
  });
});

test('the Memory API is gone: held, not ready, stored after it is back', async () => {
  await withStack({}, async (stack) => {
    await stack.kill('api');
    const chats = chatsFrom(0, 60);
    await stack.publish(chats);
    await stack.notReady('memory');
    await observe(stack, () => nothingDeadLettered(stack));
    await stack.start_api();
    await stack.storedOnceEach(chats);
    await stack.ready();
  });
});

test('the bus refuses tokens for a while: not ready, then everything is stored', async () => {
  await withStack({}, async (stack) => {
    await stack.busFault('cbs', { count: 3 });
    await stack.busFault('drop');
    await stack.notReady('bus');
    const chats = chatsFrom(0, 20);
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
    await stack.ready();
  });
});
