// Workers of two topics that share a Redis counted failures under the bare sequence number, which both topics have:
// one's failures made the other's deliveries suspect.
import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation } from '../flow/chats.mjs';
import { until, withStack } from '../flow/stack.mjs';

test('a failure is counted under its namespace, topic and subscription', async () => {
  await withStack({}, async (stack) => {
    await stack.llmFaults([{ kind: 'error', status: 503 }]);
    const chats = [conversation(0)];
    await stack.publish(chats);
    const [key] = await until('a failure is counted', async () => {
      const keys = await stack.data.command('KEYS', 'memory-worker:failures:*');
      return keys.length > 0 && keys;
    });
    assert.match(key, /^memory-worker:failures:localhost\/message-completed\/[\w-]+:1$/);
    await stack.llmFaults([]);
    await stack.storedOnceEach(chats);
  });
});
