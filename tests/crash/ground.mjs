// The processes under the judge: those of the flow tests, with up to two workers that know nothing of each other. Every
// worker reaches bus, Redis, LLM and store through relays of its own, so that what passes is seen and can be stopped;
// the oracle and the judge reach them directly. The store is memory-api on SQLite, or Cosmos DB (its stand-in).
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Program, until } from '../flow/program.mjs';
import { Relay } from '../flow/relay.mjs';
import { Stack, environment } from '../flow/stack.mjs';

export const LOCK_MS = 5000;
export const FAULT_VARIABLE = 'MEMORY_WORKER_DELIBERATE_FAULT';
const COSMOS_KEY = Buffer.from('a key for crash tests, not a secret').toString('base64');

/** Short waits everywhere, so that many kills fit into little time. */
export const WORKER_OPTIONS = {
  'admin.port': '0', 'dispatcher.quiet': '100ms', 'dispatcher.max-age': '1s', 'session_loader.missing-retry': '2s',
  'receiver.lock-duration': `${LOCK_MS}ms`, 'supervisor.backoff-max': '500ms', 'llm_analyzer.probe-interval': '300ms',
  'llm_analyzer.request-timeout': '5s', 'memory_writer.request-timeout': '5s', 'session_loader.command-timeout': '3s',
  'supervisor.drain-limit': '5s',
};

/** One worker: its process, run after run, and its relays. */
export class Worker {
  constructor(ground, name) {
    this.ground = ground;
    this.name = name;
    this.dir = path.join(ground.dir, name);
    mkdirSync(this.dir);
    this.program = new Program(name, { dir: this.dir, env: {}, command: [] });
    this.relays = {};
  }

  async prepare() {
    const g = this.ground;
    const targets = { bus: g.busPort, redis: g.redisPort, llm: g.llmPort, store: g.storePort };
    for (const [name, port] of Object.entries(targets)) this.relays[name] = await new Relay(port).listen();
  }

  get alive() { return this.program.alive; }
  get pid() { return this.program.pid; }

  /** Starts a run. Its calls to the LLM carry the run's name as their model. */
  start() {
    const { ground, relays } = this;
    this.run = `${this.name}-${this.program.runs + 1}`;
    const store = ground.cosmosPort
      ? { COSMOS_ENDPOINT: `http://127.0.0.1:${relays.store.port}/`, COSMOS_KEY }
      : { MEMORY_API_ENDPOINT: `http://127.0.0.1:${relays.store.port}` };
    this.program.options.env = environment({
      SERVICEBUS_CONNECTION_STRING: `Endpoint=sb://localhost:${relays.bus.port};SharedAccessKeyName=dev;` +
        'SharedAccessKey=dev;UseDevelopmentEmulator=true;',
      REDIS_HOST: '127.0.0.1', REDIS_PORT: `${relays.redis.port}`, REDIS_SSL: 'false',
      AZURE_AI_CHAT_ENDPOINT: `http://127.0.0.1:${relays.llm.port}/v1`, AZURE_AI_CHAT_KEY: 'stand-in',
      AZURE_AI_CHAT_MODEL: this.run, ...store, ...ground.options.workerEnv,
    });
    const options = { ...WORKER_OPTIONS, ...(ground.options.keep ? { 'process.log-level': 'debug' } : {}),
      ...ground.options.workerOptions };
    this.spawnedAt = Date.now();
    this.program.spawn([path.join(process.env.MW_BIN, 'memory-worker'), 'run',
      ...Object.entries(options).map(([name, value]) => `--${name}=${value}`)]);
  }

  /** After its end: no connection of it is left, so that the bus gives it nothing more. */
  async gone() {
    await this.program.ended;
    await until('the connections of the worker are closed', () =>
      Object.values(this.relays).every((relay) => relay.sockets.size === 0));
    await this.ground.busStatus();
    this.goneAt = Date.now();
  }

  calm() {
    for (const relay of Object.values(this.relays)) {
      relay.tap = null;
      relay.delayMs = 0;
      relay.refuse(false);
      relay.resume();
    }
  }

  async close() {
    await this.program.kill();
    for (const relay of Object.values(this.relays)) await relay.close();
  }
}

