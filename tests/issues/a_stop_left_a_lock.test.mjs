// The worker said `drained` and ended while the credit it had granted was still out: over a network of some
// milliseconds a message that the bus sent meanwhile stayed locked until its lock lapsed, which costs a delivery count.
import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation } from '../flow/chats.mjs';
import { withStack } from '../flow/stack.mjs';

const STOPS = 15;

for (const delayMs of [10, 25]) {
  test(`a worker ${delayMs} ms from the bus that is stopped right after an event leaves no lock and no count`, async () => {
    const options = { bus: { lock: '300s', delayMs }, worker: ['--receiver.lock-duration=300s'] };
    await withStack({ ...options, start: ['redis', 'bus', 'llm', 'api'] }, async (stack) => {
      for (let n = 0; n < STOPS; n += 1) {
        await stack.start_worker();
        await stack.ready();
        await stack.publish([conversation(n, { at: Date.now() })]);
        stack.worker.signal('SIGTERM');
        assert.deepEqual(await stack.worker.end(), { code: 0, signal: null });
        const { locked, totals } = await stack.subscription();
        assert.equal(locked, 0, `stop ${n + 1}: no lock is left behind`);
        assert.equal(totals.abandoned, 0, `stop ${n + 1}: no delivery count is burnt`);
        assert.equal(totals.deadLettered, 0);
      }
    });
  });
}
