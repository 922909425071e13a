// The short form, for tests/run: the judge's own tests, that nothing deliberate is in the programs, a campaign of kills on
// either store, and one short outage. Prints a line for each claim, and "N passed, N failed".
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { campaign } from './campaign.mjs';
import { FAULT_VARIABLE } from './ground.mjs';
import { outage } from './outage.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const KEPT = path.join(here, '../../build/test-logs/crash-kept');

/** What is claimed of every run, and the kinds of violation that speak against it. */
const CLAIMS = {
  'nothing is lost': ['lost', 'behind', 'undelivered'],
  'nothing is there twice, or with another user': ['duplicated', 'foreign'],
  'nothing taken back or replaced has come back': ['clobbered'],
  'nothing forgotten has come back': ['resurrected'],
  'no span is skipped': ['skipped'],
  'nothing is dead-lettered': ['dead_lettered'],
  'no answer that was saved is paid for again': ['paid_again'],
  'every stop ends with 0 and leaves no lock': ['stop'],
  'no program ends by itself': ['ended'],
  'no delivery count is used up but by kills': ['burnt'],
};

class Tally {
  constructor() {
    this.passed = 0;
    this.failed = 0;
  }

  check(name, troubles) {
    if (troubles.length === 0) this.passed += 1;
    else this.failed += 1;
    console.log(`${troubles.length === 0 ? 'ok' : 'NOT OK'}  ${name}`);
    for (const trouble of troubles.slice(0, 20)) console.log(`        ${trouble}`);
  }

  /** What a run leaves is kept where something speaks against it: it will hardly fail like that again. */
  async run(name, work) {
    const keep = path.join(KEPT, name.replaceAll(/\W+/g, '-'));
    rmSync(keep, { recursive: true, force: true });
    mkdirSync(keep, { recursive: true });
    let verdict;
    try {
      verdict = await work(keep);
      if (verdict.violations.length === 0) rmSync(keep, { recursive: true, force: true });
      else console.log(`${name}: what it left is kept in ${keep}`);
    } catch (error) {
      return this.check(name, [error.stack ?? error.message]);
    }
    const { violations, harms, ...figures } = verdict;
    console.log(`${name}: ${JSON.stringify(figures)}`);
    for (const [claim, kinds] of Object.entries(CLAIMS))
      this.check(`${name}: ${claim}`, violations.filter((v) => kinds.includes(v.kind)).map((v) => `${v.kind}: ${v.what}`));
    return undefined;
  }
}

function judgesOwnTests(tally) {
  const tests = ['judge.test.mjs', 'runner.test.mjs'].map((name) => path.join(here, name));
  const command = ['--test', '--test-reporter=tap', ...tests];
  const { status, stdout } = spawnSync(process.execPath, command, { encoding: 'utf8', timeout: 60_000 });
  const number = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(stdout)?.[1] ?? 0);
  tally.passed += number('pass');
  tally.failed += number('fail');
  if (status !== 0 && number('fail') === 0) tally.failed += 1;
  console.log(`${status === 0 ? 'ok' : 'NOT OK'}  the judge's own tests: ${number('pass')} passed, ${number('fail')} failed.`);
  if (status !== 0) console.log(stdout);
}

function nothingDeliberate(tally) {
  for (const name of ['memory-worker', 'memory-api', 'memory-devstack']) {
    const bytes = readFileSync(path.join(process.env.MW_BIN, name));
    tally.check(`no deliberate fault is in ${name}`, bytes.includes(FAULT_VARIABLE) ? [`${name} knows ${FAULT_VARIABLE}`] : []);
  }
}

export async function shortForm(options, say) {
  const { seed } = options;
  const tally = new Tally();
  console.log(`seed ${seed}`);
  judgesOwnTests(tally);
  nothingDeliberate(tally);
  await tally.run('40 kills', (keep) => campaign({ seed, store: 'sqlite', kills: 40, keep, say }));
  await tally.run('12 kills, over Cosmos DB', (keep) => campaign({ seed: seed + 1, store: 'cosmos', kills: 12, keep, say }));
  await tally.run('redis and llm away', (keep) => outage({ seed, minutes: 0.2, of: ['redis', 'llm'], killEvery: 5, keep, say }));
  console.log(`${tally.passed} passed, ${tally.failed} failed`);
  return tally.failed === 0;
}
