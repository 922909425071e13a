// Everything a flow test needs, each a process of its own: Redis, development bus, LLM stand-in, Memory API, worker.
// Ports are free ones, files are in one temporary folder; whatever happens, nothing is left behind.
import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { BOUND_MS, Hopeless, Program, until } from './program.mjs';
import { Redis } from './redis.mjs';
import { Relay } from './relay.mjs';
import { event, lastMessageId, stored } from './chats.mjs';

export { until } from './program.mjs';

const bin = process.env.MW_BIN;
const LLM_KEY = 'stand-in';
const REQUEST_MS = 30_000;

/** Short windows and short locks, so that a test does not wait for either. */
const WORKER_OPTIONS = [
  '--admin.port=0', '--dispatcher.quiet=100ms', '--dispatcher.max-age=2s', '--session_loader.missing-retry=500ms',
  '--receiver.lock-duration=6s', '--supervisor.backoff-max=1s', '--llm_analyzer.probe-interval=500ms',
  '--supervisor.drain-limit=5s',
];
const LOCK_DURATION = '6s';

/**
 * Below the range from which the system gives connections theirs. Each test process has a block of its own: it listens
 * on the block's first port for as long as it lives.
 */
const PORTS = { first: 20_000, blocks: 120, block: 100 };
let myBlock;
let portsGiven = 0;

function listenOn(port) {
  const server = net.createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}

async function takeBlock() {
  for (let i = 0; ; i += 1) {
    const first = PORTS.first + ((process.pid + i) % PORTS.blocks) * PORTS.block;
    const guard = await listenOn(first);
    guard?.unref();
    if (guard) return first;
  }
}

