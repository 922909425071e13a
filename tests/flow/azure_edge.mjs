// What stands between the worker and the services in Azure where tokens are concerned, as ports of this process: Entra,
// which tells the cache of every token it hands out; the cache's door, which ends a connection when its token does; and
// the door of the HTTPS services behind a proxy, which lets nobody in with a token that is over or for somebody else.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { Redis, parseReply } from './redis.mjs';

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'proxy-connection', 'host']);

function listen(server) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

async function bodyOf(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

function claims(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
}

function endToEnd(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}

export class AzureEdge {
  /**
   * @param options {entra: URL of the stand-in, certificate: {cert, key}, redis: port, redisAdmin: a connection that may
   *   ACL SETUSER, redisScope, services: {HOST: {port, scope}} over HTTPS}
   */
  constructor(options) {
    this.options = options;
    this.issued = new Map(); // token: {scope, ends}
    this.admitted = new Map(); // scope: the tokens that its door let in
    this.refused = []; // what a door turned away, in words
    this.cut = 0; // connections to the cache that outlived their token
    this.sockets = new Set();
    this.timers = new Set();
    this.servers = [];
  }

  async start() {
    const pair = { cert: readFileSync(this.options.certificate.cert), key: readFileSync(this.options.certificate.key) };
    const answer = (handler) => (request, response) => handler(request, response).catch(() => response.destroy());
    const entra = http.createServer(answer((request, response) => this.handOut(request, response)));
    const services = https.createServer(pair, answer((request, response) => this.pass(request, response)));
    services.keepAliveTimeout = 0; // it ends no connection by itself
    const cache = tls.createServer(pair, (client) => this.cacheConnection(client));
    const proxy = http.createServer((request, response) => response.writeHead(405).end());
    proxy.on('connect', (request, socket) => this.connect(request, socket));
    this.servers = [entra, services, cache, proxy];
    for (const server of this.servers) server.on('connection', (socket) => this.keep(socket));
    [this.entraPort, this.servicesPort, this.cachePort, this.proxyPort] = await Promise.all(this.servers.map(listen));
  }

  stop() {
    for (const timer of this.timers) clearTimeout(timer);
    for (const socket of this.sockets) socket.destroy();
    for (const server of this.servers) server.close();
  }

  keep(socket) {
    this.sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.sockets.delete(socket));
  }

  at(time, action) {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      action();
    }, Math.max(time - Date.now(), 0));
    this.timers.add(timer);
    return timer;
  }

  /** The tokens of this scope that its door let in, in order. */
  tokensFor(scope) {
    return [...(this.admitted.get(scope) ?? [])];
  }

  used(scope) {
    return this.tokensFor(scope).length;
  }

  /** How many of them are over by now. */
  over(scope) {
    return this.tokensFor(scope).filter((token) => this.issued.get(token).ends <= Date.now()).length;
  }

  /** The secret part of every token. */
  signatures() {
    return [...this.issued.keys()].map((token) => token.split('.')[2]);
  }

  letIn(token, scope) {
    const known = this.issued.get(token);
    const why = !known ? 'a token that Entra did not issue' : known.scope !== scope ? `a token for ${known.scope}`
      : known.ends <= Date.now() ? 'a token that is over' : '';
    if (why) {
      this.refused.push(`${scope}: ${why}`);
      return false;
    }
    if (!this.admitted.has(scope)) this.admitted.set(scope, new Set());
    this.admitted.get(scope).add(token);
    return true;
  }

  // --- Entra ---

  async handOut(request, response) {
    const body = await bodyOf(request);
    const { method } = request;
    const headers = { 'content-type': request.headers['content-type'] };
    const answer = await fetch(this.options.entra + request.url, { method, headers, body });
    const text = await answer.text();
    if (answer.status === 200) await this.enter(JSON.parse(text).access_token, new URLSearchParams(`${body}`).get('scope'));
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') }).end(text);
  }

  /** Before anybody holds the token: Redis takes it as a password of its owner until the second it is over. */
  async enter(token, scope) {
    const { exp, oid } = claims(token);
    const ends = exp * 1000;
    this.issued.set(token, { scope, ends });
    if (scope !== this.options.redisScope) return;
    const { redisAdmin } = this.options;
    await redisAdmin.command('ACL', 'SETUSER', oid, `>${token}`);
    this.at(ends, () => redisAdmin.command('ACL', 'SETUSER', oid, `<${token}`)
      .catch((error) => this.refused.push(`the token could not be taken back: ${error.message}`)));
  }

  // --- the cache ---

  cacheConnection(client) {
    const server = net.connect({ host: '127.0.0.1', port: this.options.redis });
    this.keep(client);
    this.keep(server);
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    server.setNoDelay(true);
    server.pipe(client);
    let rest = Buffer.alloc(0);
    let end;
    client.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      for (let command; (command = parseReply(rest, 0)); rest = rest.subarray(command.next)) {
        if (!/^auth$/i.test(command.value[0])) continue;
        const token = command.value.at(-1);
        if (!this.letIn(token, this.options.redisScope)) continue; // Redis refuses it in its own words
        clearTimeout(end);
        end = this.at(this.issued.get(token).ends, () => {
          if (client.destroyed) return;
          this.cut += 1;
          client.destroy();
        });
      }
      server.write(data);
    });
  }

  // --- HTTPS ---

  connect(request, socket) {
    const [host] = request.url.split(':');
    if (!this.options.services[host]) return socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    const inside = net.connect({ host: '127.0.0.1', port: this.servicesPort }, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      inside.pipe(socket).pipe(inside);
    });
    inside.setNoDelay(true);
    socket.setNoDelay(true);
    this.keep(inside);
    inside.on('close', () => socket.destroy());
    socket.on('close', () => inside.destroy());
  }

  async pass(request, response) {
    const [host] = request.headers.host.split(':');
    const { port, scope } = this.options.services[host];
    const body = await bodyOf(request);
    const [, token] = /(?:^Bearer |&sig=)(.*)$/.exec(decodeURIComponent(request.headers.authorization ?? '')) ?? [];
    if (!this.letIn(token, scope)) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":{"code":"401","message":"Access denied"}}');
      return;
    }
    const { method, url } = request;
    const inner = await new Promise((resolve, reject) => {
      http.request({ host: '127.0.0.1', port, method, path: url, headers: endToEnd(request.headers), agent: false }, resolve)
        .once('error', reject).end(body);
    });
    const text = await bodyOf(inner);
    response.writeHead(inner.statusCode, endToEnd(inner.headers)).end(text);
  }
}

/** Whether the real Redis behind the door lets this user in with this token; its own words where it does not. */
export async function redisSays(port, user, token) {
  const redis = await Redis.connect(port);
  try {
    return await redis.command('AUTH', user, token).catch((error) => error.message);
  } finally {
    redis.close();
  }
}
