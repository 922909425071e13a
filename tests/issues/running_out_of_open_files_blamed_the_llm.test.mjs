// With a limit of 1,024 open files and 2,000 calls at once the log blamed the LLM, the breaker flapped and /metrics
// did not answer.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { conversation } from '../flow/chats.mjs';
import { until, withStack } from '../flow/stack.mjs';

const OPTIONS = ['--dispatcher.max-jobs=300', '--session_loader.mailbox-limit=300', '--llm_analyzer.mailbox-limit=300',
  '--memory_writer.mailbox-limit=300'];
const chatsFrom = (first, count) => Array.from({ length: count }, (_, i) => conversation(first + i));

test('the soft limit of open files is raised to the hard one at the start', async () => {
  const launcher = ['sh', '-c', 'ulimit -Sn 64; exec "$0" "$@"'];
  await withStack({ launcher }, async (stack) => {
    const [, soft, hard] = /Max open files\s+(\d+)\s+(\d+)/.exec(readFileSync(`/proc/${stack.worker.pid}/limits`, 'utf8'));
    assert.equal(soft, hard);
  });
});

test('with few open files and many calls fewer are made at once; nothing is blamed, the admin port answers', async () => {
  const launcher = ['prlimit', '--nofile=128:128'];
  await withStack({ launcher, worker: OPTIONS }, async (stack) => {
    const [warning] = stack.worker.events('open-files-limit-is-low');
    assert.match(warning.detail, /max-in-flight.*limit of open files, 128/);
    await stack.llmFaults([], { latency_median_ms: 1_000 });
    const chats = chatsFrom(0, 600);
    await stack.publish(chats);
    const most = (await until('as many calls are in flight as fit', async () => {
      const { in_flight: inFlight } = await stack.llmStats();
      return inFlight >= 40 && inFlight;
    }));
    assert.ok(most <= 48, `${most} calls`);
    assert.ok(await stack.metric('memory_worker_llm_in_flight') > 0, '/metrics answers');
    await stack.storedOnceEach(chats);
    assert.deepEqual(stack.worker.events('dependency-down'), []);
    assert.deepEqual(stack.worker.events('job-held'), []);
  });
});
