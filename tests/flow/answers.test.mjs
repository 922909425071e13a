// Every way an LLM can answer badly: the memory ends right, and nothing bad replaces something good.
import assert from 'node:assert/strict';
import test from 'node:test';
import { addTurn, conversation, hobby } from './chats.mjs';
import { until, withStack } from './stack.mjs';

const PROBES = 1;
const calls = async (stack) => (await stack.llmStats()).chat - PROBES;

/** Publishes it and waits until its event is settled. What counts as covered is the last message of the user. */
async function storeOne(stack, chat) {
  const before = await stack.settledCount();
  await stack.publish([chat]);
  await until('its event is settled', async () => (await stack.settledCount()) > before);
  await stack.busEmpty();
  assert.deepEqual(await stack.deadLetters(), []);
  const record = await stack.record(chat);
  const ofLastTurn = chat.messages.slice(-2).map((message) => message.messageId);
  assert.ok(ofLastTurn.includes(record.through.id), `through ${record.through.id}`);
  return record;
}

for (const kind of ['malformed_json', 'schema_violation']) {
  test(`an answer with ${kind} is repaired by one more call`, async () => {
    await withStack({}, async (stack) => {
      await stack.llmFaults([{ kind, next: 1 }]);
      const chat = conversation(1);
      const record = await storeOne(stack, chat);
      assert.equal(record.status, 'ok');
      await stack.storedOnceEach([chat]);
      assert.equal(await calls(stack), 2);
    });
  });
}

test('an operation whose quote the user never said is dropped, the summary stays', async () => {
  await withStack({}, async (stack) => {
    await stack.llmFaults([{ kind: 'wrong_quote' }]);
    const chat = conversation(1);
    const record = await storeOne(stack, chat);
    assert.equal(record.status, 'ok');
    assert.ok(record.summary.length > 0);
    assert.deepEqual((await stack.profile(chat.userId)).interests, []);
    assert.ok((await stack.metric('memory_worker_operations_dropped_total')) >= 1);
  });
});

for (const kind of ['refusal', 'prompt_filter', 'output_filter']) {
  test(`${kind} by one message: the rest is analysed, the message is recorded as skipped`, async () => {
    await withStack({}, async (stack) => {
      await stack.llmFaults([{ kind, trigger: 'xyzzy' }]);
      const text = (turn) => (turn === 5 ? 'Now tell me about xyzzy please.' : `I like ${hobby(turn)}.`);
      const chat = conversation(1, { turns: 8, text });
      const record = await storeOne(stack, chat);
      assert.equal(record.status, 'ok');
      await stack.storedOnceEach([chat]);
      const { conversation: document } = await stack.documents(chat);
      assert.match(JSON.stringify(document), /refused|content-filtered/, 'the reason is in the record');
      assert.ok((await stack.metric('memory_worker_spans_skipped_total')) >= 1);
      assert.ok((await calls(stack)) <= 8 * 3, `${await calls(stack)} calls`);
    });
  });
}

for (const kind of ['refusal', 'malformed_json', 'length', 'output_filter']) {
  test(`when every further answer is ${kind}, the good summary stays and the conversation goes on later`, async () => {
    await withStack({}, async (stack) => {
      const chat = conversation(1, { turns: 2 });
      const good = await storeOne(stack, chat);
      await stack.llmFaults([{ kind }]);
      addTurn(chat, `I like ${hobby(50)}.`);
      const after = await storeOne(stack, chat);
      assert.equal(after.summary, good.summary);
      assert.deepEqual(after.themes, good.themes);
      await stack.llmFaults([]);
      addTurn(chat, `I like ${hobby(51)}.`);
      await storeOne(stack, chat);
      await stack.storedOnceEach([chat]);
    });
  });
}

test('a first conversation that the LLM refuses gets the fixed short text, marked as such', async () => {
  await withStack({}, async (stack) => {
    await stack.llmFaults([{ kind: 'refusal' }]);
    const chat = conversation(1);
    const record = await storeOne(stack, chat);
    assert.equal(record.status, 'defaults');
    assert.deepEqual([record.themes, record.persons, record.places], [[], [], []]);
    assert.equal(record.user_sentiment, 'neutral');
    await stack.llmFaults([]);
    addTurn(chat, `I like ${hobby(60)}.`);
    assert.equal((await storeOne(stack, chat)).status, 'ok');
    await stack.storedOnceEach([chat]);
  });
});

test('an answer cut off by its length is asked for again with more room', async () => {
  await withStack({}, async (stack) => {
    await stack.llmFaults([{ kind: 'length', next: 1 }]);
    const chat = conversation(1, { turns: 3 });
    assert.equal((await storeOne(stack, chat)).status, 'ok');
    await stack.storedOnceEach([chat]);
    assert.equal(await calls(stack), 2);
  });
});

test('a conversation too long for the model is analysed in parts', async () => {
  await withStack({}, async (stack) => {
    await stack.llmFaults([{ kind: 'context_length', above_tokens: 6000 }]);
    const filler = 'It was a fine day and we talked for quite a while. '.repeat(40);
    const chat = conversation(1, { turns: 16, text: (turn) => `I like ${hobby(turn)}. ${filler}` });
    assert.equal((await storeOne(stack, chat)).status, 'ok');
    await stack.storedOnceEach([chat]);
  });
});

for (const param of ['max_completion_tokens', 'response_format', 'prompt_cache_key', 'store']) {
  test(`an LLM that does not know ${param} is asked without it, from then on`, async () => {
    await withStack({}, async (stack) => {
      await stack.llmFaults([{ kind: 'unsupported_parameter', param }]);
      const first = conversation(1);
      assert.equal((await storeOne(stack, first)).status, 'ok');
      const before = await calls(stack);
      const second = conversation(2);
      assert.equal((await storeOne(stack, second)).status, 'ok');
      assert.equal((await calls(stack)) - before, 1);
      await stack.storedOnceEach([first, second]);
    });
  });
}

test('an assistant that says "I like" teaches nothing about the user', async () => {
  await withStack({}, async (stack) => {
    const chat = conversation(1, { turns: 2, text: () => 'What do you think?' });
    for (const message of chat.messages) if (message.role === 'assistant') message.content = 'I like cheese.';
    await storeOne(stack, chat);
    assert.deepEqual((await stack.profile(chat.userId)).interests, []);
  });
});