/** A port that nobody listens on, which stays free for this process while its program is down. */
export async function freePort() {
  myBlock ??= takeBlock();
  const first = await myBlock;
  for (;;) {
    const port = first + 1 + (portsGiven++ % (PORTS.block - 1));
    const server = await listenOn(port);
    if (!server) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

export function environment(more = {}) {
  const keep = ['PATH', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS'];
  const env = Object.fromEntries(keep.filter((name) => process.env[name]).map((name) => [name, process.env[name]]));
  return { ...env, PATH: `${process.env.PATH}:/usr/sbin`, ...more };
}

async function http(url, method = 'GET', body = undefined) {
  const response = await fetch(url, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
    signal: AbortSignal.timeout(REQUEST_MS),
  });
  const text = await response.text();
  return { status: response.status, text, get json() { return JSON.parse(text); } };
}

async function expectJson(url, method, body) {
  const answer = await http(url, method, body);
  const { status } = answer;
  if (status >= 300) throw Object.assign(new Error(`${method ?? 'GET'} ${url}: ${status} ${answer.text}`), { status });
  return answer.json;
}

/**
 * Runs `body` against a fresh set of processes.
 * @param options {bus: {lock, args, delayMs: each way between worker and bus}, llm, worker: more arguments, env: more environment of the worker (or a function of the stack that
 *   gives it), inFile: options that are not given on the worker's command line, api: other arguments of the Memory API, apiEnv: its environment, start: which are started
 *   (default all), onEnd: 'drain' (default: the worker must end with 0 at SIGTERM) or 'kill'}
 */
export async function withStack(options, body) {
  const stack = new Stack(options);
  let failed = true;
  try {
    await stack.start(options.start ?? ['redis', 'bus', 'llm', 'api', 'worker']);
    await body(stack);
    failed = false;
  } finally {
    await stack.stop(failed, options.onEnd ?? 'drain');
  }
}

export class Stack {
  /** @param options also `launcher`: command and arguments that become the worker by exec */
  constructor(options) {
    this.options = options;
    this.dir = mkdtempSync(path.join(os.tmpdir(), 'memory-worker-flow-'));
    this.programs = {};
    for (const name of ['redis', 'bus', 'llm', 'api', 'worker']) {
      const dir = path.join(this.dir, name);
      mkdirSync(dir);
      this.programs[name] = new Program(name, { dir, env: environment(), command: [] });
    }
  }

  get redis() { return this.programs.redis; }
  get bus() { return this.programs.bus; }
  get llm() { return this.programs.llm; }
  get api() { return this.programs.api; }
  get worker() { return this.programs.worker; }

  async start(names) {
    this.redisPort = await freePort();
    this.llmPort = await freePort();
    this.apiPort = await freePort();
    for (const name of names.filter((n) => n !== 'worker')) await this[`start_${name}`]();
    if (names.includes('worker')) {
      await this.start_worker();
      await this.ready();
    }
  }

  async start_redis() {
    this.redis.spawn(['redis-server', '--bind', '127.0.0.1', '--port', `${this.redisPort}`, '--save', '',
      '--appendonly', 'yes', '--appendfsync', 'always', '--daemonize', 'no', ...(this.options.redis ?? [])]);
    await until('Redis answers', async () => {
      const redis = await Redis.connect(this.redisPort);
      try {
        return /PONG|NOAUTH/.test(await redis.command('PING').catch((error) => error.message));
      } finally {
        redis.close();
      }
    });
    this.data?.close();
    this.data = await Redis.connect(this.redisPort);
  }

  async start_bus() {
    const { lock = LOCK_DURATION, args = [], delayMs } = this.options.bus ?? {};
    this.bus.spawn([path.join(bin, 'memory-devstack'), 'bus', '--port', '0', '--admin-port', '0',
      '--lock-duration', lock, ...args]);
    const ports = await this.bus.listening();
    this.busPort = ports.listening;
    this.busAdmin = `http://127.0.0.1:${ports.admin}`;
    if (delayMs === undefined) return;
    await this.busRelay?.close();
    this.busRelay = await new Relay(ports.listening, { delayMs }).listen();
    this.busPort = this.busRelay.port;
  }

  async start_llm() {
    this.llm.spawn([path.join(bin, 'memory-devstack'), 'llm', '--port', `${this.llmPort}`, '--api-key', LLM_KEY,
      ...(this.options.llm ?? [])]);
    await this.llm.listening();
  }

  async start_api() {
    this.api.options.env = environment(this.options.apiEnv);
    this.api.spawn([path.join(bin, 'memory-api'), '--port', `${this.apiPort}`, ...(this.options.api ?? ['--data', 'memory.db'])]);
    await this.api.listening();
  }

  workerEnvironment() {
    const env = {
      SERVICEBUS_CONNECTION_STRING: `Endpoint=sb://localhost:${this.busPort};SharedAccessKeyName=dev;` +
        'SharedAccessKey=dev;UseDevelopmentEmulator=true;',
      REDIS_HOST: '127.0.0.1', REDIS_PORT: `${this.redisPort}`, REDIS_SSL: 'false',
      AZURE_AI_CHAT_ENDPOINT: `http://127.0.0.1:${this.llmPort}/v1`, AZURE_AI_CHAT_KEY: LLM_KEY,
      MEMORY_API_ENDPOINT: `http://127.0.0.1:${this.apiPort}`,
      ...(typeof this.options.env === 'function' ? this.options.env(this) : this.options.env),
    };
    for (const name of Object.keys(env)) if (env[name] === undefined) delete env[name];
    return environment(env);
  }

  async start_worker(...args) {
    this.worker.options.env = this.workerEnvironment();
    this.worker.spawn([...(this.options.launcher ?? []), path.join(bin, 'memory-worker'), 'run',
      ...WORKER_OPTIONS.filter((option) => !(this.options.inFile ?? []).some((name) => option.startsWith(`--${name}=`))),
      ...(this.options.worker ?? []), ...args]);
    this.workerUrl = `http://127.0.0.1:${(await this.worker.listening()).listening}`;
  }

  /** A run of `memory-worker COMMAND` to its end: {code, signal, out, log}. */
  async workerCommand(...args) {
    this.worker.options.env = this.workerEnvironment();
    this.worker.spawn([path.join(bin, 'memory-worker'), ...args]);
    const { code, signal } = await this.worker.end();
    this.worker.checkSanitizer();
    return { code, signal, out: this.worker.output, log: this.worker.log };
  }

  async kill(name) {
    await this.programs[name].kill();
    if (name === 'redis') this.data?.close();
  }

  // --- the worker ---

  async health() {
    const answer = await http(`${this.workerUrl}/health/ready`);
    return { code: answer.status, ...answer.json };
  }

  async ready(boundMs = BOUND_MS) {
    await until('the worker is ready', async () => {
      if (!this.worker.alive) throw new Hopeless(this.worker.lastWords());
      const health = await this.health();
      if (health.code !== 200) throw new Error(JSON.stringify(health.parts));
      return true;
    }, boundMs);
  }

  /** Waits until the worker says that it is not ready because of `part`; gives the detail. */
  async notReady(part, boundMs = BOUND_MS) {
    return until(`the worker names ${part} as what is not well`, async () => {
      if (!this.worker.alive) throw new Hopeless(this.worker.lastWords());
      const health = await this.health();
      const found = health.parts[part];
      if (health.code !== 503 || found?.state !== 'down') throw new Error(JSON.stringify(health.parts));
      return found.detail || ' ';
    }, boundMs);
  }

  /** Sum of a metric over the labels that `labels` (text in braces) leaves open. */
  async metric(name, labels = '') {
    const { text } = await http(`${this.workerUrl}/metrics`);
    let sum = 0;
    for (const line of text.split('\n')) {
      const found = /^(\w+)(\{[^}]*\})? (\S+)$/.exec(line);
      if (found && found[1] === name && (found[2] ?? '').includes(labels)) sum += Number(found[3]);
    }
    return sum;
  }

  flush(query) {
    return expectJson(`${this.workerUrl}/flush?${query}`, 'POST');
  }

  // --- the bus ---

  async subscription() {
    const { entities } = await expectJson(`${this.busAdmin}/status`);
    return entities.find((entity) => entity.path.endsWith('memory-worker-message-completed'));
  }

  busStatus() {
    return expectJson(`${this.busAdmin}/status`);
  }

  deadLetters() {
    return expectJson(`${this.busAdmin}/dead-letters`);
  }

  settings(values) {
    return expectJson(`${this.busAdmin}/settings`, 'POST', values);
  }

  busFault(kind, values = {}) {
    return expectJson(`${this.busAdmin}/faults/${kind}`, 'POST', values);
  }

  async send(messages) {
    for (let i = 0; i < messages.length; i += 500) {
      await expectJson(`${this.busAdmin}/send?topic=message-completed`, 'POST', messages.slice(i, i + 500));
    }
  }

  async settledCount() {
    const { totals } = await this.subscription();
    return totals.completed + totals.deadLettered;
  }

  /** Waits until nothing is waiting or locked. */
  async busEmpty(boundMs = BOUND_MS) {
    await until('the bus has nothing waiting and nothing locked', async () => {
      const s = await this.subscription();
      if (s.active + s.locked > 0) throw new Error(`${s.active} active, ${s.locked} locked`);
      return true;
    }, boundMs);
  }

  // --- the LLM ---

  llmFaults(faults, more = {}) {
    return expectJson(`http://127.0.0.1:${this.llmPort}/_admin/faults`, 'POST', { clear: true, faults, ...more });
  }

  llmStats() {
    return expectJson(`http://127.0.0.1:${this.llmPort}/_admin/stats`);
  }

  // --- conversations and memories ---

  store(chat) {
    return this.data.command('SET', `session:${chat.sessionId}`, stored(chat), 'EX', 86_400);
  }

  /** Stores conversations in Redis and sends an event for the last message of each. */
  async publish(chats) {
    await Promise.all(chats.map((chat) => this.store(chat)));
    await this.send(chats.map((chat) => event(chat)));
  }

  userUrl(user) {
    return `http://127.0.0.1:${this.apiPort}/api/memory/users/${encodeURIComponent(user)}`;
  }

  async record(chat) {
    const answer = await http(`${this.userUrl(chat.userId)}/conversations/${encodeURIComponent(chat.sessionId)}`);
    if (answer.status === 404) return null;
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  profile(user) {
    return expectJson(`${this.userUrl(user)}/memories`);
  }

  /** The stored documents with the worker's own fields: {conversation, profile}. */
  documents(chat) {
    return expectJson(`http://127.0.0.1:${this.apiPort}/internal/context?userId=${encodeURIComponent(chat.userId)}` +
      `&sessionId=${encodeURIComponent(chat.sessionId)}`);
  }

  forget(user) {
    return expectJson(`${this.userUrl(user)}/memories`, 'DELETE');
  }

  forgetItem(user, category, item) {
    return http(`${this.userUrl(user)}/memories/${category}?item=${encodeURIComponent(item)}`, 'DELETE');
  }

  searchConversations(user, query) {
    return expectJson(`${this.userUrl(user)}/conversations/search`, 'POST', { query, limit: 10 });
  }

  /** @param last the message that the record must cover */
  async isStored(chat, last = lastMessageId(chat)) {
    const record = await this.record(chat);
    return record?.through?.id === last;
  }

  async storedCount(chats) {
    let count = 0;
    for (const chat of chats) if (await this.isStored(chat)) count += 1;
    return count;
  }

  /** Waits until every conversation's record covers its last message. */
  async allStored(chats, boundMs = BOUND_MS) {
    const left = new Set(chats);
    await until('every published conversation is stored', async () => {
      if (this.worker.child && !this.worker.alive) throw new Hopeless(this.worker.lastWords());
      for (const chat of left) if (await this.isStored(chat)) left.delete(chat);
      if (left.size > 0) throw new Error(`${left.size} are not, as ${[...left][0].sessionId}`);
      return true;
    }, boundMs);
  }

  /** Everything is stored, each fact once, nothing was dead-lettered and nothing is left on the bus. */
  async storedOnceEach(chats, boundMs = BOUND_MS) {
    await this.allStored(chats, boundMs);
    const likes = new Map();
    for (const chat of chats) likes.set(chat.userId, [...(likes.get(chat.userId) ?? []), ...chat.likes]);
    for (const [user, expected] of likes) {
      assert.deepEqual((await this.profile(user)).interests.sort(), expected.sort(), `interests of ${user}`);
    }
    await this.busEmpty(boundMs);
    assert.deepEqual(await this.deadLetters(), []);
  }

  // --- the end ---

  async stop(failed, onEnd) {
    const troubles = [];
    const attempt = async (step) => {
      try {
        await step();
      } catch (error) {
        troubles.push(error);
      }
    };
    const { worker } = this;
    if (failed && worker.child) console.error(`the worker's last words: ${worker.log.slice(-3000)}`);
    if (onEnd === 'kill') await attempt(() => worker.kill());
    await attempt(async () => {
      const wasAlive = worker.alive;
      await worker.stop();
      if (wasAlive && !failed) assert.equal(worker.result.code, 0, worker.lastWords());
    });
    await attempt(() => this.busRelay?.close());
    for (const name of ['api', 'llm', 'bus', 'redis']) await attempt(() => this.programs[name].stop());
    this.data?.close();
    rmSync(this.dir, { recursive: true, force: true });
    if (troubles.length > 0 && !failed) throw troubles[0];
    for (const trouble of troubles) console.error(trouble.message);
  }
}
