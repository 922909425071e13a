// Does the judge see what it is there for? For each fault that the build "faulty" can have, the run that is most likely to
// show it: the faulty programs must be caught, of the right kind, and sound programs must pass the same run.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { campaign, judged } from './campaign.mjs';
import { FAULT_VARIABLE } from './ground.mjs';
import { pause } from './random.mjs';
import { until } from '../flow/program.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '..', '..');

/** One renewal is answered: among these locks is a lost one. */
const LOST_LOCK = { count: 1, status: 410, condition: 'com.microsoft:message-lock-lost', operation: 'com.microsoft:renew-lock' };

/** Deaths at one step only, and told so fast that the step comes. */
function killsAt(step, moments, kills, more = {}) {
  return (options) => judged({ ...options, ...more }, async ({ oracle, harm, random }) => {
    oracle.run(more.rate ?? 10);
    for (let i = 0; i < kills; i += 1) await harm.killAt(step, random.pick(moments), 3000);
  });
}

/** Many conversations of few users at once, over a store that answers late: commits of one user meet. */
function crowd(options) {
  const workerOptions = { 'dispatcher.jobs-per-user': '8', 'dispatcher.user-share': '1', 'dispatcher.max-jobs': '24' };
  const oracle = { users: 2, sessions: 12, turns: 3, facts: 60 };
  return judged({ ...options, store: 'cosmos', workerOptions, oracle }, async ({ ground, oracle: o }) => {
    const [one, two] = ground.workers;
    two.start();
    for (const worker of [one, two]) worker.relays.store.delayMs = 15;
    o.run(25);
    await pause(8000);
  });
}

/** Users have everything forgotten while the LLM works on what they said. */
function forgets(options) {
  return judged({ ...options, latencyMs: 500, oracle: { users: 12, turns: 1 } }, async ({ oracle, harm, random }) => {
    oracle.run(12);
    await pause(3000);
    await Promise.all(Array.from({ length: 8 }, async (_, i) => {
      await pause(i * 500);
      await oracle.forgetSomebody(random.between(150, 400));
      harm.count('forget');
    }));
  });
}

/** Stops, with the bus some milliseconds away, right after something was told. */
function stops(options) {
  return judged({ ...options, rate: 6 }, async ({ ground, oracle, harm }) => {
    const [worker] = ground.workers;
    for (let i = 0; i < 12; i += 1) {
      worker.relays.bus.delayMs = 12;
      await until('the worker takes messages', async () => (await ground.busStatus()).links > 0);
      await pause(150);
      await oracle.tell();
      await harm.stop(worker, 0);
      worker.start();
    }
  });
}

/**
 * The worker holds many deliveries for longer than a lock while the LLM hangs; then its connection to the bus is cut, and
 * the first renewal after that fails. No lock may be lost for it: no delivery count is used up.
 */
function reconnects(options) {
  const workerOptions = { 'dispatcher.max-jobs': '16', 'llm_analyzer.request-timeout': '60s' };
  return judged({ ...options, workerOptions, oracle: { users: 60 } }, async ({ ground, oracle }) => {
    const [worker] = ground.workers;
    await until('the worker takes messages', async () => (await ground.busStatus()).links > 0);
    await ground.llmFaults([{ kind: 'hang', hang_ms: 14_000 }]);
    for (let i = 0; i < 40; i += 1) await oracle.tell();
    for (let round = 0; round < 2; round += 1) {
      await pause(ground.lockMs + 500);
      await ground.busFault('management', LOST_LOCK);
      worker.relays.bus.cut();
    }
    await pause(1500);
    await ground.llmFaults([]);
    return {
      counts: async () => {
        const { totals } = await ground.subscription();
        return { allowed: 0, burnt: totals.lockExpired + totals.abandoned };
      },
    };
  });
}

/** name: {kinds: one of which must be found, run} */
export const FAULTS = {
  'complete-before-write': { kinds: ['lost', 'behind'], run: killsAt('LLM asked', ['asked', 'done'], 6) },
  'skip-compare-and-swap': { kinds: ['lost'], run: crowd },
  'ignore-watermark': { kinds: ['paid_again', 'clobbered'],
    run: (options) => campaign({ ...options, kills: 6, troubles: [], oracle: { users: 6, sessions: 2, turns: 8 } }) },
  'record-before-profile': { kinds: ['lost'], run: killsAt('record written', ['done', 'answered'], 8, { store: 'cosmos' }) },
  'forget-without-epoch': { kinds: ['resurrected'], run: forgets },
  'end-before-drained': { kinds: ['stop'], run: stops },
  'adopt-with-old-lock-end': { kinds: ['burnt'], run: reconnects },
};

/** One run in a process of its own, with these programs and this fault ('' for none); gives the verdict. */
function runApart(name, seed, bin, fault) {
  const result = spawnSync(process.execPath, [path.join(here, 'main.mjs'), '--scenario', name, '--seed', `${seed}`, '--json'], {
    env: { ...process.env, MW_BIN: bin, [FAULT_VARIABLE]: fault }, encoding: 'utf8', timeout: 240_000, killSignal: 'SIGTERM',
  });
  if (!result.stdout) throw new Error(`the run of ${name} gave no verdict: ${result.stderr.slice(-1000)}`);
  return JSON.parse(result.stdout);
}

const TRIES = 3;

/** @returns {faults: [{name, caught, kinds, tries, sound}], passed} */
export function provedFaults(options, say) {
  say('building the preset faulty');
  const built = spawnSync(path.join(root, 'deploy/local/compile'), ['faulty', 'memory-worker', 'memory-api', 'memory-devstack'],
    { stdio: ['ignore', 'ignore', 'inherit'] });
  if (built.status !== 0) throw new Error('the preset faulty could not be built');
  const names = options.faults === 'all' ? Object.keys(FAULTS) : [options.faults];
  const faults = names.map((name) => {
    if (!FAULTS[name]) throw new Error(`there is no fault ${name}`);
    let found = [];
    let tries = 0;
    while (tries < TRIES && !found.some((kind) => FAULTS[name].kinds.includes(kind))) {
      const { violations } = runApart(name, options.seed + tries, path.join(root, 'build/faulty/bin'), name);
      found = [...new Set(violations.map((v) => v.kind))];
      tries += 1;
    }
    const caught = found.some((kind) => FAULTS[name].kinds.includes(kind));
    const sound = runApart(name, options.seed, process.env.MW_BIN, '');
    say(`${name}: ${caught ? 'caught' : 'NOT CAUGHT'} (${found.join(', ')}) in run ${tries}; ` +
      `sound programs ${sound.passed ? 'pass' : 'FAIL'}`);
    return { name, caught, kinds: found, tries, sound: sound.passed, violations: sound.violations };
  });
  return { faults, seed: options.seed, passed: faults.every((f) => f.caught && f.sound) };
}
