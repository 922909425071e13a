// Compares a stored document with the original's (golden.json): every field there, of its kind, and no other.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const golden = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8'));

const isText = (value) => typeof value === 'string' && value.length > 0;
const KINDS = {
  text: isText,
  // as Python's datetime.fromisoformat reads it
  time: (value) => isText(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value),
  texts: (value) => Array.isArray(value) && value.every(isText),
  sentiment: (value) => ['positive', 'neutral', 'negative'].includes(value),
  '3072 numbers': (value) => Array.isArray(value) && value.length === 3072 && value.every(Number.isFinite),
};

/** @param leaveOut fields that this deployment does not have, as vector_embedding without an embeddings deployment */
export function sameAsOriginal(container, document, event, leaveOut = []) {
  const { fields, beside } = golden[container];
  for (const [name, expected] of Object.entries(fields)) {
    if (leaveOut.includes(name)) continue;
    const value = document[name];
    const kind = KINDS[expected];
    if (kind) assert.ok(kind(value), `${container}: ${name} is ${JSON.stringify(value)?.slice(0, 100)}, not ${expected}`);
    else assert.equal(value, expected.replace(/\{(\w+)\}/g, (_, key) => event[key]), `${container}: ${name}`);
  }
  for (const [name, value] of Object.entries(document)) {
    if (name.startsWith('_') || (name in fields && !leaveOut.includes(name))) continue;
    assert.ok(KINDS[beside[name]]?.(value), `${container}: ${name} is not among the original's fields`);
  }
}
