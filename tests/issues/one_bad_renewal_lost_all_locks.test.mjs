// After a reconnect one bad answer to a renewal made the worker give up every lock it had held for longer than a lock's
// time: it took their end for that of their first receipt.
import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation } from '../flow/chats.mjs';
import { until, withStack } from '../flow/stack.mjs';

const COUNT = 40;

test('one renewal that fails after a reconnect costs no lock', async () => {
  await withStack({}, async (stack) => {
    await stack.llmFaults([{ kind: 'hang', hang_ms: 600_000 }]);
    const chats = Array.from({ length: COUNT }, (_, n) => conversation(n));
    await stack.publish(chats);
    const renewedTimes = (times) => until(`every lock was renewed ${times} times`, async () => {
      const { totals } = await stack.subscription();
      return totals.renewed >= times * COUNT;
    });
    await renewedTimes(3); // the first end of every lock has passed
    await stack.busFault('management', { count: 1, operation: 'com.microsoft:renew-lock', status: 500 });
    await stack.busFault('drop');
    await renewedTimes(6);
    const { locked, totals } = await stack.subscription();
    assert.equal(locked, COUNT);
    assert.equal(totals.lockExpired, 0);
    assert.equal(await stack.metric('memory_worker_locks_lost_total'), 0);
    await stack.llmFaults([]);
  });
});
