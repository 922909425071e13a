// What a person can set wrong: one clear line that names the place, the key and the fix, or a worker that is not ready
// and says why; it neither crashes nor touches a message.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { conversation, event } from './chats.mjs';
import { Program } from './program.mjs';
import { environment, freePort, until, withStack } from './stack.mjs';

const CONFIG_ERROR = 78;
const WRONG_FILES = {
  'an unknown key': { text: '[dispatcher]\nquite = 5s\n',
    says: [/memory-worker\.conf:2/, /dispatcher\.quite/, /did you mean quiet/] },
  'an unknown section': { text: '[dispatchr]\nquiet = 5s\n', says: [/memory-worker\.conf:\d/, /dispatchr/] },
  'a wrong type': { text: '[dispatcher]\n\nmax-jobs = "many"\n',
    says: [/memory-worker\.conf:3/, /max-jobs/, /expected an integer/] },
  'a value out of range': { text: '[receiver]\nwindow-room = 0\n',
    says: [/memory-worker\.conf:2/, /window-room/, /allowed: 1/] },
  'a broken line': { text: '[receiver\nwindow-room = 5\n', says: [/memory-worker\.conf:1/] },
  'an open string': { text: '[session_loader]\nhost = "redis\n', says: [/memory-worker\.conf:2/] },
};

for (const [name, { text, says }] of Object.entries(WRONG_FILES)) {
  test(`${name} in the file: one line names file, line, key and fix, exit code 78`, async () => {
    await withStack({ start: [] }, async (stack) => {
      writeFileSync(path.join(stack.dir, 'worker', 'memory-worker.conf'), text);
      const { code, log, out } = await stack.workerCommand('run');
      assert.equal(code, CONFIG_ERROR, log);
      assert.equal(out, '');
      assert.equal(log.trimEnd().split('\n').length, 1, log);
      for (const pattern of says) assert.match(log, pattern);
    });
  });
}

const WRONG_ENVIRONMENT = {
  REDIS_PORT: ['70000', /REDIS_PORT.*out of range.*65535/],
  REDIS_HOST: [undefined, /session_loader\.host is not set.*REDIS_HOST/],
  SERVICEBUS_CONNECTION_STRING: [undefined, /receiver\.connection-string is not set.*SERVICEBUS_CONNECTION_STRING/],
  AZURE_AI_CHAT_ENDPOINT: [undefined, /llm_analyzer\.endpoint is not set.*AZURE_AI_CHAT_ENDPOINT/],
  MEMORY_API_ENDPOINT: ['localhost:8003', /MEMORY_API_ENDPOINT.*URL/],
  LOG_LEVEL: ['loud', /LOG_LEVEL.*none of/],
  MAX_CONCURRENCY: ['0', /MAX_CONCURRENCY.*out of range/],
};

for (const [name, [value, says]] of Object.entries(WRONG_ENVIRONMENT)) {
  test(`${name} ${value === undefined ? 'missing' : `= ${value}`}: one line says so, exit code 78`, async () => {
    await withStack({ start: [], env: { [name]: value } }, async (stack) => {
      stack.busPort = 5672;
      const { code, log } = await stack.workerCommand('run');
      assert.equal(code, CONFIG_ERROR, log);
      assert.equal(log.trimEnd().split('\n').length, 1, log);
      assert.match(log, says);
    });
  });
}

test('a connection string that is none is refused without being printed', async () => {
  await withStack({ start: [], env: { SERVICEBUS_CONNECTION_STRING: 'Endpoint=nonsense;SharedAccessKey=topsecret' } },
    async (stack) => {
      const { code, log } = await stack.workerCommand('run');
      assert.equal(code, CONFIG_ERROR, log);
      assert.doesNotMatch(log, /topsecret/);
    });
});

test('the health command fails where no worker answers, and passes where one lives', async () => {
  await withStack({ start: ['redis', 'bus', 'llm', 'api', 'worker'] }, async (stack) => {
    const port = new URL(stack.workerUrl).port;
    const health = new Program('health', { dir: stack.dir, env: environment() });
    const ask = async (where) => {
      health.spawn([`${process.env.MW_BIN}/memory-worker`, 'health', `--admin.port=${where}`]);
      return (await health.end()).code;
    };
    assert.equal(await ask(port), 0);
    assert.equal(await ask(await freePort()), 1);
    assert.match(health.log, /health\/live/);
  });
});

const OBSERVE_MS = 2000;

