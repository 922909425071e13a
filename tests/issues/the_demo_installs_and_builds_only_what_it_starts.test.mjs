// The demo installs and builds only what it starts, says how far it is, and says what to do where it cannot go on.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const local = fileURLToPath(new URL('../../deploy/local', import.meta.url));

function listed(...subsets) {
  const run = spawnSync(path.join(local, 'setup'), [...subsets, '--list'], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout.trim().split('\n');
}

/**
 * A copy of deploy/local in a folder of its own; `scripts` (name: text of a bash script) stand in for its own.
 * The body gets the folder, and a function that runs deploy/local/run there and gives its exit code and all it said.
 */
function withDemo(scripts, body) {
  const root = mkdtempSync(path.join(os.tmpdir(), 'memory-worker-demo-'));
  try {
    const folder = path.join(root, 'deploy', 'local');
    cpSync(local, folder, { recursive: true });
    for (const [name, text] of Object.entries(scripts)) {
      writeFileSync(path.join(folder, name), `#!/usr/bin/env bash\n${text}\n`);
      chmodSync(path.join(folder, name), 0o755);
    }
    mkdirSync(path.join(root, 'tmp'));
    const run = () => {
      const env = { ...process.env, TMPDIR: path.join(root, 'tmp') };
      const { status, stdout, stderr } = spawnSync(path.join(folder, 'run'), ['--once'], { encoding: 'utf8', env });
      return { status, said: stdout + stderr };
    };
    body(root, run);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const NOTE_ARGUMENTS = 'echo "$(basename "$0") $*" >>"$(dirname "$0")/asked"';

test('the packages of the demo hold no tool of the tests', () => {
  const demo = listed('build', 'demo');
  for (const name of ['g++', 'libcaf-dev', 'redis-server', 'nodejs', 'npm', 'curl', 'jq', 'ca-certificates'])
    assert.ok(demo.includes(name), `${name} is missing`);
  for (const name of ['clang-tidy', 'clang-format', 'buildah', 'debootstrap', 'iptables', 'iproute2', 'nginx', 'doctest-dev', 'python3-venv'])
    assert.ok(!demo.includes(name), `${name} is not needed`);
  assert.ok(!listed('runtime', 'demo').includes('g++'), 'given programs need no compiler');
  assert.deepEqual([...new Set(listed())].sort(), listed().sort(), 'no package is named twice');
});

test('it asks for these packages and for three programs, and for nothing else', () => {
  withDemo({ setup: NOTE_ARGUMENTS, compile: `${NOTE_ARGUMENTS}; exit 1` }, (root, run) => {
    run();
    assert.deepEqual(readFileSync(path.join(root, 'deploy/local/asked'), 'utf8').trim().split('\n').sort(),
      ['compile release memory-worker memory-api memory-devstack', 'setup build', 'setup demo']);
  });
});

test('the compiler does not wait for the packages that only the demo needs; their failure is told all the same', () => {
  const setup = `[ "$1" = build ] && exit 0
    until [ -e "$(dirname "$0")/compiled" ]; do sleep 0.02; done
    echo 'setup: no network'; exit 1`;
  withDemo({ setup, compile: 'touch "$(dirname "$0")/compiled"' }, (root, run) => {
    const { status, said } = run();
    assert.equal(status, 1);
    assert.match(said, /not every package is there.*packages-demo\.log/);
    assert.match(said, /setup: no network/);
  });
});

test('it says how many packages and files are done, of how many', () => {
  const apt = ['0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.', 'Get:1 one', 'Get:2 two', 'Unpacking one (1) ...',
    'Unpacking two (2) ...', 'Setting up one (1) ...', 'Setting up two (2) ...'];
  withDemo({ setup: `printf '%s\\n' ${apt.map((line) => `'${line}'`).join(' ')}`, compile: "echo '[7/9] Building it'; exit 1" }, (root, run) => {
    const { said } = run();
    assert.match(said, /^Packages: 2 of 2 packages set up/m);
    assert.match(said, /^Building: 7 of 9 compiled/m);
  });
});

test('packages that cannot be had and a build that fails are named, with a log that stays', () => {
  withDemo({ setup: 'echo "setup: no network" >&2; exit 1' }, (root, run) => {
    const { status, said } = run();
    assert.equal(status, 1);
    assert.match(said, /not every package is there.*packages\.log/);
    assert.match(said, /setup: no network/);
  });
  withDemo({ setup: 'exit 0', compile: 'echo "x.cpp:1: error: this"; exit 1' }, (root, run) => {
    const { status, said } = run();
    assert.equal(status, 1);
    assert.match(said, /the programs cannot be built/);
    assert.match(readFileSync(path.join(root, 'build/run-logs/build.log'), 'utf8'), /error: this/);
  });
  withDemo({ setup: 'exit 0', compile: 'echo "g++: fatal error: Killed signal terminated program cc1plus"; exit 1' }, (root, run) => {
    assert.match(run().said, /for want of memory: run ".*compile release -j 1/);
  });
});
