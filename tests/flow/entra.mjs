// What a test of Entra sign-in needs beside the stack: the Entra stand-in, and a bus with TLS that verifies its tokens.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Program } from './program.mjs';
import { environment, withStack } from './stack.mjs';

const JWT_KEY = 'key-of-the-test';
export const IDENTITY = { tenant: 'tenant.example', client: 'client-of-the-test', secret: 'secret-of-the-test', oid: '0b1d-77' };

function makeCertificate(dir, hosts) {
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => path.join(dir, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-days', '1', '-subj', `/CN=${hosts[0]}`, '-addext', `subjectAltName=${hosts.map((host) => `DNS:${host}`)}`, '-keyout', key,
    '-out', cert],
  { stdio: 'ignore' });
  return { cert, key };
}

class Entra {
  constructor(dir) {
    this.program = new Program('entra', { dir, env: environment(), command: [] });
  }

  async start(lifeSeconds) {
    this.program.spawn([path.join(process.env.MW_BIN, 'memory-devstack'), 'entra', '--port', '0', '--tenant',
      IDENTITY.tenant, '--client-id', IDENTITY.client, '--client-secret', IDENTITY.secret, '--object-id', IDENTITY.oid,
      '--jwt-key', JWT_KEY, '--token-life-s', `${lifeSeconds}`]);
    this.url = `http://127.0.0.1:${(await this.program.listening()).listening}`;
  }

  async admin(what, body = undefined) {
    const answer = await fetch(`${this.url}/_admin/${what}`,
      body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
    if (answer.status !== 200) throw new Error(`${what}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async requests(grant = 'client_secret') {
    return (await this.admin('stats')).requests[grant] ?? 0;
  }
}

/**
 * Runs `body(stack, entra)`: the worker has no connection string and signs in to the bus with a client secret.
 * @param options those of withStack, and {lifeSeconds, busArgs, certificateHost (or several), env}; entra.certificate
 *   are the files {cert, key}
 */
export async function withEntra(options, body) {
  const { lifeSeconds = 3600, busArgs = [], certificateHost = 'localhost', env = {}, ...rest } = options;
  const dir = mkdtempSync(path.join(os.tmpdir(), 'memory-worker-entra-'));
  const entra = new Entra(dir);
  try {
    entra.certificate = makeCertificate(dir, [certificateHost].flat());
    const { cert, key } = entra.certificate;
    await entra.start(lifeSeconds);
    await withStack({
      ...rest,
      bus: { args: ['--tls-cert', cert, '--tls-key', key, '--jwt-key', JWT_KEY, ...busArgs] },
      worker: [`--receiver.ca-file=${cert}`, ...(rest.worker ?? [])],
      env: (stack) => ({
        SERVICEBUS_CONNECTION_STRING: undefined,
        SERVICEBUS_FULLY_QUALIFIED_NAMESPACE: `localhost:${stack.busPort}`,
        AZURE_AUTHORITY_HOST: entra.url, AZURE_TENANT_ID: IDENTITY.tenant, AZURE_CLIENT_ID: IDENTITY.client,
        AZURE_CLIENT_SECRET: IDENTITY.secret, AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:9', ...env,
      }),
    }, (stack) => body(stack, entra));
  } finally {
    await entra.program.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
