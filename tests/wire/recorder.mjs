// A TCP proxy in front of the bus that keeps what clients write, a buffer for each connection.
import net from 'node:net';
import { frames } from './amqp.mjs';

export class Recorder {
  async start(busPort) {
    this.connections = [];
    this.sockets = new Set();
    this.server = net.createServer((client) => {
      const chunks = [];
      this.connections.push(chunks);
      const bus = net.connect(busPort, '127.0.0.1');
      for (const [from, to] of [[client, bus], [bus, client]]) {
        this.sockets.add(from);
        from.on('error', () => to.destroy()).on('close', () => to.destroy());
        from.pipe(to);
      }
      client.on('data', (bytes) => chunks.push(bytes));
    });
    await new Promise((resolve) => { this.server.listen(0, '127.0.0.1', resolve); });
    this.port = this.server.address().port;
  }

  /** The frames of all connections so far, one list; a connection's channels are told apart by its number. */
  frames() {
    return this.connections.flatMap((chunks, connection) => frames(Buffer.concat(chunks)).map((f) => ({ ...f, connection })));
  }

  async stop() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => { this.server.close(resolve); });
  }
}
