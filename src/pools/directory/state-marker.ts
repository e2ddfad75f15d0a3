import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { quote, VolumeError } from '../../model/errors.ts';
import { defaultPoolName } from '../../model/ports/pool.ts';
import { replaceFile } from '../../records/durable-file.ts';
import { driverOnlyMode } from '../../records/pool-layout.ts';
import { type PoolMarker, parseOwnJson, poolId } from './pool-marker.ts';

const formatVersion = 1;

const stateMarker = z.object({
  formatVersion: z.literal(formatVersion),
  poolId,
  path: z.string(),
  fileSystem: z.string(),
});

/** Which pool the state directory was when it was used last. */
type RememberedState = Omit<z.infer<typeof stateMarker>, 'formatVersion'>;

/** When a state directory may be made. */
export interface StateRules {
  /** A file on another disk that remembers the state directory; undefined for none. */
  readonly markerPath: string | undefined;
  /** Never make one. */
  readonly mustExist: boolean;
}

/**
 * Keeps a state directory from being made in the empty mount point of its disk. What the state directory remembers itself
 * is of no use then.
 */
export class StateGuard {
  private readonly rules: StateRules;

  constructor(rules: StateRules) {
    this.rules = rules;
  }

  /**
   * Compares what is at the state directory with what is remembered elsewhere.
   * @param found the marker there; undefined where a pool would be made
   * @throws VolumeError unavailable, naming the cure
   */
  async check(path: string, found: PoolMarker | undefined): Promise<void> {
    const before = await this.read();
    const where = this.rules.markerPath;
    if (before && before.poolId !== found?.poolId) {
      const what = found ? `pool ${found.poolId}` : 'no pool';
      throw unavailable(
        `${path} holds ${what}, where ${where} remembers pool ${before.poolId} on file system ${before.fileSystem}: is its disk mounted? If this state directory is to be used from now on, remove ${where}`,
      );
    }
    if (found || !this.rules.mustExist) return;
    throw unavailable(
      `${path} holds no pool, and --require-existing-statedir lets none be made: is its disk mounted? For the first start leave the flag out`,
    );
  }

  /** Remembers the state directory, where it is not known already. */
  async remember(state: RememberedState): Promise<void> {
    const { markerPath } = this.rules;
    if (markerPath === undefined || isDeepStrictEqual(await this.read(), state)) return;
    await mkdir(dirname(markerPath), { recursive: true, mode: driverOnlyMode });
    await replaceFile(markerPath, `${JSON.stringify({ formatVersion, ...state }, null, 2)}\n`);
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

function unavailable(what: string): VolumeError {
  return new VolumeError('unavailable', `pool ${quote(defaultPoolName)} is not reachable: ${what}`);
}
