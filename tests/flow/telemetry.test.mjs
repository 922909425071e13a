// What leaves the worker as telemetry: one trace per job, linked to every message's own trace; the tables that dashboards
// query; no conversation text unless a person turned that on; and a receiver that is away costs nothing but telemetry.
import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation, event, hobby } from './chats.mjs';
import { IngestionServer, OtlpReceiver } from './receivers.mjs';
import { freePort, until, withStack } from './stack.mjs';

const QUICK = { OTEL_BSP_SCHEDULE_DELAY: '50' };

const traceparent = (n) => ({
  traceId: n.toString(16).padStart(32, 'a'), spanId: n.toString(16).padStart(16, 'b'),
  get header() { return `00-${this.traceId}-${this.spanId}-01`; },
});

async function withReceiver(Kind, body) {
  const receiver = await Kind.start();
  try {
    await body(receiver);
    assert.deepEqual(receiver.complaints, []);
  } finally {
    await receiver.stop();
  }
}

const withOtlp = (env, body, worker = []) => withReceiver(OtlpReceiver, (receiver) =>
  withStack({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...QUICK, ...env }, worker }, (stack) => body(stack, receiver)));

const spansArrive = (receiver, count) => until(`${count} spans arrive`, () => {
  assert.ok(receiver.spans.length >= count, `${receiver.spans.length}`);
  return true;
});

const named = (spans, name) => spans.find((span) => span.name.split(' ')[0] === name);

test('a job is one trace, linked to the trace of every message it covers', async () => {
  await withOtlp({ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_EXPORTER_OTLP_HEADERS: 'x-team=a%20b' }, async (stack, receiver) => {
    const chat = conversation(1, { turns: 3, at: Date.now() });
    const contexts = [traceparent(1), traceparent(2), traceparent(3)];
    await stack.store(chat);
    await stack.send(chat.ids.map((_, turn) => ({
      ...event(chat, turn), properties: { [turn === 1 ? 'Diagnostic-Id' : 'traceparent']: contexts[turn].header },
    })));
    await stack.storedOnceEach([chat]);
    await spansArrive(receiver, 6);
    const traces = Object.values(receiver.traces());
    assert.equal(traces.length, 1);
    const [spans] = traces;
    assert.deepEqual(spans.map((span) => span.name.split(' ')[0]).sort(), ['chat', 'load', 'process', 'receive', 'settle', 'write']);
    const root = named(spans, 'process');
    assert.equal(root.parentSpanId, '');
    for (const span of spans) if (span !== root) assert.equal(span.parentSpanId, root.spanId);
    assert.deepEqual(root.links.map((link) => link.traceId).sort(), contexts.map((c) => c.traceId));
    assert.equal(root.attributes['messaging.batch.message_count'], 3);
    assert.equal(root.attributes['messaging.system'], 'servicebus');
    assert.equal(named(spans, 'settle').attributes['messaging.servicebus.disposition_status'], 'complete');
    assert.equal(named(spans, 'load').attributes['db.system.name'], 'redis');
    const call = named(spans, 'chat').attributes;
    assert.equal(call['gen_ai.operation.name'], 'chat');
    assert.ok(call['gen_ai.usage.input_tokens'] > 0 && call['gen_ai.usage.output_tokens'] > 0);
    assert.ok(call['gen_ai.response.model']);
    for (const { attributes, resource } of spans) {
      assert.equal(attributes['app.user_id'], chat.userId);
      assert.equal(attributes['app.session_id'], chat.sessionId);
      assert.equal(attributes['app.chat_message_id'], chat.ids.at(-1));
      assert.equal(attributes['app.name'], 'memory-worker');
      assert.equal(resource['service.name'], 'memory-worker');
    }
    assert.equal(receiver.headers[0]['x-team'], 'a b');
  }, ['--dispatcher.quiet=1s', '--dispatcher.max-age=60s']);
});

test('conversation text stays out of traces and the start log says where they go', async () => {
  await withOtlp({}, async (stack, receiver) => {
    const chats = Array.from({ length: 20 }, (_, n) => conversation(n, { turns: 2 }));
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
    await spansArrive(receiver, 120);
    assert.equal(Object.keys(receiver.traces()).length, 20);
    for (const chat of chats) for (const liked of chat.likes) assert.equal(receiver.raw.includes(liked), false);
    assert.equal(receiver.raw.includes('tell me more'), false);
    const [start] = stack.worker.events('starting');
    assert.match(start.telemetry, /^otlp 127\.0\.0\.1:\d+$/);
    assert.deepEqual(stack.worker.events('conversation-text-is-traced'), []);
  });
});

test('conversation text is traced when a person turns it on, and the start log says so', async () => {
  const env = { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true', OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' };
  await withOtlp(env, async (stack, receiver) => {
    assert.equal(stack.worker.events('conversation-text-is-traced').length, 1);
    const chat = conversation(1);
    await stack.publish([chat]);
    await stack.storedOnceEach([chat]);
    await spansArrive(receiver, 6);
    const call = named(receiver.spans, 'chat').attributes;
    const input = JSON.parse(call['gen_ai.input.messages']);
    assert.equal(input[0].role, 'user');
    assert.ok(input[0].parts[0].content.includes(hobby(8)));
    assert.ok(JSON.parse(call['gen_ai.output.messages'])[0].parts[0].content.includes(hobby(8)));
    assert.equal(receiver.headers[0]['content-encoding'], 'gzip');
    assert.equal(stack.worker.log.includes(hobby(8)), false);
  });
});

