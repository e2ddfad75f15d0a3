import type { Finding } from '../objects/finding.ts';
import type { FileSystemUsage } from '../ports/file-systems-port.ts';
import type { VolumeUsage } from '../ports/ports.ts';

/** What a survey has found out about a pool so far. A field that is undefined is not known, or not known yet. */
export interface PoolState {
  isReachable: boolean | undefined;
  /** The space of its disk. */
  usage: FileSystemUsage | undefined;
  /** The bytes that a new volume can get, as GetCapacity reports them. */
  provisionableBytes: bigint | undefined;
  /** Its own problems, as NodeGetStorageHealth reports them. */
  findings: readonly Finding[];
  /** Its volumes, by id. */
  readonly volumes: Map<string, VolumeState>;
}

/** What a survey has found out about a volume. */
export interface VolumeState {
  /** Undefined if it has no limit or file system of its own, or is an image that is not mounted. */
  readonly usage: VolumeUsage | undefined;
  /** Its problems as NodeGetVolumeHealth reports them if the request has no paths, except those of its whole pool. */
  readonly findings: readonly Finding[];
}

export function unknownState(): PoolState {
  return {
    isReachable: undefined,
    usage: undefined,
    provisionableBytes: undefined,
    findings: [],
    volumes: new Map(),
  };
}
