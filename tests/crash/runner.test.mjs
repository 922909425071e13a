// What the judge stands on: the oracle, the programs, the kills at a step.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Program } from '../flow/program.mjs';
import { Relay } from '../flow/relay.mjs';
import { Oracle } from './oracle.mjs';
import { Random } from './random.mjs';
import { atStep, stepNamed } from './steps.mjs';

/** A ground on which everything is said well, but for what `other` does differently. */
function groundWith(other) {
  return { redisCommand: async () => 'OK', send: async () => ({}), profile: async () => null, forget: async () => ({}), ...other };
}

const refusal = (status) => Object.assign(new Error(`answered ${status}`), { status });

/** An oracle with one user who has said enough to have it forgotten. */
async function oracleOn(ground) {
  const oracle = new Oracle(groundWith(ground), new Random(1), { users: 1, facts: 100 });
  while ((oracle.active[0]?.facts.length ?? 0) < 3) await oracle.tell();
  return oracle;
}

test('a wish to forget holds where nothing was stored yet, which the Memory API answers with 404', async () => {
  const oracle = await oracleOn({ forget: async () => { throw refusal(404); } });
  assert.equal(await oracle.forgetSomebody(0), true);
  const [user] = oracle.book.users.values();
  assert.ok(user.forgottenAt > 0);
  assert.ok(user.facts.every((fact) => fact.state === 'forgotten'));
});

test('a wish is repeated while the Memory API is away, and its refusal for good is an error', async () => {
  let calls = 0;
  const away = await oracleOn({
    forget: async () => {
      calls += 1;
      if (calls === 1) throw new TypeError('fetch failed');
      if (calls === 2) throw refusal(503);
      assert.deepEqual([...away.refusals.values()], ['answered 503']);
    },
  });
  assert.equal(await away.forgetSomebody(0), true);
  assert.equal(calls, 3);
  assert.equal(away.refusals.size, 0);
  const refused = await oracleOn({ forget: async () => { throw refusal(400); } });
  await assert.rejects(refused.forgetSomebody(0), /answered 400/);
});

test('what the oracle cannot tell for good ends the telling', async () => {
  const oracle = new Oracle(groundWith({
    send: async () => { throw refusal(400); }, subscription: async () => ({ active: 0, locked: 0 }),
  }), new Random(1));
  oracle.run(1000);
  await assert.rejects(oracle.told, /answered 400/);
});

test('a program that ends by itself is named with its code, one that was killed or stopped from here is not', async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'memory-worker-runner-'));
  try {
    const program = new Program('shell', { dir, env: process.env, command: [] });
    program.spawn(['sh', '-c', 'echo the port is taken >&2; exit 78']);
    await program.ended;
    assert.equal(program.surprises.length, 1);
    assert.match(program.surprises[0], /^run 1: shell ended \(code 78\): the port is taken/);
    program.spawn(['sh', '-c', 'kill -KILL $$']);
    await program.ended;
    assert.match(program.surprises[1], /^run 2: shell ended \(SIGKILL\)/);
    for (const signal of ['SIGKILL', 'SIGTERM']) {
      program.spawn(['sleep', '60']);
      program.signal(signal);
      await program.ended;
    }
    assert.equal(program.surprises.length, 2);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

const answerOf = (socket) => new Promise((resolve) => {
  socket.once('data', (data) => resolve(`${data}`));
  socket.once('close', () => resolve('closed'));
});

test('a store killed at a step is reached again by the worker that lives on', async () => {
  const accepted = new Set();
  const store = net.createServer((socket) => {
    accepted.add(socket);
    socket.on('error', () => {});
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
  });
  await new Promise((resolve) => store.listen(0, '127.0.0.1', resolve));
  const relay = await new Relay(store.address().port).listen();
  const ask = () => {
    const socket = net.connect(relay.port, '127.0.0.1').on('error', () => {});
    socket.write('POST /internal/commit HTTP/1.1\r\n\r\n');
    return answerOf(socket).finally(() => socket.destroy());
  };
  const killed = atStep({ relays: { store: relay } }, stepNamed('commit'), 'done', () => {
    for (const socket of accepted) socket.destroy();
  }, 10_000);
  assert.equal(await ask(), 'closed');
  assert.equal(await killed, true);
  assert.match(await ask(), /200 OK/);
  await relay.close();
  await new Promise((resolve) => store.close(resolve));
});
