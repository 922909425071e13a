// The apt entry for Debian's backports is derived from the machine's own, whichever form that has.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../deploy/local/lib/backports.sh', import.meta.url));

/** What the derived file would hold, or null where there is nothing to derive it from. */
function derived(files, release = 'bookworm') {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'memory-worker-apt-'));
  try {
    mkdirSync(path.join(dir, 'sources.list.d'));
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(dir, name), text);
    const run = spawnSync('bash', ['-c', 'set -euo pipefail; apt_dir=$1; source "$2"; backports_entry "$3"', 'bash', dir, script, release],
      { encoding: 'utf8' });
    assert.equal(run.stderr, '');
    return run.status === 0 ? run.stdout.trim().split('\n') : null;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

test('mirror and key are taken from the stanza of the release, not from its neighbours', () => {
  const text = [
    'Types: deb', 'URIs: http://security.invalid/debian-security', 'Suites: bookworm-security', 'Components: main',
    'Signed-By: /keys/other.gpg', '', '# a comment', 'Types: deb deb-src', 'URIs: http://mirror.invalid/debian',
    'Suites: bookworm bookworm-updates', 'Components: main', 'Signed-By: /keys/debian.gpg', ''].join('\n');
  assert.deepEqual(derived({ 'sources.list.d/debian.sources': text }), [
    'Types: deb', 'Suites: bookworm-backports', 'Components: main', 'URIs: http://mirror.invalid/debian',
    'Signed-By: /keys/debian.gpg']);
});

test('a key that stands in the stanza itself comes along', () => {
  const text = 'Types: deb\nURIs: http://mirror.invalid/debian\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN-----\n .\n abc\n';
  assert.deepEqual(derived({ 'sources.list.d/debian.sources': text }).slice(4), ['Signed-By: ', ' -----BEGIN-----', ' .', ' abc']);
});

test('one-line lists are read, with and without options', () => {
  assert.deepEqual(derived({ 'sources.list': 'deb [arch=amd64 signed-by=/keys/d.gpg] http://mirror.invalid/debian bookworm main\n' }).slice(3),
    ['URIs: http://mirror.invalid/debian', 'Signed-By: /keys/d.gpg']);
  assert.deepEqual(derived({ 'sources.list': '# deb http://x.invalid bookworm main\ndeb http://mirror.invalid/debian bookworm main\n' }).slice(3),
    ['URIs: http://mirror.invalid/debian']);
});

test('without an entry of the release there is nothing to derive from', () => {
  assert.equal(derived({ 'sources.list': 'deb http://mirror.invalid/debian trixie main\n' }), null);
  assert.equal(derived({}), null);
});
