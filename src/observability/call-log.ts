import { status } from '@grpc/grpc-js';
import { DiskError, VolumeError } from '../model/errors.ts';
import type { FinishedCall } from '../rpc/call-monitor.ts';
import { EncodedReply } from '../rpc/encoded-reply.ts';
import type { ForwardedCall } from '../rpc/proxy/proxy-server.ts';
import type { SecretRedactor } from '../rpc/secrets.ts';
import { codeName } from '../rpc/status.ts';
import type { Logger } from './logger.ts';

const CONTENT_VERBOSITY = 5;
const SERVER_FAULTS: readonly status[] = [status.INTERNAL, status.UNKNOWN, status.DATA_LOSS];

/**
 * Logs each finished call in one line: method, code, duration and the object it concerns. Failed calls are always
 * logged, successful ones at the level of `callLevel`. From verbosity 5 on, request and reply are logged too, without
 * secrets.
 */
export async function callLogger(logger: Logger, verbosity: number): Promise<(call: FinishedCall) => void> {
  // What it takes to recognise secrets is much code, which is otherwise not loaded.
  const redact =
    verbosity >= CONTENT_VERBOSITY ? (await import('../rpc/secrets.ts')).redactSecrets : undefined;
  return ({ path, code, durationMs, request, reply, error }) => {
    const level = callLevel(path);
    if (error === undefined && !logger.isLevelEnabled(level)) return;
    const line = {
      method: path.slice(path.lastIndexOf('/') + 1),
      code: codeName(code),
      durationMs: Math.round(durationMs * 100) / 100,
      ...idsOf(request, reply),
      ...(redact ? contentOf(path, request, reply, redact) : {}),
    };
    if (error === undefined) logger[level](line, 'call');
    else if (SERVER_FAULTS.includes(code)) logger.error({ ...line, err: error }, 'call failed');
    else {
      const reason = error instanceof Error ? error.message : String(error);
      logger.warn({ ...line, reason, ...causeOf(error) }, 'call refused');
    }
  };
}

/** The failed system call behind a disk error: which call it was, what it concerned and its errno. */
function causeOf(error: unknown): { cause?: object } {
  if (!(error instanceof DiskError)) return {};
  let cause: unknown = error;
  while (cause instanceof VolumeError) ({ cause } = cause);
  if (!(cause instanceof Error)) return {};
  const { message, code, syscall, path } = cause as NodeJS.ErrnoException;
  return { cause: { message, code, syscall, path } };
}

// In the specification, every message is named after its method.
function contentOf(
  path: string,
  request: unknown,
  reply: unknown,
  redact: SecretRedactor,
): { request: unknown; reply: unknown } {
  const name = path.slice(1).replace(/\.[^.]*\//, '.');
  return {
    request: redact(`${name}Request`, request),
    reply: redact(`${name}Response`, reply instanceof EncodedReply ? reply.message : reply),
  };
}

/** The fields that identify the object of a call, in the request or in the object that the reply contains. */
const idFields = [
  { key: 'name', field: 'name', shownIn: undefined },
  { key: 'volumeId', field: 'volume_id', shownIn: 'volume' },
  { key: 'sourceVolumeId', field: 'source_volume_id', shownIn: undefined },
  { key: 'snapshotId', field: 'snapshot_id', shownIn: 'snapshot' },
  { key: 'baseSnapshotId', field: 'base_snapshot_id', shownIn: undefined },
  { key: 'targetSnapshotId', field: 'target_snapshot_id', shownIn: undefined },
  { key: 'groupSnapshotId', field: 'group_snapshot_id', shownIn: 'group_snapshot' },
] as const;

function idsOf(request: unknown, reply: unknown): Record<string, string> {
  const ids: Record<string, string> = {};
  for (const { key, field: name, shownIn } of idFields) {
    const id = text(request, name) ?? (shownIn && text(field(reply, shownIn), name));
    if (id) ids[key] = id;
  }
  return ids;
}

function text(message: unknown, name: string): string | undefined {
  const value = field(message, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function field(message: unknown, name: string): unknown {
  return typeof message === 'object' && message !== null && name in message
    ? (message as Record<string, unknown>)[name]
    : undefined;
}

/** The level at which a successful call is logged. */
export type CallLevel = 'info' | 'debug' | 'trace';

// In CSI, only read RPCs have such names; Probe is the only other read.
const READ = /^(?:Controller|GroupController|Node)?(?:Get|List|Validate)/;

/**
 * Changes are always logged. Every node and sidecar sends reads every minute, and probes every few seconds; as in the
 * drivers of kubernetes-csi they need a higher verbosity.
 * @param path of the method, for instance `/csi.v1.Node/NodeStageVolume`
 */
export function callLevel(path: string): CallLevel {
  if (path.endsWith('/Probe')) return 'trace';
  return READ.test(path.slice(path.lastIndexOf('/') + 1)) ? 'debug' : 'info';
}

/**
 * Logs each forwarded call in one line: path, code and duration. The content is unknown here, and the upstream logs its
 * own reasons for errors. Successful calls are logged at the level of `callLevel`.
 */
export function forwardedCallLogger(logger: Logger): (call: ForwardedCall) => void {
  return ({ path, code, durationMs, reason }) => {
    const line = {
      path,
      code: codeName(code),
      durationMs: Math.round(durationMs * 100) / 100,
      ...(reason === undefined ? {} : { reason }),
    };
    if (code !== status.OK) logger.warn(line, 'call refused');
    else logger[callLevel(path)](line, 'call');
  };
}
