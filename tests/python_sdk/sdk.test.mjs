// Microsoft's unmodified Python SDK, the one the chat application publishes with, against the development bus: plain and
// TLS, all ways of sending and settling; what it and the JavaScript SDK publish is consumed by the worker.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { conversation, event } from '../flow/chats.mjs';
import { withStack } from '../flow/stack.mjs';

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const { ServiceBusClient } = createRequire(path.join(here, '../conformance/package.json'))('@azure/service-bus');
const TOPIC = 'message-completed';
const SUBSCRIPTION = 'memory-worker-message-completed';
const BUS_ONLY = { start: ['bus'] };

const connection = (stack, tls) => `Endpoint=sb://localhost:${stack.busPort};SharedAccessKeyName=dev;SharedAccessKey=dev;` +
  (tls ? '' : 'UseDevelopmentEmulator=true;');

/** Runs one action of client.py. */
function python(job) {
  return new Promise((resolve, reject) => {
    const child = execFile(process.env.MW_PYTHON, [path.join(here, 'client.py')], { timeout: 90_000 },
      (error, out, err) => (error ? reject(new Error(`${error.message}\n${err}`)) : resolve(JSON.parse(out))));
    child.stdin.end(JSON.stringify({ topic: TOPIC, subscription: SUBSCRIPTION, ...job }));
  });
}

/** With TLS the SDK ignores a port in the connection string: it is always this one. */
const TLS_PORT = ['--port', '5671'];
const overTls = (stack, ca) => ({ connection: connection(stack, true), ca });

function certificate(dir) {
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => path.join(dir, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { cert, args: [...TLS_PORT, '--tls-cert', cert, '--tls-key', key] };
}

const messages = (chats) => chats.map((chat) => {
  const { messageId, sessionId, body } = event(chat);
  return { id: messageId, session: sessionId, body };
});

const SETTLED = {
  received: ['abandon', 'complete', 'dead-letter', 'defer'],
  bodies: ['text of abandon', 'text of complete', 'text of dead-letter', 'text of defer'],
  renewed: true,
  again: [['abandon', 1]],
  deferred: ['defer'],
  dead: [['dead-letter', 'why', 'because']],
};

test('the Python SDK sends alone, as a list and as a batch', async () => {
  await withStack(BUS_ONLY, async (stack) => {
    const chats = Array.from({ length: 9 }, (_, n) => conversation(n));
    assert.deepEqual(await python({ action: 'publish', connection: connection(stack), messages: messages(chats) }), { sent: 9 });
    assert.equal((await stack.subscription()).active, 9);
  });
});

test('the Python SDK receives, renews, completes, abandons, defers and dead-letters', async () => {
  await withStack(BUS_ONLY, async (stack) => {
    assert.deepEqual(await python({ action: 'settle', connection: connection(stack) }), SETTLED);
    const { active, locked, deferred, totals } = await stack.subscription();
    assert.deepEqual([active, locked, deferred, totals.completed, totals.abandoned, totals.deadLettered], [0, 0, 0, 3, 1, 1]);
  });
});

test('the same over TLS, with the test\'s CA as connection_verify', async () => {
  await withStack({ start: [] }, async (stack) => {
    const { cert, args } = certificate(stack.dir);
    stack.options.bus = { args };
    await stack.start_bus();
    assert.deepEqual(await python({ action: 'settle', ...overTls(stack, cert) }), SETTLED);
    await assert.rejects(python({ action: 'settle', connection: connection(stack, true) }),
      /certificate verify failed/i);
  });
});

/** Half of the conversations by each SDK, and a worker in between. */
async function bothPublish(stack, chats, pythonJob) {
  await Promise.all(chats.map((chat) => stack.store(chat)));
  const half = chats.length / 2;
  await python({ action: 'publish', messages: messages(chats.slice(0, half)), ...pythonJob });
  if (!pythonJob.ca) {
    const client = new ServiceBusClient(connection(stack));
    await client.createSender(TOPIC).sendMessages(chats.slice(half).map((chat) => event(chat)));
    await client.close();
  } else {
    await stack.send(chats.slice(half).map((chat) => event(chat)));
  }
  await stack.storedOnceEach(chats);
}

test('what the Python and the JavaScript SDK publish is consumed by the worker', async () => {
  await withStack({}, async (stack) => {
    const chats = Array.from({ length: 20 }, (_, n) => conversation(n));
    await bothPublish(stack, chats, { connection: connection(stack) });
  });
});

test('the same over TLS, worker and SDK', async () => {
  await withStack({ start: ['redis', 'llm', 'api'] }, async (stack) => {
    const { cert, args } = certificate(stack.dir);
    stack.options.bus = { args };
    await stack.start_bus();
    stack.options.env = { SERVICEBUS_CONNECTION_STRING: connection(stack, true) };
    await stack.start_worker(`--receiver.ca-file=${cert}`);
    await stack.ready();
    const chats = Array.from({ length: 20 }, (_, n) => conversation(n));
    await bothPublish(stack, chats, overTls(stack, cert));
  });
});
