// The steps of a message's life as they show on the wire between a worker and what it uses, and how to kill something
// exactly there: the piece of the stream that makes the step is seen by the relay's tap before it passes.

const amqp = (code) => Buffer.from([0x00, 0x53, code]); // descriptor of a performative

const writes = (container) => new RegExp(`^(POST|PUT) /dbs/\\w+/colls/${container}`);

/** relay, the bytes of the request, whether they come from the worker; with `stores` only over that store. */
export const STEPS = [
  { name: 'delivery', relay: 'bus', bytes: amqp(0x14), fromWorker: false },
  { name: 'lease', relay: 'redis', bytes: 'memory-worker:lease:', fromWorker: true },
  { name: 'conversation read', relay: 'redis', bytes: 'GET\r\n', fromWorker: true },
  { name: 'context read', relay: 'store', bytes: 'GET /internal/context', fromWorker: true, store: 'sqlite' },
  { name: 'LLM asked', relay: 'llm', bytes: '/chat/completions', fromWorker: true },
  { name: 'answer saved', relay: 'redis', bytes: 'SET\r\n$', also: 'memory-worker:answer:', fromWorker: true },
  { name: 'commit', relay: 'store', bytes: 'POST /internal/commit', fromWorker: true, store: 'sqlite' },
  { name: 'profile written', relay: 'store', bytes: writes('user-memories'), fromWorker: true, store: 'cosmos' },
  { name: 'record written', relay: 'store', bytes: writes('conversations'), fromWorker: true, store: 'cosmos' },
  { name: 'answer dropped', relay: 'redis', bytes: 'DEL\r\n', also: 'memory-worker:answer:', fromWorker: true },
  { name: 'settled', relay: 'bus', bytes: amqp(0x15), fromWorker: true },
];

/**
 * When, relative to the step: before it happens, as soon as it was asked for, when it has happened but its answer has not
 * come, and right after the answer.
 */
export const MOMENTS = ['before', 'asked', 'done', 'answered'];

export const stepsFor = (store) => STEPS.filter((step) => !step.store || step.store === store);
export const stepNamed = (name) => STEPS.find((step) => step.name === name);

function shows(step, chunk) {
  if (step.bytes instanceof RegExp) return step.bytes.test(chunk.toString('latin1', 0, 200));
  return chunk.includes(step.bytes) && (!step.also || chunk.includes(step.also));
}

/**
 * Does `act` (a kill, at once) at that moment of the next such step of this worker.
 * @returns whether it came within the bound
 */
export function atStep(worker, step, moment, act, boundMs) {
  const relay = worker.relays[step.relay];
  return new Promise((resolve) => {
    let timer = null;
    let connection = null; // the step was asked for on it
    const end = (came) => {
      clearTimeout(timer);
      relay.tap = null;
      resolve(came);
    };
    const actThen = (passes) => {
      if (passes) process.nextTick(() => { act(); end(true); });
      else {
        act();
        end(true);
      }
      // Nothing more comes of the victim; who lives on talks to its successor on connections that are not there yet.
      const old = relay.connections;
      relay.tap = passes ? null : (_, toTarget, on) => on > old;
      return passes;
    };
    relay.tap = (chunk, toTarget, on) => {
      if (connection === null) {
        if (toTarget !== step.fromWorker || !shows(step, chunk)) return true;
        if (moment === 'before' || moment === 'asked') return actThen(moment === 'asked');
        connection = on;
        return true;
      }
      if (on !== connection || toTarget === step.fromWorker) return true;
      return actThen(moment === 'answered');
    };
    timer = setTimeout(() => end(false), boundMs);
  });
}
