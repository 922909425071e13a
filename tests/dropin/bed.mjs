// The stand-ins of the drop-in test, in the namespace that this process runs in, under the real names' addresses; and
// the worker in the application's namespace. Everything stops with the bed.
import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Hopeless, Program, until } from '../flow/program.mjs';
import { Redis } from '../flow/redis.mjs';
import { event, stored } from '../flow/chats.mjs';

const { MW_BIN: bin, MW_NETNS_APP: app, MW_CERTIFICATES: certificates } = process.env;
export const names = JSON.parse(readFileSync(new URL('names.json', import.meta.url), 'utf8'));
export const identity = {
  tenant: 'aaaaaaaa-0000-4000-8000-000000000001', client: 'aaaaaaaa-0000-4000-8000-000000000002',
  object: 'aaaaaaaa-0000-4000-8000-000000000003', secret: 'a secret of the test', header: 'a header of the test',
};
const JWT_KEY = 'a key of the test';
const PORTS = { bus: 6001, busAdmin: 6002, llm: 6003, cosmos: 6004, entra: 6005, redis: 6006 };
const APP_ADDRESS = '198.18.7.100';
const IDENTITY_PORT = 42_356; // as Container Apps has it
const TESTER = 'a-password-of-the-test';
const BOUND_MS = 60_000;

async function call(url, options = {}) {
  const response = await fetch(url, { signal: AbortSignal.timeout(20_000), ...options });
  const text = await response.text();
  return { status: response.status, text, get json() { return JSON.parse(text); } };
}

async function post(url, body) {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await call(url, { method: 'POST', body: JSON.stringify(body), headers });
  assert.ok(answer.status < 300, `${url}: ${answer.status} ${answer.text}`);
  return answer.json;
}

function answersAt(host, port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port }, () => resolve(socket.destroy()));
    socket.once('error', reject);
  });
}

/** TLS ends in front of the stand-ins that speak HTTP; the bus does its own. */
function nginxConfiguration(shown) {
  const servers = ['openai', 'cosmos', 'entra'].map((name) => `
    server {
      listen ${names[name].address}:443 ssl http2;
      server_name ${names[name].host};
      ssl_certificate ${shown(name, 'crt')};
      ssl_certificate_key ${shown(name, 'key')};
      location / { proxy_pass http://127.0.0.1:${PORTS[name === 'openai' ? 'llm' : name]}; }
    }`);
  return `
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
user root;
pid nginx.pid;
error_log stderr warn;
worker_processes 1;
events { worker_connections 2048; }
stream { server { listen ${names.servicebus.address}:5671; proxy_pass 127.0.0.1:${PORTS.bus}; proxy_timeout 10m; } }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  client_max_body_size 16m;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;${servers.join('')}
}
`;
}

/** @param options {certificateOf: {NAME: whose certificate it shows}, llm: more arguments} */
export async function withBed(options, body) {
  const bed = new Bed(options);
  let failed = true;
  try {
    await bed.start();
    await body(bed);
    failed = false;
  } finally {
    await bed.stop(failed);
  }
}

class Bed {
  constructor(options) {
    this.options = options;
    this.dir = mkdtempSync(path.join(os.tmpdir(), 'memory-worker-dropin-'));
    this.programs = [];
  }

  program(name, command, env = {}) {
    const dir = path.join(this.dir, name);
    mkdirSync(dir, { recursive: true });
    const program = new Program(name, { dir, env: { PATH: process.env.PATH, ...env } });
    this.programs.push(program);
    program.spawn(command);
    return program;
  }

  /** As `ip netns exec` does it, with the names and the certificates of the application's machine. */
  inApp(name, command, env) {
    return this.program(name, ['ip', 'netns', 'exec', app, 'setpriv', '--pdeathsig', 'KILL', ...command], env);
  }

  async start() {
    const certificate = ['--tls-cert', this.shown('servicebus', 'crt'), '--tls-key', this.shown('servicebus', 'key')];
    const devstack = path.join(bin, 'memory-devstack');
    const started = [
      this.program('bus', [devstack, 'bus', '--port', `${PORTS.bus}`, '--admin-port', `${PORTS.busAdmin}`,
        '--lock-duration', '60s', ...certificate]),
      this.program('llm', [devstack, 'llm', '--port', `${PORTS.llm}`, ...(this.options.llm ?? [])]),
      this.program('cosmos', [devstack, 'cosmos', '--port', `${PORTS.cosmos}`,
        '--audience', `https://${names.cosmos.host}`]),
      this.program('entra', [devstack, 'entra', '--port', `${PORTS.entra}`, ...this.entraOptions()]),
      this.inApp('identity', [devstack, 'entra', '--port', `${IDENTITY_PORT}`, ...this.entraOptions()]),
      this.program('memory-api', [path.join(bin, 'memory-api'), '--bind', names['memory-api'].address, '--port', '8003',
        '--data', 'memory.db']),
    ];
    const redis = this.startRedis();
    for (const program of started) await program.listening();
    writeFileSync(path.join(this.dir, 'nginx.conf'), nginxConfiguration((name, kind) => this.shown(name, kind)));
    const nginx = this.program('nginx', ['nginx', '-p', this.dir, '-c', path.join(this.dir, 'nginx.conf')]);
    await until('nginx answers', async () => {
      if (!nginx.alive) throw new Hopeless(nginx.lastWords());
      return answersAt(names.openai.address, 443);
    });
    await until('Redis answers', async () => {
      if (!redis.alive) throw new Hopeless(redis.lastWords());
      this.redis = await Redis.connect(PORTS.redis);
      return this.redis.command('AUTH', 'tester', TESTER);
    });
  }

