'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { withBus, receive } = require('./lib/bus');

test('a single message arrives with its body, id, subject and properties', () => withBus([], async (bus) => {
  const client = bus.client();
  await client.createSender('memories').sendMessages({
    body: { text: 'Grüße', n: 1 }, messageId: 'm-1', correlationId: 'c-1', subject: 'subject',
    contentType: 'application/json', applicationProperties: { kind: 'single', ratio: 1.5, count: 42, flag: true },
  });
  const [message] = await receive(client.createReceiver('memories', 'worker'), 1);
  assert.deepEqual(message.body, { text: 'Grüße', n: 1 });
  assert.equal(message.messageId, 'm-1');
  assert.equal(message.correlationId, 'c-1');
  assert.equal(message.subject, 'subject');
  assert.equal(message.contentType, 'application/json');
  assert.deepEqual(message.applicationProperties, { kind: 'single', ratio: 1.5, count: 42, flag: true });
  assert.equal(message.deliveryCount, 0);
  assert.equal(message.sequenceNumber.toString(), '1');
  assert.equal(message.state, 'active');
  assert.ok(message.lockedUntilUtc > message.enqueuedTimeUtc);
}));

test('an array of messages arrives whole and in order', () => withBus([], async (bus) => {
  const client = bus.client();
  await client.createSender('memories').sendMessages(
    [{ body: 'one', messageId: '1' }, { body: Buffer.from([1, 2, 3]), messageId: '2' }, { body: null, messageId: '3' }]);
  const messages = await receive(client.createReceiver('memories', 'worker'), 3);
  assert.deepEqual(messages.map((m) => m.messageId), ['1', '2', '3']);
  assert.equal(messages[0].body, 'one');
  assert.deepEqual(Buffer.from(messages[1].body), Buffer.from([1, 2, 3]));
}));

test('a batch takes messages up to the announced size and arrives whole', () => withBus([], async (bus) => {
  const client = bus.client();
  const sender = client.createSender('memories');
  const batch = await sender.createMessageBatch();
  assert.equal(batch.maxSizeInBytes, 262_144);
  let count = 0;
  while (batch.tryAddMessage({ body: Buffer.alloc(2000, count), messageId: `b-${count}` })) count += 1;
  assert.ok(count > 100);
  await sender.sendMessages(batch);
  const messages = await receive(client.createReceiver('memories', 'worker'), count);
  assert.deepEqual(messages.map((m) => m.messageId), Array.from({ length: count }, (_, i) => `b-${i}`));
  assert.equal(messages[count - 1].body.length, 2000);
}));

test('a batch of one message is one message, also when its body looks like AMQP', () => withBus([], async (bus) => {
  const client = bus.client();
  const sender = client.createSender('memories');
  const batch = await sender.createMessageBatch();
  const tricky = Buffer.from([0x00, 0x53, 0x75, 0xa0, 0x01, 0x41]);
  assert.ok(batch.tryAddMessage({ body: tricky, messageId: 'in-batch' }));
  await sender.sendMessages(batch);
  await sender.sendMessages({ body: tricky, messageId: 'alone' });
  const messages = await receive(client.createReceiver('memories', 'worker'), 2);
  for (const message of messages) assert.deepEqual(Buffer.from(message.body), tricky);
}));

test('a message of 200 KB passes; one over the limit is refused and the link stays usable', () => withBus([], async (bus) => {
  const client = bus.client();
  const sender = client.createSender('memories');
  await sender.sendMessages({ body: Buffer.alloc(200_000, 65), messageId: 'large' });
  await assert.rejects(sender.sendMessages({ body: Buffer.alloc(300_000) }), { code: 'MessageSizeExceeded' });
  await sender.sendMessages({ body: 'after', messageId: 'after' });
  const messages = await receive(client.createReceiver('memories', 'worker'), 2);
  assert.deepEqual(messages.map((m) => m.messageId), ['large', 'after']);
  assert.equal(messages[0].body.length, 200_000);
}));

test('a message without an id gets one', () => withBus([], async (bus) => {
  const client = bus.client();
  await client.createSender('memories').sendMessages([{ body: 'a' }, { body: 'b' }]);
  const messages = await receive(client.createReceiver('memories', 'worker'), 2);
  assert.match(messages[0].messageId, /^[0-9a-f]{32}$/);
  assert.notEqual(messages[0].messageId, messages[1].messageId);
}));

test('two subscriptions each get their own copy', () => withBus([], async (bus) => {
  const client = bus.client();
  await client.createSender('memories').sendMessages({ body: 'both', messageId: 'm' });
  const worker = client.createReceiver('memories', 'worker');
  const [first] = await receive(worker, 1);
  await worker.completeMessage(first);
  const [second] = await receive(client.createReceiver('memories', 'audit'), 1);
  assert.equal(second.body, 'both');
  assert.equal((await bus.entity('worker')).totals.completed, 1);
  assert.equal((await bus.entity('audit')).totals.completed, 0);
}));

test('scheduled messages come at their time, and not at all when they were cancelled', () => withBus([], async (bus) => {
  const client = bus.client();
  const sender = client.createSender('memories');
  const soon = new Date(Date.now() + 700);
  const far = new Date(Date.now() + 3_600_000);
  const [kept] = await sender.scheduleMessages({ body: 'soon', messageId: 'soon' }, soon);
  const cancelled = await sender.scheduleMessages([{ body: 'never' }, { body: 'never either' }], far);
  await sender.sendMessages({ body: 'by property', messageId: 'by-property', scheduledEnqueueTimeUtc: soon });
  assert.equal((await bus.admin('GET', '/status')).destinations[0].scheduled, 4);
  await sender.cancelScheduledMessages(cancelled);
  await assert.rejects(sender.cancelScheduledMessages(cancelled), { code: 'MessageNotFound' });
  assert.ok(kept);
  const messages = await receive(client.createReceiver('memories', 'worker'), 2);
  assert.deepEqual(messages.map((m) => m.messageId).sort(), ['by-property', 'soon']);
  for (const m of messages) assert.ok(m.enqueuedTimeUtc >= soon, 'delivered before its time');
  assert.equal((await bus.admin('GET', '/status')).destinations[0].scheduled, 0);
}));

test('messages posted to the admin port are received like any other', () => withBus([], async (bus) => {
  const sent = Array.from({ length: 500 }, (_, i) => ({ messageId: `p-${i}`, body: { n: i }, sessionId: `s-${i}` }));
  assert.deepEqual(await bus.admin('POST', '/send?topic=memories', sent), { sent: 500 });
  const messages = await receive(bus.client().createReceiver('memories', 'worker'), 500);
  assert.deepEqual(messages.map((m) => m.messageId), sent.map((m) => m.messageId));
  assert.deepEqual(messages[7].body, { n: 7 });
  assert.equal(messages[7].sessionId, 's-7');
}));
