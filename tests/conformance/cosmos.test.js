'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { CosmosClient } = require('@azure/cosmos');
const { createHttpServer } = require('@vercel/cosmosdb-server');
const { withMemoryApi, withProgram } = require('./lib/memory_api');

const KEY = Buffer.from('a key for tests against a Cosmos DB of our own').toString('base64');
const CATEGORIES = ['output_preferences', 'personal_preferences', 'assistant_preferences', 'knowledge', 'interests',
  'dislikes', 'family_and_friends', 'work_profile', 'goals'];

/** The official client, which neither waits nor looks for other regions. */
const clientOf = (endpoint) => new CosmosClient({ endpoint, key: KEY, connectionPolicy: { enableEndpointDiscovery: false } });

/** A third party's Cosmos DB with the original's database and containers, made by the official client. */
async function withVercel(body) {
  const server = createHttpServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = clientOf(`http://127.0.0.1:${server.address().port}/`);
  try {
    const { database } = await client.databases.create({ id: 'memory' });
    for (const id of ['conversations', 'user-memories'])
      await database.containers.create({ id, partitionKey: { paths: ['/userId'] } });
    const endpoint = `http://127.0.0.1:${server.address().port}`;
    await withMemoryApi(endpoint, KEY, (ask) => body(ask, database));
  } finally {
    client.dispose();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const at = (n) => ({ id: `m${n}`, timestamp: `2026-11-23T11:${String(n).padStart(2, '0')}:00.000000+00:00` });

/** What the worker sends when it has analysed the messages base+1 .. through. */
function commitOf(userId, sessionId, base, through, more = {}) {
  const span = [];
  for (let n = base + 1; n <= through; ++n) span.push(at(n));
  return {
    userId, sessionId, epoch: 0, profileExisted: base > 0, ...(base > 0 ? { base: at(base) } : {}), through: at(through),
    span, defaults: false, keepSummary: false, summary: `They talked up to ${through}.`, themes: ['chess'], persons: ['Ann'],
    places: ['Oslo'], user_sentiment: 'positive', operations: [], skipped: [], retried: [], model: 'm',
    usage: { prompt_tokens: 1, completion_tokens: 1, cached_tokens: 0, reasoning_tokens: 0, calls: 1 }, ...more,
  };
}
const likes = (item, n) => [{ op: 'add', category: 'interests', item, quote: item, evidence: at(n) }];

const read = async (database, container, id, userId) => (await database.container(container).item(id, userId).read()).resource;

test('the official client reads what a commit stored, with the fields of the original', () => withVercel(async (ask, database) => {
  const embedding = Array.from({ length: 3072 }, (_, i) => (i % 7) / 8);
  const userId = 'Zoë 雪';
  const answer = await ask('POST', '/internal/commit',
    commitOf(userId, 's-1', 0, 2, { operations: likes('chess', 1), vector_embedding: embedding }));
  assert.deepEqual([answer.status, answer.body], [200, { outcome: 'stored', operationsApplied: 1, operationsDropped: 0 }]);

  const record = await read(database, 'conversations', `s-1_${userId}`, userId);
  assert.equal(record.id, `s-1_${userId}`);
  assert.equal(record.userId, userId);
  assert.equal(record.sessionId, 's-1');
  assert.equal(record.summary, 'They talked up to 2.');
  assert.deepEqual([record.themes, record.persons, record.places], [['chess'], ['Ann'], ['Oslo']]);
  assert.equal(record.user_sentiment, 'positive');
  assert.ok(!Number.isNaN(Date.parse(record.timestamp)));
  assert.deepEqual(record.vector_embedding, embedding);
  assert.equal(typeof record.worker, 'string');
  assert.deepEqual(JSON.parse(record.worker).through, at(2));

  const profile = await read(database, 'user-memories', userId, userId);
  assert.equal(profile.id, userId);
  assert.equal(profile.userId, userId);
  for (const category of CATEGORIES) assert.deepEqual(profile[category], category === 'interests' ? ['chess'] : [], category);
  assert.ok(!Number.isNaN(Date.parse(profile.timestamp)) && !Number.isNaN(Date.parse(profile.last_updated)));
  assert.equal(typeof profile.worker, 'string');

  // As the original's Memory API reads a profile.
  const { resources } = await database.container('user-memories').items
    .query({ query: 'SELECT * FROM c WHERE c.userId = @userId', parameters: [{ name: '@userId', value: userId }] }).fetchAll();
  assert.deepEqual(resources[0].interests, ['chess']);
}));

test('a record without an embedding has no such field, and the second commit moves it on', () => withVercel(async (ask, database) => {
  await ask('POST', '/internal/commit', commitOf('u', 's', 0, 2, { operations: likes('chess', 1) }));
  const moved = await ask('POST', '/internal/commit', commitOf('u', 's', 2, 4, { operations: likes('tea', 3) }));
  assert.equal(moved.body.outcome, 'stored');
  const repeated = await ask('POST', '/internal/commit', commitOf('u', 's', 2, 4, { operations: likes('tea', 3) }));
  assert.equal(repeated.body.outcome, 'covered');
  const record = await read(database, 'conversations', 's_u', 'u');
  assert.equal('vector_embedding' in record, false);
  assert.deepEqual(JSON.parse(record.worker).through, at(4));
  assert.deepEqual((await read(database, 'user-memories', 'u', 'u')).interests, ['chess', 'tea']);
}));

test('documents as the Python worker upserts them are adopted', () => withVercel(async (ask, database) => {
  await database.container('conversations').items.upsert({ id: 's_u', userId: 'u', sessionId: 's', summary: 'Error analyzing conversation',
    timestamp: '2025-11-01T10:00:00', themes: [], persons: [], places: [], user_sentiment: 'neutral', vector_embedding: [] });
  await database.container('user-memories').items.upsert({ id: 'u', userId: 'u', timestamp: '2025-11-01T10:00:00',
    ...Object.fromEntries(CATEGORIES.map((c) => [c, c === 'goals' ? ['run a marathon'] : []])) });
  const memories = await ask('GET', '/api/memory/users/u/memories');
  assert.deepEqual(memories.body.goals, ['run a marathon']);
  const answer = await ask('POST', '/internal/commit', commitOf('u', 's', 0, 2, { profileExisted: true, operations: likes('chess', 1) }));
  assert.equal(answer.body.outcome, 'stored');
  const profile = await read(database, 'user-memories', 'u', 'u');
  assert.deepEqual([profile.goals, profile.interests], [['run a marathon'], ['chess']]);
  assert.equal((await read(database, 'conversations', 's_u', 'u')).summary, 'They talked up to 2.');
}));

test('lists, searches and forgetting work on a third party\'s Cosmos DB', () => withVercel(async (ask, database) => {
  await ask('POST', '/internal/commit', commitOf('u', 's1', 0, 2, { operations: likes('chess', 1), summary: 'A trip to Lisbon.' }));
  await ask('POST', '/internal/commit', commitOf('u', 's2', 0, 2, { profileExisted: true }));
  assert.equal((await ask('GET', '/api/memory/users/u/conversations')).body.length, 2);
  const found = await ask('POST', '/api/memory/users/u/conversations/search', { query: 'lisbon' });
  assert.deepEqual(found.body.map((c) => c.sessionId), ['s1']);
  assert.equal((await ask('DELETE', '/api/memory/users/u/memories')).status, 200);
  assert.equal((await ask('GET', '/api/memory/users/u/conversations')).body.length, 0);
  const { resources } = await database.container('conversations').items.readAll().fetchAll();
  assert.deepEqual(resources, []);
  assert.deepEqual((await read(database, 'user-memories', 'u', 'u')).interests, []);
}));

test('the strict stand-in takes the official client\'s signatures and shows it the same documents', () =>
  withProgram('memory-devstack', ['cosmos', '--key', KEY, '--database', 'memory'], {}, (port) =>
    withMemoryApi(`http://127.0.0.1:${port}`, KEY, async (ask) => {
      await ask('POST', '/internal/commit', commitOf('u', 's', 0, 2, { operations: likes('chess', 1) }));
      const client = clientOf(`http://127.0.0.1:${port}/`);
      try {
        const items = client.database('memory').container('user-memories');
        const { resource, etag } = await items.item('u', 'u').read();
        assert.deepEqual(resource.interests, ['chess']);
        const taken = await items.item('u', 'u').replace(resource, { accessCondition: { type: 'IfMatch', condition: etag } });
        assert.notEqual(taken.etag, etag);
        await assert.rejects(items.item('u', 'u').replace(resource, { accessCondition: { type: 'IfMatch', condition: etag } }),
          (e) => e.code === 412);
        await assert.rejects(items.items.create({ id: 'u', userId: 'u' }), (e) => e.code === 409);
      } finally {
        client.dispose();
      }
    })));
