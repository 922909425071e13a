// Starts memory-api over a Cosmos DB endpoint for a test, asks it, and ends it.
'use strict';

const { spawn } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');

const bin = path.dirname(process.env.MW_DEVSTACK || path.join(__dirname, '../../../build/release/bin/memory-devstack'));
const START_MS = 20_000;

/** Starts a program of ours that prints {"listening":PORT}, runs `body(port)`, and ends the program. */
async function withProgram(name, args, env, body) {
  const child = spawn(path.join(bin, name), args, { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (text) => { complaints += text; });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  let timer;
  try {
    const port = await new Promise((resolve, reject) => {
      readline.createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line).listening));
      child.once('error', reject);
      ended.then(({ code }) => reject(new Error(`${name} did not start (${code}): ${complaints}`)));
      timer = setTimeout(() => reject(new Error(`${name} printed nothing`)), START_MS);
    });
    clearTimeout(timer);
    await body(port);
  } finally {
    clearTimeout(timer);
    child.kill('SIGTERM');
    const { code, signal } = await ended;
    if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}: ${complaints}`);
  }
}

/** memory-api --store cosmos with `ask(method, path, body)`, which gives {status, body}. */
function withMemoryApi(endpoint, key, body) {
  const env = { COSMOS_ENDPOINT: endpoint, COSMOS_KEY: key };
  return withProgram('memory-api', ['--store', 'cosmos', '--port', '0'], env, (port) => body(async (method, route, json) => {
    const answer = await fetch(`http://127.0.0.1:${port}${route}`, {
      method,
      headers: json === undefined ? {} : { 'content-type': 'application/json' },
      body: json === undefined ? undefined : JSON.stringify(json),
    });
    return { status: answer.status, body: await answer.json() };
  }));
}

module.exports = { withMemoryApi, withProgram };
