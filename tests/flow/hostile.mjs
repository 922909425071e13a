// Peers that mean harm: a server that answers with more than anybody can hold, or a byte at a time, and clients that
// ask so. What goes out is bounded by what the other side takes, and by MOST.
import net from 'node:net';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

export const MB = 1024 * 1024;
/** Whoever takes this much will take anything. */
const MOST = 1024 * MB;
const piece = Buffer.alloc(64 * 1024, 'a');

/** The most memory that the process has held so far, in bytes. */
export function mostResident(pid) {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

/** Writes `begin`, then `again` for as long as the other side takes it; resolves to the bytes that were taken. */
export function flood(socket, begin, again) {
  return new Promise((resolve) => {
    let taken = 0;
    const more = () => {
      while (!socket.destroyed && taken < MOST) {
        taken += again.length;
        if (!socket.write(again)) return;
      }
      socket.destroy();
    };
    socket.on('drain', more);
    socket.on('error', () => {});
    socket.on('close', () => resolve(taken));
    socket.write(begin);
    more();
  });
}

/** Writes the bytes one at a time, the next when the last is out, and begins anew at the end. */
export function drip(socket, bytes) {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed) clearInterval(timer);
    else socket.write(bytes.subarray(at % bytes.length, (at++ % bytes.length) + 1));
  }, 5);
  socket.on('error', () => {});
  socket.on('close', () => clearInterval(timer));
}

const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';
const bomb = gzipSync(Buffer.alloc(256 * MB, ' '), { level: 9 });

