// The judge itself: for each kind of fault a book and an observation that has it, and that it is named.
import assert from 'node:assert/strict';
import test from 'node:test';
import { addTurn, conversation } from '../flow/chats.mjs';
import { Book, messageHash } from './book.mjs';
import { judge, repeatedCalls } from './judge.mjs';

/** Two users, one conversation each; anna said two things, took one back and moved once. */
function scene() {
  const book = new Book();
  const say = (session, text, fact) => {
    addTurn(session.chat, text);
    book.published += 1;
    return book.said(session, text, fact);
  };
  const like = (word) => ({ kind: 'like', item: `Likes ${word}`, word });
  const city = (word) => ({ kind: 'city', item: `Lives in ${word}`, word });
  const open = (id, session) => {
    const user = book.addUser(id);
    return book.addSession(user, conversation(0, { user: id, session, turns: 0 }));
  };
  const anna = open('anna', 'a1');
  say(anna, 'I like bababall.', like('bababall'));
  book.takenBack(say(anna, 'I like cecaball.', like('cecaball')));
  say(anna, 'I live in Difaville.', city('Difaville'));
  say(anna, 'I live in Gohaville.', city('Gohaville'));
  const ben = open('ben', 'b1');
  say(ben, 'I like jukaball.', like('jukaball'));
  const record = (session) => ({ through: { id: session.chat.messages.at(-1).messageId }, skipped: [], status: 'ok', text: '' });
  const seen = {
    profiles: new Map([['anna', ['Likes bababall', 'Lives in Gohaville']], ['ben', ['Likes jukaball']]]),
    records: new Map([['a1', record(anna)], ['b1', record(ben)]]),
    bus: { active: 0, locked: 0, deferred: 0, deadLetters: [], totals: { enqueued: 5, completed: 5, deadLettered: 0 } },
    calls: [], inFlight: new Set(), surprises: [], stops: [{ ok: true }], counts: { allowed: 0, burnt: 0 }, kills: 1,
  };
  return { book, seen, anna, ben };
}

/** What the judge says after `change` of a scene in which all is well. */
function verdict(change) {
  const s = scene();
  change(s);
  return judge(s.book, s.seen);
}

test('where all is well the verdict is that it passed, with nothing counted', () => {
  const v = verdict(() => {});
  assert.deepEqual(v.violations, []);
  assert.equal(v.passed, true);
  assert.equal(v.published, 5);
});

const ONE_OF = {
  'a fact that is not in the profile is lost': ['lost', ({ seen }) => seen.profiles.set('ben', [])],
  'the last of several moves that is not there is lost': ['lost', ({ seen }) => seen.profiles.set('anna', ['Likes bababall'])],
  'a conversation without a record is lost': ['lost', ({ seen }) => seen.records.delete('b1')],
  'a record behind the last message of the user is lost':
    ['lost', ({ seen, anna }) => { seen.records.get('a1').through = { id: anna.chat.messages[4].messageId }; }],
  'a delivery that still waits is lost':
    ['lost', ({ seen }) => { seen.bus.active = 1; seen.bus.totals.completed = 4; }],
  'a delivery that vanished from the bus is lost': ['lost', ({ seen }) => { seen.bus.totals.completed = 4; }],
  'a fact that is there twice is duplicated':
    ['duplicated', ({ seen }) => seen.profiles.set('ben', ['Likes jukaball', 'likes  Jukaball'])],
  'a fact of another user counts as duplicated':
    ['duplicated', ({ seen }) => seen.profiles.set('ben', ['Likes jukaball', 'Likes bababall'])],
  'a record that says what another conversation said counts as duplicated':
    ['duplicated', ({ seen }) => { seen.records.get('b1').text = 'likes bababall'; }],
  'what was taken back and is there is clobbered':
    ['clobbered', ({ seen }) => seen.profiles.get('anna').push('Likes cecaball')],
  'where the user lived before is clobbered':
    ['clobbered', ({ seen }) => seen.profiles.get('anna').push('Lives in Difaville')],
  'a dead letter is counted, with its reason':
    ['dead_lettered_by_outage', ({ seen }) => {
      seen.bus.deadLetters.push({ messageId: 'x', reason: 'r', deliveryCount: 9 });
      Object.assign(seen.bus.totals, { completed: 4, deadLettered: 1 });
    }],
  'counts beyond those held at the kills are burnt': ['counts_burnt', ({ seen }) => { seen.counts = { allowed: 3, burnt: 4 }; }],
};

