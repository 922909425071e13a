// One campaign of kills: the oracle tells things all the time, deaths follow one another, troubles run beside them; then
// the faults are off, the work is let finish, and the judge speaks.
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { until } from '../flow/program.mjs';
import { Accounts } from './accounts.mjs';
import { Ground } from './ground.mjs';
import { DEATHS, Harm, TROUBLES } from './harm.mjs';
import { judge } from './judge.mjs';
import { observe } from './observe.mjs';
import { Oracle } from './oracle.mjs';
import { Random } from './random.mjs';

const SETTLE_BOUND_MS = 120_000;
const DEATH_BOUND_MS = 100_000;

/** What takes longer than that hangs: an error that names it. */
function within(boundMs, what, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${boundMs / 1000} s`)), boundMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** What an error alone does not say: which programs are gone, and what is still asked for in vain. */
function explain(error, ground, oracle) {
  const waiting = [...oracle.refusals].map(([what, why]) => `${what} is not done: ${why}`);
  const more = [...ground.surprises, ...waiting.slice(0, 5)];
  error.stack = [error.stack, ...more].join('\n');
  return error;
}

/** Programs that still run may take a file away meanwhile: then what there is of them. */
function keepFiles(ground, { keep, store = 'sqlite', say = () => {} }) {
  if (!keep) return;
  try {
    cpSync(ground.dir, path.join(keep, store), { recursive: true });
  } catch (error) {
    say(`not all files are kept: ${error.message}`);
  }
}

/** What the judge saw, beside the files: who said what, what is stored, and every call of the LLM. */
function keepAccount({ keep }, book, seen, verdict) {
  if (!keep) return;
  const plain = (map) => Object.fromEntries(map);
  const said = [...book.users.values()].map(({ id, forgottenAt, facts, sessions }) => ({
    id, forgottenAt,
    facts: facts.map(({ item, turn, state, session }) => ({ item, turn, state, session: session.id })),
    sessions: sessions.map(({ chat, forgottenTurns }) => ({ ...chat, forgottenTurns })),
  }));
  const account = { verdict, said, profiles: plain(seen.profiles), records: plain(seen.records), calls: seen.calls,
    inFlight: [...seen.inFlight] };
  writeFileSync(path.join(keep, 'judged.json'), JSON.stringify(account, null, 1));
}

/** A run of `body` on a fresh ground; gives the judge's verdict. `body` is given {ground, oracle, harm, random}. */
export async function judged(options, body) {
  const random = new Random(options.seed);
  const ground = new Ground(options);
  const clean = () => rmSync(ground.dir, { recursive: true, force: true });
  process.once('exit', clean); // where a signal ends this process in the middle
  let failed = true;
  const oracle = new Oracle(ground, random, options.oracle);
  const began = Date.now();
  try {
    await within(DEATH_BOUND_MS, 'starting the programs', ground.begin());
    const accounts = new Accounts(ground, oracle.book);
    const harm = new Harm(ground, oracle, accounts, random);
    ground.workers[0].start();
    const more = (await body({ ground, oracle, harm, random })) ?? {};
    await within(DEATH_BOUND_MS, 'telling the last things', oracle.halt());
    await within(2 * SETTLE_BOUND_MS, 'settling down', settleDown(ground, harm));
    const seen = await within(SETTLE_BOUND_MS, 'observing', observe(ground, oracle.book, accounts));
    const counts = (await more.counts?.()) ?? null;
    const { surprises } = ground;
    const verdict = judge(oracle.book, { ...seen, surprises, stops: harm.stops, counts, kills: harm.kills });
    failed = false;
    keepAccount(options, oracle.book, seen, verdict);
    const { seed } = options;
    return { ...verdict, ...more.figures, seed, duration_s: Math.round((Date.now() - began) / 1000), harms: harm.done };
  } catch (error) {
    throw explain(error, ground, oracle);
  } finally {
    oracle.stop();
    keepFiles(ground, options);
    await within(DEATH_BOUND_MS, 'ending the programs', ground.end(failed));
    process.removeListener('exit', clean);
  }
}

/** Waits until the bus has nothing left, as long as that gets on; then the workers are stopped as a user would. */
async function settleDown(ground, harm) {
  await harm.undo();
  await until('the bus is empty', async () => {
    const { active, locked } = await ground.subscription();
    return active + locked === 0;
  }, SETTLE_BOUND_MS).catch(() => {}); // the judge says what is left
  for (const worker of ground.workers) if (worker.alive) await harm.stop(worker);
}

/**
 * @param options {seed, kills, store, rate: things told a second, deaths, troubles: weighted names, say: progress}
 */
export function campaign(options) {
  const { kills, rate = 8, deaths = DEATHS, troubles = TROUBLES, say = () => {} } = options;
  return judged(options, async ({ oracle, harm, random }) => {
    oracle.run(rate);
    let trouble = Promise.resolve();
    let running = false;
    let failure = null;
    let told = 0;
    while (harm.kills < kills) {
      if (!running && troubles.length > 0 && random.chance(0.6)) {
        const name = random.weighted(troubles);
        harm.count(name);
        running = true;
        trouble = harm[name]().catch((error) => { failure ??= error; }).finally(() => { running = false; });
      }
      const name = random.weighted(deaths);
      harm.count(name);
      await within(DEATH_BOUND_MS, name, harm[name]());
      if (failure ?? oracle.failure) throw failure ?? oracle.failure;
      if (harm.kills - told >= 25) {
        told = harm.kills;
        say(`${harm.kills} of ${kills} kills, ${oracle.book.published} published`);
      }
    }
    await within(DEATH_BOUND_MS, 'the last trouble', trouble);
    if (failure) throw failure;
  });
}
