import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { quote, VolumeError } from '../../model/errors.ts';
import { defaultPoolName } from '../../model/ports/pool.ts';
import { replaceFile } from '../../records/durable-file.ts';
import { driverOnlyMode } from '../../records/pool-layout.ts';
import { toText } from '../../records/record-format.ts';
import { type PoolMarker, parseOwnJson, poolId } from './pool-marker.ts';

const formatVersion = 1;

const stateMarker = z.object({
  formatVersion: z.literal(formatVersion),
  poolId,
  path: z.string(),
  fileSystem: z.string(),
});

/** The pool in the state directory when it was last used. */
type RememberedState = Omit<z.infer<typeof stateMarker>, 'formatVersion'>;

/** When a state directory may be created. */
export interface StateRules {
  /** A file on another disk that remembers the state directory; undefined for none. */
  readonly markerPath: string | undefined;
  /** Whether the state directory must never be created. */
  readonly mustExist: boolean;
}

/**
 * Prevents a state directory from being created in the empty mount point of its disk. The registry cannot help, since
 * it is in the state directory.
 */
export class StateGuard {
  private readonly rules: StateRules;

  constructor(rules: StateRules) {
    this.rules = rules;
  }

  /**
   * Compares the pool in the state directory with the one remembered on another disk.
   * @param found the marker in the state directory; undefined if a pool would be created
   * @throws VolumeError unavailable, naming the remedy
   */
  async check(path: string, found: PoolMarker | undefined): Promise<void> {
    const before = await this.read();
    const where = this.rules.markerPath;
    if (before && before.poolId !== found?.poolId) {
      const what = found ? `pool ${found.poolId}` : 'no pool';
      throw unavailableError(
        `${path} contains ${what} (${where} expects pool ${before.poolId} on ${before.fileSystem}); is its disk mounted? To use this state directory from now on, remove ${where}`,
      );
    }
    if (found || !this.rules.mustExist) return;
    throw unavailableError(
      `${path} contains no pool, and --require-existing-statedir forbids creating one; is its disk mounted? Omit the flag for the first start`,
    );
  }

  /** Remembers the state directory, unless it is already known. */
  async remember(state: RememberedState): Promise<void> {
    const { markerPath } = this.rules;
    if (markerPath === undefined || isDeepStrictEqual(await this.read(), state)) return;
    await mkdir(dirname(markerPath), { recursive: true, mode: driverOnlyMode });
    await replaceFile(markerPath, toText({ formatVersion, ...state }));
  }

  private async read(): Promise<RememberedState | undefined> {
    const { markerPath } = this.rules;
    if (markerPath === undefined) return undefined;
    const read = await parseOwnJson(markerPath, stateMarker);
    if (!read) return undefined;
    const { formatVersion: _, ...state } = read;
    return state;
  }
}

function unavailableError(what: string): VolumeError {
  return new VolumeError('unavailable', `pool ${quote(defaultPoolName)} is not reachable: ${what}`);
}
