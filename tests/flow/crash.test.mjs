// Whatever is killed in the middle of a run, and started again: every published conversation is stored, each fact
// once, nothing is dead-lettered.
import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation } from './chats.mjs';
import { until, withStack } from './stack.mjs';

const COUNT = 200;
const SLOW_LLM = ['--latency-median-ms', '60', '--latency-sigma', '0.3'];

function manyConversations() {
  return Array.from({ length: COUNT }, (_, n) => conversation(n, { user: `user-${n % 50}`, turns: 2 }));
}

/** Publishes, waits until a part is done and another is not, and does `harm` then. */
async function inTheMiddle(stack, harm) {
  const chats = manyConversations();
  await stack.publish(chats);
  await until('a part of the conversations is done', async () => (await stack.settledCount()) >= COUNT / 5);
  const done = await stack.settledCount();
  assert.ok(done < COUNT, `${done} of ${COUNT} were done: this was not the middle`);
  await harm();
  await stack.storedOnceEach(chats);
}

test('the worker is killed in the middle of a run: everything is stored, nothing twice', async () => {
  await withStack({ llm: SLOW_LLM }, (stack) => inTheMiddle(stack, async () => {
    await stack.kill('worker');
    await stack.start_worker();
  }));
});

test('the worker is killed three times in a row: everything is stored, nothing twice', async () => {
  await withStack({ llm: SLOW_LLM }, (stack) => inTheMiddle(stack, async () => {
    for (let i = 0; i < 3; i += 1) {
      const before = await stack.settledCount();
      await stack.kill('worker');
      await stack.start_worker();
      await until('it goes on', async () => (await stack.settledCount()) > Math.min(before + 5, COUNT - 1));
    }
  }));
});

test('the Memory API is killed in the middle of a run: everything is stored, nothing twice', async () => {
  await withStack({ llm: SLOW_LLM }, (stack) => inTheMiddle(stack, async () => {
    await stack.kill('api');
    await stack.start_api();
  }));
});

test('Redis is killed in the middle of a run: everything is stored, nothing twice', async () => {
  await withStack({ llm: SLOW_LLM }, (stack) => inTheMiddle(stack, async () => {
    await stack.kill('redis');
    await stack.start_redis();
  }));
});

test('the connections to the bus are dropped again and again: everything is stored, nothing twice', async () => {
  await withStack({ llm: SLOW_LLM }, (stack) => inTheMiddle(stack, async () => {
    for (let i = 0; i < 3; i += 1) {
      await stack.busFault('drop');
      await until('the worker is connected again', async () => (await stack.busStatus()).links > 0);
    }
  }));
});
