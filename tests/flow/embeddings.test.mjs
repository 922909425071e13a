// Embeddings of summaries, end to end: made beside the LLM as the Python worker makes them, stored with the summary,
// never in the way of a memory.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { addTurn, conversation, hobby, lastMessageId } from './chats.mjs';
import { until, withStack } from './stack.mjs';

const DIMENSIONS = 3072;
const KEY = 'stand-in';

/** Stands before the Memory API and keeps every commit that the worker sends. */
async function recorder(apiPort) {
  const commits = [];
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      if (request.url === '/internal/commit') commits.push({ text: body.toString(), ...JSON.parse(body) });
      const { url, method, headers } = request;
      const options = { host: '127.0.0.1', port: apiPort, path: url, method, headers };
      const onward = http.request(options, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      onward.end(body);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    commits,
    port: server.address().port,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Everything but the worker is started; the worker's environment is as the later Python worker's. */
async function withEmbeddings(options, body) {
  await withStack({ ...options, start: ['redis', 'bus', 'llm', 'api'] }, async (stack) => {
    const api = await recorder(stack.apiPort);
    try {
      stack.options.env = {
        AZURE_AI_CHAT_ENDPOINT: undefined, AZURE_AI_CHAT_KEY: undefined, AZURE_OPENAI_API_KEY: KEY,
        AZURE_OPENAI_ENDPOINT: `http://127.0.0.1:${stack.llmPort}`, AZURE_OPENAI_DEPLOYMENT_NAME: 'gpt',
        AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME: 'vectors', MEMORY_API_ENDPOINT: `http://127.0.0.1:${api.port}`,
        ...options.env,
      };
      await body(stack, api);
    } finally {
      api.close();
    }
  });
}

async function startWorker(stack) {
  await stack.start_worker();
  await stack.ready();
}

function embeddedText(commit) {
  return [`Summary: ${commit.summary}`, `Themes: ${commit.themes.join(', ')}`, `Persons: ${commit.persons.join(', ')}`,
    `Places: ${commit.places.join(', ')}`, `User sentiment: ${commit.user_sentiment}`].join('\n');
}

async function embeddingOf(stack, text) {
  const url = `http://127.0.0.1:${stack.llmPort}/openai/deployments/vectors/embeddings?api-version=2025-04-01-preview`;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'api-key': KEY, 'Content-Type': 'application/json' },
    body: JSON.stringify({ input: text }),
  });
  assert.equal(answer.status, 200);
  return (await answer.json()).data[0].embedding;
}

test('each summary is stored with the vector of its five lines, made once, and never handed out', async () => {
  await withEmbeddings({}, async (stack, api) => {
    await startWorker(stack);
    const chats = [conversation(1, { turns: 2 }), conversation(2), conversation(3)];
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
    assert.equal((await stack.llmStats()).embeddings, chats.length);
    assert.equal(await stack.metric('memory_worker_embeddings_total', 'result="ok"'), chats.length);
    assert.ok(await stack.metric('memory_worker_llm_tokens_total', 'kind="embedding"') > 0);
    assert.equal(api.commits.length, chats.length);
    for (const commit of api.commits) {
      const expected = await embeddingOf(stack, embeddedText(commit));
      assert.equal(commit.vector_embedding.length, DIMENSIONS);
      assert.deepEqual(commit.vector_embedding.map(Math.fround), expected.map(Math.fround));
    }
    for (const chat of chats) {
      assert.equal((await stack.record(chat)).vector_embedding, undefined);
      assert.equal((await stack.documents(chat)).conversation.vector_embedding, undefined);
    }
    const notes = stack.worker.events('configuration-note').map((line) => line.detail);
    assert.ok(notes.some((note) => note.includes('AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME')), notes.join('\n'));
    assert.ok(notes.some((note) => note.includes('composed of AZURE_OPENAI_ENDPOINT')), notes.join('\n'));
  });
});

