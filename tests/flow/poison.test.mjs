// Events and conversations that cannot be worked on: each is dead-lettered with a reason and a description that a
// person can act on, and everything else flows on.
import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation, event, hobby } from './chats.mjs';
import { until, withStack } from './stack.mjs';

function body(change) {
  return { ...event(conversation(900)).body, ...change };
}

const nested = '['.repeat(60_000) + ']'.repeat(60_000);
const nestedObject = '{"a":'.repeat(5_000) + '1' + '}'.repeat(5_000);

const BAD_EVENTS = [
  { name: 'an empty body', body: '', says: /body/ },
  { name: 'no JSON', body: 'hello', says: /body is not JSON/ },
  { name: 'JSON cut off', body: '{"sessionId":"s","userId":', says: /body is not JSON/ },
  { name: '200 KB of junk', body: 'x'.repeat(200_000), says: /body is not JSON/ },
  { name: '1 MB of junk', body: 'x'.repeat(1_000_000), says: /body is not JSON/ },
  { name: 'binary junk', body: '\u0000\u0001\u001f{', says: /body is not JSON/ },
  { name: 'deeply nested arrays', body: nested, says: /body/ },
  { name: 'deeply nested objects', body: nestedObject, says: /body/ },
  { name: 'an array', body: '[]', says: /not an object/ },
  { name: 'a number', body: '17', says: /not an object/ },
  { name: 'no sessionId', body: body({ sessionId: undefined }), says: /sessionId is missing/ },
  { name: 'no userId', body: body({ userId: undefined }), says: /userId is missing/ },
  { name: 'no chatMessageId', body: body({ chatMessageId: undefined }), says: /chatMessageId is missing/ },
  { name: 'an empty userId', body: body({ userId: '' }), says: /userId is empty/ },
  { name: 'userId null', body: body({ userId: null }), says: /userId is not a string/ },
  { name: 'a number as sessionId', body: body({ sessionId: 5 }), says: /sessionId is not a string/ },
  { name: 'an object as chatMessageId', body: body({ chatMessageId: {} }), says: /chatMessageId is not a string/ },
  { name: 'an endless sessionId', body: body({ sessionId: 's'.repeat(10_000) }), says: /sessionId is longer than/ },
  { name: 'a wrong eventType', body: body({ eventType: 'message_deleted' }), says: /eventType/ },
];

test('events that cannot be read are dead-lettered with the field named, and the rest flows on', async () => {
  await withStack({}, async (stack) => {
    const before = conversation(1);
    const after = conversation(2);
    await stack.publish([before]);
    await stack.send(BAD_EVENTS.map((bad, i) => ({ messageId: `bad-${i}`, body: bad.body })));
    await stack.publish([after]);
    await stack.allStored([before, after]);
    await stack.busEmpty();
    const dead = new Map((await stack.deadLetters()).map((letter) => [letter.messageId, letter]));
    for (const [i, bad] of BAD_EVENTS.entries()) {
      const letter = dead.get(`bad-${i}`);
      assert.ok(letter, `${bad.name} is dead-lettered`);
      assert.equal(letter.reason, 'invalid-event', bad.name);
      assert.match(letter.description, bad.says, bad.name);
      assert.ok(letter.description.length < 500, `${bad.name}: ${letter.description.length} characters`);
    }
    assert.equal(dead.size, BAD_EVENTS.length);
    assert.equal((await stack.llmStats()).chat, 2 + 1, 'two conversations and the probe at start');
  });
});

test('an event with an unknown time or fields that nobody knows is worked on', async () => {
  await withStack({}, async (stack) => {
    const chats = [conversation(1), conversation(2), conversation(3)];
    await Promise.all(chats.map((chat) => stack.store(chat)));
    await stack.send([
      event(chats[0], 0, { completedAt: 'yesterday' }),
      event(chats[1], 0, { completedAt: undefined, tenant: { a: [1] } }),
      event(chats[2], 0, { eventType: undefined }),
    ]);
    await stack.storedOnceEach(chats);
  });
});

async function deadLetterOf(stack, messageId) {
  return until(`${messageId} is dead-lettered`,
    async () => (await stack.deadLetters()).find((letter) => letter.messageId === messageId));
}

