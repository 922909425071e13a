// Redis as a managed service runs it: TLS, an ACL user, a failover that refuses writes for a while; and two replicas
// that meet at one conversation.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { conversation, event } from './chats.mjs';
import { Program, until } from './program.mjs';
import { freePort, withStack } from './stack.mjs';

const chatsFrom = (first, count) => Array.from({ length: count }, (_, i) => conversation(first + i));
const OBSERVE_MS = 3000;

function openssl(dir, ...args) {
  execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
}

/** A certificate for `name` of an authority of its own: {ca, cert, key}, files. */
function certificate(dir, label, name) {
  const at = path.join(dir, `certificate-${label}`);
  mkdirSync(at);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(at, 'req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=flow test authority');
  openssl(at, 'req', ...key, '-keyout', 'own.key', '-out', 'own.csr', '-subj', `/CN=${label}`);
  writeFileSync(path.join(at, 'names'), `subjectAltName=DNS:${name}\n`);
  openssl(at, 'x509', '-req', '-in', 'own.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2',
    '-extfile', 'names', '-out', 'own.crt');
  return { ca: path.join(at, 'ca.crt'), cert: path.join(at, 'own.crt'), key: path.join(at, 'own.key') };
}

/** Redis with TLS and an ACL user, all else, but no worker yet. */
async function withTlsRedis(name, body) {
  const tlsPort = await freePort();
  const options = { start: [], redis: [], worker: [], env: {} };
  await withStack(options, async (stack) => {
    const own = certificate(stack.dir, 'served', name);
    stack.options.redis = ['--tls-port', `${tlsPort}`, '--tls-cert-file', own.cert, '--tls-key-file', own.key,
      '--tls-ca-cert-file', own.ca, '--tls-auth-clients', 'no'];
    stack.options.worker = [`--session_loader.ca-file=${own.ca}`];
    stack.options.env = { REDIS_HOST: 'localhost', REDIS_PORT: `${tlsPort}`, REDIS_SSL: undefined,
      REDIS_USERNAME: 'worker', REDIS_PASSWORD: 'sesame' };
    await stack.start(['redis', 'bus', 'llm', 'api']);
    await stack.data.command('ACL', 'SETUSER', 'worker', 'on', '>sesame', '~session:*', '~memory-worker:*', '+get',
      '+strlen', '+set', '+del', '+incr', '+pexpire', '+eval', '+info');
    await body(stack);
  });
}

test('over TLS, as an ACL user with the rights it needs: everything is stored', async () => {
  await withTlsRedis('localhost', async (stack) => {
    await stack.start_worker();
    await stack.ready();
    const chats = chatsFrom(0, 60);
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
    assert.deepEqual(stack.worker.events('redis-writes-denied'), []);
    assert.deepEqual(await stack.data.command('KEYS', 'memory-worker:*'), []);
    const { code, out } = await withCommand(stack, 'check');
    assert.equal(code, 0, out);
    assert.match(out, /ok +Redis/);
  });
});

/** `memory-worker COMMAND` beside the running worker, with its options. */
async function withCommand(stack, command) {
  const dir = path.join(stack.dir, command);
  mkdirSync(dir, { recursive: true });
  const program = new Program(command, { dir, env: stack.workerEnvironment(), command: [] });
  program.spawn([path.join(process.env.MW_BIN, 'memory-worker'), command, ...stack.options.worker]);
  const { code } = await program.end();
  program.checkSanitizer();
  return { code, out: program.output + program.log };
}

test('a certificate for another host: said in words, not ready, slow retries, no message touched', async () => {
  await withTlsRedis('cache.example.net', async (stack) => {
    const chats = chatsFrom(0, 20);
    await stack.publish(chats);
    await stack.start_worker();
    assert.match(await stack.notReady('redis'), /another host, cache\.example\.net and not localhost/);
    const before = stack.worker.events('connection-lost').length;
    const end = Date.now() + OBSERVE_MS;
    await until('the observation is over', () => Date.now() > end);
    const lines = stack.worker.events('connection-lost');
    assert.ok(lines.length - before <= 12, `${lines.length - before} tries in ${OBSERVE_MS} ms`);
    for (const line of lines) assert.match(line.detail, /certificate refused: it is for another host/);
    const { totals, active, locked } = await stack.subscription();
    assert.deepEqual([active, locked, totals.completed, totals.abandoned, totals.deadLettered], [20, 0, 0, 0, 0]);
    const { code, out } = await withCommand(stack, 'check');
    assert.equal(code, 1);
    assert.match(out, /FAILED +Redis[^]*another host/);
    // The certificate is put right: nothing else is needed.
    const good = certificate(stack.dir, 'good', 'localhost');
    writeFileSync(stack.options.worker[0].split('=')[1], execFileSync('cat', [good.ca]));
    await stack.data.command('CONFIG', 'SET', 'tls-cert-file', good.cert, 'tls-key-file', good.key, 'tls-ca-cert-file',
      good.ca);
    await stack.storedOnceEach(chats);
    await stack.ready();
  });
});

