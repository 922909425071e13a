// What is done to the programs. Deaths (kill -9 of worker, Memory API and Redis, at random instants and at steps; SIGTERM)
// come one after another; troubles (stalls, errors, cuts, refusals) run beside them for a while. Every harm undoes
// itself: afterwards all that it took away is there again.
import { Hopeless, until } from '../flow/program.mjs';
import { MOMENTS, atStep, stepNamed, stepsFor } from './steps.mjs';
import { pause } from './random.mjs';

const STOP_BOUND_MS = 20_000;
const STEP_BOUND_MS = 900;
const TROUBLE_MS = 1500; // the longest of a trouble

export class Harm {
  /** @param only names of deaths and troubles (default: all) */
  constructor(ground, oracle, accounts, random, options = {}) {
    Object.assign(this, { ground, oracle, accounts, random, options });
    this.kills = 0;
    this.done = {}; // name: times
    this.stops = [];
    this.busTroubledAt = 0;
    this.misread = new Set(); // conversations that had their answer of nonsense
  }

  count(name) {
    this.done[name] = (this.done[name] ?? 0) + 1;
  }

  get worker() { return this.ground.workers[0]; }
  get second() { return this.ground.workers[1]; }

  #badStop(detail) {
    this.stops.push({ ok: false, detail });
  }

  // --- workers ---

  async #ended(worker) {
    await worker.gone();
    worker.calm();
    await this.accounts.runEnded(worker.run);
  }

  /** The victims are killed at once when `when` says so, then all are started again. */
  async #kill(victims, when) {
    const processes = victims.map((v) => (v.program ? v.program : this.ground.programs[v]));
    const act = () => {
      for (const p of processes) p.signal('SIGKILL');
    };
    await when(act);
    this.kills += victims.length;
    await Promise.all(processes.map((p) => p.ended));
    if (victims.includes('redis')) this.ground.data?.close();
    for (const v of victims) {
      if (v.program) continue;
      await pause(this.random.between(0, 150));
      await this.ground.restart(v);
    }
    for (const v of victims.filter((w) => w.program)) {
      await this.#ended(v);
      v.start();
    }
  }

  #atRandom() {
    return async (act) => {
      await pause(this.random.between(30, 900));
      act();
    };
  }

  #atSome(worker, steps) {
    return async (act) => {
      const step = this.random.pick(steps);
      const moment = this.random.pick(MOMENTS);
      const came = await atStep(worker, step, moment, act, STEP_BOUND_MS);
      this.count(came ? `at ${step.name}, ${moment}` : 'at a step that did not come');
      if (!came) act();
    };
  }

  async killAtRandom() { await this.#kill([this.worker], this.#atRandom()); }

  async killAtStep() {
    await this.#kill([this.worker], this.#atSome(this.worker, stepsFor(this.ground.options.store ?? 'sqlite')));
  }

  /** @param name of the step; moment: when */
  async killAt(name, moment, boundMs = STEP_BOUND_MS) {
    await this.#kill([this.worker], async (act) => {
      if (!(await atStep(this.worker, stepNamed(name), moment, act, boundMs))) act();
      else this.count(`at ${name}, ${moment}`);
    });
  }

  async killStore() {
    if (this.ground.cosmosPort) return this.killAtStep();
    await this.#kill(['api'], this.random.chance(0.5) ? this.#atRandom()
      : this.#atSome(this.worker, [stepNamed('commit'), stepNamed('context read')]));
  }

  async killRedis() {
    await this.#kill(['redis'], this.random.chance(0.5) ? this.#atRandom()
      : this.#atSome(this.worker, [stepNamed('answer saved'), stepNamed('lease'), stepNamed('answer dropped')]));
  }

  async killTwo() {
    const other = this.ground.cosmosPort || this.random.chance(0.5) ? 'redis' : 'api';
    await this.#kill([this.worker, other], this.random.chance(0.5) ? this.#atRandom()
      : this.#atSome(this.worker, stepsFor(this.ground.options.store ?? 'sqlite')));
  }

  /** SIGTERM under traffic: exit code 0, and where it was alone, and the bus not in trouble, nothing stays locked. */
  async stop(worker = this.worker, delayMs = this.random.between(0, 500)) {
    await until(`${worker.name} has begun`, () => !worker.alive || worker.program.log.includes('"event":"starting"'));
    await pause(delayMs);
    const alone = this.ground.workers.every((w) => w === worker || !w.alive);
    worker.program.signal('SIGTERM');
    await until(`${worker.name} stops`, () => !worker.alive, STOP_BOUND_MS).catch(() => worker.program.kill());
    const { code, signal } = worker.program.result;
    await this.#ended(worker);
    const left = alone && this.busTroubledAt < worker.spawnedAt ? await this.ground.lockedBy(worker) : [];
    if (code !== 0) this.#badStop(`${worker.run} ended with ${code ?? signal} at SIGTERM`);
    else if (left.length > 0)
      this.#badStop(`${worker.run} left ${left.length} locked at its end, as ${left[0].messageId}`);
    else this.stops.push({ ok: true });
  }

  async stopAndStart() {
    if (this.random.chance(0.5)) {
      this.worker.relays.bus.delayMs = 10;
      await pause(this.random.between(100, 400));
      await this.oracle.tell(); // on its way to the worker when it is stopped
      await this.stop(this.worker, 0);
    } else {
      await this.stop();
    }
    this.worker.start();
  }

  /** A second worker comes, or leaves in one way or the other. */
  async secondWorker() {
    if (!this.second.alive) return this.second.start();
    if (this.random.chance(0.3)) return this.stop(this.second);
    await pause(this.random.between(30, 900));
    this.second.program.signal('SIGKILL');
    this.kills += 1;
    await this.#ended(this.second);
    if (this.random.chance(0.5)) this.second.start();
  }

  // --- troubles ---

  /** What happens to the bus's connections, or to settlements, may leave locks: for as long as this worker runs. */
  #troubleBus() {
    this.busTroubledAt = Date.now() + TROUBLE_MS;
  }

  #relay(worker, names) {
    const name = this.random.pick(names);
    if (name === 'bus') this.#troubleBus();
    return worker.relays[name];
  }

  async stall() {
    const worker = this.random.pick(this.ground.workers);
    const relay = this.#relay(worker, ['bus', 'redis', 'llm', 'store']);
    relay.stall();
    await pause(this.random.between(100, 1200));
    relay.resume();
  }

  async delay() {
    const relay = this.worker.relays[this.random.pick(['bus', 'redis', 'store'])];
    relay.delayMs = this.random.between(2, 25);
    await pause(this.random.between(500, 1500));
    relay.delayMs = 0;
  }

  async cut() {
    const worker = this.random.pick(this.ground.workers);
    this.#relay(worker, ['bus', 'bus', 'redis', 'store']).cut();
  }

  async dropBus() {
    this.#troubleBus();
    await this.ground.busFault(this.random.pick(['drop', 'close', 'detach']));
  }

  async refuse() {
    const relay = this.#relay(this.worker, ['bus', 'redis', 'store', 'llm']);
    relay.refusing = true; // new connections only: a call in flight goes on
    await pause(this.random.between(200, 1200));
    relay.refusing = false;
  }

  async llmErrors() {
    const fault = this.random.pick([
      { kind: 'error', status: 503 }, { kind: 'error', status: 500 }, { kind: 'throttle', retry_after_ms: 300 },
      { kind: 'cut' }, { kind: 'malformed_body' }, { kind: 'hang', hang_ms: 1200, next: 3 },
    ]);
    await this.ground.llmFaults([fault.next ? fault : { ...fault, rate: this.random.pick([0.4, 1]) }]);
    await pause(this.random.between(200, 1200));
    await this.ground.llmFaults([]);
  }

  /**
   * One answer that has to be repaired; never the repair too, after which what it said may be given up. No wrong quote:
   * an operation without evidence is dropped, not asked for again.
   */
  async llmNonsense() {
    const fact = this.oracle.newest;
    if (!fact || this.misread.has(fact.session)) return;
    this.misread.add(fact.session);
    const kind = this.random.pick(['malformed_json', 'schema_violation']);
    await this.ground.llmFaults([{ kind, next: 1, trigger: fact.word }]);
    await pause(this.random.between(200, 600));
    await this.ground.llmFaults([]);
  }

  async busRefusals() {
    const [kind, values] = this.random.pick([
      ['dispositions', { count: 2, condition: 'com.microsoft:server-busy' }], ['dispositions', { count: 2 }],
      ['management', { count: 1 }], ['cbs', { count: 1 }], ['attach', { count: 1 }], ['lose-locks', { count: 2 }],
    ]);
    this.#troubleBus();
    await this.ground.busFault(kind, values);
  }

  async forget() {
    await this.oracle.forgetSomebody(this.random.between(20, 260));
  }

  /** Nothing of any harm is left, and all programs are there. */
  async undo() {
    await this.ground.llmFaults([]);
    for (const kind of ['dispositions', 'management', 'cbs', 'attach']) await this.ground.busFault(kind, { count: 0 });
    for (const worker of this.ground.workers) worker.calm();
    for (const name of ['redis', 'api']) if (!this.ground.programs[name].alive) await this.ground.restart(name);
    if (!this.worker.alive) {
      if (this.worker.program.result?.signal !== 'SIGKILL') throw new Hopeless(this.worker.program.lastWords());
      this.worker.start();
    }
  }
}

export const DEATHS = [
  [26, 'killAtRandom'], [30, 'killAtStep'], [10, 'killStore'], [10, 'killRedis'], [6, 'killTwo'], [8, 'stopAndStart'],
  [12, 'secondWorker'],
];
export const TROUBLES = [
  [4, 'stall'], [3, 'delay'], [3, 'cut'], [3, 'dropBus'], [2, 'refuse'], [4, 'llmErrors'], [2, 'llmNonsense'],
  [3, 'busRefusals'], [6, 'forget'],
];
