// SIGHUP: the configuration is read anew; what is reloadable holds at once, a wrong one changes nothing.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { conversation } from './chats.mjs';
import { until, withStack } from './stack.mjs';

const WAITS = '[dispatcher]\nquiet = 1h\nmax-age = 12h\n';
const AT_ONCE = '[dispatcher]\nquiet = 100ms\nmax-age = 2s\n';
const RELOADS = 'memory_worker_config_reloads_total';
const START = ['redis', 'bus', 'llm', 'api'];
const inFile = ['dispatcher.quiet', 'dispatcher.max-age'];

const write = (stack, text) => writeFileSync(path.join(stack.dir, 'worker', 'memory-worker.conf'), text);

async function startWith(stack, text) {
  write(stack, text);
  await stack.start_worker();
  await stack.ready();
}

/** Sends SIGHUP and waits for the worker's word on it. */
async function reload(stack, result) {
  const before = await stack.metric(RELOADS, `result="${result}"`);
  stack.worker.signal('SIGHUP');
  await until(`the reload is ${result}`, async () => (await stack.metric(RELOADS, `result="${result}"`)) > before);
}

/** Conversations of now whose windows wait for an hour. */
async function waiting(stack, count) {
  const chats = Array.from({ length: count }, (_, n) => conversation(n, { at: Date.now() }));
  await stack.publish(chats);
  await until('they wait', async () => (await stack.metric('memory_worker_windows_open')) === count);
  return chats;
}

test('a shorter quiet time holds at once, for conversations that wait as well, without a restart', async () => {
  await withStack({ start: START, inFile }, async (stack) => {
    await startWith(stack, WAITS);
    const chats = await waiting(stack, 20);
    write(stack, AT_ONCE);
    await reload(stack, 'applied');
    await stack.storedOnceEach(chats);
    assert.equal(stack.worker.runs, 1);
    const [line] = stack.worker.events('reloaded');
    assert.match(line.changed, /dispatcher\.quiet: 1h -> 100ms/);
    assert.match(line.config_file, /memory-worker\.conf/);
    await reload(stack, 'applied');
    assert.equal(stack.worker.events('reloaded')[1].changed, 'nothing');
  });
});

test('a wrong file is rejected whole: every mistake has its line, the worker goes on as it was', async () => {
  await withStack({ start: START, inFile }, async (stack) => {
    await startWith(stack, WAITS);
    const chats = await waiting(stack, 3);
    write(stack, `${AT_ONCE}quite = 5s\n[receiver]\nwindow-room = 0\n`);
    await reload(stack, 'rejected');
    const problems = stack.worker.events('reload-problem').map((line) => line.detail);
    assert.equal(problems.length, 2, problems.join('\n'));
    assert.match(problems[0], /memory-worker\.conf:4.*dispatcher\.quite/);
    assert.match(problems[1], /memory-worker\.conf:6.*window-room/);
    assert.equal(await stack.metric('memory_worker_windows_open'), 3);
    assert.equal((await stack.health()).code, 200);
    write(stack, AT_ONCE);
    await reload(stack, 'applied');
    await stack.storedOnceEach(chats);
  });
});

test('what needs a restart, or is said in the environment, is named and stays; the rest is applied', async () => {
  await withStack({ start: START, inFile, env: { MAX_CONCURRENCY: '7' } }, async (stack) => {
    await startWith(stack, WAITS);
    write(stack, `${AT_ONCE}max-jobs = 99\n[receiver]\ntopic = "another"\n[process]\nlog-level = "debug"\n`);
    await reload(stack, 'applied');
    const [line] = stack.worker.events('reload-needs-restart');
    assert.equal(line.options, 'receiver.topic');
    assert.ok(stack.worker.events('configuration-note').some((note) => /MAX_CONCURRENCY.*max-jobs/.test(note.detail)));
    assert.match(stack.worker.events('reloaded')[0].changed, /process\.log-level: "info" -> "debug"/);
    const chats = [conversation(1)];
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
  });
});

test('a hail of SIGHUP under load costs no conversation', async () => {
  await withStack({ start: START, inFile }, async (stack) => {
    await startWith(stack, AT_ONCE);
    const chats = Array.from({ length: 400 }, (_, n) => conversation(n));
    const published = stack.publish(chats);
    for (let n = 0; n < 20; n += 1) {
      write(stack, `${AT_ONCE}max-jobs = ${1 + (n % 5) * 20}\n[llm_analyzer]\nmax-in-flight = ${1 + (n % 4) * 10}\n`);
      await reload(stack, 'applied');
    }
    await published;
    await stack.storedOnceEach(chats);
    assert.equal((await stack.subscription()).totals.delivered, 400);
  });
});
