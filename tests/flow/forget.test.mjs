// "Forget me" wins over work in flight, redeliveries and what is still in Redis.
import assert from 'node:assert/strict';
import test from 'node:test';
import { addTurn, conversation, hobby } from './chats.mjs';
import { until, withStack } from './stack.mjs';

async function storeFirst(stack) {
  const known = conversation(1, { user: 'anna', turns: 2 });
  await stack.publish([known]);
  await stack.storedOnceEach([known]);
  return known;
}

async function nothingIsKnown(stack, ...chats) {
  assert.deepEqual((await stack.profile('anna')).interests, []);
  for (const chat of chats) assert.equal(await stack.record(chat), null);
}

test('memories deleted while a job is in flight stay deleted', async () => {
  await withStack({}, async (stack) => {
    const known = await storeFirst(stack);
    await stack.llmFaults([], { latency_median_ms: 1500 });
    const running = conversation(2, { user: 'anna' });
    const other = conversation(3, { user: 'ben' });
    await stack.publish([running, other]);
    await until('the LLM works on both', async () => (await stack.llmStats()).in_flight === 2);
    await stack.forget('anna');
    await stack.storedOnceEach([other]);
    await nothingIsKnown(stack, known, running);
  });
});

test('memories deleted while the worker is dead are not brought back by the redelivery', async () => {
  await withStack({}, async (stack) => {
    const known = await storeFirst(stack);
    await stack.llmFaults([{ kind: 'hang', hang_ms: 600_000 }]);
    const running = conversation(2, { user: 'anna' });
    await stack.publish([running]);
    await until('the LLM works on it', async () => (await stack.llmStats()).in_flight === 1);
    await stack.kill('worker');
    await stack.forget('anna');
    await stack.llmFaults([]);
    await stack.start_worker();
    await stack.busEmpty();
    assert.deepEqual(await stack.deadLetters(), []);
    await nothingIsKnown(stack, known, running);
  });
});

test('what is said after forgetting is learned, what was said before is not', async () => {
  await withStack({}, async (stack) => {
    const chat = await storeFirst(stack);
    await stack.forget('anna');
    await nothingIsKnown(stack, chat);
    chat.at = Date.now();
    chat.likes = [];
    addTurn(chat, `I like ${hobby(70)}.`);
    await stack.publish([chat]);
    await stack.storedOnceEach([chat]);
    assert.deepEqual((await stack.profile('anna')).interests, [`Likes ${hobby(70)}`]);
  });
});
