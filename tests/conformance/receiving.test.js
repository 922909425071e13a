'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const Long = require('long');
const { withBus, receive } = require('./lib/bus');

async function send(bus, count) {
  await bus.admin('POST', '/send?topic=memories',
    Array.from({ length: count }, (_, i) => ({ messageId: `m-${i}`, body: { n: i } })));
}

test('a receiver that asks for more than there is gets what there is promptly, and nothing is lost',
  () => withBus([], async (bus) => {
    await send(bus, 3);
    const receiver = bus.client().createReceiver('memories', 'worker');
    const some = await receiver.receiveMessages(50, { maxWaitTimeInMs: 10_000 });
    assert.equal(some.length, 3);
    // The credit that was left is gone: what comes now waits in the subscription.
    await send(bus, 5);
    assert.equal((await bus.entity()).active, 5);
    const rest = await receive(receiver, 5);
    for (const m of [...some, ...rest]) await receiver.completeMessage(m);
    const worker = await bus.entity();
    assert.deepEqual([worker.active, worker.locked, worker.totals.completed], [0, 0, 8]);
  }));

test('an empty subscription gives nothing, and the same link receives later', () => withBus([], async (bus) => {
  const receiver = bus.client().createReceiver('memories', 'worker');
  assert.deepEqual(await receiver.receiveMessages(10, { maxWaitTimeInMs: 200 }), []);
  await send(bus, 1);
  const [message] = await receive(receiver, 1);
  assert.equal(message.messageId, 'm-0');
}));

test('receive and delete removes each message at once', () => withBus([], async (bus) => {
  await send(bus, 20);
  const receiver = bus.client().createReceiver('memories', 'worker', { receiveMode: 'receiveAndDelete' });
  const messages = await receive(receiver, 20);
  assert.deepEqual(messages.map((m) => m.body.n), Array.from({ length: 20 }, (_, i) => i));
  const worker = await bus.entity();
  assert.deepEqual([worker.active, worker.locked], [0, 0]);
}));

test('subscribe streams every message once and completes it', () => withBus([], async (bus) => {
  const count = 1000;
  await send(bus, count);
  const seen = new Set();
  const errors = [];
  const receiver = bus.client().createReceiver('memories', 'worker');
  const subscription = receiver.subscribe({
    processMessage: async (message) => { seen.add(message.messageId); },
    processError: async (args) => { errors.push(args.error); },
  }, { maxConcurrentCalls: 20 });
  await bus.until('all are completed', async () => (await bus.entity()).totals.completed === count);
  await subscription.close();
  assert.equal(seen.size, count);
  assert.deepEqual(errors, []);
  assert.equal((await bus.entity()).totals.delivered, count);
}));

test('two receivers share the messages of one subscription', () => withBus([], async (bus) => {
  await send(bus, 40);
  const first = bus.client().createReceiver('memories', 'worker');
  const second = bus.client().createReceiver('memories', 'worker');
  const taken = [...await receive(first, 20), ...await receive(second, 20)].map((m) => m.messageId);
  assert.equal(new Set(taken).size, 40);
}));

test('peek shows messages in any state without locking them', () => withBus([], async (bus) => {
  await send(bus, 5);
  const receiver = bus.client().createReceiver('memories', 'worker');
  const [locked] = await receive(receiver, 1);
  const peeked = await receiver.peekMessages(10, { fromSequenceNumber: Long.fromNumber(1) });
  assert.deepEqual(peeked.map((m) => m.messageId), ['m-0', 'm-1', 'm-2', 'm-3', 'm-4']);
  assert.equal(peeked[0].lockToken, undefined);
  assert.equal((await bus.entity()).locked, 1);
  assert.deepEqual((await receiver.peekMessages(2, { fromSequenceNumber: Long.fromNumber(4) })).map((m) => m.body.n), [3, 4]);
  await receiver.completeMessage(locked);
  const audit = bus.client().createReceiver('memories', 'audit', { subQueueType: 'deadLetter' });
  assert.deepEqual(await audit.peekMessages(10), []);
}));

test('an entity that does not exist is reported as not found', () => withBus([], async (bus) => {
  const client = bus.client();
  await assert.rejects(client.createReceiver('memories', 'nobody').receiveMessages(1),
    { code: 'MessagingEntityNotFound', retryable: false });
  await assert.rejects(client.createSender('nothing').sendMessages({ body: 'x' }),
    { code: 'MessagingEntityNotFound', retryable: false });
}));
