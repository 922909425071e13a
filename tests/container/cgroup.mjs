// A cgroup with limits of its own, version 1 or 2, whichever this machine lets us write.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const MOUNT = '/sys/fs/cgroup';
const PERIOD_US = 100_000;

const read = (file) => readFileSync(file, 'utf8').trim();

/** The path of this process's group for a controller; '' is version 2's. */
function ownGroup(controller) {
  for (const line of read('/proc/self/cgroup').split('\n')) {
    const [, controllers, group] = /^\d+:([^:]*):(.*)$/.exec(line);
    if (controller === '' ? controllers === '' : controllers.split(',').includes(controller)) return group;
  }
  return '/';
}

function numberIn(file, key) {
  return Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(read(file))?.[1] ?? 0);
}

function makeFolder(folder, folders) {
  mkdirSync(folder);
  folders.push(folder);
  return folder;
}

function versionOne(name, limits, folders) {
  const at = (controller) => path.join(MOUNT, controller, ownGroup(controller), name);
  const cpu = makeFolder(at('cpu'), folders);
  const memory = makeFolder(at('memory'), folders);
  writeFileSync(path.join(cpu, 'cpu.cfs_period_us'), `${PERIOD_US}`);
  writeFileSync(path.join(cpu, 'cpu.cfs_quota_us'), `${limits.cpus * PERIOD_US}`);
  writeFileSync(path.join(memory, 'memory.limit_in_bytes'), `${limits.memory}`);
  return {
    version: 1,
    peak: () => Number(read(path.join(memory, 'memory.max_usage_in_bytes'))),
    killed: () => numberIn(path.join(memory, 'memory.oom_control'), 'oom_kill'),
    throttled: () => numberIn(path.join(cpu, 'cpu.stat'), 'nr_throttled'),
  };
}

/** Below the root, the only group that may hold processes and children at once. */
function versionTwo(name, limits, folders) {
  const root = existsSync(path.join(MOUNT, 'cgroup.controllers')) ? MOUNT : path.join(MOUNT, 'unified');
  writeFileSync(path.join(root, 'cgroup.subtree_control'), '+cpu +memory');
  const folder = makeFolder(path.join(root, name), folders);
  writeFileSync(path.join(folder, 'cpu.max'), `${limits.cpus * PERIOD_US} ${PERIOD_US}`);
  writeFileSync(path.join(folder, 'memory.max'), `${limits.memory}`);
  const peak = path.join(folder, 'memory.peak');
  return {
    version: 2,
    peak: () => (existsSync(peak) ? Number(read(peak)) : 0),
    killed: () => numberIn(path.join(folder, 'memory.events'), 'oom_kill'),
    throttled: () => numberIn(path.join(folder, 'cpu.stat'), 'nr_throttled'),
  };
}

/**
 * Makes the group; throws where neither version lets us. `launcher` is the command that joins it and becomes the
 * program given to it.
 * @param limits {cpus: may be a fraction, memory: bytes}
 */
export function makeGroup(name, limits) {
  const troubles = [];
  for (const make of [versionOne, versionTwo]) {
    const folders = [];
    const remove = () => folders.splice(0).forEach((folder) => rmdirSync(folder));
    try {
      const group = make(name, limits, folders);
      const join = 'for f in $0; do echo $$ >"$f/cgroup.procs" || exit 1; done; exec "$@"';
      return { ...group, remove, launcher: ['sh', '-c', join, folders.join(' ')] };
    } catch (error) {
      remove();
      troubles.push(error.message);
    }
  }
  throw new Error(troubles.join('; '));
}
