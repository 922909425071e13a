// memory_worker_requests_total stood at 0 for Redis, memory store and bus, whatever the worker did: only the LLM's calls
// were counted. And nothing noticed a metric that is declared and never moves.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { addTurn, conversation, event } from '../flow/chats.mjs';
import { until, withStack } from '../flow/stack.mjs';

const DEPENDENCIES = ['service-bus', 'redis', 'llm', 'memory-store'];

/** Series that this run cannot move, each with its reason. */
const EXCEPTIONS = {
  memory_worker_cosmos_request_units_total: 'the memory store of this run is the Memory API; tests/flow/cosmos.test.mjs',
  memory_worker_cosmos_requests_total: 'as above',
  memory_worker_cosmos_retries_total: 'as above',
  memory_worker_probes_not_sent_total: 'needs a process without open files; running_out_of_open_files_blamed_the_llm',
  memory_worker_released_counted_total: 'needs a bus that counts a released delivery; tests/flow/bus.test.mjs',
  memory_worker_settlements_refused_total: 'needs a settlement refused twice; tests/flow/bus.test.mjs',
  memory_worker_refused_for_everybody_total: 'needs many users refused for minutes; test_issues',
  memory_worker_items_evicted_total: 'needs a profile list filled to its limit; test_memory',
  memory_worker_spans_given_up_total: 'needs a span refused on several days; test_issues',
};

/** A family without a series is not exposed: what is declared stands in the source. */
const DECLARED = ['metrics.hpp', 'metrics.cpp'].flatMap((name) => {
  const text = readFileSync(path.join(import.meta.dirname, '../../protocol/observe', name), 'utf8');
  return [...text.matchAll(/"((?:memory_worker|process)_\w+)"/g)].map((found) => found[1]);
});

/** {series: value} of the running worker, and its families. */
async function scrape(stack) {
  const text = await (await fetch(`${stack.workerUrl}/metrics`)).text();
  const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((m) => m[1]);
  const series = new Map();
  for (const line of text.split('\n')) {
    const found = /^(\w+(?:\{[^}]*\})?) (\S+)$/.exec(line);
    if (found) series.set(found[1], Number(found[2]));
  }
  return { families, series };
}

/** Which families have shown anything but 0 so far. */
class Watch {
  constructor(stack) {
    this.stack = stack;
    this.moved = new Set();
    this.last = new Map();
  }