export class Ground extends Stack {
  /** @param options those of Stack and {store: 'sqlite' | 'cosmos', workerOptions, workerEnv, lockMs, latencyMs} */
  constructor(options = {}) {
    const lockMs = options.lockMs ?? LOCK_MS;
    const latency = `${options.latencyMs ?? 60}`;
    super({
      bus: { lock: `${lockMs}ms`, args: options.busArgs ?? [] },
      llm: ['--latency-median-ms', latency, '--latency-sigma', '0.4', '--list-calls', 'on'],
      ...(options.store === 'cosmos' ? { api: ['--store', 'cosmos'] } : {}),
      ...options,
    });
    // which fault the programs of the build "faulty" have
    const fault = process.env[FAULT_VARIABLE] ? { [FAULT_VARIABLE]: process.env[FAULT_VARIABLE] } : {};
    this.options.workerEnv = { ...fault, ...options.workerEnv };
    this.options.apiEnv = { ...fault, ...options.apiEnv };
    this.lockMs = lockMs;
    this.workers = [new Worker(this, 'one'), new Worker(this, 'two')];
  }

  async begin() {
    if (this.options.store === 'cosmos') await this.#startCosmos();
    await this.start(['redis', 'bus', 'llm', 'api']);
    this.storePort = this.cosmosPort ?? this.apiPort;
    for (const worker of this.workers) await worker.prepare();
  }

  async #startCosmos() {
    const dir = path.join(this.dir, 'cosmos');
    mkdirSync(dir);
    this.cosmos = new Program('cosmos', { dir, env: environment(), command: [] });
    this.cosmos.spawn([path.join(process.env.MW_BIN, 'memory-devstack'), 'cosmos', '--key', COSMOS_KEY]);
    this.cosmosPort = (await this.cosmos.listening()).listening;
    this.options.apiEnv = {
      COSMOS_ENDPOINT: `http://127.0.0.1:${this.cosmosPort}/`, COSMOS_KEY, COSMOS_DATABASE_NAME: 'memory_db',
      ...this.options.apiEnv,
    };
  }

  /** What ended without anybody here having asked for it, and how. */
  get surprises() {
    const programs = [...Object.values(this.programs), this.cosmos, ...this.workers.map((w) => w.program)];
    return programs.flatMap((program) => program?.surprises ?? []);
  }

  /** The programs that can be killed and keep what they know. */
  async restart(name) {
    await this[`start_${name}`]();
  }

  /** A command of the oracle or the judge, which fails at once while Redis is away. */
  async redisCommand(...words) {
    if (this.data.socket.destroyed) throw new Error('Redis is away');
    return this.data.command(...words);
  }

  async messages() {
    const answer = await fetch(`${this.busAdmin}/messages`);
    return answer.json();
  }

  /** Messages that this run of the worker has locked or renewed, where no other one has run since. */
  async lockedBy(worker) {
    const since = Math.max(worker.spawnedAt, ...this.workers.map((w) => (w === worker ? 0 : (w.goneAt ?? 0))));
    return (await this.messages()).filter((m) => m.lockedUntil - this.lockMs >= since);
  }

  async calls(from) {
    const answer = await fetch(`http://127.0.0.1:${this.llmPort}/_admin/calls?from=${from}`);
    if (!answer.ok) throw new Error(`the LLM stand-in lists no calls: ${answer.status}`);
    return answer.json();
  }

  /** {conversation, profile} as they are stored, with the worker's own fields read. */
  async context(session) {
    const { conversation } = await this.documents({ userId: session.user.id, sessionId: session.id });
    if (!conversation) return null;
    const own = typeof conversation.worker === 'string' ? JSON.parse(conversation.worker) : (conversation.worker ?? {});
    const { summary, themes, persons, places } = conversation;
    return { through: own.through ?? null, skipped: own.skipped ?? [], status: own.status ?? 'ok',
      text: JSON.stringify({ summary, themes, persons, places }) };
  }

  async end(failed) {
    for (const worker of this.workers) await worker.close();
    await this.cosmos?.stop();
    await this.stop(failed, 'kill');
  }
}
