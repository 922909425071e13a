// What the judge stands on: the oracle, the programs, the kills at a step.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Program } from '../flow/program.mjs';

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
