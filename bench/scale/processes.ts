import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Memory } from './numbers.ts';

/** As the driver's image has it. */
const imageEnvironment = { NODE_ENV: 'production', UV_THREADPOOL_SIZE: '192' };

/** A container of a pod, as far as it is used. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } };
  }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

/** A pod, as far as it is used. */
export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
  };
  readonly spec: { readonly nodeName?: string; readonly containers: readonly Container[] };
}

/** A process that runs in place of a container. */
export interface ContainerProcess {
  readonly container: string;
  readonly pod: string;
  /** The tag of its image. */
  readonly version: string;
  readonly pid: number;
}

/**
 * Runs a container's program with its arguments and environment, where its volumes are directories below `home`, named
 * after them. It has the pod's host name, by which leaders are elected.
 */
export function startContainer(
  { metadata, spec }: Pod,
  container: Container,
  { program, home, logs }: { program: readonly string[]; home: string; logs: string },
): ContainerProcess {
  const fields: Record<string, string> = {
    'spec.nodeName': spec.nodeName ?? '',
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
  };
  const env = Object.fromEntries(
    (container.env ?? []).map(({ name, valueFrom }) => [name, fields[valueFrom.fieldRef.fieldPath] ?? '']),
  );
  const args = (container.args ?? []).map((arg) => withPaths(withVariables(arg, env), container, home));
  const log = openSync(join(logs, `${container.name}-${metadata.name}.log`), 'a');
  const inPod = ['--uts', '--', 'sh', '-euc', 'hostname "$1"; shift; exec "$@"', 'sh', metadata.name];
  const child = spawn('unshare', [...inPod, ...program, ...args], {
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'], ...imageEnvironment, ...env, POD_NAMESPACE: metadata.namespace },
  });
  child.once('exit', (code, signal) => reportEnd(container.name, metadata.name, code ?? signal));
  const version = container.image.slice(container.image.lastIndexOf(':') + 1);
  return { container: container.name, pod: metadata.name, version, pid: pidOf(child) };
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('unshare cannot be started');
  return pid;
}

function reportEnd(container: string, pod: string, status: number | string | null): void {
  throw new Error(`${container} of ${pod} ended with ${status}; see its log`);
}

/** As the kubelet expands $(NAME). */
function withVariables(arg: string, env: Readonly<Record<string, string>>): string {
  return arg.replace(/\$\((\w+)\)/g, (text, name: string) => env[name] ?? text);
}

/** The paths of volumes in a flag, such as unix:///csi/csi.sock. */
function withPaths(arg: string, { volumeMounts = [] }: Container, home: string): string {
  return volumeMounts.reduce(
    (text, { name, mountPath }) =>
      text.replace(new RegExp(`(=|://)${mountPath}(?=/|$)`), `$1${join(home, name)}`),
    arg,
  );
}

/** The memory of a process. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mib = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1]) / 1024;
  return { rss: mib('Rss'), pss: mib('Pss') };
}

/** The process with that name. */
export function pidOfProgram(name: string): number {
  const pid = readdirSync('/proc').find((entry) => /^\d+$/.test(entry) && commandOf(entry) === name);
  if (pid === undefined) throw new Error(`there is no process ${name}`);
  return Number(pid);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    // It has ended.
    return '';
  }
}