test('an embedding that cannot be made costs no memory, and comes with the next turn', async () => {
  await withEmbeddings({}, async (stack, api) => {
    await stack.llmFaults([{ kind: 'error', status: 500, embeddings: true }]);
    await startWorker(stack);
    const chat = conversation(1);
    await stack.publish([chat]);
    await stack.storedOnceEach([chat]);
    assert.equal(api.commits.at(-1).vector_embedding, undefined);
    assert.equal(await stack.metric('memory_worker_embeddings_total', 'result="overloaded"'), 1);
    assert.equal(stack.worker.events('embedding-failed').length, 1);
    await stack.llmFaults([]);
    addTurn(chat, `And I like ${hobby(100)}.`);
    await stack.publish([chat]);
    await until('the next turn is stored', () => stack.isStored(chat, lastMessageId(chat)));
    assert.equal(api.commits.at(-1).vector_embedding.length, DIMENSIONS);
    assert.deepEqual(await stack.deadLetters(), []);
  });
});

test('a throttled embedding is made after the wait that was asked for', async () => {
  await withEmbeddings({}, async (stack, api) => {
    await stack.llmFaults([{ kind: 'throttle', retry_after_ms: 200, next: 1, embeddings: true }]);
    await startWorker(stack);
    const chat = conversation(1);
    await stack.publish([chat]);
    await stack.storedOnceEach([chat]);
    assert.equal(api.commits.at(-1).vector_embedding.length, DIMENSIONS);
    assert.equal((await stack.llmStats()).embeddings, 2);
  });
});

test('a summary that could not be made is not embedded', async () => {
  await withEmbeddings({}, async (stack, api) => {
    await stack.llmFaults([{ kind: 'refusal' }]);
    await startWorker(stack);
    await stack.publish([conversation(1)]);
    await until('its event is settled', async () => (await stack.settledCount()) === 1);
    assert.equal((await stack.llmStats()).embeddings, 0);
    assert.equal(api.commits.at(-1).defaults, true);
    assert.equal(api.commits.at(-1).vector_embedding, undefined);
  });
});

test('check says for the LLM and for embeddings what is wrong', async () => {
  await withEmbeddings({}, async (stack) => {
    const well = await stack.workerCommand('check');
    assert.match(well.out, /^ok +LLM .*\/openai\/deployments\/gpt$/m);
    assert.match(well.out, /^ok +Embeddings .*\/openai\/deployments\/vectors$/m);
    const shorter = await stack.workerCommand('check', '--llm_analyzer.embeddings-dimensions=1536');
    assert.equal(shorter.code, 1);
    assert.match(shorter.out, /^FAILED +Embeddings .*\n.*3072 numbers, not the 1536 of llm_analyzer\.embeddings-dimensions/m);
    const stranger = await stack.workerCommand('check', '--llm_analyzer.api-key=wrong');
    assert.match(stranger.out, /^FAILED +LLM .*\n.*the key is not accepted/m);
    assert.match(stranger.out, /^FAILED +Embeddings .*\n.*the key is not accepted/m);
    const elsewhere = `--llm_analyzer.embeddings-endpoint=http://localhost:${stack.llmPort}/v1`;
    const keyless = await stack.workerCommand('check', elsewhere);
    assert.match(keyless.out, /^FAILED +Embeddings .*\n.*no API key is set/m, 'the key went to another host');
    const keyed = await stack.workerCommand('check', elsewhere, `--llm_analyzer.embeddings-api-key=${KEY}`);
    assert.match(keyed.out, /^ok +Embeddings /m);
  });
});

test('stopped while answers come in and their summaries are embedded: exit code 0 each time, nothing is lost', async () => {
  await withEmbeddings({ worker: ['--supervisor.drain-limit=0s'], llm: ['--latency-median-ms', '60'] }, async (stack) => {
    const chats = [];
    for (let round = 0; round < 5; round += 1) {
      const { chat: asked } = await stack.llmStats();
      const more = Array.from({ length: 40 }, (_, n) => conversation(round * 40 + n));
      chats.push(...more);
      await stack.publish(more);
      await startWorker(stack);
      await until('it asks the LLM', async () => (await stack.llmStats()).chat > asked + 5);
      stack.worker.signal('SIGTERM');
      assert.deepEqual(await stack.worker.end(), { code: 0, signal: null });
    }
    await startWorker(stack);
    await stack.storedOnceEach(chats);
  });
});