/** Ways to answer an HTTP request: what to do with its socket. */
export const HOSTILE_ANSWERS = {
  'a header without end': (socket) => flood(socket, `${head}X: `, piece),
  'headers without end': (socket) => flood(socket, head, Buffer.from('X-A: b\r\n'.repeat(8_000))),
  'interim answers without end': (socket) => flood(socket, '', Buffer.from('HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n'.repeat(2_000))),
  'a body without end': (socket) => flood(socket, `${head}\r\n`, piece),
  'chunks without end': (socket) => flood(socket, `${head}Transfer-Encoding: chunked\r\n\r\n`, Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')])),
  'a chunk of 2^62 bytes': (socket) => flood(socket, `${head}Transfer-Encoding: chunked\r\n\r\n3fffffffffffffff\r\n`, piece),
  'a length of 10 GB': (socket) => flood(socket, `${head}Content-Length: 10737418240\r\n\r\n`, piece),
  'a trailer without end': (socket) => flood(socket, `${head}Transfer-Encoding: chunked\r\n\r\n0\r\n`, Buffer.from('X-A: b\r\n'.repeat(8_000))),
  'a byte at a time': (socket) => drip(socket, Buffer.from(`${head}X: ${'a'.repeat(100_000)}`)),
  'a little that unpacks to 256 MB': (socket) => socket.end(Buffer.concat([
    Buffer.from(`${head}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\nConnection: close\r\n\r\n`), bomb])),
  'a redirect to itself': (socket) => socket.end('HTTP/1.1 307 Temporary Redirect\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
  'no HTTP': (socket) => flood(socket, 'SSH-2.0-x\r\n', piece),
};

/** Ways to answer a command of Redis. */
export const HOSTILE_REPLIES = {
  'a text without end': (socket) => flood(socket, '$536870912\r\n', piece),
  'a line without end': (socket) => flood(socket, '+', piece),
  'an array without end': (socket) => flood(socket, '*1000000\r\n', Buffer.from('$1\r\na\r\n'.repeat(8_000))),
  'an array of empty arrays': (socket) => flood(socket, '*1000000\r\n', Buffer.from('*0\r\n'.repeat(16_000))),
  'arrays of arrays': (socket) => flood(socket, '*1000000\r\n'.repeat(5), Buffer.from(':1\r\n'.repeat(16_000))),
  'replies that nobody asked for': (socket) => flood(socket, '', Buffer.from('+OK\r\n'.repeat(12_000))),
  'a byte at a time': (socket) => drip(socket, Buffer.from(`$1000000\r\n${'a'.repeat(1_000_000)}`)),
  'no RESP': (socket) => flood(socket, 'HTTP/1.1 400 Bad Request\r\n\r\n', piece),
};

/** An AMQP frame that carries a performative whose fields are encoded already. */
function frame(performative, fields, payload = Buffer.alloc(0), { channel = 0, type = 0 } = {}) {
  const list = Buffer.concat(fields);
  const body = Buffer.concat([Buffer.from([0, 0x53, performative, 0xd0]), be32(list.length + 4), be32(fields.length), list, payload]);
  return Buffer.concat([be32(body.length + 8), Buffer.from([2, type, 0, channel]), body]);
}

function be32(n) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(n);
  return bytes;
}

const sasl = Buffer.from('AMQP\x03\x01\x00\x00', 'latin1');
/** A delivery that goes on and on, for each link that there may be. */
const transfers = Buffer.concat([0, 1, 2, 3].flatMap((channel) => [0, 1].map((handle) => frame(0x14, [
  Buffer.from([0x52, handle]), Buffer.from([0x52, 9]), Buffer.from([0xa0, 1, 0x78]), Buffer.from([0x43]), Buffer.from([0x42]), Buffer.from([0x41]),
], piece, { channel }))));

/** Ways to answer the beginning of an AMQP connection. */
export const HOSTILE_GREETINGS = {
  'a frame of 4 GB': (socket) => flood(socket, Buffer.concat([sasl, Buffer.from([0xff, 0xff, 0xff, 0xff, 2, 1, 0, 0])]), piece),
  'empty frames without end': (socket) => flood(socket, sasl, Buffer.from('\x00\x00\x00\x08\x02\x01\x00\x00'.repeat(8_000), 'latin1')),
  'a byte at a time': (socket) => drip(socket, Buffer.concat([sasl, Buffer.from([0, 1, 0, 0, 2, 1, 0, 0]), piece])),
  'mechanisms without end': (socket) => flood(socket, sasl, Buffer.from(
    '\x00\x00\x00\x19\x02\x01\x00\x00\x00\x53\x40\xc0\x0c\x01\xa3\x09ANONYMOUS'.repeat(2_000), 'latin1')),
  'no AMQP': (socket) => flood(socket, 'HTTP/1.1 400 Bad Request\r\n\r\n', piece),
};

/** What a bus does once the links are there. */
export const HOSTILE_FRAMES = {
  'transfers without end': (socket) => flood(socket, '', transfers),
  'heartbeats without end': (socket) => flood(socket, '', Buffer.from('\x00\x00\x00\x08\x02\x00\x00\x00'.repeat(8_000), 'latin1')),
  'a frame larger than was offered': (socket) => flood(socket, Buffer.from([0x7f, 0xff, 0xff, 0xff, 2, 0, 0, 0]), piece),
  'a byte at a time': (socket) => drip(socket, Buffer.concat([Buffer.from([0, 1, 0, 0, 2, 0, 0, 0]), piece])),
};

/** Ways to ask a server. */
export const HOSTILE_REQUESTS = {
  'a header without end': (socket) => flood(socket, 'GET /health HTTP/1.1\r\nX: ', piece),
  'headers without end': (socket) => flood(socket, 'GET /health HTTP/1.1\r\n', Buffer.from('X-A: b\r\n'.repeat(8_000))),
  'a target without end': (socket) => flood(socket, 'GET /', piece),
  'chunks without end': (socket) => flood(socket, 'POST /internal/commit HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n', Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')])),
  'a length of 10 GB': (socket) => flood(socket, 'POST /internal/commit HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 10737418240\r\n\r\n', piece),
  'requests without end': (socket) => flood(socket, '', Buffer.from('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2_000))),
  'a byte at a time': (socket) => drip(socket, Buffer.from(`GET /health HTTP/1.1\r\nX: ${'a'.repeat(100_000)}`)),
  'a little that unpacks to 256 MB': (socket) => socket.end(Buffer.concat([
    Buffer.from(`POST /internal/commit HTTP/1.1\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`), bomb])),
};

/**
 * A server before another one: what `chooses` says nothing about goes on to the target; for what it names, the answer
 * of that name is given. `chooses` gets what has come so far on a connection.
 */
export class HostileFront {
  constructor(target, answers, chooses) {
    this.met = new Map(); // name -> how often it was given
    this.sockets = new Set();
    this.server = net.createServer((client) => {
      this.#keep(client);
      let seen = '';
      let gone = false;
      const behind = net.connect(target, '127.0.0.1');
      this.#keep(behind);
      client.on('close', () => behind.destroy());
      behind.on('close', () => { if (!gone) client.destroy(); });
      behind.on('data', (bytes) => { if (!gone) client.write(bytes); });
      client.on('data', (bytes) => {
        if (gone) return;
        seen = (seen + bytes.toString('latin1')).slice(-200_000);
        const name = chooses(seen);
        if (name === undefined) {
          behind.write(bytes);
          return;
        }
        gone = true;
        behind.destroy();
        this.met.set(name, (this.met.get(name) ?? 0) + 1);
        answers[name](client);
      });
    });
  }

  #keep(socket) {
    socket.on('error', () => {});
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
  }

  async listen() {
    await new Promise((resolve) => { this.server.listen(0, '127.0.0.1', resolve); });
    this.port = this.server.address().port;
    return this;
  }

  async close() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => { this.server.close(resolve); });
  }
}