test('conversations that cannot be used are dead-lettered with the reason, and the rest flows on', async () => {
  await withStack({}, async (stack) => {
    const bad = {
      'session-owner-mismatch': conversation(10),
      'conversation-not-found': conversation(11),
      'message-not-found': conversation(12),
      'conversation-too-large': conversation(13),
      'conversation-malformed': conversation(14),
    };
    await stack.store(bad['session-owner-mismatch']);
    const lost = bad['message-not-found']; // the user said nothing else, which would be analysed
    await stack.store({ ...lost, messages: lost.messages.filter((message) => message.role === 'assistant') });
    await stack.data.command('SET', 'session:session-13', 'x'.repeat(9 << 20));
    await stack.data.command('SET', 'session:session-14', '{"sessionId":"session-14","userId":"user-14","messages":[{');
    await stack.send([
      event(bad['session-owner-mismatch'], 0, { userId: 'somebody-else' }),
      event(bad['conversation-not-found']),
      event(lost, 0, { chatMessageId: 'never-written', completedAt: '2030-01-01T00:00:00Z' }),
      event(bad['conversation-too-large']),
      event(bad['conversation-malformed']),
    ]);
    const good = [conversation(1), conversation(2)];
    await stack.publish(good);
    await stack.allStored(good);
    for (const [reason, chat] of Object.entries(bad)) {
      const letter = await deadLetterOf(stack, event(chat).messageId);
      assert.equal(letter.reason, reason);
      assert.ok(letter.description.length > 10, `${reason}: ${letter.description}`);
    }
    await stack.busEmpty();
    assert.equal((await stack.deadLetters()).length, 5);
    assert.deepEqual((await stack.profile('somebody-else')).interests, [], 'nothing is learned for the wrong user');
  });
});

const MALFORMED = {
  'wrong-type': '[1,2,3]',
  'no-messages': JSON.stringify({ sessionId: 'no-messages', userId: 'u', title: 'x' }),
  'messages-object': JSON.stringify({ sessionId: 'messages-object', userId: 'u', messages: {} }),
  'message-number': JSON.stringify({ sessionId: 'message-number', userId: 'u', messages: [5] }),
  'empty': '',
  'deep': `{"sessionId":"deep","userId":"u","messages":${'['.repeat(3000)}${']'.repeat(3000)}}`,
  'not-utf8': Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]).toString('latin1'),
};

/** A message that cannot be read costs itself, and then the event's is not there. */
const REASONS = { 'message-number': /^message-not-found$/ };

test('a stored conversation of any wrong shape harms only itself', async () => {
  await withStack({}, async (stack) => {
    const chats = Object.keys(MALFORMED).map((session) => conversation(20, { user: 'u', session }));
    for (const chat of chats) await stack.data.command('SET', `session:${chat.sessionId}`, MALFORMED[chat.sessionId]);
    await stack.data.command('RPUSH', 'session:a-list', 'x');
    const list = conversation(21, { user: 'u', session: 'a-list' });
    await stack.send([...chats, list].map((chat) => event(chat)));
    const good = conversation(1, { user: 'u' });
    await stack.publish([good]);
    await stack.allStored([good]);
    for (const chat of [...chats, list]) {
      const letter = await deadLetterOf(stack, event(chat).messageId);
      assert.match(letter.reason, REASONS[chat.sessionId] ?? /^conversation-(malformed|not-found)$/, chat.sessionId);
    }
    await stack.busEmpty();
  });
});

test('a conversation of 1 MB is analysed to its end, in parts', async () => {
  await withStack({}, async (stack) => {
    const filler = 'The weather was fine and we talked about it for a while. '.repeat(180);
    const like = (turn) => (turn % 20 === 0 ? `I like ${hobby(turn)}. ` : '');
    const chat = conversation(30, { turns: 100, text: (turn) => like(turn) + filler });
    chat.likes = [0, 20, 40, 60, 80].map((turn) => `Likes ${hobby(turn)}`);
    await stack.publish([chat]);
    await stack.storedOnceEach([chat]);
    assert.ok((await stack.llmStats()).chat > 2, 'one call cannot hold it');
  });
});

test('two users with ids of any letters are kept apart', async () => {
  await withStack({}, async (stack) => {
    const users = ['a b/c?d#e', 'ünï çødé 日本', '../../etc/passwd', 'x%2Fy', "o'hara\"; --", 'a:b', 'a'];
    const chats = users.map((user, i) => conversation(40 + i, { user, session: `s:${user}` }));
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
  });
});
