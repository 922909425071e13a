// When a conversation is analysed: once it is quiet, for all its events together; at once where somebody waits.
import assert from 'node:assert/strict';
import test from 'node:test';
import { addTurn, conversation, event, hobby } from './chats.mjs';
import { until, withStack } from './stack.mjs';

const NEVER = ['--dispatcher.quiet=1h', '--dispatcher.max-age=12h'];
const PROBES = 1; // of the LLM, at the start

/** A conversation of now: it is judged as not quiet yet. */
const freshConversation = (number, options = {}) => conversation(number, { at: Date.now(), ...options });

async function everyEvent(stack, chat) {
  await stack.store(chat);
  await stack.send(chat.ids.map((_, turn) => event(chat, turn)));
}

test('twelve events of one conversation within the quiet time cost one LLM call', async () => {
  await withStack({ worker: ['--dispatcher.quiet=1s', '--dispatcher.max-age=60s'] }, async (stack) => {
    const chat = freshConversation(1, { turns: 12 });
    await everyEvent(stack, chat);
    await stack.storedOnceEach([chat]);
    assert.equal((await stack.llmStats()).chat, 1 + PROBES);
    assert.equal((await stack.subscription()).totals.completed, 12);
  });
});

test('what was analysed is not analysed again when the conversation goes on', async () => {
  await withStack({}, async (stack) => {
    const chat = conversation(1, { turns: 3 });
    await stack.publish([chat]);
    await stack.storedOnceEach([chat]);
    for (let i = 0; i < 3; i += 1) addTurn(chat, `I like ${hobby(100 + i)}.`);
    await stack.publish([chat]);
    await stack.storedOnceEach([chat]);
    const stats = await stack.llmStats();
    assert.equal(stats.chat, 2 + PROBES);
    assert.deepEqual(stats.messages, { distinct: 6, analysed: 6, max_times: 1 });
  });
});

test('events that are covered already cost no LLM call', async () => {
  await withStack({}, async (stack) => {
    const chat = conversation(1, { turns: 6 });
    await stack.publish([chat]);
    await stack.storedOnceEach([chat]);
    await stack.send(chat.ids.map((_, turn) => event(chat, turn)));
    await until('they are completed', async () => (await stack.subscription()).totals.completed === 7);
    await stack.storedOnceEach([chat]);
    assert.equal((await stack.llmStats()).chat, 1 + PROBES);
  });
});

test('a redelivered event is analysed at once, however long the quiet time', async () => {
  await withStack({ worker: NEVER }, async (stack) => {
    const chat = freshConversation(1, { turns: 2 });
    await stack.publish([chat]);
    await until('the worker holds it', async () => (await stack.metric('memory_worker_windows_open')) === 1);
    await stack.kill('worker');
    await stack.start_worker();
    await stack.storedOnceEach([chat]);
  });
});

test('a flush of one user closes the windows of this user only', async () => {
  await withStack({ worker: NEVER }, async (stack) => {
    const mine = [freshConversation(1, { user: 'anna' }), freshConversation(2, { user: 'anna' })];
    const other = freshConversation(3, { user: 'ben' });
    await stack.publish([...mine, other]);
    await until('all are held', async () => (await stack.metric('memory_worker_windows_open')) === 3);
    await stack.flush('user=anna');
    await stack.allStored(mine);
    assert.equal(await stack.isStored(other), false);
    await stack.flush(`session=${other.sessionId}`);
    await stack.storedOnceEach([...mine, other]);
  });
});

test('a conversation that never falls quiet is analysed at max-age', async () => {
  await withStack({ worker: ['--dispatcher.quiet=2s', '--dispatcher.max-age=2s'] }, async (stack) => {
    const chat = freshConversation(1);
    await stack.publish([chat]);
    await until('a part is stored although it goes on', async () => {
      chat.at = Date.now() - chat.ids.length * 1000;
      addTurn(chat, chat.ids.length % 10 === 0 ? `I like ${hobby(100 + chat.ids.length)}.` : 'And so on.');
      await stack.publish([chat]);
      return (await stack.record(chat)) !== null;
    });
    await stack.storedOnceEach([chat]);
  });
});

test('a conversation is analysed after max-events, however long the quiet time', async () => {
  await withStack({ worker: [...NEVER, '--dispatcher.max-events=4'] }, async (stack) => {
    const chat = freshConversation(1, { turns: 4 });
    await everyEvent(stack, chat);
    await stack.storedOnceEach([chat]);
  });
});

test('an older event that comes after a newer one does no harm', async () => {
  await withStack({}, async (stack) => {
    const chat = conversation(1, { turns: 5 });
    await stack.store(chat);
    await stack.send([4, 2, 0, 3, 1].map((turn) => event(chat, turn)));
    await stack.storedOnceEach([chat]);
    assert.equal((await stack.llmStats()).messages.max_times, 1);
  });
});