test('a wrong password, then a user without a right: each is named', async () => {
  await withTlsRedis('localhost', async (stack) => {
    stack.options.env.REDIS_PASSWORD = 'wrong';
    await stack.start_worker();
    assert.match(await stack.notReady('redis'), /WRONGPASS/);
    stack.options.env.REDIS_PASSWORD = 'sesame';
    await stack.worker.stop();
    await stack.data.command('ACL', 'SETUSER', 'worker', '-strlen');
    const { code, out } = await withCommand(stack, 'check');
    assert.equal(code, 1);
    assert.match(out, /FAILED +Redis[^]*\+strlen on ~session:\*/);
    await stack.data.command('ACL', 'SETUSER', 'worker', '+strlen', '-set');
    const second = await withCommand(stack, 'check');
    assert.equal(second.code, 0, second.out);
    assert.match(second.out, /\+set on ~memory-worker:\*/);
  });
});

test('Redis takes no writes for a while: jobs go on, one log line each way', async () => {
  await withStack({}, async (stack) => {
    const chats = chatsFrom(0, 60);
    await Promise.all(chats.map((chat) => stack.store(chat)));
    await stack.data.command('REPLICAOF', '127.0.0.1', `${await freePort()}`);
    await stack.send(chats.slice(0, 40).map((chat) => event(chat)));
    await stack.storedOnceEach(chats.slice(0, 40));
    assert.equal(stack.worker.events('redis-writes-denied').length, 1);
    assert.match(stack.worker.events('redis-writes-denied')[0].detail, /READONLY/);
    await stack.data.command('REPLICAOF', 'NO', 'ONE');
    await stack.data.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await stack.send(chats.slice(40).map((chat) => event(chat)));
    await stack.storedOnceEach(chats);
    assert.equal(stack.worker.events('redis-writes-denied').length, 1);
    assert.equal(stack.worker.events('redis-writes-restored').length, 1);
  });
});

/** A second worker on the same subscription. */
async function secondWorker(stack, more) {
  const dir = path.join(stack.dir, 'worker2');
  mkdirSync(dir);
  const program = new Program('worker2', { dir, env: stack.workerEnvironment(), command: [] });
  program.spawn([path.join(process.env.MW_BIN, 'memory-worker'), 'run', '--admin.port=0', ...more]);
  await program.listening();
  await until('the second worker is ready', () => ['redis-connected', 'link-attached', 'llm-ready', 'memory-ready']
    .every((name) => program.events(name).length > 0));
  return program;
}

test('two replicas meet at one conversation: one pays for the LLM, both deliveries are completed', async () => {
  // Neither has room for more than half of the events.
  const windows = ['--dispatcher.quiet=0s', '--receiver.lock-duration=6s', '--receiver.window-room=6'];
  await withStack({ worker: windows, llm: ['--latency-median-ms', '2500'] }, async (stack) => {
    const second = await secondWorker(stack, windows);
    try {
      const chats = Array.from({ length: 6 }, (_, i) => conversation(i, { turns: 2 }));
      await Promise.all(chats.map((chat) => stack.store(chat)));
      const before = (await stack.llmStats()).chat;
      await stack.send(chats.map((chat) => event(chat, 0)));
      await stack.send([...chats.slice(1), chats[0]].map((chat) => event(chat, 1)));
      await stack.storedOnceEach(chats);
      assert.equal((await stack.llmStats()).chat - before, chats.length);
      assert.deepEqual(await stack.data.command('KEYS', 'memory-worker:*'), []);
    } finally {
      await second.stop();
    }
    assert.equal(second.result.code, 0);
  });
});
