// A hanging LLM was noticed only when its calls' time-out had passed: /health/ready said 200 for a minute, and after
// the LLM's recovery the calls that hung held the slots of all jobs. Here that time-out is longer than the test.
import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation } from '../flow/chats.mjs';
import { withStack } from '../flow/stack.mjs';

const OPTIONS = ['--llm_analyzer.request-timeout=10min', '--llm_analyzer.probe-timeout=1s'];
const chatsFrom = (first, count) => Array.from({ length: count }, (_, i) => conversation(first + i));

test('an LLM that hangs is named, and everything is stored after its recovery although its old calls hang on', async () => {
  await withStack({ worker: OPTIONS, onEnd: 'kill' }, async (stack) => {
    await stack.llmFaults([{ kind: 'hang', hang_ms: 600_000 }]);
    const chats = chatsFrom(0, 40);
    await stack.publish(chats);
    await stack.notReady('llm');
    assert.deepEqual(await stack.deadLetters(), []);
    await stack.llmFaults([]);
    await stack.storedOnceEach(chats);
    await stack.ready();
  });
});
