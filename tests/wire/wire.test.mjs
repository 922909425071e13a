// What the worker says on the wire beside what Microsoft's unmodified JavaScript SDK says for the same work, field by
// field. Every difference has its reason in differences.mjs; one without a reason fails, and so does a reason that
// explains nothing any more. The comparison is the page docs/wire.md; WIRE_WRITE=1 writes it anew.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { conversation } from '../flow/chats.mjs';
import { until, withStack } from '../flow/stack.mjs';
import { message } from './amqp.mjs';
import { DIFFERENCES } from './differences.mjs';
import { Recorder } from './recorder.mjs';

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const PAGE = path.join(here, '../../docs/wire.md');
const { ServiceBusClient } = createRequire(path.join(here, '../conformance/package.json'))('@azure/service-bus');
const ENTITY = 'message-completed/Subscriptions/memory-worker-message-completed';

const connection = (port) => `Endpoint=sb://localhost:${port};SharedAccessKeyName=dev;SharedAccessKey=dev;UseDevelopmentEmulator=true;`;

/** The SDK completes, renews, dead-letters and releases one message each. */
async function sdkWorks(stack, port) {
  await stack.send(Array.from({ length: 4 }, (_, n) => ({ messageId: `m${n}`, body: 'x' })));
  const client = new ServiceBusClient(connection(port));
  const receiver = client.createReceiver('message-completed', 'memory-worker-message-completed');
  const got = [];
  while (got.length < 4) got.push(...await receiver.receiveMessages(4 - got.length, { maxWaitTimeInMs: 10_000 }));
  await receiver.completeMessage(got[0]);
  await receiver.deadLetterMessage(got[1], { deadLetterReason: 'why', deadLetterErrorDescription: 'because' });
  await receiver.renewMessageLock(got[2]);
  await receiver.completeMessage(got[2]);
  // The SDK has no call for it; this is the AMQP library it is built on.
  got[3].delivery.release();
  await until('it was released', async () => (await stack.subscription()).totals.released === 1);
  const [again] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 10_000 });
  await receiver.completeMessage(again);
  await client.close();
}

/** The worker does the same: an event that waits for the LLM, one that cannot be read, one in work at the end. */
async function workerWorks(stack, port) {
  stack.busPort = port;
  await stack.start_worker('--receiver.lock-duration=5s', '--process.node-name=worker');
  await stack.ready();
  const before = (await stack.subscription()).totals;
  await stack.publish([conversation(1)]);
  await stack.send([{ messageId: 'bad', body: 'no event' }]);
  await until('one is dead-lettered, one renewed', async () => {
    const { totals } = await stack.subscription();
    return totals.deadLettered > before.deadLettered && totals.renewed > before.renewed;
  });
  await until('one is completed', async () => (await stack.subscription()).totals.completed > before.completed);
  await stack.publish([conversation(2)]);
  await until('one waits', async () => (await stack.subscription()).locked === 1);
  await stack.worker.stop();
  assert.equal((await stack.subscription()).totals.released, before.released + 1);
}

// --- which frames are compared ---

const is = (fields, wanted) => Object.entries(wanted).every(([name, value]) => fields[name] === value);

/** name -> flat fields, of everything this client said that is compared. */
function said(frames) {
  const first = (kind, wanted = {}) => frames.find((f) => f.kind === kind && is(f.fields, wanted));
  const attach = (node, role) => frames.find((f) => f.kind === 'attach' && f.fields.role === `boolean ${role === 'receiver'}` &&
    f.fields[role === 'receiver' ? 'source.address' : 'target.address'] === `string ${node}`);
  const on = (link, kind, wanted = {}) => frames.filter((f) => f.kind === kind && f.connection === link.connection &&
    f.channel === link.channel && (kind === 'disposition' || f.fields.handle === link.fields.handle) && is(f.fields, wanted));
  const request = (link, operation) => on(link, 'transfer').map((f) => ({ ...f, message: message(f.payload) }))
    .find((f) => f.message['application-properties.{string operation}'] === `string ${operation}`);

  const receiver = attach(ENTITY, 'receiver');
  const cbs = attach('$cbs', 'sender');
  const management = attach(`${ENTITY}/$management`, 'sender');
  const putToken = request(cbs, 'put-token');
  const renew = request(management, 'com.microsoft:renew-lock');
  const settled = (state) => on(receiver, 'disposition', { state, role: 'boolean true' })[0].fields;
  return {
    'sasl-init': first('sasl-init').fields,
    open: first('open').fields,
    begin: frames.find((f) => f.kind === 'begin' && f.connection === receiver.connection && f.channel === receiver.channel).fields,
    'attach of the sender to $cbs': cbs.fields,
    'attach of the receiver from $cbs': attach('$cbs', 'receiver').fields,
    'put-token: transfer': putToken.fields,
    'put-token: message': putToken.message,
    'attach of the receiver': receiver.fields,
    'flow: the first credit': on(receiver, 'flow').find((f) => f.fields['link-credit'] !== 'uint 0').fields,
    'disposition: complete': settled('accepted'),
    'disposition: release': settled('released'),
    'disposition: dead-letter': settled('rejected'),
    'attach of the sender to $management': management.fields,
    'attach of the receiver from $management': attach(`${ENTITY}/$management`, 'receiver').fields,
    'renew-lock: transfer': renew.fields,
    'renew-lock: message': renew.message,
  };
}

