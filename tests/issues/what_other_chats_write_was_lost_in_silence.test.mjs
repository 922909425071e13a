// Conversations as other chats write them (roles, shapes of content, times, numbers that only Python reads) were
// dead-lettered, or completed without the fact, unsaid. Each file of cases/conversations is one such conversation; each
// of over_time a course of one chat. `right` says what must be stored.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { until, withStack } from '../flow/stack.mjs';
import { ScriptedLlm } from './scripted_llm.mjs';

const CASES = path.join(import.meta.dirname, 'cases', 'conversations');
const read = (...name) => JSON.parse(readFileSync(path.join(CASES, ...name), 'utf8'));
const namesIn = (folder) => readdirSync(folder).filter((name) => name.endsWith('.json')).sort();

async function withLlm(says, body) {
  const llm = await new ScriptedLlm(says).listen();
  try {
    await withStack({
      start: ['redis', 'bus', 'api', 'worker'],
      env: { AZURE_AI_CHAT_ENDPOINT: llm.url },
    }, (stack) => body(stack, llm));
  } finally {
    await llm.close();
  }
}

function eventOf({ sessionId, userId }, chatMessageId, completedAt) {
  const body = { sessionId, userId, chatMessageId, completedAt, eventType: 'message_completed' };
  return { messageId: `${chatMessageId}_completed`, sessionId, body };
}

/** Sends the events and waits until they are settled. */
async function settle(stack, events) {
  const before = await stack.settledCount();
  await stack.send(events);
  await until('the events are settled', async () => (await stack.settledCount()) >= before + events.length);
}

async function isRight(stack, { userId, sessionId }, right) {
  assert.deepEqual(await stack.deadLetters(), []);
  const lists = await stack.profile(userId);
  const known = Object.fromEntries(Object.entries(lists).filter(([, items]) => Array.isArray(items) && items.length > 0));
  assert.deepEqual(known, right.profile);
  assert.equal((await stack.record({ userId, sessionId })) !== null, right.record);
}

for (const name of namesIn(CASES)) {
  const { case: what, conversation, conversation_text: text, llm_says: [says], right } = read(name);
  test(`${name}: ${what}`, async () => {
    const value = text ?? JSON.stringify(conversation);
    const number = /"sessionId": ?"case-(\d+)"/.exec(value)[1];
    const ids = { sessionId: `case-${number}`, userId: `person-${number}` };
    await withLlm({ [says.quote]: says }, async (stack) => {
      await stack.data.command('SET', `session:${ids.sessionId}`, value);
      await settle(stack, [eventOf(ids, `${ids.sessionId}-1`, '2026-03-02T09:00:02.250Z')]);
      await isRight(stack, ids, right);
    });
  });
}

const WRITTEN = {
  iso: (t) => new Date(t).toISOString(),
  epoch_seconds: (t) => t / 1000,
  epoch_milliseconds: (t) => t,
  rfc_1123: (t) => new Date(t).toUTCString(),
  none: () => undefined,
  one: (t, first) => new Date(first).toISOString(),
  three_minutes_ahead: (t) => new Date(t + 180_000).toISOString(),
  two_hours_ahead_without_zone: (t) => new Date(t + 7_200_000).toISOString().slice(0, -1),
};

/** A chat that grows turn by turn, keeps its last messages, and writes its times in one way. */
class Course {
  constructor(stack, { times, keep_last: keepLast }) {
    Object.assign(this, { stack, times, keepLast, sessionId: 'course', userId: 'person', turns: [], messages: [] });
  }

  async say(texts, atSeconds) {
    const start = Date.now() + atSeconds * 1000;
    texts.forEach((text, i) => {
      const at = start + i * 1000;
      const id = `turn-${this.turns.length + 1}`;
      this.turns.push({ id, at });
      const timestamp = WRITTEN[this.times](at, this.turns[0].at);
      this.messages.push({ messageId: `${id}_user`, role: 'user', content: text, timestamp });
      this.messages.push({ messageId: `${id}_assistant`, role: 'assistant', content: 'Noted.', timestamp });
    });
    if (this.keepLast) this.messages = this.messages.slice(-this.keepLast);
    const { sessionId, userId, messages } = this;
    await this.stack.data.command('SET', `session:${sessionId}`, JSON.stringify({ sessionId, userId, title: 'A talk', messages }));
    await this.eventOf(this.turns.length);
  }

  async eventOf(turn) {
    const { id, at } = this.turns[turn - 1];
    // The same clock as the messages', where that is only fast.
    const completedAt = this.times === 'three_minutes_ahead' ? WRITTEN[this.times](at) : new Date(at).toISOString();
    const sent = [eventOf(this, id, completedAt)];
    await (this.unheard ? this.stack.send(sent) : settle(this.stack, sent));
  }

  async step(step) {
    if (step.say) await this.say(step.say, step.at_s);
    if (step.forget === 'user') await this.stack.forget(this.userId);
    if (step.expire) await this.stack.data.command('DEL', `session:${this.sessionId}`);
    if (step.event_of_turn) await this.eventOf(step.event_of_turn);
  }
}

for (const name of namesIn(path.join(CASES, 'over_time'))) {
  const course = read('over_time', name);
  test(`over time, ${name}: ${course.case}`, async () => {
    await withLlm(course.llm_says, async (stack) => {
      const chat = new Course(stack, course);
      for (const step of course.steps) await chat.step(step);
      await isRight(stack, chat, course.right);
    });
  });
}

const OLD = 'I restore old radios';
const NEW = 'My sister Odile lives in Namur';
const FACTS = {
  [OLD]: { category: 'interests', item: 'Restores old radios' },
  [NEW]: { category: 'family_and_friends', item: 'Sister Odile lives in Namur' },
};
const ONLY_NEW = { profile: { family_and_friends: ['Sister Odile lives in Namur'] }, record: true };

for (const times of Object.keys(WRITTEN)) {
  test(`what is said right after a wish to be forgotten is learned, what came before is not: times ${times}`, async () => {
    await withLlm(FACTS, async (stack) => {
      const chat = new Course(stack, { times });
      await chat.say([`${OLD}.`], -60);
      await stack.forget(chat.userId);
      await chat.say([`${NEW}.`], 0);
      await isRight(stack, chat, ONLY_NEW);
    });
  });

  test(`what was on its way at the wish is not brought back, what is said next is learned: times ${times}`, async () => {
    await withLlm(FACTS, async (stack, llm) => {
      const chat = new Course(stack, { times });
      await stack.kill('worker');
      chat.unheard = true;
      await chat.say([`${OLD}.`], -1);
      // Nothing is remembered yet, and the wish counts all the same.
      await assert.rejects(stack.forget(chat.userId), { status: 404 });
      const before = await stack.settledCount();
      await stack.start_worker();
      await until('the old event is settled', async () => (await stack.settledCount()) > before);
      assert.equal(llm.calls, 0);
      chat.unheard = false;
      await chat.say([`${NEW}.`], 0);
      await isRight(stack, chat, ONLY_NEW);
    });
  });
}
