// A model that bends a verb in its quote ("I am playing" for "I play") lost the fact, unsaid: the message counted as
// covered. It is asked once more for exact quotes; what is dropped all the same is logged by cause and message.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { until, withStack } from '../flow/stack.mjs';
import { ScriptedLlm } from './scripted_llm.mjs';

const { answers, right } = JSON.parse(readFileSync(
  path.join(import.meta.dirname, 'cases', 'llm_answers', 'quote_nearly_right_then_exact.json'), 'utf8'));
const TEXT = 'I play the cello in a small orchestra.';

/** One conversation of one turn, settled; then body(stack, llm, chat). */
async function withTurn(scripted, worker, body) {
  const llm = await new ScriptedLlm({}, { answers: scripted }).listen();
  try {
    const options = { start: ['redis', 'bus', 'api', 'worker'], env: { AZURE_AI_CHAT_ENDPOINT: llm.url }, worker };
    await withStack(options, async (stack) => {
      const chat = { userId: 'person', sessionId: 'talk' };
      const timestamp = new Date().toISOString();
      await stack.data.command('SET', `session:${chat.sessionId}`, JSON.stringify({ ...chat, title: 'A talk',
        messages: [{ messageId: 'turn-1_user', role: 'user', content: TEXT, timestamp }] }));
      await stack.send([{ messageId: 'turn-1_completed', sessionId: chat.sessionId,
        body: { ...chat, chatMessageId: 'turn-1', completedAt: timestamp, eventType: 'message_completed' } }]);
      await until('the event is settled', async () => (await stack.settledCount()) === 1);
      await body(stack, llm, chat);
    });
  } finally {
    await llm.close();
  }
}

async function metric(stack, name) {
  const text = await (await fetch(`${stack.workerUrl}/metrics`)).text();
  return Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.split(' ').at(-1));
}

test('the model is asked once more for exact quotes, and the fact is stored', async () => {
  await withTurn(answers, [], async (stack, llm, chat) => {
    assert.equal(llm.calls, right.calls);
    assert.deepEqual((await stack.profile(chat.userId)).interests, right.profile.interests);
    assert.equal((await stack.record(chat)).summary, right.summary);
    const [, , answer, request] = llm.requests[1].messages;
    assert.equal(answer.role, 'assistant');
    assert.ok(answer.content.includes('I am playing the cello'), 'it sees its own answer');
    assert.match(request.content, /counted from 1[^.]*: 1\./);
    assert.equal(await metric(stack, 'memory_worker_llm_calls_total{purpose="repair-evidence"}'), 1);
    assert.equal(await metric(stack, 'memory_worker_operations_dropped_total{cause="no-quote"}'), 0);
    assert.deepEqual(stack.worker.events('operations-dropped'), []);
  });
});

test('a quote that stays wrong is dropped, counted, and logged with its message and without text', async () => {
  await withTurn([answers[0]], [], async (stack, llm, chat) => {
    assert.equal(llm.calls, 2);
    assert.equal((await stack.record(chat)).summary, right.summary);
    assert.deepEqual((await stack.profile(chat.userId)).interests, []);
    assert.equal(await metric(stack, 'memory_worker_operations_dropped_total{cause="no-quote"}'), 1);
    const [line, ...more] = stack.worker.events('operations-dropped');
    assert.deepEqual(more, []);
    assert.equal(line['no-quote'], 'm1');
    assert.ok(!JSON.stringify(line).includes('cello'));
  });
});

test('a second answer that fails costs neither the summary nor the other facts', async () => {
  const refused = { status: 200, headers: answers[0].headers,
    body: { choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: null, refusal: 'No.' } }] } };
  await withTurn([answers[0], refused], [], async (stack, llm, chat) => {
    assert.equal(llm.calls, 2);
    assert.equal((await stack.record(chat)).summary, right.summary);
    assert.deepEqual(await stack.deadLetters(), []);
  });
});

test('with repair-evidence off there is one call', async () => {
  await withTurn(answers, ['--llm_analyzer.repair-evidence=false'], async (stack, llm) => {
    assert.equal(llm.calls, 1);
  });
});
