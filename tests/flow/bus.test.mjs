// Service Bus as it really is: certificates, throttling, refusals, `released` that costs a count; and `check --live`,
// with which a user proves on a subscription of their own what cannot be proved here.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { conversation, event } from './chats.mjs';
import { until, withStack } from './stack.mjs';

const manyConversations = (count) => Array.from({ length: count }, (_, n) => conversation(n));
const logged = (stack, text) => stack.worker.log.split('\n').filter((line) => line.includes(text));

// --- certificates ---

/** Days are relative to now; a negative one makes an expired certificate. */
function certificate(dir, name, { host = 'localhost', days = 1 } = {}) {
  const cert = path.join(dir, `${name}.pem`);
  const key = path.join(dir, `${name}.key`);

  execFileSync('openssl', ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', `/CN=${host}`,
    '-keyout', key, '-out', `${cert}.csr`], { stdio: 'ignore' });
  if (days < 0) {
    // `openssl x509` of Debian 12 takes no dates: `openssl ca` does.
    execFileSync('sh', ['-c', `cd "$1" && : > index.txt && printf '[ca]\\ndefault_ca=c\\n[c]\\nnew_certs_dir=.\\ndatabase=index.txt\\n` +
      `rand_serial=yes\\ndefault_md=sha256\\npolicy=p\\nx509_extensions=e\\n[p]\\ncommonName=supplied\\n[e]\\nsubjectAltName=DNS:${host}\\n' > ca.cnf && ` +
      `openssl ca -batch -config ca.cnf -selfsign -keyfile "$2" -in "$3.csr" -out "$3" -notext -startdate 20200101000000Z -enddate 20200102000000Z`,
    'sh', dir, key, cert], { stdio: 'ignore' });
    return { cert, key };
  }
  execFileSync('sh', ['-c', 'printf "subjectAltName=DNS:%s" "$4" > "$3.ext" && openssl x509 -req -in "$3.csr" -signkey "$2" -days "$1" -extfile "$3.ext" -out "$3"',
    'sh', `${days}`, key, cert, host], { stdio: 'ignore' });
  return { cert, key };
}

const CERTIFICATES = {
  'for another host': { make: (dir) => certificate(dir, 'bus', { host: 'other.example' }), says: /it is for another host, other.example and not localhost/ },
  'that has expired': { make: (dir) => certificate(dir, 'bus', { days: -1 }), says: /it expired on 2020-01-02.*clock/ },
  'of an unknown authority': { make: (dir) => certificate(dir, 'bus'), trust: (dir) => certificate(dir, 'other').cert, says: /unknown authority/ },
};

for (const [name, { make, trust, says }] of Object.entries(CERTIFICATES)) {
  test(`a certificate ${name}: not ready and why, one log line, no message touched, no hurry`, async () => {
    await withStack({ start: ['redis', 'llm', 'api'] }, async (stack) => {
      const { cert, key } = make(stack.dir);
      stack.options.bus = { args: ['--tls-cert', cert, '--tls-key', key] };
      await stack.start_bus();
      stack.options.env = { SERVICEBUS_CONNECTION_STRING: `Endpoint=sb://localhost:${stack.busPort};SharedAccessKeyName=R;SharedAccessKey=K` };
      await stack.publish([conversation(1)]);
      await stack.start_worker(`--receiver.ca-file=${trust ? trust(stack.dir) : cert}`, '--supervisor.backoff-max=60s');
      const detail = await stack.notReady('bus');
      assert.match(detail, says);
      assert.match(detail, /localhost/);
      await until('it is logged', () => logged(stack, 'connection-refused').length > 0);
      await stack.subscription();
      const lines = logged(stack, 'connection-refused');
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.ok(JSON.parse(lines[0]).again_in_ms >= 60_000, lines[0]);
      assert.equal((await stack.subscription()).totals.delivered, 0);
    });
  });
}

test('with the right certificate everything is stored over TLS', async () => {
  await withStack({ start: ['redis', 'llm', 'api'] }, async (stack) => {
    const { cert, key } = certificate(stack.dir, 'bus');
    stack.options.bus = { args: ['--tls-cert', cert, '--tls-key', key] };
    await stack.start_bus();
    stack.options.env = { SERVICEBUS_CONNECTION_STRING: `Endpoint=sb://localhost:${stack.busPort};SharedAccessKeyName=R;SharedAccessKey=K` };
    await stack.start_worker(`--receiver.ca-file=${cert}`);
    await stack.ready();
    const chats = manyConversations(20);
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
  });
});

// --- links ---

for (const [condition, why] of [['com.microsoft:server-busy', 'a bus that is busy'], ['com.microsoft:entity-disabled', 'a disabled subscription']]) {
  test(`${why} while work is in hand: not ready and why, the connection and every lock are kept`, async () => {
    await withStack({ llm: ['--latency-median-ms', '3000'] }, async (stack) => {
      const chats = manyConversations(10);
      await stack.publish(chats);
      await until('the LLM works', async () => (await stack.llmStats()).in_flight > 0);
      await stack.busFault('attach', { count: 1, condition });
      await stack.busFault('detach', { condition, description: 'said the test' });
      assert.match(await stack.notReady('bus'), new RegExp(`${condition}.*said the test|Refused on request`));
      const late = manyConversations(12).slice(10);
      await stack.publish(late);
      await stack.ready(60_000);
      await stack.storedOnceEach([...chats, ...late]);
      const lines = logged(stack, 'link-lost').map((line) => JSON.parse(line));
      assert.equal(lines.length, 2);
      if (condition.endsWith('busy')) for (const line of lines) assert.ok(line.again_in_ms >= 4000, JSON.stringify(line));
      assert.equal(logged(stack, 'connection-lost').length, 0);
      assert.equal(await stack.metric('memory_worker_links_lost_total'), 2);
      const { totals } = await stack.subscription();
      assert.equal(totals.lockExpired, 0);
      assert.equal(totals.delivered, 12);
    });
  });
}

