// The command line of tests/crash/run. --help says what there is.
import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { campaign } from './campaign.mjs';
import { FAULTS, provedFaults } from './faults.mjs';
import { outage } from './outage.mjs';
import { shortForm } from './short.mjs';

const HELP = `usage: tests/crash/run [FORM] [--seed S] [--json]
  (no form)                    the short form: some minutes; prints "N passed, N failed"
  --kills N [--store S]        N kills -9 and what else can go wrong; --store sqlite or cosmos (default: sqlite, the
                               last fifth cosmos)
  --outage MINUTES --of A,B    takes redis, llm, store or bus away, together; with --kill-every SECONDS the worker is
                               killed meanwhile; --hold-limit S is the worker's (default: its own)
  --faults [NAME]              builds the programs with deliberate faults and shows that the judge finds each
  --json                       one JSON object on stdout
  --keep DIR                   with --kills: debug logs, and the files of all programs are copied there in the end
MW_BIN names the folder of the programs (default: build/release/bin).
`;

function parse(args) {
  const options = { json: false, seed: Math.floor(Math.random() * 1e9) };
  const value = (i) => {
    if (args[i + 1] === undefined) throw new Error(`${args[i]} needs a value`);
    return args[i + 1];
  };
  const number = (i) => {
    if (!(Number(value(i)) >= 0)) throw new Error(`${args[i]} needs a number`);
    return Number(args[i + 1]);
  };
  for (let i = 0; i < args.length; i += 1) {
    if (args[i] === '--json') options.json = true;
    else if (args[i] === '--help' || args[i] === '-h') options.help = true;
    else if (args[i] === '--faults') {
      options.faults = args[i + 1] && !args[i + 1].startsWith('-') ? args[(i += 1)] : 'all';
    } else if (['--kills', '--seed', '--outage', '--kill-every', '--hold-limit'].includes(args[i])) {
      options[args[i].slice(2)] = number(i);
      i += 1;
    } else if (['--of', '--store', '--scenario', '--keep'].includes(args[i])) {
      options[args[i].slice(2)] = value(i);
      i += 1;
    } else throw new Error(`unknown option ${args[i]}`);
  }
  return options;
}

const say = (text) => process.stderr.write(`${text}\n`);

/** Adds up the figures of several campaigns. */
function sum(verdicts) {
  const total = { ...verdicts[0], violations: [], harms: {}, passed: true };
  for (const key of Object.keys(total)) if (typeof total[key] === 'number' && key !== 'seed') total[key] = 0;
  for (const v of verdicts) {
    for (const key of Object.keys(v)) if (typeof v[key] === 'number' && key !== 'seed') total[key] = (total[key] ?? 0) + v[key];
    for (const [name, times] of Object.entries(v.harms)) total.harms[name] = (total.harms[name] ?? 0) + times;
    total.violations.push(...v.violations);
    total.passed &&= v.passed;
  }
  return total;
}

async function kills(options) {
  const on = (store, count) => campaign({ seed: options.seed, store, kills: count, keep: options.keep, say });
  if (options.store) return on(options.store, options.kills);
  const cosmos = Math.floor(options.kills / 5);
  const verdicts = [await on('sqlite', options.kills - cosmos)];
  if (cosmos > 0) verdicts.push(await on('cosmos', cosmos));
  return sum(verdicts);
}

const LOAD_AT_START = Math.round(os.loadavg()[0] * 100) / 100;

/** What a committed result says of where it comes from, as those of bench/ do. */
function origin() {
  const cpus = os.cpus();
  const here = path.dirname(fileURLToPath(import.meta.url));
  const git = spawnSync('git', ['-C', here, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' });
  return {
    name: 'crash',
    command: `tests/crash/run ${process.argv.slice(2).join(' ')}`,
    commit: git.status === 0 ? git.stdout.trim() : '',
    machine: { cores: cpus.length, cpu: cpus[0].model, memory_mb: Math.round(os.totalmem() / 1048576),
      kernel: `Linux ${os.release()}`, load_at_start: LOAD_AT_START },
    date: new Date().toISOString(),
  };
}

function print(verdict, json) {
  if (json) return writeSync(1, `${JSON.stringify({ ...origin(), ...verdict }, null, 1)}\n`);
  const { violations = [], harms, faults, ...figures } = verdict;
  for (const [key, value] of Object.entries(figures)) writeSync(1, `${key.padEnd(26)} ${value}\n`);
  for (const { kind, what } of violations) writeSync(1, `VIOLATION ${kind}: ${what}\n`);
  return 0;
}

function outageOptions(options) {
  const of = (options.of ?? '').split(',');
  if (!of.every((name) => ['redis', 'llm', 'store', 'bus'].includes(name))) throw new Error('--of takes redis, llm, store, bus');
  const { seed, outage: minutes, 'kill-every': killEvery, 'hold-limit': holdLimit } = options;
  return { seed, minutes, of, killEvery, holdLimit, say };
}

async function main() {
  const options = parse(process.argv.slice(2));
  if (options.help) return void writeSync(1, HELP);
  let verdict = null;
  if (options.kills !== undefined) verdict = await kills(options);
  if (options.faults) verdict = provedFaults(options, say);
  if (options.scenario) verdict = await FAULTS[options.scenario].run({ seed: options.seed, say });
  if (options.outage !== undefined) verdict = await outage(outageOptions(options));
  if (!verdict) return void (process.exitCode = (await shortForm(options, say)) ? 0 : 1);
  print(verdict, options.json);
  process.exitCode = verdict.passed ? 0 : 1;
  return undefined;
}

for (const [signal, code] of [['SIGTERM', 143], ['SIGINT', 130], ['SIGHUP', 129]]) process.once(signal, () => process.exit(code));
main().catch((error) => {
  say(`tests/crash/run: ${error.stack ?? error.message}`);
  process.exitCode = 64;
});
