// The user tells two facts in one conversation, and forgets one of them by DELETE of the item. The conversation's
// summary told it on, and the next event's prompt took it into the next one.
import assert from 'node:assert/strict';
import test from 'node:test';
import { addTurn, conversation, stored } from '../flow/chats.mjs';
import { until, withStack } from '../flow/stack.mjs';
import { ScriptedLlm } from './scripted_llm.mjs';

const SAYS = {
  'a cat': { category: 'interests', item: 'Has a cat' },
  'a dog': { category: 'interests', item: 'Keeps a dog' },
  'a canoe': { category: 'interests', item: 'Rows a canoe' },
};

/** What a model does: it tells on what the old summary and the messages say. */
const tellAll = (said, prompt) => ['cat', 'dog', 'canoe']
  .filter((word) => said.some((m) => m.text.includes(word)) || prompt.includes(`about a ${word},`))
  .map((word) => `The user talked about a ${word}, `).join('') || 'The user said hello.';

async function withLlm(body) {
  const llm = await new ScriptedLlm(SAYS, { tell: tellAll }).listen();
  try {
    const start = ['redis', 'bus', 'api', 'worker'];
    await withStack({ start, env: { AZURE_AI_CHAT_ENDPOINT: llm.url } }, (stack) => body(stack, llm));
  } finally {
    await llm.close();
  }
}

/** Both facts are stored, then one is forgotten. */
async function forgetTheCat(stack, chat) {
  await stack.publish([chat]);
  await until('both facts are stored', async () => (await stack.record(chat))?.summary.includes('dog'));
  assert.deepEqual((await stack.profile('anna')).interests, ['Has a cat', 'Keeps a dog']);
  assert.match((await stack.record(chat)).summary, /cat/);
  assert.equal((await stack.forgetItem('anna', 'interests', 'Has a cat')).status, 200);
}

async function knowsNoCat(stack, chat) {
  assert.deepEqual(await stack.searchConversations('anna', 'cat'), []);
  assert.doesNotMatch(JSON.stringify(await stack.record(chat)), /cat/);
  assert.doesNotMatch(JSON.stringify(await stack.profile('anna')), /cat/);
  assert.doesNotMatch(JSON.stringify(await stack.documents(chat)), /\bcat\b/);
}

function twoFacts() {
  const chat = conversation(1, { user: 'anna', text: () => 'I have a cat at home.' });
  return addTurn(addTurn(chat, 'And I have a dog.'), 'That is all.');
}

test('an item that is forgotten is in no summary, no search and no prompt any more', async () => {
  await withLlm(async (stack, llm) => {
    const chat = twoFacts();
    await forgetTheCat(stack, chat);
    await knowsNoCat(stack, chat);
    assert.equal((await stack.record(chat)).status, 'defaults');

    const before = llm.requests.length;
    addTurn(chat, 'I have a canoe, too.');
    await stack.publish([chat]);
    await until('the summary is made anew', async () => (await stack.record(chat)).summary.includes('canoe'));
    const asked = llm.requests.slice(before).map((request) => JSON.stringify(request.messages.at(-1)));
    assert.equal(asked.length, 1);
    assert.doesNotMatch(asked[0], /\bcat\b/);
    assert.match(asked[0], /a dog/);
    await knowsNoCat(stack, chat);
    assert.match((await stack.record(chat)).summary, /dog/);
    assert.equal((await stack.record(chat)).status, 'ok');
    assert.deepEqual((await stack.profile('anna')).interests, ['Keeps a dog', 'Rows a canoe']);
    assert.equal((await stack.searchConversations('anna', 'canoe')).length, 1);
  });
});

test('a second message that tells the forgotten item is found out and left out as well', async () => {
  await withLlm(async (stack, llm) => {
    const chat = addTurn(twoFacts(), 'Did I say that I have a cat?');
    await forgetTheCat(stack, chat);
    addTurn(chat, 'I have a canoe, too.');
    await stack.publish([chat]);
    await until('the summary is made anew', async () => (await stack.record(chat)).summary.includes('canoe'));
    await knowsNoCat(stack, chat);
    assert.doesNotMatch(JSON.stringify(llm.requests.at(-1).messages.at(-1)), /\bcat\b/);
    assert.deepEqual((await stack.profile('anna')).interests, ['Keeps a dog', 'Rows a canoe']);
  });
});

test('where the conversation has left Redis the summary stays dropped, and what is said next is learned', async () => {
  await withLlm(async (stack) => {
    const chat = twoFacts();
    await forgetTheCat(stack, chat);
    await stack.data.command('DEL', `session:${chat.sessionId}`);
    await knowsNoCat(stack, chat);
    const next = addTurn(conversation(1, { user: 'anna', text: () => 'Hello again.', at: chat.at + 60_000 }), 'I have a canoe.');
    next.ids = ['later-m1', 'later-m2'];
    next.messages.forEach((m, i) => { m.messageId = `later-m${Math.floor(i / 2) + 1}_${m.role}`; });
    assert.ok(stored(next).includes('later-m2_user'));
    await stack.publish([next]);
    await until('it is learned', async () => (await stack.record(chat)).summary.includes('canoe'));
    await knowsNoCat(stack, chat);
    assert.doesNotMatch((await stack.record(chat)).summary, /dog/);
  });
});
