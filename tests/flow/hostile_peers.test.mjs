// Peers that mean harm cost the worker and the Memory API bounded memory, and all goes on when they have ended: an LLM, a
// Memory API, a Redis or a bus that answers without end, a byte at a time or with what unpacks to a lot, and clients
// that ask so.
import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import { conversation } from './chats.mjs';
import {
  HOSTILE_ANSWERS, HOSTILE_FRAMES, HOSTILE_GREETINGS, HOSTILE_REPLIES, HOSTILE_REQUESTS, HostileFront, MB, mostResident,
} from './hostile.mjs';
import { until, withStack } from './stack.mjs';

// Under a sanitizer freed memory is kept for a while.
const SANITIZED = (process.env.MW_BIN ?? '').includes('asan');
const MAY_GROW = (SANITIZED ? 700 : 200) * MB;
const OPTIONS = [
  '--llm_analyzer.request-timeout=3s', '--memory_writer.request-timeout=3s', '--session_loader.command-timeout=2s',
];
const unharmed = (first) => Array.from({ length: 6 }, (_, i) => conversation(first + i));

function grewLittle(program, before, what) {
  const grown = mostResident(program.pid) - before;
  assert.ok(grown < MAY_GROW, `${what}: ${program.name} held ${Math.round(grown / MB)} MB more`);
}

/**
 * Runs `body(stack, front, answers)` with the worker behind a hostile front of one part.
 * @param part the one that harms: 'llm', 'api', 'redis' or 'bus'
 */
async function withHostile(part, answers, chooses, body) {
  let front;
  const env = (stack) => ({
    ...(part === 'llm' && { AZURE_AI_CHAT_ENDPOINT: `http://127.0.0.1:${front.port}/v1` }),
    ...(part === 'api' && { MEMORY_API_ENDPOINT: `http://127.0.0.1:${front.port}` }),
    ...(part === 'redis' && { REDIS_PORT: `${front.port}` }),
    ...(part === 'bus' && {
      SERVICEBUS_CONNECTION_STRING: `Endpoint=sb://localhost:${front.port};SharedAccessKeyName=dev;SharedAccessKey=dev;UseDevelopmentEmulator=true;`,
    }),
  });
  await withStack({ env, worker: OPTIONS, onEnd: 'kill', start: ['redis', 'bus', 'llm', 'api'] }, async (stack) => {
    front = await new HostileFront(stack[`${part}Port`], answers, chooses).listen();
    try {
      await stack.start_worker();
      await body(stack, front);
    } finally {
      await front.close();
    }
  });
}

/** Conversations that name one way to harm each, and the name of the way that a text asks for. */
function harmedBy(answers) {
  const names = Object.keys(answers);
  const chats = names.map((_, i) => {
    const user = `harm-${String(i).padStart(2, '0')}-user`;
    return conversation(100 + i, { user, text: () => `This is ${user}.` });
  });
  const way = (text) => {
    const found = /harm-(\d\d)-user/.exec(text);
    return found ? names[Number(found[1])] : undefined;
  };
  return { chats, way };
}

for (const [part, what] of [['llm', 'an LLM'], ['api', 'a Memory API']]) {
  test(`${what} that answers with harm costs bounded memory, and the others are stored when it has ended`, async () => {
    const { chats, way } = harmedBy(HOSTILE_ANSWERS);
    let harms = true;
    await withHostile(part, HOSTILE_ANSWERS, (text) => (harms ? way(text) : undefined), async (stack, front) => {
      await stack.ready();
      const before = mostResident(stack.worker.pid);
      const others = unharmed(200);
      await stack.publish(chats);
      await stack.publish(others);
      await until('each harm was done', () => front.met.size === chats.length);
      harms = false;
      await stack.allStored(others);
      grewLittle(stack.worker, before, `a hostile ${part}`);
    });
  });
}

/** Gives each of the answers once, to the connections on which `wanted` was seen. */
function eachOnce(answers, wanted) {
  const left = Object.keys(answers);
  return (seen) => (wanted(seen) ? left.shift() : undefined);
}

test('a Redis that answers with harm costs bounded memory, and all is stored when it has ended', async () => {
  const chooses = eachOnce(HOSTILE_REPLIES, (seen) => seen.includes('session:'));
  await withHostile('redis', HOSTILE_REPLIES, chooses, async (stack, front) => {
    await stack.ready();
    const before = mostResident(stack.worker.pid);
    const chats = unharmed(200);
    await stack.publish(chats);
    await stack.allStored(chats);
    assert.equal(front.met.size, Object.keys(HOSTILE_REPLIES).length);
    grewLittle(stack.worker, before, 'a hostile Redis');
  });
});

for (const [what, answers, wanted] of [
  ['greets with harm', HOSTILE_GREETINGS, () => true],
  ['sends harm on its links', HOSTILE_FRAMES, (seen) => seen.includes('x-opt-') || seen.includes('com.microsoft:') || seen.includes('memory-worker-message-completed')],
]) {
  test(`a bus that ${what} costs bounded memory, and all is stored when it has ended`, async () => {
    await withHostile('bus', answers, eachOnce(answers, wanted), async (stack, front) => {
      const before = mostResident(stack.worker.pid);
      await until('each harm was done', () => front.met.size === Object.keys(answers).length);
      const chats = unharmed(200);
      await stack.publish(chats);
      await stack.allStored(chats);
      grewLittle(stack.worker, before, 'a hostile bus');
    });
  });
}

test('clients that ask with harm cost the Memory API and the admin port bounded memory, and the others are served', async () => {
  await withStack({ onEnd: 'kill' }, async (stack) => {
    const adminPort = Number(new URL(stack.workerUrl).port);
    for (const [program, port, at] of [[stack.api, stack.apiPort, '/health'], [stack.worker, adminPort, '/health/live']]) {
      const before = mostResident(program.pid);
      for (const [name, ask] of Object.entries(HOSTILE_REQUESTS)) {
        const socket = net.connect(port, '127.0.0.1');
        socket.on('error', () => {});
        socket.resume();
        ask(socket);
        const answer = await fetch(`http://127.0.0.1:${port}${at}`, { signal: AbortSignal.timeout(20_000) });
        assert.equal(answer.status, 200, name);
        await until(`${name}: enough was sent, or the end met`, () => socket.destroyed || socket.bytesWritten > 24 * MB || name === 'a byte at a time');
        socket.destroy();
      }
      grewLittle(program, before, 'hostile clients');
    }
    const chats = unharmed(300);
    await stack.publish(chats);
    await stack.allStored(chats);
  });
});
