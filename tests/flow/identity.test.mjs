// Signing in to the bus with Entra: tokens are renewed under way, and what is wrong is said once, clearly, and tried
// again slowly, with no message touched.
import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation } from './chats.mjs';
import { IDENTITY, withEntra } from './entra.mjs';
import { until } from './stack.mjs';

const WITHOUT_WORKER = ['redis', 'bus', 'llm', 'api'];
const OBSERVE_MS = 4000;
const LINKS = 2; // the subscription and its management node have a token each

test('tokens that live 5 s: renewed on the live link under a run of messages, no job fails', async () => {
  await withEntra({ lifeSeconds: 5 }, async (stack, entra) => {
    const chats = [];
    await until('every link has had five tokens', async () => {
      const more = Array.from({ length: 40 }, (_, i) => conversation(chats.length + i));
      chats.push(...more);
      await stack.publish(more);
      await stack.allStored(more);
      return (await stack.busStatus()).tokensAccepted >= LINKS * 5;
    });
    await stack.storedOnceEach(chats);
    const bus = await stack.busStatus();
    assert.equal(bus.connectionsAccepted, 1, 'it was the same connection all the time');
    assert.deepEqual([bus.linksExpired, bus.tokensRefused], [0, 0]);
    assert.equal((await stack.subscription()).totals.delivered, chats.length, 'nothing was delivered twice');
    assert.equal((await stack.llmStats()).messages.max_times, 1, 'nothing was paid for twice');
    assert.ok(await entra.requests() <= bus.tokensAccepted, 'tokens are shared and cached');
    assert.deepEqual(stack.worker.events('signed-in').map((e) => e.identity), ['environment']);
    assert.doesNotMatch(stack.worker.log, new RegExp(IDENTITY.secret));
  });
});

test('a wrong secret: not ready because of the bus, one clear line a try, slow retries, no message touched', async () => {
  const wrong = 'not-the-secret';
  await withEntra({ env: { AZURE_CLIENT_SECRET: wrong }, start: WITHOUT_WORKER }, async (stack, entra) => {
    const chats = Array.from({ length: 5 }, (_, i) => conversation(i));
    await stack.publish(chats);
    await stack.start_worker();
    assert.match(await stack.notReady('bus'), /unauthorized: .*AADSTS7000215: Invalid client secret/);
    const end = Date.now() + OBSERVE_MS;
    await until('the observation is over', () => Date.now() > end);
    const lines = stack.worker.log.split('\n').filter((line) => line.includes('AADSTS7000215'));
    const tries = await entra.requests();
    assert.ok(tries <= 6, `${tries} requests`);
    assert.ok(lines.length <= tries + 1, `${lines.length} lines for ${tries} tries`);
    for (const line of lines) assert.equal(JSON.parse(line).event, 'connection-refused');
    assert.ok(stack.worker.alive, 'it does not crash');
    assert.equal((await stack.subscription()).totals.delivered, 0);
    assert.doesNotMatch(stack.worker.log, new RegExp(wrong));
    await entra.admin('settings', { client_secret: wrong });
    await stack.ready();
    await stack.storedOnceEach(chats);
  });
});

test('a token that the bus refuses is fetched anew once, and then the worker is ready', async () => {
  await withEntra({ start: WITHOUT_WORKER }, async (stack, entra) => {
    await entra.admin('faults', { faults: [{ kind: 'wrong_audience', next: 1 }] });
    await stack.start_worker();
    await stack.ready();
    assert.equal(await entra.requests(), 2);
    assert.ok((await stack.busStatus()).tokensRefused > 0);
  });
});

test('a certificate for another host: not ready, the bus is named, the token goes to nobody', async () => {
  await withEntra({ start: WITHOUT_WORKER, certificateHost: 'elsewhere.example' }, async (stack, entra) => {
    await stack.start_worker();
    assert.match(await stack.notReady('bus'), /localhost.*certificate/);
    assert.equal(await entra.requests(), 0);
    assert.ok(stack.worker.alive, 'it does not crash');
  });
});

test('check names the link of the chain that gave the token', async () => {
  await withEntra({ start: WITHOUT_WORKER }, async (stack) => {
    const { code, out } = await stack.workerCommand('check', ...stack.options.worker);
    assert.equal(code, 0, out);
    assert.match(out, /ok +Entra +https:\/\/servicebus\.azure\.net\/\.default\n +token of: environment, object id 0b1d-77/);
    assert.match(out, /ok +Service Bus/);
  });
});

test('check prints the role that is missing and the line that grants it', async () => {
  await withEntra({ start: WITHOUT_WORKER, busArgs: ['--listener', 'somebody-else'] }, async (stack) => {
    const { code, out } = await stack.workerCommand('check', ...stack.options.worker);
    assert.equal(code, 1, out);
    assert.match(out, /FAILED +Service Bus/);
    assert.match(out, /'Listen' claim\(s\) are required/);
    assert.match(out, /lacks the role "Azure Service Bus Data Receiver"/);
    assert.match(out, /az role assignment create --assignee-object-id 0b1d-77 .*--role "Azure Service Bus Data Receiver"/);
  });
});

test('check says for every link why it gave no token', async () => {
  const env = { AZURE_CLIENT_SECRET: undefined, PATH: '/usr/bin:/bin' };
  await withEntra({ start: WITHOUT_WORKER, env }, async (stack) => {
    const { code, out } = await stack.workerCommand('check', ...stack.options.worker);
    assert.equal(code, 1, out);
    assert.match(out, /FAILED +Entra/);
    assert.match(out, /environment: not set: AZURE_CLIENT_SECRET/);
    assert.match(out, /workload identity: not set: AZURE_FEDERATED_TOKEN_FILE/);
    assert.match(out, /managed identity \(IMDS\): no metadata service answers at http:\/\/127\.0\.0\.1:9/);
    assert.match(out, /Azure CLI: az /);
  });
});
