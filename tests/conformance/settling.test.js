'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { withBus, receive } = require('./lib/bus');

async function oneMessage(bus, options) {
  const client = bus.client();
  await client.createSender('memories').sendMessages({ body: 'x', messageId: 'm', applicationProperties: { old: 1 } });
  const receiver = client.createReceiver('memories', 'worker', options);
  const [message] = await receive(receiver, 1);
  return { client, receiver, message };
}

test('a completed message is gone; completing it twice is refused', () => withBus([], async (bus) => {
  const { receiver, message } = await oneMessage(bus);
  await receiver.completeMessage(message);
  const worker = await bus.entity();
  assert.equal(worker.active + worker.locked, 0);
  assert.equal(worker.totals.completed, 1);
  await assert.rejects(receiver.completeMessage(message));
}));

test('an abandoned message comes back with a higher count and the changed properties', () => withBus([], async (bus) => {
  const { receiver, message } = await oneMessage(bus);
  await receiver.abandonMessage(message, { why: 'again', times: 3, old: 2 });
  const [again] = await receive(receiver, 1);
  assert.equal(again.deliveryCount, 1);
  assert.deepEqual(again.applicationProperties, { why: 'again', times: 3, old: 2 });
  assert.notEqual(again.lockToken, message.lockToken);
}));

test('a dead-lettered message is found in the dead-letter queue with reason, description and properties',
  () => withBus([], async (bus) => {
    const { client, receiver, message } = await oneMessage(bus);
    await receiver.deadLetterMessage(message,
      { deadLetterReason: 'invalid-event', deadLetterErrorDescription: 'userId is missing', extra: 'x' });
    const dead = client.createReceiver('memories', 'worker', { subQueueType: 'deadLetter' });
    const [letter] = await receive(dead, 1);
    assert.equal(letter.messageId, 'm');
    assert.equal(letter.body, 'x');
    assert.equal(letter.deadLetterReason, 'invalid-event');
    assert.equal(letter.deadLetterErrorDescription, 'userId is missing');
    assert.equal(letter.deadLetterSource, 'memories/Subscriptions/worker');
    assert.equal(letter.applicationProperties.extra, 'x');
    assert.deepEqual(await bus.admin('GET', '/dead-letters'), [{
      entity: 'memories/Subscriptions/worker', sequenceNumber: 1, messageId: 'm', reason: 'invalid-event',
      description: 'userId is missing', deliveryCount: 0,
    }]);
    await dead.completeMessage(letter);
    assert.deepEqual(await bus.admin('GET', '/dead-letters'), []);
  }));

test('a message that fails too often becomes a dead letter', () => withBus(['--max-delivery-count', '3'], async (bus) => {
  const { client, receiver, message } = await oneMessage(bus);
  await receiver.abandonMessage(message);
  for (const count of [1, 2]) {
    const [again] = await receive(receiver, 1);
    assert.equal(again.deliveryCount, count);
    await receiver.abandonMessage(again);
  }
  const [letter] = await receive(client.createReceiver('memories', 'worker', { subQueueType: 'deadLetter' }), 1);
  assert.equal(letter.deadLetterReason, 'MaxDeliveryCountExceeded');
  assert.equal(letter.deadLetterErrorDescription, 'Message could not be consumed after 3 delivery attempts.');
  assert.equal(letter.deliveryCount, 3);
}));

