// What the LLM was asked, by which run of a worker, and which of its answers were in flight when that run ended: those
// out, and those answered whose result is neither in the store nor saved in Redis for resumption.
import { Book } from './book.mjs';
import { until } from '../flow/program.mjs';

const PREFIX = 'memory-worker:answer:';

export class Accounts {
  constructor(ground, book) {
    this.ground = ground;
    this.book = book;
    this.calls = new Map(); // number: call
    this.inFlight = new Set();
    this.ended = new Map(); // run: number of the next call when it was looked at
    this.next = 1;
    this.open = new Set(); // calls that were out at the last look
  }

  async #fetch() {
    const first = Math.min(this.next, ...this.open);
    const { calls, next } = await this.ground.calls(first);
    this.open.clear();
    for (const call of calls) {
      this.calls.set(call.n, call);
      if (call.ended_ms === 0) this.open.add(call.n);
    }
    this.next = next;
  }

  /** To be called when a run of a worker has ended, before anything goes on with what it left. */
  async runEnded(run) {
    await this.#fetch();
    this.ended.set(run, this.next);
    for (const call of this.calls.values()) {
      if (call.model !== run) continue;
      if (call.ended_ms === 0) this.inFlight.add(call.n);
      else if (call.outcome === 'ok' && !(await this.#kept(call))) this.inFlight.add(call.n);
    }
  }

  /** Whether the answer of this call is in the store, or saved. */
  async #kept(call) {
    const places = call.messages.map((hash) => this.book.byHash.get(hash)).filter(Boolean);
    if (places.length === 0) return true; // a probe, or not about a conversation
    const { session } = places[0];
    const last = Math.max(...places.map((p) => p.turn));
    if (last < session.forgottenTurns) return true;
    return until('store and Redis tell what was kept', async () => {
      const record = await this.ground.context(session);
      if (record?.through && Book.turnCovered(session, record.through.id) >= last) return 'stored';
      const saved = await this.ground.redisCommand('GET', `${PREFIX}${session.user.id}:${session.id}`);
      if (!saved) return 'nothing';
      return Book.turnCovered(session, JSON.parse(saved).through.id) >= last ? 'saved' : 'nothing';
    }).then((where) => where !== 'nothing');
  }

  /** All calls in their order; those that reached the LLM only after their run was looked at were in flight too. */
  async finish() {
    await this.#fetch();
    const calls = [...this.calls.values()].sort((a, b) => a.n - b.n);
    for (const call of calls)
      if (this.ended.has(call.model) && call.n >= this.ended.get(call.model)) this.inFlight.add(call.n);
    return calls;
  }
}
