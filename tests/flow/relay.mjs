// A TCP relay between the worker and one of its dependencies, in this process: delays what passes, each way, lets
// nothing pass for a while (the connections stay), cuts every connection, or refuses new ones. Bytes keep their order.
// A tap sees every piece before it passes, and may keep it back.
import net from 'node:net';

export class Relay {
  /** @param options {delayMs: each way, 0 none; tap: (chunk, toTarget, connection) => false keeps the piece back} */
  constructor(targetPort, options = {}) {
    this.targetPort = targetPort;
    this.delayMs = options.delayMs ?? 0;
    this.tap = options.tap ?? null;
    this.connections = 0;
    this.stalled = false;
    this.refusing = false;
    this.pipes = new Set();
    this.sockets = new Set();
    this.server = net.createServer((client) => this.#accept(client));
  }

  async listen() {
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(0, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
    return this;
  }

  /** Nothing passes until resume(); what comes meanwhile is kept. */
  stall() {
    this.stalled = true;
  }

  resume() {
    this.stalled = false;
    for (const pipe of this.pipes) pipe.flush();
  }

  /** Ends every connection that is open now. */
  cut() {
    for (const socket of this.sockets) socket.destroy();
  }

  /** New connections are closed at once while it is on. */
  refuse(on) {
    this.refusing = on;
    if (on) this.cut();
  }

  async close() {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #accept(client) {
    if (this.refusing) return client.destroy();
    const target = net.connect(this.targetPort, '127.0.0.1');
    for (const socket of [client, target]) {
      socket.setNoDelay(true);
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.sockets.delete(socket);
        client.destroy();
        target.destroy();
      });
    }
    const connection = (this.connections += 1);
    this.#pipe(client, target, (chunk) => this.tap?.(chunk, true, connection));
    this.#pipe(target, client, (chunk) => this.tap?.(chunk, false, connection));
  }

  #pipe(from, to, see) {
    const waiting = [];
    const pipe = {
      flush: () => {
        clearTimeout(pipe.timer);
        const now = performance.now();
        while (!this.stalled && waiting.length > 0 && waiting[0].due <= now) {
          const { chunk } = waiting.shift();
          if (chunk === null) to.end();
          else if (!to.destroyed) to.write(chunk);
        }
        if (!this.stalled && waiting.length > 0) pipe.timer = setTimeout(pipe.flush, waiting[0].due - now + 0.5);
      },
    };
    const put = (chunk) => {
      if (chunk !== null && see(chunk) === false) return;
      waiting.push({ chunk, due: performance.now() + this.delayMs });
      pipe.flush();
    };
    this.pipes.add(pipe);
    from.on('data', put);
    from.on('end', () => put(null));
    from.on('close', () => {
      clearTimeout(pipe.timer);
      this.pipes.delete(pipe);
    });
  }
}