test('deferred messages are received by number and can be completed or dead-lettered', () => withBus([], async (bus) => {
  const client = bus.client();
  await client.createSender('memories').sendMessages([{ body: 'A' }, { body: 'B' }, { body: 'C', messageId: 'C' }]);
  const receiver = client.createReceiver('memories', 'worker');
  const messages = await receive(receiver, 3);
  for (const m of messages) await receiver.deferMessage(m);
  assert.equal((await bus.entity()).deferred, 3);
  const deferred = await receiver.receiveDeferredMessages(messages.map((m) => m.sequenceNumber));
  assert.deepEqual(deferred.map((m) => [m.body, m.state]), [['A', 'deferred'], ['B', 'deferred'], ['C', 'deferred']]);
  await receiver.completeMessage(deferred[0]);
  await receiver.deadLetterMessage(deferred[1], { deadLetterReason: 'R', deadLetterErrorDescription: 'D' });
  await receiver.abandonMessage(deferred[2]);
  const worker = await bus.entity();
  assert.equal(worker.deferred, 1);
  assert.equal(worker.locked, 0);
  assert.equal(worker.deadLetters, 1);
  const [third] = await receiver.receiveDeferredMessages(messages[2].sequenceNumber);
  assert.equal(third.deliveryCount, 1);
  await assert.rejects(receiver.receiveDeferredMessages(messages[0].sequenceNumber), { code: 'MessageNotFound' });
}));

test('a message is settled through $management after its receiver was closed', () => withBus([], async (bus) => {
  const { client, receiver, message } = await oneMessage(bus);
  await receiver.close();
  await client.createReceiver('memories', 'worker').completeMessage(message);
  assert.equal((await bus.entity()).totals.completed, 1);
}));

test('a renewed lock ends later', () => withBus([], async (bus) => {
  const { receiver, message } = await oneMessage(bus);
  const before = message.lockedUntilUtc;
  await bus.admin('POST', '/settings', { lockDurationMs: 60_000 });
  const renewed = await receiver.renewMessageLock(message);
  assert.ok(renewed.getTime() - before.getTime() > 20_000);
  assert.equal((await bus.entity()).totals.renewed, 1);
}));

test('the SDK renews a lock by itself for longer than the lock lasts', () => withBus(['--lock-duration', '1500ms'], async (bus) => {
  const client = bus.client();
  await client.createSender('memories').sendMessages({ body: 'slow', messageId: 'slow' });
  const receiver = client.createReceiver('memories', 'worker', { maxAutoLockRenewalDurationInMs: 60_000 });
  const errors = [];
  const subscription = receiver.subscribe({
    processMessage: async (message) => {
      const firstLockEnd = message.lockedUntilUtc.getTime();
      await bus.until('the first lock would be over', () => Date.now() > firstLockEnd + 200);
    },
    processError: async (args) => { errors.push(args.error); },
  });
  await bus.until('the message is completed', async () => (await bus.entity()).totals.completed === 1);
  await subscription.close();
  assert.deepEqual(errors, []);
  const { totals } = await bus.entity();
  assert.ok(totals.renewed >= 1);
  assert.deepEqual([totals.lockExpired, totals.delivered], [0, 1]);
}));

test('after a lock ran out neither settling nor renewing works, and the message comes back counted',
  () => withBus(['--lock-duration', '300ms'], async (bus) => {
    const operations = ['completeMessage', 'abandonMessage', 'deferMessage', 'deadLetterMessage', 'renewMessageLock'];
    const client = bus.client();
    await client.createSender('memories').sendMessages(operations.map((o) => ({ body: 'x', messageId: o })));
    const receiver = client.createReceiver('memories', 'worker', { maxAutoLockRenewalDurationInMs: 0 });
    const messages = await receive(receiver, operations.length);
    await bus.until('the locks expire', async () => (await bus.entity()).totals.lockExpired === operations.length);
    for (const message of messages) {
      const lost = await receiver[message.messageId](message).then(() => 'it worked', (error) => error);
      assert.equal(lost.code, 'MessageLockLost', message.messageId);
      assert.equal(lost.retryable, false, message.messageId);
    }
    await bus.admin('POST', '/settings', { lockDurationMs: 30_000 });
    for (const again of await receive(receiver, operations.length)) {
      assert.equal(again.deliveryCount, 1);
      await receiver.completeMessage(again);
    }
    assert.equal((await bus.entity()).totals.completed, operations.length);
  }));
