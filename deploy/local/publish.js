// Publishes sample conversations as the chat application does, through Microsoft's own Service Bus SDK: after every
// assistant message the whole conversation goes to Redis (24 h to live), then one event to the topic. Same files and
// same output as `memory-devstack publish`. The SDK comes from the conformance suite's node_modules.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { createRequire } = require('node:module');

const suite = path.join(__dirname, '..', '..', 'tests', 'conformance', 'package.json');
const { ServiceBusClient } = createRequire(suite)('@azure/service-bus');

const DAY_IN_SECONDS = 86400;
const COMMAND_TIMEOUT_MS = 15000;

/** As much of the Redis protocol as SETEX needs. */
class Redis {
  static connect(address) {
    const at = address.lastIndexOf(':');
    return new Promise((resolve, reject) => {
      const socket = net.connect(Number(address.slice(at + 1)), address.slice(0, at));
      socket.once('connect', () => resolve(new Redis(socket)));
      socket.once('error', reject);
    });
  }

  constructor(socket) {
    this.socket = socket;
    this.waiting = [];
    this.received = '';
    socket.on('data', (bytes) => this.onData(bytes));
    socket.on('close', () => this.failAll(new Error('Redis closed the connection')));
    socket.on('error', (error) => this.failAll(error));
  }

  onData(bytes) {
    this.received += bytes.toString('latin1');
    for (let end = this.received.indexOf('\r\n'); end >= 0; end = this.received.indexOf('\r\n')) {
      const line = this.received.slice(0, end);
      this.received = this.received.slice(end + 2);
      const { resolve, reject } = this.waiting.shift();
      if (line.startsWith('-')) reject(new Error(`Redis: ${line.slice(1)}`));
      else resolve(line);
    }
  }

  failAll(error) {
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }

  command(...words) {
    const parts = words.map((word) => Buffer.from(String(word)));
    const head = Buffer.from(`*${parts.length}\r\n`);
    const body = parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')]);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('Redis does not answer')), COMMAND_TIMEOUT_MS);
      const settle = (done) => (value) => {
        clearTimeout(timer);
        done(value);
      };
      this.waiting.push({ resolve: settle(resolve), reject: settle(reject) });
      this.socket.write(Buffer.concat([head, ...body]));
    });
  }

  close() {
    this.socket.removeAllListeners('close');
    this.socket.destroy();
  }
}

function readSample(file) {
  const sample = JSON.parse(fs.readFileSync(file, 'utf8'));
  const [first, ...rest] = sample.messages;
  const system = first.role === 'system' ? first.text : 'You are a helpful assistant.';
  const spoken = first.role === 'system' ? rest : sample.messages;
  const turns = [];
  for (let i = 0; i < spoken.length; i += 2) {
    if (spoken[i].role !== 'user' || spoken[i + 1]?.role !== 'assistant')
      throw new Error(`${file}: user and assistant must take turns, and the assistant ends`);
    turns.push({ user: spoken[i].text, assistant: spoken[i + 1].text });
  }
  return { file, sample, system, turns, stamps: [], messages: [] };
}

async function publishTurn(redis, sender, conversation) {
  const { sample, turns, stamps, messages } = conversation;
  const turn = turns[stamps.length];
  const id = crypto.randomUUID();
  // six digits and an offset, as the chat application's isoformat() writes them
  const timestamp = new Date().toISOString().replace('Z', '000+00:00');
  const add = (role, content) => messages.push({ messageId: `${id}_${role}`, role, content, timestamp });
  if (stamps.length === 0) add('system', conversation.system);
  add('user', turn.user);
  add('assistant', turn.assistant);
  stamps.push({ id, timestamp });
  const stored = {
    sessionId: sample.sessionId,
    userId: sample.userId,
    createdAt: stamps[0].timestamp,
    title: sample.title ?? null,
    lastActivity: timestamp,
    messages,
  };
  await redis.command('SETEX', `session:${sample.sessionId}`, DAY_IN_SECONDS, JSON.stringify(stored));
  await sender.sendMessages({
    messageId: `${id}_completed`,
    sessionId: sample.sessionId,
    body: {
      sessionId: sample.sessionId,
      userId: sample.userId,
      chatMessageId: id,
      completedAt: timestamp,
      eventType: 'message_completed',
    },
  });
  if (stamps.length < turns.length) return;
  console.log(
    JSON.stringify({
      file: conversation.file,
      userId: sample.userId,
      sessionId: sample.sessionId,
      events: stamps.length,
      lastMessageId: `${id}_assistant`,
      lastTimestamp: timestamp,
    }),
  );
}

async function main([redisAddress, connectionString, topic, ...files]) {
  const conversations = files.map(readSample);
  const redis = await Redis.connect(redisAddress);
  const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 2, timeoutInMs: 15000 } });
  try {
    const sender = client.createSender(topic);
    const longest = Math.max(...conversations.map((c) => c.turns.length));
    for (let turn = 0; turn < longest; ++turn)
      for (const conversation of conversations)
        if (turn < conversation.turns.length) await publishTurn(redis, sender, conversation);
  } finally {
    redis.close();
    await client.close();
  }
}

if (process.argv.length < 6) {
  console.error('usage: node publish.js REDIS_HOST:PORT BUS_CONNECTION_STRING TOPIC FILE...');
  process.exit(64);
}
main(process.argv.slice(2)).catch((error) => {
  console.error(`publish: ${error.message}`);
  process.exit(69);
});
