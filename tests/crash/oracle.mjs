// The oracle: users who tell facts over time, in several conversations each, take some back, move house, and have
// everything forgotten. It plays the chat application (Redis, bus) and writes down in the book what must come of it.
import { conversation, event, hobby, lastMessageId, stored } from '../flow/chats.mjs';
import { reasonOf } from '../flow/program.mjs';
import { Book } from './book.mjs';
import { pause } from './random.mjs';

const RETRY_MS = 40;

/** A refusal that asking again does not change. */
const isFinal = ({ status }) => status >= 400 && status < 500 && ![408, 412, 429].includes(status);

const capital = (word) => word[0].toUpperCase() + word.slice(1);

export class Oracle {
  /** @param options {users: at once, sessions: of a user at once, turns: of a conversation, facts: of a user, forgets: bool} */
  constructor(ground, random, options = {}) {
    this.ground = ground;
    this.random = random;
    this.options = { users: 24, sessions: 3, turns: 5, facts: 14, backlog: 120, ...options };
    this.book = new Book();
    this.active = [];
    this.number = 0;
    this.word = 0;
    this.newest = null; // the fact told last
    this.running = false;
    this.stopped = false;
    this.failure = null; // what ended the telling
    this.refusals = new Map(); // what is asked for again and again: why it is not done yet
  }

  // --- what is told ---

  #newUser() {
    const user = this.book.addUser(`user-${this.book.users.size + 1}`);
    user.lastTime = 0;
    user.busy = false;
    return user;
  }

  #user() {
    while (this.active.length < this.options.users) this.active.push(this.#newUser());
    const free = this.active.filter((user) => !user.busy);
    return free.length > 0 ? this.random.pick(free) : null;
  }

  #session(user) {
    const open = user.sessions.filter((s) => s.chat.ids.length < this.options.turns);
    if (open.length >= this.options.sessions || (open.length > 0 && this.random.chance(0.6))) return this.random.pick(open);
    this.number += 1;
    const name = `session-${this.number}`;
    return this.book.addSession(user, conversation(0, { user: user.id, session: name, title: `Talk ${this.number}`, turns: 0 }));
  }

  #like() {
    const word = hobby((this.word += 1));
    return { text: `Hello there. I like ${word}.`, fact: { kind: 'like', item: `Likes ${word}`, word } };
  }

  /** Only the user's first conversation says where he lives: what two conversations say at once has no right order. */
  #city() {
    const word = `${capital(hobby((this.word += 1)).replace(/ball$/, ''))}ville`;
    return { text: `By the way, I live in ${word}.`, fact: { kind: 'city', item: `Lives in ${word}`, word } };
  }

  /** A fact that is stored for sure, so that taking it back is a removal and not a correction within one answer. */
  async #storedLike(user) {
    const likes = user.facts.filter((f) => f.kind === 'like' && f.state === 'said');
    if (likes.length === 0) return null;
    const fact = this.random.pick(likes);
    const profile = await this.ground.profile(user.id).catch(() => null);
    return profile?.interests.includes(fact.item) ? fact : null;
  }

  async #words(user, session) {
    const choice = this.random.weighted([[60, 'like'], [12, 'city'], [12, 'take back'], [16, 'talk']]);
    if (choice === 'city' && session === user.sessions[0]) return this.#city();
    if (choice === 'take back') {
      const fact = await this.#storedLike(user);
      if (fact) return { text: `Please forget that I like ${fact.word}.`, fact: null, back: fact };
    }
    if (choice === 'talk') return { text: `Tell me more about number ${(this.word += 1)}, please.`, fact: null };
    return this.#like();
  }

  /** One turn more in one of the user's conversations: stored in Redis, then the event. */
  async #tell(user) {
    const session = this.#session(user);
    const { text, fact, back } = await this.#words(user, session);
    const { chat } = session;
    const at = Math.max(Date.now(), user.lastTime + 1);
    user.lastTime = at;
    const id = `${session.id}-m${chat.ids.length + 1}`;
    const timestamp = new Date(at).toISOString();
    chat.ids.push(id);
    chat.messages.push({ messageId: `${id}_user`, role: 'user', content: text, timestamp });
    chat.messages.push({ messageId: `${id}_assistant`, role: 'assistant', content: 'I see, tell me more.', timestamp });
    this.newest = this.book.said(session, text, fact) ?? this.newest;
    if (back) this.book.takenBack(back);
    const value = stored(chat);
    const message = event(chat);
    await this.#persist(`storing ${id}`, () => this.ground.redisCommand('SET', `session:${session.id}`, value, 'EX', 86_400));
    await this.#persist(`publishing ${id}`, () => this.ground.send([message]));
    this.book.published += 1;
    session.last = lastMessageId(chat);
  }

  /** Does it as soon as what it needs is there; a refusal for good is an error at once. */
  async #persist(what, step) {
    try {
      for (;;) {
        try {
          return await step();
        } catch (error) {
          if (this.stopped || isFinal(error)) throw error;
          this.refusals.set(what, reasonOf(error));
          await pause(RETRY_MS);
        }
      }
    } finally {
      this.refusals.delete(what);
    }
  }

  /** Tells one thing of some user who is free. */
  async tell(user = this.#user()) {
    if (!user) return null;
    user.busy = true;
    try {
      await this.#tell(user);
    } finally {
      user.busy = false;
    }
    if (user.facts.length >= this.options.facts) this.active = this.active.filter((u) => u !== user);
    return user;
  }

  // --- what is forgotten ---

  /** 404: nothing was stored yet, or the answer to the same wish was lost with its server. The wish holds either way. */
  async #forget(user) {
    await this.ground.forget(user.id).catch((error) => { if (error.status !== 404) throw error; });
  }

  /** A user says something and has everything forgotten while the worker is at it. */
  async forgetSomebody(delayMs) {
    const candidates = this.active.filter((u) => !u.busy && u.forgottenAt === 0 && u.facts.length > 2);
    if (candidates.length === 0) return false;
    const user = this.random.pick(candidates);
    await this.tell(user);
    if (user.busy) return false;
    user.busy = true;
    await pause(delayMs);
    await this.#persist(`forgetting ${user.id}`, () => this.#forget(user));
    this.book.forgotten(user, Date.now());
    // What is said from here on is learned at once: the clocks are the same.
    user.lastTime = Date.now();
    user.busy = false;
    return true;
  }

  // --- steadily ---

  /** Tells things at this rate until halt(); waits while too much lies on the bus. */
  run(perSecond) {
    this.running = true;
    this.told = this.#loop(1000 / perSecond);
    this.told.catch(() => {}); // halt() tells
  }

  async #loop(intervalMs) {
    const inHand = new Set();
    let looked = 0;
    let waiting = 0;
    while (this.running) {
      if (this.failure) throw this.failure;
      if (Date.now() - looked > 300) {
        looked = Date.now();
        const { active, locked } = await this.ground.subscription();
        waiting = active + locked;
      }
      if (waiting < this.options.backlog && inHand.size < 16) {
        const one = this.tell().catch((error) => { this.failure ??= error; }).finally(() => inHand.delete(one));
        inHand.add(one);
      }
      await pause(intervalMs);
    }
    await Promise.all(inHand);
    if (this.failure) throw this.failure;
  }

  /** Gives up, whatever is under way. */
  stop() {
    this.stopped = true;
    this.running = false;
  }

  async halt() {
    this.running = false;
    await this.told;
  }
}
