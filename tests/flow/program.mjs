// One child process of a test: started, waited for, killed and started again by its own pid. It dies with the test
// process, however that ends (setpriv --pdeathsig). Its output goes to files in the test's folder.
import { spawn } from 'node:child_process';
import { openSync, closeSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Bounds are generous: the same tests run under the sanitizers on a busy machine. */
export const BOUND_MS = 60_000;
const POLL_MS = 25;

/** What no waiting will change. */
export class Hopeless extends Error {}

/** What went wrong; where fetch() says only that it failed, why. */
export function reasonOf(error) {
  const cause = error.cause?.code ?? error.cause?.message;
  return cause ? `${error.message} (${cause})` : error.message;
}

/** Waits until `condition` gives something true and returns it; any exception of it but Hopeless is "not yet". */
export async function until(what, condition, boundMs = BOUND_MS) {
  const deadline = Date.now() + boundMs;
  for (;;) {
    let value;
    let trouble = '';
    try {
      value = await condition();
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      trouble = `: ${reasonOf(error)}`;
    }
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`never happened within ${boundMs / 1000} s: ${what}${trouble}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const SANITIZER = /ERROR: (Address|Leak|Thread)Sanitizer|runtime error:/;

export class Program {
  /** @param options {command: [program, ...args], dir, env} */
  constructor(name, options) {
    this.name = name;
    this.options = options;
    this.runs = 0;
    this.child = null;
    this.surprises = []; // the ends that nobody here asked for
  }

  get alive() {
    return this.child !== null && this.result === null;
  }

  get pid() {
    return this.child?.pid;
  }

  spawn(command = this.options.command) {
    if (this.alive) throw new Error(`${this.name} runs already`);
    this.runs += 1;
    this.outFile = path.join(this.options.dir, `${this.name}.${this.runs}.out`);
    this.logFile = path.join(this.options.dir, `${this.name}.${this.runs}.log`);
    const out = openSync(this.outFile, 'w');
    const log = openSync(this.logFile, 'w');
    this.result = null;
    this.signalled = null; // the last signal that this run was sent from here
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command],
      { cwd: this.options.dir, env: this.options.env, stdio: ['ignore', out, log] });
    closeSync(out);
    closeSync(log);
    this.ended = new Promise((resolve) => {
      const end = (result) => {
        this.result = result;
        if (this.endedByItself) this.surprises.push(`run ${this.runs}: ${this.lastWords()}`);
        resolve(result);
      };
      this.child.once('exit', (code, signal) => end({ code, signal }));
      this.child.once('error', (error) => end({ code: null, signal: null, error }));
    });
  }

  get output() {
    return readFileSync(this.outFile, 'utf8');
  }

  get log() {
    return readFileSync(this.logFile, 'utf8');
  }

  /** The objects of the JSON log with this event. */
  events(name) {
    return this.log.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
      .filter((line) => line.event === name);
  }

  /** Waits for the line {"listening":PORT,...} on stdout. */
  async listening() {
    return until(`${this.name} says that it is listening`, () => {
      if (!this.alive) throw new Hopeless(this.lastWords());
      const line = this.output.split('\n').find((l) => l.startsWith('{"listening"'));
      return line && JSON.parse(line);
    });
  }

  /** Whether the last run ended otherwise than by a signal from here. */
  get endedByItself() {
    if (this.child === null || this.alive || this.signalled === 'SIGTERM') return false;
    return this.signalled !== 'SIGKILL' || this.result.signal !== 'SIGKILL';
  }

  lastWords() {
    const { code, signal, error } = this.result ?? {};
    const how = code !== null && code !== undefined ? `code ${code}` : (signal ?? error?.message);
    return `${this.name} ended (${how}): ${this.log.slice(-1500)}`;
  }

  signal(name) {
    if (!this.alive) return;
    this.signalled = name;
    this.child.kill(name);
  }

  /** Kills it as a power cut would and waits until it is gone. */
  async kill() {
    this.signal('SIGKILL');
    await this.ended;
  }

  /** Waits for its end by itself; gives {code, signal}. */
  async end(boundMs = BOUND_MS) {
    await until(`${this.name} ends`, () => !this.alive, boundMs);
    return this.result;
  }

  /** SIGTERM, then SIGKILL past the bound. What a sanitizer found is an error. */
  async stop(boundMs = BOUND_MS) {
    if (this.child === null) return;
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), boundMs);
    await this.ended;
    clearTimeout(timer);
    this.checkSanitizer();
  }

  checkSanitizer() {
    for (let run = 1; run <= this.runs; run += 1) {
      const log = readFileSync(path.join(this.options.dir, `${this.name}.${run}.log`), 'utf8');
      const at = log.search(SANITIZER);
      if (at >= 0) throw new Error(`${this.name}: ${log.slice(at, at + 3000)}`);
    }
  }
}
