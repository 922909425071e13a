// Outages: several things at once are taken away from one worker while conversations go on being told; the worker may be
// killed meanwhile. Then all is given back, and the judge speaks; with what the crashes cost in delivery counts, how soon
// the worker keeps up with the publishers again, and the worker's memory.
import { readFileSync } from 'node:fs';
import { judged } from './campaign.mjs';
import { pause } from './random.mjs';

const RATE = 3; // things told a second
const LEAD_MS = 5000;
const WATCH_MS = 250;
const RECOVERY_BOUND_MS = 180_000;
const ANSWERS = [{ kind: 'error', status: 503 }, { kind: 'hang', hang_ms: 600_000 }];

function residentMb(pid) {
  const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return found ? Math.round(Number(found[1]) / 1024) : 0;
}

/** The LLM is away in three ways in turn, a third of the time each: refusing, answering 503, hanging. */
async function takeAwayLlm(ground, isOver, thirdMs) {
  const { relays } = ground.workers[0];
  for (let turn = 0; !isOver(); turn = (turn + 1) % 3) {
    relays.llm.refuse(turn === 0);
    await ground.llmFaults(turn === 0 ? [] : [ANSWERS[turn - 1]]);
    const until = Date.now() + thirdMs;
    while (!isOver() && Date.now() < until) await pause(WATCH_MS);
  }
}

class Outage {
  constructor(ground, harm, options) {
    Object.assign(this, { ground, harm, options });
    this.allowed = 0; // delivery counts that the kills cost, and the bus's own absence
    this.rss = 0;
  }

  async takeAway(isOver) {
    const { relays } = this.ground.workers[0];
    for (const name of this.options.of.filter((n) => n !== 'llm')) relays[name].refuse(true);
    // nobody can renew a lock over a bus that is away
    if (this.options.of.includes('bus')) this.allowed += (await this.ground.subscription()).locked;
    if (this.options.of.includes('llm')) this.llm = takeAwayLlm(this.ground, isOver, (this.options.minutes * 60_000) / 3);
  }

  async giveBack() {
    await this.llm;
    for (const relay of Object.values(this.ground.workers[0].relays)) relay.refuse(false);
    await this.ground.llmFaults([]);
  }

  /** kill -9: what it holds at that moment may cost one count each, and nothing else. The outage goes on. */
  async kill() {
    const { ground, harm } = this;
    const [worker] = ground.workers;
    worker.program.signal('SIGKILL');
    await worker.gone();
    this.allowed += (await ground.lockedBy(worker)).length;
    await harm.accounts.runEnded(worker.run);
    harm.kills += 1;
    worker.start();
  }

  watch() {
    const [worker] = this.ground.workers;
    if (worker.alive) this.rss = Math.max(this.rss, residentMb(worker.pid));
  }
}

/** Seconds until the worker has settled, within one second, as many as were published in it. */
async function recovery(ground, oracle, watch) {
  const began = Date.now();
  let before = { at: began, settled: await ground.settledCount(), published: oracle.book.published };
  while (Date.now() - began < RECOVERY_BOUND_MS) {
    await pause(WATCH_MS);
    watch();
    const now = { at: Date.now(), settled: await ground.settledCount(), published: oracle.book.published };
    if (now.at - before.at < 1000) continue;
    if (now.settled > before.settled && now.settled - before.settled >= now.published - before.published)
      return Math.round((now.at - began) / 100) / 10;
    before = now;
  }
  return -1;
}

/** @param options {seed, minutes, of: ['redis', 'llm', 'store', 'bus'], killEvery: s, holdLimit: s, say} */
export function outage(options) {
  const { minutes, killEvery = 0, holdLimit, say = () => {} } = options;
  const workerOptions = {
    'supervisor.backoff-max': '2s', 'llm_analyzer.probe-interval': '1s', 'receiver.lock-duration': '10s',
    ...(holdLimit ? { 'dispatcher.hold-limit': `${holdLimit}s` } : {}),
  };
  const asked = { seed: options.seed, lockMs: 10_000, workerOptions, oracle: { users: 200, backlog: Infinity } };
  return judged(asked, async ({ ground, oracle, harm }) => {
    const away = new Outage(ground, harm, options);
    oracle.run(RATE);
    await pause(LEAD_MS);
    const end = Date.now() + minutes * 60_000;
    const isOver = () => Date.now() >= end;
    await away.takeAway(isOver);
    let nextKill = killEvery > 0 ? Date.now() + killEvery * 1000 : Infinity;
    let nextWord = Date.now() + 60_000;
    while (!isOver()) {
      await pause(WATCH_MS);
      away.watch();
      if (Date.now() >= nextKill) {
        nextKill += killEvery * 1000;
        await away.kill();
      }
      if (Date.now() < nextWord) continue;
      nextWord += 60_000;
      say(`${Math.round((end - Date.now()) / 60_000)} min left, ${oracle.book.published} published, ${away.rss} MB`);
    }
    await away.giveBack();
    const seconds = await recovery(ground, oracle, () => away.watch());
    await oracle.halt();
    return {
      counts: async () => {
        const { totals } = await ground.subscription();
        return { allowed: away.allowed, burnt: totals.lockExpired + totals.abandoned };
      },
      figures: { recovered_after_s: seconds, rss_mb: away.rss },
    };
  });
}