test('a connection closed by a busy bus is not made again within four seconds', async () => {
  await withStack({}, async (stack) => {
    await stack.busFault('close', { condition: 'com.microsoft:server-busy', description: 'said the test' });
    const chats = manyConversations(3);
    await stack.publish(chats);
    await stack.storedOnceEach(chats);
    const [line] = logged(stack, 'connection-lost').map((text) => JSON.parse(text));
    assert.ok(line.again_in_ms >= 4000, JSON.stringify(line));
  });
});

test('a lock lost in the middle costs that delivery a redelivery, the others nothing', async () => {
  await withStack({ bus: { lock: '5s' }, worker: ['--receiver.lock-duration=5s'], llm: ['--latency-median-ms', '6000'] }, async (stack) => {
    const chats = manyConversations(20);
    await stack.publish(chats);
    await until('the LLM works', async () => (await stack.llmStats()).in_flight > 0);
    assert.deepEqual(await stack.busFault('lose-locks', { count: 1 }), { lost: 1 });
    await stack.storedOnceEach(chats);
    const { totals } = await stack.subscription();
    assert.equal(totals.lockExpired, 1);
    assert.equal(totals.delivered, 21);
    assert.equal((await stack.llmStats()).messages.max_times, 1, 'nothing was paid for twice');
  });
});

test('`released` that costs a delivery count is noticed: an alarm, a metric, and nothing is given up', async () => {
  await withStack({ worker: ['--dispatcher.hold-limit=5s'] }, async (stack) => {
    await stack.settings({ releasedCounts: true });
    await stack.kill('llm');
    const chats = manyConversations(3);
    await stack.publish(chats);
    await until('they were given back', async () => (await stack.subscription()).totals.released > 0);
    await until('the alarm', () => logged(stack, 'released-delivery-was-counted').length > 0);
    assert.ok(await stack.metric('memory_worker_released_counted_total') >= 1);
    await stack.start_llm();
    await stack.storedOnceEach(chats);
  });
});

// --- check --live ---

const LIVE = { start: ['redis', 'bus', 'llm', 'api'] };
const send = (stack, count) => stack.send(manyConversations(count).map((chat) => event(chat)));

test('check --live passes on one waiting message, which ends in the dead-letter queue with a reason', async () => {
  await withStack(LIVE, async (stack) => {
    await send(stack, 1);
    const { code, out, log } = await stack.workerCommand('check', '--live');
    assert.equal(code, 0, out + log);
    assert.doesNotMatch(out, /FAIL/);
    for (const step of [/released/, /renew its lock through \$management/, /settle it \(abandon\) through \$management/,
      /delivery count unchanged/, /raised the delivery count by one/, /find it there with reason and description/]) {
      assert.match(out, step);
    }
    const [letter] = await stack.deadLetters();
    assert.equal(letter.reason, 'memory-worker-check');
    const { active, locked, totals } = await stack.subscription();
    assert.deepEqual([active, locked, totals.released, totals.abandoned, totals.deadLettered], [0, 0, 1, 1, 1]);
    assert.ok(totals.renewed >= 1);
  });
});

test('check --live gives back what it did not mean to take', async () => {
  await withStack(LIVE, async (stack) => {
    await send(stack, 3);
    const { code, out } = await stack.workerCommand('check', '--live');
    assert.equal(code, 0, out);
    const { active, locked } = await stack.subscription();
    assert.deepEqual([active, locked], [2, 0]);
  });
});

test('check --live takes nothing where nothing waits, and says how to publish', async () => {
  await withStack(LIVE, async (stack) => {
    const { code, out } = await stack.workerCommand('check', '--live');
    assert.equal(code, 1);
    assert.match(out, /No message waits.*Publish one/s);
  });
});

test('check --live refuses a subscription that is in use, unless it is really meant', async () => {
  await withStack(LIVE, async (stack) => {
    await send(stack, 10);
    const refused = await stack.workerCommand('check', '--live');
    assert.equal(refused.code, 1);
    assert.match(refused.out, /More than 3 messages wait here.*--yes-really/s);
    assert.equal((await stack.subscription()).totals.delivered, 0, 'nothing was touched');
    const meant = await stack.workerCommand('check', '--live', '--yes-really');
    assert.equal(meant.code, 0, meant.out);
    assert.equal((await stack.subscription()).active, 9);
  });
});

test('check --live names what does not hold: `released` that counts', async () => {
  await withStack(LIVE, async (stack) => {
    await stack.settings({ releasedCounts: true });
    await send(stack, 1);
    const { code, out } = await stack.workerCommand('check', '--live');
    assert.equal(code, 1);
    assert.match(out, /FAIL {4}`released` left the delivery count unchanged: .*rose from 0 to 1/);
    assert.match(out, /pass {4}dead-letter it with a reason/);
    assert.equal((await stack.deadLetters()).length, 1);
  });
});

test('check --live says what is wrong when the bus refuses the key', async () => {
  await withStack({ ...LIVE, bus: { args: ['--sas-key', 'another'] } }, async (stack) => {
    const { code, out } = await stack.workerCommand('check', '--live');
    assert.equal(code, 1);
    assert.match(out, /FAIL {4}connect to .*unauthorized/);
  });
});