  async look() {
    const { families, series } = await scrape(this.stack);
    this.families = families;
    this.last = series;
    for (const [name, value] of series) {
      const bare = name.replace(/\{.*/, '');
      const family = families.find((f) => bare === f || [`${f}_count`, `${f}_sum`].includes(bare));
      if (family && value !== 0) this.moved.add(family);
    }
  }

  /** Looks until `family` has moved. */
  async until(family, boundMs) {
    await until(`${family} moves`, async () => {
      await this.look();
      return this.moved.has(family);
    }, boundMs);
  }

  requests(dependency, result) {
    return this.last.get(`memory_worker_requests_total{dependency="${dependency}",result="${result}"}`) ?? 0;
  }
}

test('the requests of every dependency are counted by their result', async () => {
  await withStack({ onEnd: 'kill' }, async (stack) => {
    const watch = new Watch(stack);
    const chats = [conversation(1, { at: Date.now() }), conversation(2, { at: Date.now() })];
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
    await watch.look();
    for (const dependency of DEPENDENCIES) {
      assert.ok(watch.requests(dependency, 'ok') >= 2, `${dependency}: ${watch.requests(dependency, 'ok')}`);
      const timed = watch.last.get(`memory_worker_request_duration_seconds_count{dependency="${dependency}"}`);
      assert.equal(timed, watch.requests(dependency, 'ok'), dependency);
    }
    const probes = watch.last.get('memory_worker_llm_calls_total{purpose="probe"}');
    assert.ok(probes >= 1, `probes of the LLM: ${probes}`);
    const lost = (dependency) => until(`the outage of ${dependency} is counted`, async () => {
      await watch.look();
      return ['unreachable', 'connection-lost'].some((result) => watch.requests(dependency, result) > 0);
    });
    await stack.kill('api');
    await stack.publish([conversation(3, { at: Date.now() })]);
    await lost('memory-store');
    await stack.start_api();
    await stack.kill('llm');
    await stack.publish([conversation(4, { at: Date.now() })]);
    await lost('llm');
    await stack.kill('redis');
    await lost('redis');
    await stack.kill('bus');
    await lost('service-bus');
  });
});

/** An OTLP receiver that takes the first exports and refuses what comes once `refuse` is set. */
async function withReceiver(body) {
  const receiver = { refuse: false };
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(receiver.refuse ? 400 : 200).end());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await body(`http://127.0.0.1:${server.address().port}`, receiver);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

let nextChat = 10;
const newChat = (text) => conversation(nextChat++, { at: Date.now(), ...(text ? { text: () => text } : {}) });

/** What goes wrong in the run, each step until its metric has moved. */
async function troubles(stack, watch, receiver) {
  const good = [newChat(), newChat()];
  await stack.publish(good);
  await stack.allStored(good);
  await watch.until('memory_worker_telemetry_sent_total');
  await stack.llmFaults([], { latency_median_ms: 1_000 });
  await stack.publish([newChat()]);
  await watch.until('memory_worker_llm_in_flight');
  await watch.until('memory_worker_bytes_in_flight');
  receiver.refuse = true;
  stack.worker.signal('SIGHUP');
  await watch.until('memory_worker_config_reloads_total');
  await stack.send([event(good[0])]);
  await watch.until('memory_worker_events_merged_total');
  await stack.send([{ messageId: 'x_completed', body: 'no event' }, event(newChat())]);
  await watch.until('memory_worker_dead_letters_total');
  await watch.until('memory_worker_conversations_missing_total');
  const moved = newChat();
  await stack.store(moved);
  await stack.send([event(moved, 0, { chatMessageId: 'nobody-said-it' })]);
  await watch.until('memory_worker_messages_missing_total');
  await stack.llmFaults([{ kind: 'wrong_quote' }]);
  await stack.publish([newChat()]);
  await watch.until('memory_worker_operations_dropped_total');
  await stack.llmFaults([{ kind: 'empty_words' }]);
  await stack.publish([newChat()]);
  await watch.until('memory_worker_summaries_unusable_total');
  await stack.llmFaults([]);
  const strange = newChat();
  strange.messages.splice(1, 0, { messageId: 'note', role: 'moderation', content: 'flag: none', timestamp: strange.messages[0].timestamp });
  await stack.store(strange);
  await stack.send([event(strange)]);
  await watch.until('memory_worker_messages_unreadable_total');
  const titled = newChat();
  titled.title = 'Everything about tents. '.repeat(40);
  await stack.store(titled);
  await stack.send([event(titled)]);
  await watch.until('memory_worker_prompts_shortened_total');
  const undated = addTurn(newChat(), 'I said so before.');
  for (const message of undated.messages) delete message.timestamp;
  await assert.rejects(stack.forget(undated.userId), { status: 404 });
  await stack.store(undated);
  await stack.send([event(undated, 1, { completedAt: new Date().toISOString() })]);
  await watch.until('memory_worker_messages_of_unknown_time_total');
  await stack.llmFaults([{ kind: 'refusal', trigger: 'xyzzy' }]);
  await stack.publish([newChat('I like xyzzy.')]);
  await watch.until('memory_worker_spans_skipped_total');
  await stack.busFault('detach');
  await watch.until('memory_worker_links_lost_total');
  await stack.llmFaults([{ kind: 'error', status: 503 }]);
  await stack.publish(Array.from({ length: 12 }, () => newChat()));
  await watch.until('memory_worker_breaker_state');
  await watch.until('memory_worker_deliveries_held');
  await watch.until('memory_worker_lock_renewals_total');
  await stack.busFault('lose-locks', { count: 1 });
  await watch.until('memory_worker_locks_lost_total');
  await stack.llmFaults([]);
  await stack.kill('redis');
  await watch.until('memory_worker_actor_restarts_total');
}

test('no metric is declared and never moved by a run with some troubles', async () => {
  await withReceiver(async (url, receiver) => {
    const env = (stack) => ({ OTEL_TRACES_SAMPLER: 'jaeger_remote', OTEL_EXPORTER_OTLP_ENDPOINT: url,
      AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME: 'text-embedding-3-large' });
    const worker = ['--telemetry.schedule-delay=50'];
    await withStack({ env, worker, onEnd: 'kill' }, async (stack) => {
      const watch = new Watch(stack);
      await troubles(stack, watch, receiver);
      await watch.look();
      assert.ok(DECLARED.length > 40 && watch.families.every((f) => DECLARED.includes(f)), 'the source was read');
      const still = DECLARED.filter((f) => !watch.moved.has(f) && !EXCEPTIONS[f]);
      assert.deepEqual(still, [], 'these are declared, and nothing moved them');
      const stale = Object.keys(EXCEPTIONS).filter((f) => watch.moved.has(f) || !DECLARED.includes(f));
      assert.deepEqual(stale, [], 'these need no exception');
    });
  });
});
