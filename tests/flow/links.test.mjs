// Trouble with the bus while work is in hand: locks are kept, links come back, verdicts arrive.
import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation } from './chats.mjs';
import { until, withStack } from './stack.mjs';

const SHORT = { bus: { lock: '5s' }, worker: ['--receiver.lock-duration=5s'] };
const manyConversations = (count) => Array.from({ length: count }, (_, n) => conversation(n));

async function whileLlmWorks(stack, count, harm) {
  const chats = manyConversations(count);
  await stack.publish(chats);
  await until('the LLM works', async () => (await stack.llmStats()).in_flight > 0);
  await harm();
  await stack.storedOnceEach(chats);
}

test('locks shorter than the LLM call are renewed: nothing is delivered twice', async () => {
  await withStack({ ...SHORT, llm: ['--latency-median-ms', '9000'] }, async (stack) => {
    await whileLlmWorks(stack, 15, async () => {});
    const { totals } = await stack.subscription();
    assert.equal(totals.delivered, 15);
    assert.equal(totals.lockExpired, 0);
    assert.ok(totals.renewed >= 15, `${totals.renewed} renewals`);
    assert.equal((await stack.llmStats()).messages.max_times, 1, 'nothing was paid for twice');
  });
});

test('a link that the bus closes while work is in hand comes back, the work is not repeated', async () => {
  await withStack({ llm: ['--latency-median-ms', '1500'] }, async (stack) => {
    await whileLlmWorks(stack, 30, async () => {
      await stack.busFault('detach', { condition: 'amqp:link:detach-forced', description: 'forced by the test' });
      await until('the link is back', async () => (await stack.busStatus()).links > 0);
    });
    assert.equal((await stack.llmStats()).messages.max_times, 1, 'nothing was paid for twice');
  });
});

test('a connection cut while work is in hand comes back, the work is not repeated', async () => {
  await withStack({ llm: ['--latency-median-ms', '1500'] }, async (stack) => {
    await whileLlmWorks(stack, 30, async () => {
      await stack.busFault('drop');
      await until('the link is back', async () => (await stack.busStatus()).links > 0);
    });
    assert.equal((await stack.llmStats()).messages.max_times, 1, 'nothing was paid for twice');
  });
});

test('refused settlements are settled another way: nothing is lost, nothing twice', async () => {
  await withStack({}, async (stack) => {
    await stack.busFault('dispositions', { count: 10 });
    const chats = manyConversations(40);
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
    assert.equal((await stack.busStatus()).pendingFaults.dispositions, 0, 'they were refused');
    assert.equal((await stack.llmStats()).messages.max_times, 1);
  });
});

test('refused renewals cost at most a redelivery: nothing is lost, nothing twice', async () => {
  await withStack({ ...SHORT, llm: ['--latency-median-ms', '7000'] }, async (stack) => {
    await stack.busFault('management', { count: 2 });
    await whileLlmWorks(stack, 10, async () => {});
  });
});

test('locks that lapse without a chance of renewal: redelivered, stored, nothing twice', async () => {
  const worker = ['--receiver.lock-duration=30s'];
  await withStack({ bus: { lock: '1s' }, llm: ['--latency-median-ms', '2500'], worker }, async (stack) => {
    await whileLlmWorks(stack, 10, async () => {});
  });
});

test('links closed every second over a long run: everything is stored', async () => {
  await withStack({ llm: ['--latency-median-ms', '100'] }, async (stack) => {
    const chats = manyConversations(200);
    await stack.publish(chats);
    for (let i = 0; i < 5; i += 1) {
      const before = await stack.settledCount();
      await until('it goes on', async () => (await stack.settledCount()) >= Math.min(before + 10, 200));
      await stack.busFault('detach');
    }
    await stack.storedOnceEach(chats);
  });
});
