// What platforms, mounted secrets, Docker's --env-file and other programs put into a worker's environment ended it with
// exit code 78, or was taken with its line break. Each file of cases/environment/ is one such environment, beside a
// configuration that is complete otherwise; its `right` says what the built program does with it.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { withStack } from '../flow/stack.mjs';

const CASES = path.join(import.meta.dirname, 'cases', 'environment');

/** {environment, right, text: the file} of a case. */
function readCase(name) {
  const text = readFileSync(path.join(CASES, name), 'utf8');
  if (name.endsWith('.json')) return { text, ...JSON.parse(text) };
  const right = JSON.parse(/^# right: (.*)$/m.exec(text)[1]);
  const environment = {};
  for (const line of text.split('\n')) {
    const found = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    if (found) environment[found[1]] = found[2];
  }
  return { text, environment, right };
}

/** Whether a line names the variable and shows nothing of its value. */
function names(log, variable, value) {
  const lines = log.split('\n').filter((line) => line.includes(variable));
  return lines.length > 0 && lines.every((line) => !value || !line.includes(value.trim()));
}

function optionsOf(printed) {
  const options = {};
  let section = '';
  for (const line of printed.split('\n')) {
    section = /^\[(.*)\]$/.exec(line)?.[1] ?? section;
    const found = /^([\w-]+) = (.*) ; /.exec(line);
    if (found) options[`${section}.${found[1]}`] = found[2].replace(/^"(.*)"$/, '$1');
  }
  return options;
}

const cases = readdirSync(CASES).filter((name) => readCase(name).right.exit !== undefined);

for (const name of cases) {
  const { environment, right, text } = readCase(name);
  const isDotenv = name === 'other_programs_keys.env';
  test(`${name}: exit code ${right.exit}, and what is told`, async () => {
    await withStack({ start: [], env: isDotenv ? {} : environment }, async (stack) => {
      stack.busPort = 5672;
      if (isDotenv) writeFileSync(path.join(stack.dir, 'worker', '.env'), text);
      const { code, out, log } = await stack.workerCommand('config');
      assert.equal(code, right.exit, log);
      for (const word of right.says ?? []) assert.ok(log.includes(word), `${word} in: ${log}`);
      const told = optionsOf(out);
      for (const [option, value] of Object.entries(right.options ?? {})) assert.equal(told[option], value, option);
      const warnings = log.split('\n').filter((line) => line.includes(': warning: '));
      assert.equal(warnings.length, right.warns?.length ?? 0, log);
      for (const variable of [...(right.warns ?? []), ...(right.notes ?? [])])
        assert.ok(names(log, variable, environment[variable]), `${variable} in: ${log}`);
    });
  });
}

test('the running worker warns once of what it does not follow, counts it by cause, and works', async () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_TRACES_SAMPLER: 'jaeger_remote', OTEL_BSP_SCHEDULE_DELAY: 'soon', AZURE_AI_CHAT_KEY: 'stand-in\r\n',
    LOG_LEVEL: '"INFO"' };
  await withStack({ env }, async (stack) => {
    const warnings = stack.worker.events('configuration-warning');
    assert.deepEqual(warnings.map((w) => w.cause).sort(), ['unreadable-value', 'unsupported-value', 'unsupported-value']);
    assert.equal(await stack.metric('memory_worker_configuration_warnings_total', 'unsupported-value'), 2);
    assert.equal(await stack.metric('memory_worker_configuration_warnings_total', 'unreadable-value'), 1);
    const notes = stack.worker.events('configuration-note').map((n) => n.detail);
    assert.equal(notes.filter((n) => n.includes('AZURE_AI_CHAT_KEY was trimmed')).length, 1);
    assert.equal(stack.worker.events('starting')[0].telemetry, '');
  });
});
