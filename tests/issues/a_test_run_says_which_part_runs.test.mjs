// tests/run says which part runs and how many of how many, before it has built anything, and still ends with its sum.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../run', import.meta.url));

/** tests/run in a project of two unit programs, "good" and "bad", whose other parts pass a test each. */
function runs(...options) {
  const root = mkdtempSync(path.join(os.tmpdir(), 'memory-worker-run-'));
  const write = (name, text) => {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), `#!/usr/bin/env bash\n${text}\n`);
    chmodSync(path.join(root, name), 0o755);
  };
  try {
    mkdirSync(path.join(root, 'tests/unit/good'), { recursive: true });
    mkdirSync(path.join(root, 'tests/unit/bad'), { recursive: true });
    cpSync(script, path.join(root, 'tests/run'));
    write('deploy/local/compile', 'mkdir -p build/$1/bin && cp good bad build/$1/bin/ && cd build/$1/bin && mv good test_good && mv bad test_bad');
    write('good', 'echo "3 passed, 0 failed"');
    write('bad', 'echo "1 passed, 2 failed"; exit 1');
    write('tests/format', 'echo "1 passed, 0 failed"');
    write('tests/flow/run', 'echo "1 passed, 0 failed"');
    write('tests/wire/run', 'echo "SKIPPED: there is no wire"');
    const { status, stdout, stderr } = spawnSync(path.join(root, 'tests/run'), ['--no-setup', ...options], { encoding: 'utf8' });
    return { status, said: stdout + stderr, last: stdout.trim().split('\n').at(-1) };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const turns = (said) => [...said.matchAll(/^(\S+) +(\S+) +\((\d+) of (\d+)\) \.\.\.$/gm)].map((match) => match.slice(1).join(' '));

test('each part is announced with its number, of as many as there will be', () => {
  const { status, said, last } = runs('--only', 'test_good', '--only', 'flow', '--only', 'format');
  assert.deepEqual(turns(said), ['all format 1 7', 'release build 2 7', 'release test_good 3 7', 'release flow 4 7',
    'asan build 5 7', 'asan test_good 6 7', 'asan flow 7 7']);
  assert.equal(last, '9 passed, 0 failed');
  assert.equal(status, 0);
});

test('a part that fails, one that is skipped and one that was not built are told apart', () => {
  const { status, said, last } = runs('--plain-only', '--only', 'test_bad', '--only', 'wire', '--only', 'demo');
  assert.deepEqual(turns(said), ['release build 1 4', 'release test_bad 2 4', 'release wire 3 4', 'release demo 4 4']);
  assert.match(said, /^release +wire +SKIPPED: there is no wire$/m);
  assert.match(said, /release demo \(exit code 127\)/);
  assert.equal(last, '1 passed, 3 failed');
  assert.equal(status, 1);
});

test('a name that no part has is an error, and the names are listed', () => {
  const { status, said } = runs('--plain-only', '--only', 'test_god');
  assert.equal(status, 64);
  assert.match(said, /no part is called test_god; there are: format layers arm64 test_bad test_good conformance/);
});
