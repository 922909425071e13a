// The judge: the oracle's book and what was observed in the end, to the verdict. Pure. Nothing here knows what harm was
// done, but for what it is told to excuse.
import { Book } from './book.mjs';

const WORD = /[A-Za-z]+(?:ball|ville)\b/g;
const fold = (text) => text.trim().toLowerCase().replace(/\s+/g, ' ');

class Findings {
  constructor() {
    this.violations = [];
  }

  add(kind, what) {
    this.violations.push({ kind, what });
  }

  count(...kinds) {
    return this.violations.filter((v) => kinds.includes(v.kind)).length;
  }
}

function inSkipped(session, fact, record) {
  return (record?.skipped ?? []).some((span) => {
    const from = Book.turnCovered(session, span.from.id);
    const to = Book.turnCovered(session, span.to.id);
    return from <= fact.turn && fact.turn <= to;
  });
}

function judgeFact(fact, there, records, found) {
  const name = `${fact.user.id} ${fact.session.id} turn ${fact.turn + 1}: ${fact.item}`;
  if (fact.state === 'said' && !there) {
    const record = records.get(fact.session.id);
    if (inSkipped(fact.session, fact, record)) found.add('skipped', name);
    else found.add('lost', name);
  }
  if (!there) return;
  if (fact.state === 'forgotten') found.add('resurrected', name);
  if (fact.state === 'taken back' || fact.state === 'replaced') found.add('clobbered', `${name} (${fact.state})`);
}

/** @param items every text in the profile's nine lists */
function judgeProfile(user, items, records, book, found) {
  const seen = new Map();
  for (const item of items) seen.set(fold(item), (seen.get(fold(item)) ?? 0) + 1);
  for (const [item, times] of seen) if (times > 1) found.add('duplicated', `${user.id}: ${item} ${times} times`);
  const own = new Set();
  for (const fact of user.facts) {
    own.add(fold(fact.item));
    judgeFact(fact, seen.has(fold(fact.item)), records, found);
  }
  for (const item of seen.keys()) {
    if (own.has(item)) continue;
    const word = item.match(WORD)?.[0];
    const of = word && book.words.get(word);
    found.add('foreign', `${user.id} has ${item}${of ? `, which ${of.user.id} said` : ', which nobody said'}`);
  }
}

function judgeRecord(session, record, book, found) {
  const spoken = session.chat.ids.length > session.forgottenTurns;
  if (!spoken) {
    if (record) found.add('resurrected', `${session.id}: its record is there, though all of it was forgotten`);
    return;
  }
  const last = session.chat.ids.length - 1;
  if (!record) return found.add('behind', `${session.id}: there is no record`);
  const covered = record.through ? Book.turnCovered(session, record.through.id) : -1;
  if (covered < last) found.add('behind', `${session.id}: covered to turn ${covered + 1} of ${last + 1}`);
  for (const span of record.skipped ?? []) found.add('skipped', `${session.id}: ${span.reason}`);
  if (record.status && record.status !== 'ok') found.add('skipped', `${session.id}: its summary is ${record.status}`);
  for (const word of record.text.match(WORD) ?? []) {
    const fact = book.words.get(word);
    if (!fact || fact.session !== session) found.add('foreign', `the record of ${session.id} says ${word}`);
    else if (fact.turn < session.forgottenTurns) found.add('resurrected', `the record of ${session.id} says ${word}`);
  }
}

function judgeBus(bus, found) {
  for (const letter of bus.deadLetters)
    found.add('dead_lettered', `${letter.messageId}: ${letter.reason} ${letter.description ?? ''} after ${letter.deliveryCount}`);
  const { active, locked, deferred, totals } = bus;
  if (active + locked + deferred > 0)
    found.add('undelivered', `${active} waiting, ${locked} locked, ${deferred} deferred on the bus`);
  const settled = totals.completed + totals.deadLettered;
  if (settled + active + locked + deferred !== totals.enqueued)
    found.add('undelivered', `${totals.enqueued} came to the bus, ${settled} were settled`);
}

/**
 * Calls about a message that an earlier good call was about already.
 * @param calls [{n, model, outcome, ended_ms, messages: [hash]}] in their order; outcome '' or 'ok' is a good one
 * @param inFlight numbers of the calls that were out, or answered and not saved, when their process ended
 */
export function repeatedCalls(calls, inFlight) {
  const earlier = new Map(); // hash: the last good call
  const repeated = [];
  for (const call of calls) {
    const before = call.messages.map((hash) => earlier.get(hash)).filter(Boolean);
    if (before.length > 0)
      repeated.push({ call, before: before[0], saved: before.some((b) => !inFlight.has(b.n)) });
    if (call.outcome !== '' && call.outcome !== 'ok') continue;
    for (const hash of call.messages) earlier.set(hash, call);
  }
  return repeated;
}

function judgeCalls(calls, inFlight, book, found) {
  const about = calls.filter((call) => call.messages.some((hash) => book.byHash.has(hash))); // the others are probes
  const repeated = repeatedCalls(about, inFlight);
  for (const { call, before, saved } of repeated) {
    if (!saved) continue;
    const { session, turn } = call.messages.map((hash) => book.byHash.get(hash)).find(Boolean);
    found.add('paid_again', `call ${call.n} of ${call.model} about ${session.id} turn ${turn + 1}, ` +
      `after call ${before.n} of ${before.model}, whose answer was saved or whose worker lived on`);
  }
  if (repeated.length > inFlight.size)
    found.add('paid_again', `${repeated.length} calls were made again, ${inFlight.size} were in flight at the ends`);
  return repeated.length;
}

/**
 * @param book the oracle's
 * @param seen {profiles: Map user id: [item], records: Map session id: {through, skipped, status, text}, bus, calls,
 *   inFlight: Set, surprises: [ends nobody asked for], stops: [{ok, detail}], counts: {allowed, burnt} or null, kills}
 */
export function judge(book, seen) {
  const found = new Findings();
  for (const user of book.users.values()) {
    judgeProfile(user, seen.profiles.get(user.id) ?? [], seen.records, book, found);
    for (const session of user.sessions) judgeRecord(session, seen.records.get(session.id), book, found);
  }
  judgeBus(seen.bus, found);
  const repeated = judgeCalls(seen.calls, seen.inFlight, book, found);
  for (const end of seen.surprises) found.add('ended', end);
  for (const stop of seen.stops) if (!stop.ok) found.add('stop', stop.detail);
  const burnt = seen.counts ? Math.max(0, seen.counts.burnt - seen.counts.allowed) : 0;
  if (burnt > 0) found.add('burnt', `${seen.counts.burnt} counts were used up, ${seen.counts.allowed} were held at the kills`);
  return {
    kills: seen.kills,
    published: book.published,
    lost: found.count('lost', 'behind', 'undelivered'),
    duplicated: found.count('duplicated', 'foreign'),
    clobbered: found.count('clobbered'),
    resurrected: found.count('resurrected'),
    skipped: found.count('skipped'),
    dead_lettered_by_outage: found.count('dead_lettered'),
    repeated_llm_calls: repeated,
    in_flight_at_kills: seen.inFlight.size,
    ...(seen.counts ? { counts_burnt: burnt } : {}),
    passed: found.violations.length === 0,
    violations: found.violations,
  };
}
