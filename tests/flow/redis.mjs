// A Redis client as small as the tests need: one connection, commands answered in order.
import net from 'node:net';

const TIMEOUT_MS = 20_000;

export class Redis {
  static async connect(port) {
    const socket = net.connect({ host: '127.0.0.1', port });
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Redis(socket);
  }

  constructor(socket) {
    this.socket = socket;
    this.waiting = [];
    this.buffer = Buffer.alloc(0);
    socket.setNoDelay(true);
    socket.on('data', (data) => this.take(data));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('Redis closed the connection')));
  }

  command(...args) {
    const parts = args.map((arg) => Buffer.from(String(arg)));
    const pieces = [Buffer.from(`*${parts.length}\r\n`)];
    for (const part of parts) pieces.push(Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n'));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.fail(new Error(`Redis did not answer ${args[0]}`)), TIMEOUT_MS);
      this.waiting.push({ resolve, reject, timer });
      this.socket.write(Buffer.concat(pieces));
    });
  }

  close() {
    this.socket.destroy();
  }

  take(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    for (;;) {
      const reply = parseReply(this.buffer, 0);
      if (!reply) return;
      this.buffer = this.buffer.subarray(reply.next);
      const { resolve, reject, timer } = this.waiting.shift();
      clearTimeout(timer);
      if (reply.value instanceof Error) reject(reply.value);
      else resolve(reply.value);
    }
  }

  fail(error) {
    for (const { reject, timer } of this.waiting.splice(0)) {
      clearTimeout(timer);
      reject(error);
    }
    this.socket.destroy();
  }
}

/** One RESP2 value (a command too is one) from `at`, as {value, next}, or null where it is not complete. */
export function parseReply(buffer, at) {
  const end = buffer.indexOf('\r\n', at);
  if (end < 0) return null;
  const text = buffer.toString('utf8', at + 1, end);
  const next = end + 2;
  switch (String.fromCharCode(buffer[at])) {
    case '+': return { value: text, next };
    case '-': return { value: new Error(text), next };
    case ':': return { value: Number(text), next };
    case '$': {
      const length = Number(text);
      if (length < 0) return { value: null, next };
      if (buffer.length < next + length + 2) return null;
      return { value: buffer.toString('utf8', next, next + length), next: next + length + 2 };
    }
    case '*': {
      const items = [];
      let from = next;
      for (let i = 0; i < Number(text); i += 1) {
        const item = parseReply(buffer, from);
        if (!item) return null;
        items.push(item.value);
        from = item.next;
      }
      return { value: items, next: from };
    }
    default: throw new Error(`Redis answered ${text}`);
  }
}
