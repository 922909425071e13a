// Starts a development bus of its own for a test, talks to its admin port, and ends it.
'use strict';

const { spawn } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');
const { ServiceBusClient } = require('@azure/service-bus');

const program = process.env.MW_DEVSTACK || path.join(__dirname, '../../../build/release/bin/memory-devstack');
const START_MS = 20_000;
const CONDITION_MS = 20_000;

/** Runs `body` against a fresh bus with topic `memories`, subscriptions `worker` and `audit`. */
async function withBus(args, body) {
  const child = spawn(program, ['bus', '--port', '0', '--admin-port', '0', '--topic', 'memories:worker,audit', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (text) => { complaints += text; });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  const clients = [];
  try {
    const ports = await ready(child, ended, () => complaints);
    const bus = new Bus(ports, clients);
    await body(bus);
  } finally {
    await Promise.allSettled(clients.map((client) => client.close()));
    child.kill('SIGTERM');
    const { code, signal } = await ended;
    if (code !== 0) throw new Error(`the bus ended with ${code ?? signal}: ${complaints}`);
  }
}

async function ready(child, ended, complaints) {
  const lines = readline.createInterface({ input: child.stdout });
  let timer;
  const first = new Promise((resolve, reject) => {
    lines.once('line', (line) => resolve(JSON.parse(line)));
    child.once('error', reject);
    ended.then(({ code }) => reject(new Error(`the bus did not start (${code}): ${complaints()}`)));
    timer = setTimeout(() => reject(new Error('the bus printed nothing')), START_MS);
  });
  try {
    return await first;
  } finally {
    clearTimeout(timer);
  }
}

class Bus {
  constructor(ports, clients) {
    this.port = ports.listening;
    this.adminPort = ports.admin;
    this.clients = clients;
  }

  /** A client that reports a failure instead of hiding it behind retries. */
  client(options = {}) {
    const { key = 'SAS_KEY_VALUE', ...rest } = options;
    const client = new ServiceBusClient(
      `Endpoint=sb://localhost:${this.port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=${key};` +
      'UseDevelopmentEmulator=true',
      { retryOptions: { maxRetries: 0, timeoutInMs: 10_000 }, ...rest });
    this.clients.push(client);
    return client;
  }

  async admin(method, where, body) {
    const response = await fetch(`http://127.0.0.1:${this.adminPort}${where}`,
      { method, body: body === undefined ? undefined : JSON.stringify(body) });
    const json = await response.json();
    if (!response.ok) throw new Error(`${where}: ${response.status} ${json.error}`);
    return json;
  }

  /** Counts and totals of one entity, by the end of its path. */
  async entity(name = 'Subscriptions/worker') {
    const { entities } = await this.admin('GET', '/status');
    return entities.find((e) => e.path.endsWith(name));
  }

  /** Waits until the bus says so; the only thing waited for is that condition. */
  async until(what, condition) {
    const deadline = Date.now() + CONDITION_MS;
    for (;;) {
      const value = await condition();
      if (value) return value;
      if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Receives exactly `count` messages, however many calls it takes. */
async function receive(receiver, count) {
  const messages = [];
  while (messages.length < count) {
    const some = await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs: 10_000 });
    if (some.length === 0) throw new Error(`only ${messages.length} of ${count} messages came`);
    messages.push(...some);
  }
  return messages;
}

module.exports = { withBus, receive };
