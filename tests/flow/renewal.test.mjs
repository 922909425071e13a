// No key, no password, no connection string, and tokens that live 5 s, for the bus, Redis, the LLM and Cosmos DB at
// once, while more work waits than the worker can do: no job fails for a token that ends.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { AzureEdge, redisSays } from './azure_edge.mjs';
import { conversation } from './chats.mjs';
import { IDENTITY, withEntra } from './entra.mjs';
import { Hopeless, Program } from './program.mjs';
import { environment, until } from './stack.mjs';

const HOSTS = { llm: 'renewal.openai.azure.com', cosmos: 'renewal.documents.azure.com' };
const SCOPES = {
  bus: 'https://servicebus.azure.net/.default', redis: 'https://redis.azure.com/.default',
  llm: 'https://cognitiveservices.azure.com/.default', cosmos: `https://${HOSTS.cosmos}/.default`,
};
const COSMOS_KEY = Buffer.from('the key of the Memory API').toString('base64');
const RIGHTS = ['~session:*', '~memory-worker:*', '+get', '+strlen', '+set', '+del', '+incr', '+pexpire', '+eval', '+info'];
const LIFE_S = 5;
const LIVES = 4; // tokens that each link must outlive
const WAITING = 400; // conversations, at the least, before the next ones are published
const WAVE = 200;
const TALKED_IN = 5; // conversations that have just been talked in: their windows outlive a lock
const JOBS = 10; // dispatcher.max-jobs as it is by default
const BOUND_MS = 120_000;

