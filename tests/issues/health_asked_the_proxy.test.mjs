// A proxy for everything has nothing to do with the worker's own port: `memory-worker health` asked it, and a container
// that lived was restarted. And a star in NO_PROXY matched nothing: the Memory API was asked through the proxy.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import test from 'node:test';
import { conversation } from '../flow/chats.mjs';
import { freePort, withStack } from '../flow/stack.mjs';

/** A proxy that counts what it is asked and passes nothing on. */
async function withProxy(body) {
  let seen = 0;
  const server = http.createServer((request, response) => {
    seen += 1;
    response.writeHead(502).end();
  });
  server.on('connect', (request, socket) => {
    seen += 1;
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await body(`http://127.0.0.1:${server.address().port}`, () => seen);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

for (const name of ['http_proxy', 'HTTP_PROXY', 'ALL_PROXY', 'all_proxy']) {
  test(`memory-worker health does not ask the proxy that ${name} names`, async () => {
    await withProxy(async (proxy, seen) => {
      const port = await freePort();
      const admin = net.createServer((socket) => {
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'));
      });
      await new Promise((resolve) => admin.listen(port, '127.0.0.1', resolve));
      await withStack({ start: [], env: { [name]: proxy } }, async (stack) => {
        stack.busPort = 5672;
        const { code, log } = await stack.workerCommand('health', `--admin.port=${port}`);
        assert.equal(code, 0, log);
      });
      await new Promise((resolve) => admin.close(resolve));
      assert.equal(seen(), 0);
    });
  });
}

test('the Memory API behind a star in NO_PROXY is asked directly, and everything is stored', async () => {
  await withProxy(async (proxy, seen) => {
    const env = (stack) => ({ http_proxy: proxy, NO_PROXY: '127.0.0.1,*.svc.localhost',
      MEMORY_API_ENDPOINT: `http://memory-api.svc.localhost:${stack.apiPort}` });
    await withStack({ env }, async (stack) => {
      const chats = [conversation(1, { at: Date.now() })];
      await stack.publish(chats);
      await stack.storedOnceEach(chats);
    });
    assert.equal(seen(), 0);
  });
});