// --- what is no difference ---

const IDENTIFIERS = /^(name|handle|first|last|delivery-id|next-incoming-id|next-outgoing-id|delivery-tag|remote-channel)$/;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

/** Puts placeholders for what differs from run to run and means nothing. */
function plain(fields, port) {
  const out = {};
  for (const [name, value] of Object.entries(fields)) {
    const type = value.split(' ', 1)[0];
    let text = value.replaceAll(UUID, '<id>').replaceAll(`${port}`, '<port>').replace(/SharedAccessSignature .*/, '<token>')
      .replace(/worker-[0-9a-f]{8}/, 'worker-<id>');
    if (IDENTIFIERS.test(name)) text = `${type} <id>`;
    if (type === 'timestamp') text = 'timestamp <time>';
    if (/^properties\.\{symbol (product|version|user-agent|platform|framework)\}$/.test(name)) text = `${type} <text>`;
    if (/message-id$/.test(name)) text = `${type} <id>`;
    out[name] = text;
  }
  return out;
}

/** [{frame, field, sdk, worker}] of all fields that either says. */
function compare(sdk, worker) {
  const rows = [];
  for (const frame of Object.keys(sdk)) {
    for (const field of new Set([...Object.keys(sdk[frame]), ...Object.keys(worker[frame])])) {
      rows.push({ frame, field, sdk: sdk[frame][field] ?? '', worker: worker[frame][field] ?? '' });
    }
  }
  return rows;
}

const reasonFor = ({ frame, field }) => DIFFERENCES.find((d) => d.frame.test(frame) && d.field.test(field));

function page(rows) {
  const cell = (text) => (text === '' ? '' : `\`${text.replaceAll('|', '\\|')}\``);
  const lines = ['# On the wire', '',
    'What memory-worker writes to the bus beside what Microsoft\'s JavaScript SDK (`@azure/service-bus`, unmodified) writes for the same work',
    'against the same development bus. Generated by `tests/wire`, which fails on a difference without a reason: do not edit.',
    'Identifiers, times, tokens and version texts are left out. An empty cell: the field is not said.', ''];
  let frame = '';
  for (const row of rows) {
    if (row.frame !== frame) {
      frame = row.frame;
      lines.push('', `## ${frame}`, '', '| Field | SDK | memory-worker | |', '|---|---|---|---|');
    }
    lines.push(`| ${cell(row.field)} | ${cell(row.sdk)} | ${cell(row.worker)} | ${row.sdk === row.worker ? 'same' : reasonFor(row)?.why ?? '**UNEXPLAINED**'} |`);
  }
  return `${lines.join('\n').replaceAll('\n\n\n', '\n\n')}\n`;
}

test('every frame of the worker is what the SDK says, or differs for a reason', async () => {
  let rows;
  await withStack({ start: ['redis', 'bus', 'llm', 'api'], bus: { lock: '5s' }, llm: ['--latency-median-ms', '9000'] }, async (stack) => {
    const [sdk, worker] = [new Recorder(), new Recorder()];
    const busPort = stack.busPort;
    try {
      await sdk.start(busPort);
      await worker.start(busPort);
      await sdkWorks(stack, sdk.port);
      await workerWorks(stack, worker.port);
      const of = (recorder) => Object.fromEntries(Object.entries(said(recorder.frames()))
        .map(([name, fields]) => [name, plain(fields, recorder.port)]));
      rows = compare(of(sdk), of(worker));
    } finally {
      await Promise.all([sdk.stop(), worker.stop()]);
    }
  });
  const different = rows.filter((row) => row.sdk !== row.worker);
  const unexplained = different.filter((row) => !reasonFor(row));
  if (process.env.WIRE_WRITE) writeFileSync(PAGE, page(rows));
  assert.deepEqual(unexplained, [], 'differences without a reason');
  const needed = new Set(different.map(reasonFor));
  assert.deepEqual(DIFFERENCES.filter((d) => !needed.has(d)), [], 'reasons that explain nothing');
  assert.equal(readFileSync(PAGE, 'utf8'), page(rows), 'docs/wire.md is old: WIRE_WRITE=1 tests/wire/run');
});