test('a sampler that is off, and telemetry that is disabled, send nothing', async () => {
  for (const env of [{ OTEL_TRACES_SAMPLER: 'always_off' }, { OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }]) {
    await withReceiver(OtlpReceiver, async (receiver) => {
      await withStack({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...QUICK, ...env } }, async (stack) => {
        const chat = conversation(1);
        await stack.publish([chat]);
        await stack.storedOnceEach([chat]);
      });
      assert.equal(receiver.requests, 0); // the worker has ended: what it had would be here
    });
  }
});

test('the tables of Application Insights answer the queries of the dashboards', async () => {
  await withReceiver(IngestionServer, async (ingestion) => {
    const chats = Array.from({ length: 5 }, (_, n) => conversation(n));
    const lost = conversation(99);
    const context = traceparent(7);
    await withStack({ env: { APPLICATIONINSIGHTS_CONNECTION_STRING: ingestion.connectionString, ...QUICK } }, async (stack) => {
      await stack.publish(chats);
      await stack.allStored(chats);
      await stack.send([{ ...event(lost), properties: { traceparent: context.header } }]);
      await until('the lost one is dead-lettered', async () => (await stack.deadLetters()).length === 1);
      assert.equal(stack.worker.log.includes(ingestion.key), false);
    });
    const calls = ingestion.table('RemoteDependencyData').filter((row) => row.customDimensions['gen_ai.usage.input_tokens']);
    assert.equal(calls.length, 5);
    for (const row of calls) {
      assert.ok(Number(row.customDimensions['gen_ai.usage.output_tokens']) > 0);
      assert.ok(row.customDimensions['gen_ai.response.model']);
      assert.equal(row.cloud_RoleName, 'memory-worker');
      assert.ok(row.cloud_RoleInstance);
    }
    const of = (id) => calls.filter((row) => row.customDimensions['app.user_id'] === id);
    for (const chat of chats) assert.equal(of(chat.userId)[0].customDimensions['app.session_id'], chat.sessionId);
    const requests = ingestion.table('RequestData');
    assert.equal(requests.length, 6);
    const failed = requests.find((row) => !row.success);
    assert.equal(failed.responseCode, 'conversation-missing');
    assert.deepEqual(JSON.parse(failed.customDimensions['_MS.links']), [{ operation_Id: context.traceId, id: context.spanId }]);
    const [exception] = ingestion.table('ExceptionData');
    assert.equal(exception.operation_Id, failed.operation_Id);
    assert.ok(ingestion.table('MessageData').some((row) => row.message.startsWith('job-given-up')));
    const completed = ingestion.table('MetricData').filter((row) => row.metrics[0].name === 'memory_worker.events.completed');
    assert.equal(completed.reduce((sum, row) => sum + row.metrics[0].value, 0), 5);
    assert.equal(ingestion.raw.includes('tell me more'), false);
    for (const chat of chats) assert.equal(ingestion.raw.includes(chat.likes[0]), false);
  });
});

test('an ingestion endpoint that moved is followed and remembered; what its quota refuses is dropped and counted', async () => {
  await withReceiver(IngestionServer, async (old) => withReceiver(IngestionServer, async (ingestion) => {
    old.movedTo = ingestion.url;
    const env = { APPLICATIONINSIGHTS_CONNECTION_STRING: old.connectionString, ...QUICK };
    await withStack({ env }, async (stack) => {
      const [first, second, third] = [1, 2, 3].map((n) => conversation(n));
      const request = (chat) => until('its request is in the table', () =>
        ingestion.table('RequestData').some((row) => row.customDimensions['app.session_id'] === chat.sessionId));
      await stack.publish([first]);
      await request(first);
      assert.equal(old.requests, 1);
      ingestion.refuse = () => 439;
      await stack.publish([second]);
      await until('the quota is counted', () => stack.metric('memory_worker_telemetry_dropped_total', 'quota'));
      ingestion.refuse = () => null;
      await stack.publish([third]);
      await request(third);
      await stack.storedOnceEach([first, second, third]);
      assert.equal(old.requests, 1);
      assert.equal(ingestion.table('RequestData').some((row) => row.customDimensions['app.session_id'] === second.sessionId), false);
    });
  }));
});

test('receivers that are away, answer errors or hang cost telemetry, not the work', async () => {
  const nobody = `http://127.0.0.1:${await freePort()}`;
  for (const [otlp, answer] of [[nobody, 503], [null, 'hang']]) await withReceiver(IngestionServer, async (ingestion) => {
    ingestion.refuse = () => answer;
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: otlp ?? ingestion.url, ...QUICK, OTEL_BSP_MAX_QUEUE_SIZE: '64',
      APPLICATIONINSIGHTS_CONNECTION_STRING: ingestion.connectionString,
    };
    await withStack({ env }, async (stack) => {
      const chats = Array.from({ length: 100 }, (_, n) => conversation(n));
      await stack.publish(chats);
      await stack.storedOnceEach(chats);
      await until('the drops are counted', async () => (await stack.metric('memory_worker_telemetry_dropped_total')) > 0);
      assert.equal((await stack.health()).code, 200);
      assert.equal(await stack.metric('memory_worker_telemetry_sent_total'), 0);
      if (otlp) assert.ok(stack.worker.events('telemetry-not-delivered').length >= 1);
    });
  });
});

test('a connection string of Application Insights that cannot work is named at the start', async () => {
  const env = { APPLICATIONINSIGHTS_CONNECTION_STRING: 'InstrumentationKey=hunter2' };
  await withStack({ start: [], env }, async (stack) => {
    stack.busPort = stack.redisPort;
    const run = await stack.workerCommand('run');
    assert.equal(run.code, 78, run.log);
    assert.match(run.log, /InstrumentationKey is missing or is not a UUID/);
    assert.equal(run.log.includes('hunter2'), false);
  });
});
