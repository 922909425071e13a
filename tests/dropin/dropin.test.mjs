// The image is changed, the environment stays: each generation of the original's deployment, literally, with the real
// names, ports and certificates, and without a secret.
import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation } from '../flow/chats.mjs';
import { identity, names, withBed } from './bed.mjs';
import { sameAsOriginal } from './golden.mjs';

/** What Container Apps sets for an app with a managed identity. */
const PLATFORM = { IDENTITY_ENDPOINT: 'http://localhost:42356/msi/token', IDENTITY_HEADER: identity.header };
/** The four variables of the original's `docker run`. */
const FIRST_GENERATION = {
  SERVICEBUS_FULLY_QUALIFIED_NAMESPACE: names.servicebus.host,
  AZURE_AI_CHAT_ENDPOINT: `https://${names.openai.host}/openai/deployments/gpt-4`,
  REDIS_HOST: names.redis.host,
  MEMORY_API_ENDPOINT: 'http://memory-api:8003',
};
/** What the original's later .env.example and Terraform set. */
const SECOND_GENERATION = {
  LOG_LEVEL: 'INFO',
  MAX_CONCURRENCY: '10',
  SERVICEBUS_FULLY_QUALIFIED_NAMESPACE: names.servicebus.host,
  SERVICEBUS_MESSAGE_COMPLETED_TOPIC: 'message-completed',
  SERVICEBUS_MESSAGE_COMPLETED_SUBSCRIPTION: 'memory-worker-message-completed',
  REDIS_HOST: names.redis.host,
  REDIS_PORT: '10000',
  REDIS_SSL: 'true',
  COSMOS_ENDPOINT: `https://${names.cosmos.host}:443/`,
  COSMOS_DATABASE_NAME: 'memory_db',
  COSMOS_CONTAINER_NAME_CONVERSATIONS: 'conversations',
  COSMOS_CONTAINER_NAME_USER_MEMORIES: 'user-memories',
  AZURE_OPENAI_ENDPOINT: `https://${names.openai.host}`,
  AZURE_OPENAI_DEPLOYMENT_NAME: 'gpt-4.1',
  AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME: 'text-embedding-3-large',
  AZURE_OPENAI_API_VERSION: '2025-04-01-preview',
  AZURE_CLIENT_ID: identity.client,
};
const WITH_A_SECRET = { AZURE_TENANT_ID: identity.tenant, AZURE_CLIENT_SECRET: identity.secret };

const talk = (number) => conversation(number, { turns: 2 });

/** Publishes a conversation and waits until it is settled; nothing may be dead-lettered. */
async function analyse(bed, chat) {
  await bed.publish(chat);
  await bed.flush(chat);
  assert.deepEqual(await bed.deadLetters(), []);
}

function asTheOriginalStores({ conversation: record, profile }, chat) {
  sameAsOriginal('conversations', record, chat);
  sameAsOriginal('user-memories', profile, chat);
  assert.deepEqual(profile.interests.toSorted(), chat.likes.toSorted());
}

test('the four variables of the docker run suffice on a platform with a managed identity', () =>
  withBed({}, async (bed) => {
    bed.worker({ ...FIRST_GENERATION, ...PLATFORM });
    await bed.ready();
    const chat = talk(1);
    await analyse(bed, chat);
    const { conversation: record, profile } = await bed.memories(chat);
    assert.equal(record.sessionId, chat.sessionId);
    assert.ok(record.summary.length > 0);
    assert.deepEqual(profile.interests.toSorted(), chat.likes.toSorted());
  }));

test('the environment of the later deployment gives the original\'s documents in the original\'s containers', () =>
  withBed({}, async (bed) => {
    bed.worker({ ...SECOND_GENERATION, ...PLATFORM });
    await bed.ready();
    const chat = talk(2);
    await analyse(bed, chat);
    asTheOriginalStores(await bed.documents(chat), chat);
  }));

test('the same with a client secret and login.microsoftonline.com', () =>
  withBed({}, async (bed) => {
    bed.worker({ ...SECOND_GENERATION, ...WITH_A_SECRET });
    await bed.ready();
    const chat = talk(3);
    await analyse(bed, chat);
    asTheOriginalStores(await bed.documents(chat), chat);
  }));

/** The worker gets no answer from there that it would trust: it says so, and touches no message. */
async function staysAway(bed, environment, part, words) {
  bed.worker(environment);
  assert.match(await bed.notReady(part, words), words);
  const chat = talk(4);
  await bed.publish(chat);
  const { totals } = await bed.subscription();
  assert.equal(totals.completed + totals.deadLettered, 0);
  assert.ok(bed.memoryWorker.alive);
}

const PARTS = { servicebus: 'bus', redis: 'redis', openai: 'llm', cosmos: 'memory', entra: 'bus' };
for (const [name, part] of Object.entries(PARTS)) {
  test(`${names[name].host} with another host's certificate: the worker names it and touches no message`, () =>
    withBed({ certificateOf: { [name]: 'stranger' } }, (bed) =>
      staysAway(bed, { ...SECOND_GENERATION, ...(name === 'entra' ? WITH_A_SECRET : PLATFORM) }, part, /certificate/i)));
}

test('a namespace that does not exist: the worker names it', () =>
  withBed({}, (bed) => {
    const SERVICEBUS_FULLY_QUALIFIED_NAMESPACE = 'no-such-bus.servicebus.windows.net';
    return staysAway(bed, { ...SECOND_GENERATION, ...PLATFORM, SERVICEBUS_FULLY_QUALIFIED_NAMESPACE }, 'bus', /resolve/);
  }));
