'use strict';

const assert = require('node:assert/strict');
const { execFile, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { promisify } = require('node:util');
const { withBus, receive } = require('./lib/bus');

/** Streams from `worker` and completes; collects ids and errors. */
function stream(client) {
  const seen = new Set();
  const errors = [];
  const receiver = client.createReceiver('memories', 'worker');
  const subscription = receiver.subscribe({
    processMessage: async (message) => { seen.add(message.messageId); },
    processError: async (args) => { errors.push(args.error); },
  });
  return { seen, errors, subscription };
}

const patient = { retryOptions: { maxRetries: 10, retryDelayInMs: 50, timeoutInMs: 10_000 } };

test('a client whose token is refused is unauthorised; the next token is taken', () => withBus([], async (bus) => {
  await bus.admin('POST', '/faults/cbs', { count: 1 });
  const client = bus.client();
  const sender = client.createSender('memories');
  await assert.rejects(sender.sendMessages({ body: 'x' }), { code: 'UnauthorizedAccess' });
  await sender.sendMessages({ body: 'x' });
  assert.equal((await bus.entity()).active, 1);
}));

test('with a key given the bus takes tokens signed with it and refuses others',
  () => withBus(['--sas-key', 'right'], async (bus) => {
    await bus.client({ key: 'right' }).createSender('memories').sendMessages({ body: 'x' });
    await assert.rejects(bus.client({ key: 'wrong' }).createSender('memories').sendMessages({ body: 'x' }),
      { code: 'UnauthorizedAccess' });
    assert.equal((await bus.entity()).active, 1);
  }));

test('a forced detach is survived: the receiver attaches again and goes on', () => withBus([], async (bus) => {
  const client = bus.client(patient);
  const { seen, subscription } = stream(client);
  const sender = client.createSender('memories');
  await sender.sendMessages({ body: 1, messageId: 'before' });
  await bus.until('the first is completed', async () => (await bus.entity()).totals.completed === 1);
  assert.deepEqual(await bus.admin('POST', '/faults/detach', { entity: 'memories/Subscriptions/worker' }), { detached: 1 });
  await sender.sendMessages({ body: 2, messageId: 'after' });
  await bus.until('the second is completed', async () => (await bus.entity()).totals.completed === 2);
  await subscription.close();
  assert.deepEqual([...seen], ['before', 'after']);
}));

test('a reset connection is survived: client and bus find together again', () => withBus([], async (bus) => {
  const client = bus.client(patient);
  const { seen, subscription } = stream(client);
  const sender = client.createSender('memories');
  await sender.sendMessages({ body: 1, messageId: 'before' });
  await bus.until('the first is completed', async () => (await bus.entity()).totals.completed === 1);
  assert.deepEqual(await bus.admin('POST', '/faults/drop', {}), { dropped: 1 });
  await bus.admin('POST', '/send?topic=memories', [{ messageId: 'after', body: 2 }]);
  await bus.until('the second is completed', async () => (await bus.entity()).totals.completed === 2);
  await subscription.close();
  assert.deepEqual([...seen], ['before', 'after']);
}));

test('locks outlive the connection they were taken through, and then count', () => withBus(['--lock-duration', '800ms'], async (bus) => {
  await bus.admin('POST', '/send?topic=memories', [{ messageId: 'm', body: 1 }]);
  await receive(bus.client().createReceiver('memories', 'worker', { maxAutoLockRenewalDurationInMs: 0 }), 1);
  await bus.admin('POST', '/faults/drop', {});
  assert.equal((await bus.entity()).locked, 1);
  const [again] = await receive(bus.client().createReceiver('memories', 'worker'), 1);
  assert.equal(again.deliveryCount, 1);
  assert.equal((await bus.entity()).totals.lockExpired, 1);
}));

test('a refused settlement reaches the caller, and the message keeps its lock', () => withBus([], async (bus) => {
  await bus.admin('POST', '/send?topic=memories', [{ messageId: 'm', body: 1 }]);
  const receiver = bus.client().createReceiver('memories', 'worker');
  const [message] = await receive(receiver, 1);
  await bus.admin('POST', '/faults/dispositions', { count: 1 });
  await assert.rejects(receiver.completeMessage(message), { code: 'MessageLockLost' });
  assert.equal((await bus.entity()).locked, 1);
}));

test('a refused management request reaches the caller', () => withBus([], async (bus) => {
  await bus.admin('POST', '/send?topic=memories', [{ messageId: 'm', body: 1 }]);
  const receiver = bus.client().createReceiver('memories', 'worker');
  const [message] = await receive(receiver, 1);
  await bus.admin('POST', '/faults/management', { count: 1, status: 503, condition: 'com.microsoft:server-busy' });
  await assert.rejects(receiver.renewMessageLock(message), { code: 'ServiceBusy' });
  await receiver.renewMessageLock(message);
}));

test('while delivery is stopped nothing comes, and everything after it was resumed', () => withBus([], async (bus) => {
  await bus.admin('POST', '/settings', { delivering: false });
  await bus.admin('POST', '/send?topic=memories', [{ messageId: 'm', body: 1 }]);
  const receiver = bus.client().createReceiver('memories', 'worker');
  assert.deepEqual(await receiver.receiveMessages(1, { maxWaitTimeInMs: 300 }), []);
  const waiting = receive(receiver, 1);
  await bus.admin('POST', '/settings', { delivering: true });
  assert.equal((await waiting)[0].messageId, 'm');
}));

test('what is no AMQP, or no HTTP, ends that connection only', () => withBus([], async (bus) => {
  for (const port of [bus.port, bus.adminPort]) {
    for (const bytes of ['GET / HTTP/1.1\r\n\r\nxx', '\0\0\0\0\0\0\0\0', 'AMQP\0\x01\0\0\xff\xff\xff\xff', '{'.repeat(100_000)]) {
      await new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1', () => socket.end(Buffer.from(bytes, 'latin1')));
        socket.on('error', resolve).on('close', resolve).resume();
      });
    }
  }
  await bus.client().createSender('memories').sendMessages({ body: 'still here' });
  assert.equal((await bus.entity()).active, 1);
}));

test('with a certificate the SDK works over TLS, and without trust in it does not connect', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'devstack-tls-'));
  try {
    const [cert, key] = ['cert.pem', 'key.pem'].map((name) => path.join(folder, name));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
      '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    await withBus(['--tls-cert', cert, '--tls-key', key], async (bus) => {
      const run = (env) => promisify(execFile)(process.execPath, [path.join(__dirname, 'lib/tls_client.js'), String(bus.port)],
        { env: { ...process.env, ...env }, timeout: 60_000 });
      const { stdout } = await run({ NODE_EXTRA_CA_CERTS: cert });
      assert.deepEqual(JSON.parse(stdout), [10, 100_000, 200_000]);
      assert.equal((await bus.entity()).totals.completed, 3);
      await assert.rejects(run({}), /self-signed certificate/);
    });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