/** Runs `body(stack, edge)`: everything that the worker talks to wants tokens; the Memory API only reads, with a key. */
async function withShortTokens(body) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'memory-worker-renewal-'));
  const cosmos = new Program('cosmos', { dir, env: environment(), command: [] });
  const env = {};
  const apiEnv = { COSMOS_KEY, COSMOS_DATABASE_NAME: 'memory_db' };
  let edge;
  try {
    cosmos.spawn([path.join(process.env.MW_BIN, 'memory-devstack'), 'cosmos', '--key', COSMOS_KEY, '--audience',
      `https://${HOSTS.cosmos}`]);
    const { listening: cosmosPort } = await cosmos.listening();
    apiEnv.COSMOS_ENDPOINT = `http://127.0.0.1:${cosmosPort}/`;
    await withEntra({
      lifeSeconds: LIFE_S, certificateHost: ['localhost', ...Object.values(HOSTS)], start: [], env, apiEnv,
      api: ['--store', 'cosmos'], llm: ['--api-key', '', '--latency-median-ms', '100'], // the edge checks its tokens
    }, async (stack, entra) => {
      for (const name of ['redis', 'bus', 'llm', 'api']) await stack[`start_${name}`]();
      await stack.data.command('ACL', 'SETUSER', IDENTITY.oid, 'on', ...RIGHTS);
      await stack.data.command('ACL', 'SETUSER', 'default', 'off'); // for whoever connects from now on
      edge = new AzureEdge({
        entra: entra.url, certificate: entra.certificate, redis: stack.redisPort, redisAdmin: stack.data,
        redisScope: SCOPES.redis, services: {
          [HOSTS.llm]: { port: stack.llmPort, scope: SCOPES.llm },
          [HOSTS.cosmos]: { port: cosmosPort, scope: SCOPES.cosmos },
        },
      });
      await edge.start();
      Object.assign(env, {
        AZURE_AUTHORITY_HOST: `http://127.0.0.1:${edge.entraPort}`, https_proxy: `http://127.0.0.1:${edge.proxyPort}`,
        REDIS_HOST: 'localhost', REDIS_PORT: `${edge.cachePort}`, REDIS_SSL: undefined,
        AZURE_AI_CHAT_ENDPOINT: `https://${HOSTS.llm}/openai/deployments/chat`, AZURE_AI_CHAT_KEY: undefined,
        MEMORY_API_ENDPOINT: undefined, COSMOS_ENDPOINT: `https://${HOSTS.cosmos}:443/`,
      });
      const { cert } = entra.certificate;
      await stack.start_worker(`--session_loader.ca-file=${cert}`, `--process.ca-file=${cert}`,
        '--dispatcher.quiet=10s', '--dispatcher.max-age=10s');
      await stack.ready();
      await body(stack, edge);
      await stack.worker.stop();
      assert.equal(stack.worker.result.code, 0, stack.worker.lastWords());
    });
  } finally {
    edge?.stop();
    await cosmos.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** How many tokens each link of the worker has used so far. */
async function tokensUsed(stack, edge) {
  const { tokensFor } = await stack.busStatus();
  const bus = 'message-completed/subscriptions/memory-worker-message-completed';
  return {
    subscription: tokensFor[bus] ?? 0, management: tokensFor[`${bus}/$management`] ?? 0,
    redis: edge.used(SCOPES.redis), llm: edge.used(SCOPES.llm), cosmos: edge.used(SCOPES.cosmos),
  };
}

/** Publishes as soon as fewer than WAITING conversations wait, until `enough`: {chats, least that waited, notReady}. */
async function underFullLoad(stack, enough) {
  const chats = Array.from({ length: TALKED_IN }, (_, i) => conversation(i, { at: Date.now() }));
  await stack.publish(chats);
  const notReady = [];
  let least = Infinity;
  await until('every link has outlived its tokens', async () => {
    if (!stack.worker.alive) throw new Hopeless(stack.worker.lastWords());
    const { active, locked } = await stack.subscription();
    if (chats.length > TALKED_IN) least = Math.min(least, active + locked);
    if (active + locked < WAITING) {
      const wave = WAVE + WAITING - active - locked;
      const more = Array.from({ length: wave }, (_, i) => conversation(chats.length + i));
      chats.push(...more);
      await stack.publish(more);
    }
    const health = await stack.health();
    if (health.code !== 200) notReady.push(JSON.stringify(health.parts));
    return enough();
  }, BOUND_MS);
  return { chats, least, notReady };
}

async function assertBusContent(stack, count) {
  const bus = await stack.busStatus();
  assert.deepEqual([bus.connectionsAccepted, bus.linksExpired, bus.tokensRefused], [1, 0, 0]);
  const { enqueued, delivered, completed, renewed, ...trouble } = (await stack.subscription()).totals;
  assert.deepEqual([enqueued, delivered, completed], [count, count, count], 'each was delivered once');
  assert.deepEqual(Object.entries(trouble).filter(([, n]) => n > 0), []);
  assert.ok(renewed > 0, 'locks were renewed over the link of the management node');
}

/** The real Redis refused nothing, and it would have refused a token that is over. */
async function assertRedisContent(stack, edge) {
  const { data, redisPort } = stack;
  assert.deepEqual(await data.command('ACL', 'LOG'), []);
  assert.doesNotMatch(await data.command('INFO', 'errorstats'), /errorstat_/);
  assert.match(await data.command('INFO', 'commandstats'), /cmdstat_auth:calls=\d+,.*rejected_calls=0,failed_calls=0/);
  const tokens = edge.tokensFor(SCOPES.redis);
  assert.equal(await redisSays(redisPort, IDENTITY.oid, tokens.at(-1)), 'OK');
  assert.match(await redisSays(redisPort, IDENTITY.oid, tokens[0]), /WRONGPASS/);
}

async function assertWorkerContent(stack, edge, count) {
  const { log } = stack.worker;
  const lines = log.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  assert.deepEqual(lines.filter((line) => line.level !== 'info'), []);
  const times = (event) => stack.worker.events(event).length;
  assert.deepEqual([times('link-attached'), times('link-attached-again'), times('redis-connected')], [1, 0, 1]);
  assert.deepEqual(stack.worker.events('signed-in').map((line) => line.scope).sort(), Object.values(SCOPES).sort(),
    'no scope was ever without a token again');
  for (const secret of [IDENTITY.secret, ...edge.signatures()]) assert.ok(!log.includes(secret));
  const total = (name, labels) => stack.metric(`memory_worker_${name}`, labels);
  assert.equal(await total('jobs_ended_total'), await total('jobs_ended_total', 'end="committed"'));
  assert.equal(await total('deliveries_settled_total'), await total('deliveries_settled_total', 'outcome="complete"'));
  assert.equal(await total('deliveries_settled_total', 'outcome="complete"'), count);
  assert.equal(await total('requests_total'), await total('requests_total', 'result="ok"'));
  for (const name of ['job_failures_total', 'settlements_refused_total', 'links_lost_total', 'locks_lost_total',
    'actor_restarts_total', 'cosmos_retries_total']) assert.equal(await total(name), 0, name);
}

test('tokens of the bus, Redis, the LLM and Cosmos DB that live 5 s, under full load: no job fails', async () => {
  await withShortTokens(async (stack, edge) => {
    const { chats, least, notReady } = await underFullLoad(stack, async () => {
      const used = Object.entries(await tokensUsed(stack, edge));
      const short = used.filter(([, n]) => n <= LIVES);
      if (short.length > 0) throw new Error(`tokens used: ${short}`);
      return edge.over(SCOPES.redis) >= LIVES;
    });
    await stack.storedOnceEach(chats, BOUND_MS);

    assert.deepEqual(notReady, []);
    assert.ok(least >= JOBS, `${least} waited at the least: that is no full load`);
    const llm = await stack.llmStats();
    assert.ok(llm.max_in_flight >= JOBS, `${llm.max_in_flight} LLM calls at once`);
    assert.equal(llm.messages.max_times, 1, 'nothing was paid for twice');
    await assertBusContent(stack, chats.length);
    await assertRedisContent(stack, edge);
    assert.deepEqual([edge.refused, edge.cut], [[], 0]);
    await assertWorkerContent(stack, edge, chats.length);
  });
});