/** The worker stays, says what is wrong, is quiet about it, and has touched no message. */
async function waitsAndSaysWhy(stack, part, says) {
  const detail = await stack.notReady(part);
  assert.match(detail, says);
  const end = Date.now() + OBSERVE_MS;
  await until('the observation is over', async () => {
    assert.ok(stack.worker.alive, 'it does not crash');
    return Date.now() > end;
  });
  const lines = stack.worker.log.trimEnd().split('\n').length;
  assert.ok(lines < 120, `${lines} lines of log: a busy loop`);
  const { totals } = await stack.subscription();
  assert.deepEqual([totals.completed, totals.abandoned, totals.deadLettered], [0, 0, 0]);
  assert.doesNotMatch(stack.worker.log, /secret-of-the-test/);
}

const WRONG_WORLD = {
  'a wrong LLM key': { part: 'llm', env: { AZURE_AI_CHAT_KEY: 'secret-of-the-test' }, says: /401|unauthorized/i },
  'a wrong LLM path': { part: 'llm', path: '/nothing/here', says: /not.found|404/i },
  'a wrong Redis password': { part: 'redis', env: { REDIS_PASSWORD: 'secret-of-the-test' },
    redis: ['--requirepass', 'another'], says: /WRONGPASS|unauthorized/ },
  'no Redis password': { part: 'redis', redis: ['--requirepass', 'another'], says: /NOAUTH|unauthorized/ },
  'no Redis': { part: 'redis', without: 'redis', says: /refused|unreachable/ },
  'no Memory API': { part: 'memory', without: 'api', says: /refused|unreachable|connect/ },
  'a wrong bus port': { part: 'bus', wrongBusPort: true, says: /refused|unreachable/ },
  'a subscription that does not exist': { part: 'bus', env: { SERVICEBUS_MESSAGE_COMPLETED_SUBSCRIPTION: 'nobody' },
    says: /not.found/ },
};

for (const [name, { part, says, without, wrongBusPort, path: llmPath, ...rest }] of Object.entries(WRONG_WORLD)) {
  test(`${name}: not ready, ${part} is named, no crash loop, no message is touched`, async () => {
    const start = ['redis', 'bus', 'llm', 'api'].filter((program) => program !== without);
    await withStack({ ...rest, start }, async (stack) => {
      const chats = Array.from({ length: 10 }, (_, n) => conversation(n));
      if (part === 'redis') await stack.send(chats.map((chat) => event(chat)));
      else await stack.publish(chats);
      stack.options.env = { ...rest.env };
      if (llmPath) stack.options.env.AZURE_AI_CHAT_ENDPOINT = `http://127.0.0.1:${stack.llmPort}${llmPath}`;
      if (wrongBusPort) {
        stack.options.env.SERVICEBUS_CONNECTION_STRING =
          `Endpoint=sb://localhost:${await freePort()};SharedAccessKeyName=dev;SharedAccessKey=dev;` +
          'UseDevelopmentEmulator=true;';
      }
      await stack.start_worker();
      await waitsAndSaysWhy(stack, part, says);
      const check = await checkOnce(stack);
      assert.equal(check.code, 1, check.out + check.log);
      assert.match(check.out, /FAILED/);
      assert.equal(check.out.match(/FAILED/g).length, 1, check.out);
      assert.match(check.out, says);
      assert.doesNotMatch(check.out + check.log, /secret-of-the-test/);
    });
  });
}

async function checkOnce(stack) {
  const dir = path.join(stack.dir, 'worker');
  const program = new Program('check', { dir, env: stack.workerEnvironment() });
  program.spawn([path.join(process.env.MW_BIN, 'memory-worker'), 'check', '--llm_analyzer.request-timeout=5s',
    '--receiver.operation-timeout=5s']);
  const { code } = await program.end();
  return { code, out: program.output, log: program.log };
}

test('check with everything well says so and ends with 0', async () => {
  await withStack({ start: ['redis', 'bus', 'llm', 'api'] }, async (stack) => {
    const { code, out, log } = await checkOnce(stack);
    assert.equal(code, 0, out + log);
    assert.equal(out.match(/^ok /gm).length, 4, out);
  });
});

const WRONG_FOLDERS = { 'a folder that cannot be written': '/proc/memory.db', 'a folder in place of the file': '/' };

for (const [name, file] of Object.entries(WRONG_FOLDERS)) {
  test(`memory-api with ${name}: one clear line, exit code 78`, async () => {
    await withStack({ start: [] }, async (stack) => {
      const program = new Program('refused', { dir: path.join(stack.dir, 'api'), env: environment() });
      program.spawn([path.join(process.env.MW_BIN, 'memory-api'), '--port', '0', '--data', file]);
      const { code } = await program.end();
      assert.equal(code, CONFIG_ERROR, program.log);
      assert.equal(program.log.trimEnd().split('\n').length, 1, program.log);
      assert.ok(program.log.includes(file), program.log);
    });
  });
}
