// Reads what a client writes on an AMQP 1.0 connection: frames, performatives and message sections, with the types of
// their values kept. Only what the wire test needs; bytes that are no AMQP throw.

const FIELDS = {
  0x10: ['open', 'container-id', 'hostname', 'max-frame-size', 'channel-max', 'idle-time-out', 'outgoing-locales', 'incoming-locales',
    'offered-capabilities', 'desired-capabilities', 'properties'],
  0x11: ['begin', 'remote-channel', 'next-outgoing-id', 'incoming-window', 'outgoing-window', 'handle-max', 'offered-capabilities',
    'desired-capabilities', 'properties'],
  0x12: ['attach', 'name', 'handle', 'role', 'snd-settle-mode', 'rcv-settle-mode', 'source', 'target', 'unsettled', 'incomplete-unsettled',
    'initial-delivery-count', 'max-message-size', 'offered-capabilities', 'desired-capabilities', 'properties'],
  0x13: ['flow', 'next-incoming-id', 'incoming-window', 'next-outgoing-id', 'outgoing-window', 'handle', 'delivery-count', 'link-credit',
    'available', 'drain', 'echo', 'properties'],
  0x14: ['transfer', 'handle', 'delivery-id', 'delivery-tag', 'message-format', 'settled', 'more', 'rcv-settle-mode', 'state', 'resume',
    'aborted', 'batchable'],
  0x15: ['disposition', 'role', 'first', 'last', 'settled', 'state', 'batchable'],
  0x16: ['detach', 'handle', 'closed', 'error'],
  0x17: ['end', 'error'],
  0x18: ['close', 'error'],
  0x1d: ['error', 'condition', 'description', 'info'],
  0x24: ['accepted'],
  0x25: ['rejected', 'error'],
  0x26: ['released'],
  0x27: ['modified', 'delivery-failed', 'undeliverable-here', 'message-annotations'],
  0x28: ['source', 'address', 'durable', 'expiry-policy', 'timeout', 'dynamic', 'dynamic-node-properties', 'distribution-mode', 'filter',
    'default-outcome', 'outcomes', 'capabilities'],
  0x29: ['target', 'address', 'durable', 'expiry-policy', 'timeout', 'dynamic', 'dynamic-node-properties', 'capabilities'],
  0x41: ['sasl-init', 'mechanism', 'initial-response', 'hostname'],
  0x70: ['header', 'durable', 'priority', 'ttl', 'first-acquirer', 'delivery-count'],
  0x73: ['properties', 'message-id', 'user-id', 'to', 'subject', 'reply-to', 'correlation-id', 'content-type', 'content-encoding',
    'absolute-expiry-time', 'creation-time', 'group-id', 'group-sequence', 'reply-to-group-id'],
  0x74: ['application-properties'],
  0x77: ['value'],
};

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  get left() { return this.bytes.length - this.at; }

  take(n) {
    if (n > this.left) throw new Error('the value ends too early');
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }

  number(size) { return this.take(size).readUIntBE(0, size); }

  /** {type, value}; lists, maps and arrays hold such values, described ones have a `descriptor`. */
  value(code = this.number(1)) {
    if (code === 0x00) {
      const { value: descriptor } = this.value();
      return { ...this.value(), descriptor: Number(descriptor) };
    }
    const plain = (type, value) => ({ type, value });
    switch (code) {
      case 0x40: return plain('null', null);
      case 0x41: return plain('boolean', true);
      case 0x42: return plain('boolean', false);
      case 0x56: return plain('boolean', this.number(1) === 1);
      case 0x50: return plain('ubyte', this.number(1));
      case 0x60: return plain('ushort', this.number(2));
      case 0x70: return plain('uint', this.number(4));
      case 0x52: return plain('uint', this.number(1));
      case 0x43: return plain('uint', 0);
      case 0x80: return plain('ulong', this.take(8).readBigUInt64BE());
      case 0x53: return plain('ulong', BigInt(this.number(1)));
      case 0x44: return plain('ulong', 0n);
      case 0x71: return plain('int', this.take(4).readInt32BE());
      case 0x54: return plain('int', this.take(1).readInt8());
      case 0x81: return plain('long', this.take(8).readBigInt64BE());
      case 0x55: return plain('long', BigInt(this.take(1).readInt8()));
      case 0x83: return plain('timestamp', this.take(8).readBigInt64BE());
      case 0x98: return plain('uuid', this.take(16).toString('hex'));
      case 0xa0: return plain('binary', this.take(this.number(1)));
      case 0xb0: return plain('binary', this.take(this.number(4)));
      case 0xa1: return plain('string', this.take(this.number(1)).toString());
      case 0xb1: return plain('string', this.take(this.number(4)).toString());
      case 0xa3: return plain('symbol', this.take(this.number(1)).toString());
      case 0xb3: return plain('symbol', this.take(this.number(4)).toString());
      case 0x45: return plain('list', []);
      case 0xc0: case 0xd0: return plain('list', this.items(code === 0xc0 ? 1 : 4));
      case 0xc1: case 0xd1: return plain('map', this.items(code === 0xc1 ? 1 : 4));
      case 0xe0: case 0xf0: return plain('array', this.array(code === 0xe0 ? 1 : 4));
      default: throw new Error(`no such type code: 0x${code.toString(16)}`);
    }
  }

  items(width) {
    this.number(width);
    return Array.from({ length: this.number(width) }, () => this.value());
  }

  array(width) {
    this.number(width);
    const count = this.number(width);
    const code = this.number(1);
    return Array.from({ length: count }, () => this.value(code));
  }
}

/** `path: "type value"` of everything in a value that is not null. */
export function flatten(value, path = '', out = {}) {
  const under = (name) => (path === '' ? name : `${path}.${name}`);
  const names = value.descriptor === undefined ? undefined : FIELDS[value.descriptor];
  if (value.type === 'null') return out;
  if (names && value.type === 'list') {
    if (value.value.length === 0 || path.endsWith('state')) out[path] = names[0];
    value.value.forEach((item, i) => flatten(item, under(names[i + 1]), out));
  } else if (value.type === 'map') {
    for (let i = 0; i < value.value.length; i += 2) {
      const { type, value: key } = value.value[i];
      flatten(value.value[i + 1], under(`{${type} ${key}}`), out);
    }
  } else if (value.type === 'list' || value.type === 'array') {
    out[path] = `${value.type} of ${value.value[0]?.type ?? 'nothing'}`;
  } else {
    out[path] = `${value.type} ${value.type === 'binary' ? value.value.toString('hex') : value.value}`;
  }
  return out;
}

/** The sections of a message as one flat object. */
export function message(bytes) {
  const reader = new Reader(bytes);
  const out = {};
  while (reader.left > 0) {
    const section = reader.value();
    flatten(section, FIELDS[section.descriptor][0], out);
  }
  return out;
}

/** All frames of one direction: {kind, channel, fields, payload}. */
export function frames(bytes) {
  const found = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    if (bytes.subarray(at, at + 4).toString() === 'AMQP') {
      at += 8;
      continue;
    }
    const size = bytes.readUInt32BE(at);
    const frame = bytes.subarray(at, at + size);
    at += size;
    const reader = new Reader(frame.subarray(frame[4] * 4));
    if (reader.left === 0) continue; // keeps the connection alive
    const performative = reader.value();
    found.push({ kind: FIELDS[performative.descriptor][0], channel: frame.readUInt16BE(6), fields: flatten(performative),
      payload: reader.take(reader.left) });
  }
  return found;
}