  /** The file of the certificate or key that this host shows. */
  shown(name, kind) {
    return `${certificates}/${this.options.certificateOf?.[name] ?? name}.${kind}`;
  }

  entraOptions() {
    return ['--tenant', identity.tenant, '--client-id', identity.client, '--client-secret', identity.secret,
      '--object-id', identity.object, '--identity-header', identity.header, '--jwt-key', JWT_KEY];
  }

  /** TLS only towards the application; the user is the identity's object id, as Azure has it, the password its token. */
  startRedis() {
    const { address, port } = names.redis;
    writeFileSync(path.join(this.dir, 'users.acl'), [
      'user default off', `user ${identity.object} on nopass ~* &* +@all`, `user tester on >${TESTER} ~* &* +@all`,
    ].join('\n'));
    return this.program('redis', ['redis-server', '--bind', address, '127.0.0.1', '--tls-port', `${port}`,
      '--port', `${PORTS.redis}`, '--tls-cert-file', this.shown('redis', 'crt'), '--tls-key-file',
      this.shown('redis', 'key'), '--tls-ca-cert-file', `${certificates}/ca.crt`, '--tls-auth-clients', 'no',
      '--save', '', '--appendonly', 'no', '--protected-mode', 'no', '--aclfile', path.join(this.dir, 'users.acl')]);
  }

  /** The container's start: this environment, no configuration file. */
  worker(environment) {
    const admin = { MEMORY_WORKER_ADMIN_BIND: '0.0.0.0' };
    this.memoryWorker = this.inApp('memory-worker', [path.join(bin, 'memory-worker'), 'run'], { ...admin, ...environment });
    return this.memoryWorker;
  }

  admin(where) {
    return `http://${APP_ADDRESS}:9464${where}`;
  }

  async ready() {
    await until('the worker is ready', async () => {
      assert.ok(this.memoryWorker.alive, this.memoryWorker.lastWords());
      const answer = await call(this.admin('/health/ready'));
      assert.equal(answer.status, 200, answer.text);
      return true;
    }, BOUND_MS);
  }

  /** Waits until the worker says that this part is not well, in such words; gives the detail. */
  async notReady(part, words) {
    return until(`the worker names ${part}`, async () => {
      const { status, json } = await call(this.admin('/health/ready'));
      assert.equal(status, 503);
      assert.equal(json.parts[part]?.state, 'down', JSON.stringify(json.parts));
      assert.match(json.parts[part].detail, words);
      return json.parts[part].detail || ' ';
    }, BOUND_MS);
  }

  async publish(chat) {
    await this.redis.command('SET', `session:${chat.sessionId}`, stored(chat), 'EX', 86_400);
    await post(`http://127.0.0.1:${PORTS.busAdmin}/send?topic=message-completed`, [event(chat)]);
  }

  /** Analyses what waits now instead of in a minute. */
  async flush(chat) {
    await until('the conversation is there and flushed', async () => {
      await call(this.admin(`/flush?user=${encodeURIComponent(chat.userId)}`), { method: 'POST' });
      const { active, locked } = await this.subscription();
      return active + locked === 0;
    }, BOUND_MS);
  }

  async subscription() {
    const { entities } = (await call(`http://127.0.0.1:${PORTS.busAdmin}/status`)).json;
    return entities.find((entity) => entity.path.endsWith('memory-worker-message-completed'));
  }

  async deadLetters() {
    return (await call(`http://127.0.0.1:${PORTS.busAdmin}/dead-letters`)).json;
  }

  /** A document as another client of the account reads it; null where there is none. */
  async document(container, partition, id) {
    const resource = encodeURIComponent(`https://${names.cosmos.host}`);
    const { access_token: token } = (await call(
      `http://127.0.0.1:${PORTS.entra}/msi/token?api-version=2019-08-01&resource=${resource}`,
      { headers: { 'X-IDENTITY-HEADER': identity.header } })).json;
    const where = `/dbs/memory_db/colls/${container}/docs/${encodeURIComponent(id)}`;
    const answer = await call(`http://127.0.0.1:${PORTS.cosmos}${where}`, { headers: {
      authorization: encodeURIComponent(`type=aad&ver=1.0&sig=${token}`), 'x-ms-date': new Date().toUTCString(),
      'x-ms-version': '2018-12-31', 'x-ms-documentdb-partitionkey': JSON.stringify([partition]) } });
    if (answer.status === 404) return null;
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  /** Both documents in the account: {conversation, profile}. */
  async documents(chat) {
    return {
      conversation: await this.document('conversations', chat.userId, `${chat.sessionId}_${chat.userId}`),
      profile: await this.document('user-memories', chat.userId, chat.userId),
    };
  }

  /** What the Memory API holds, as the chat application reads it: {conversation, profile}. */
  async memories(chat) {
    const base = `http://${names['memory-api'].address}:8003/api/memory/users/${encodeURIComponent(chat.userId)}`;
    return {
      conversation: (await call(`${base}/conversations/${encodeURIComponent(chat.sessionId)}`)).json,
      profile: (await call(`${base}/memories`)).json,
    };
  }

  async stop(failed) {
    if (failed && this.memoryWorker) console.error(`the worker's last words: ${this.memoryWorker.log.slice(-4000)}`);
    this.redis?.close();
    const troubles = [];
    for (const program of this.programs.reverse()) await program.stop().catch((error) => troubles.push(error));
    rmSync(this.dir, { recursive: true, force: true });
    if (troubles.length > 0 && !failed) throw troubles[0];
  }
}