for (const [name, [key, change]] of Object.entries(ONE_OF)) {
  test(name, () => {
    const v = verdict(change);
    assert.equal(v[key], 1, JSON.stringify(v.violations));
    assert.equal(v.passed, false);
    assert.equal(v.violations.length, 1);
  });
}

test('what was forgotten and is there has come back: in the profile, as a record, in a record\'s text', () => {
  const forget = (s) => {
    s.book.forgotten(s.book.users.get('ben'), 1);
    s.seen.profiles.set('ben', []);
    s.seen.records.delete('b1');
  };
  assert.equal(verdict(forget).passed, true);
  const profile = verdict((s) => { forget(s); s.seen.profiles.set('ben', ['Likes jukaball']); });
  assert.equal(profile.resurrected, 1);
  const record = verdict((s) => {
    const before = s.seen.records.get('b1');
    forget(s);
    s.seen.records.set('b1', before);
  });
  assert.equal(record.resurrected, 1);
  const text = verdict((s) => {
    forget(s);
    addTurn(s.ben.chat, 'Hello.');
    s.book.said(s.ben, 'Hello.', null);
    const through = { id: s.ben.chat.messages.at(-1).messageId };
    s.seen.records.set('b1', { through, skipped: [], status: 'ok', text: 'likes jukaball' });
  });
  assert.equal(text.resurrected, 1);
});

test('a fact in a span that the record lists as skipped is skipped, not lost', () => {
  const v = verdict(({ seen, ben }) => {
    seen.profiles.set('ben', []);
    const [first, last] = [ben.chat.messages[0], ben.chat.messages.at(-1)];
    seen.records.get('b1').skipped = [{ from: { id: first.messageId }, to: { id: last.messageId }, reason: 'refused' }];
  });
  assert.equal(v.lost, 0);
  assert.ok(v.skipped > 0);
  assert.equal(v.passed, false);
});

test('a stop that did not end well is a violation', () => {
  const v = verdict(({ seen }) => seen.stops.push({ ok: false, detail: 'exit code 1' }));
  assert.deepEqual(v.violations, [{ kind: 'stop', what: 'exit code 1' }]);
});

test('a program that ended by itself is a violation', () => {
  const v = verdict(({ seen }) => seen.surprises.push('run 2: api ended (code 78): taken'));
  assert.deepEqual(v.violations, [{ kind: 'ended', what: 'run 2: api ended (code 78): taken' }]);
  assert.equal(v.passed, false);
});

const call = (n, messages, outcome = 'ok') => ({ n, model: `run-${n}`, outcome, ended_ms: 1, messages });

test('a second call about a message is repeated; after a fault of the LLM it is not', () => {
  assert.equal(repeatedCalls([call(1, ['a']), call(2, ['b'])], new Set()).length, 0);
  assert.equal(repeatedCalls([call(1, ['a'], 'error'), call(2, ['a'])], new Set()).length, 0);
  assert.equal(repeatedCalls([call(1, ['a']), call(2, ['b', 'a'])], new Set([1])).length, 1);
});

test('a repeated call is allowed where the first was in flight at a kill, not where its answer was saved', () => {
  const known = [messageHash('I like jukaball.')];
  const calls = [call(1, known), call(2, known)];
  const allowed = verdict(({ seen }) => Object.assign(seen, { calls, inFlight: new Set([1]) }));
  assert.equal(allowed.passed, true);
  assert.equal(allowed.repeated_llm_calls, 1);
  assert.equal(allowed.in_flight_at_kills, 1);
  const saved = verdict(({ seen }) => Object.assign(seen, { calls, inFlight: new Set([9]) }));
  assert.equal(saved.passed, false);
  const more = verdict(({ seen }) => Object.assign(seen, { calls: [...calls, call(3, known)], inFlight: new Set([1]) }));
  assert.equal(more.passed, false);
  const probes = verdict(({ seen }) => Object.assign(seen, { calls: [call(1, ['p']), call(2, ['p'])] }));
  assert.equal(probes.passed, true);
});

test('messages are named by the hash that the LLM stand-in gives them', () => {
  assert.equal(messageHash(''), 'cbf29ce484222325');
  assert.equal(messageHash('a'), 'af63dc4c8601ec8c');
});
