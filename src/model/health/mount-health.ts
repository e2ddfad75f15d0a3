import { DiskError, quote, VolumeError } from '../errors.ts';
import { inspectPath } from '../find/staged-content.ts';
import { mapConcurrently } from '../map-concurrently.ts';
import type { Finding } from '../objects/finding.ts';
import type { Volume } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import type { MountedPath } from '../ports/mounts-port.ts';
import type { PathState } from '../ports/paths-port.ts';
import type { Watch } from '../state/activity.ts';
import { expectedMountHealth } from './expected-mount-health.ts';
import { type ExpectedMount, expectedMounts, type HealthPaths } from './expected-mounts.ts';
import { reportUnreadable } from './pool-health.ts';
import type { SharedChecks } from './shared-checks.ts';

// Each path may hold a thread for seconds, if a server does not answer.
const MAX_CONCURRENT_CHECKS = 4;

/** A volume, and the paths at which a request expects it. */
export interface MountedVolume {
  readonly volume: Volume;
  readonly paths: HealthPaths;
}

/** What mounts of several volumes are checked with. */
export interface MountChecks {
  /** Began before the volumes were looked up. */
  readonly watch: Watch;
  readonly shared: SharedChecks;
}

/**
 * The problems of volumes at the paths where each should be mounted, or may be. However many volumes there are, this reads
 * one list of mounts and one of devices. Nothing is reported about a path that any call works on after `watch` began.
 * @returns for each volume its findings, or the error that prevented its check
 */
export async function mountHealth(
  parts: Parts<'catalogue' | 'host'>,
  volumes: readonly MountedVolume[],
  checks: MountChecks,
): Promise<PromiseSettledResult<Finding[]>[]> {
  // Findings at paths that another call works on would be discarded.
  const expected = volumes.map(({ volume, paths }) =>
    expectedMounts(parts.host, volume, paths).filter(({ path }) => checks.watch.isAtRest(path)),
  );
  const observed = await observe(parts.host, expected.flat());
  const places = volumes.map(({ volume }, index) => ({ volume, expected: expected[index] ?? [] }));
  return mapConcurrently(places, MAX_CONCURRENT_CHECKS, ({ volume, expected }) =>
    settled(healthAt(parts, volume, { expected, observed, ...checks })),
  );
}

/** What is at some paths. */
interface Observed {
  readonly states: ReadonlyMap<ExpectedMount, PromiseSettledResult<PathState>>;
  readonly mounts: ReadonlyMap<number, MountedPath>;
}

async function observe(host: Host, expected: readonly ExpectedMount[]): Promise<Observed> {
  const states = await mapConcurrently(
    expected,
    MAX_CONCURRENT_CHECKS,
    async (each) => [each, await settled(stateAt(host, each))] as const,
  );
  // Read after the state of each place is known, so that its mount is in the list; and only once, since it is long.
  const list = expected.length > 0 ? await host.mounts.list() : [];
  return { states: new Map(states), mounts: new Map(list.map((mount) => [mount.mountId, mount])) };
}

/** The problems of a volume at the paths where it should be mounted, or may be. */
async function healthAt(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  {
    expected,
    observed: { states, mounts },
    watch,
    shared,
  }: MountChecks & { readonly expected: readonly ExpectedMount[]; readonly observed: Observed },
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const each of expected) {
    const check = async () => {
      const state = fulfilled(states.get(each));
      const mount = state.kind === 'mounted' ? mounts.get(state.mountId) : undefined;
      const listedDevices = () => shared.listedDevices();
      return expectedMountHealth(parts, volume, { expected: each, state, mount, listedDevices });
    };
    const where = { problem: `volume ${quote(volume.id)} cannot be checked`, path: each.path };
    const found = await reportUnreadable(quote(each.path), check, where);
    if (watch.isAtRest(each.path)) findings.push(...found);
  }
  return distinct(findings);
}

/** The state of a path. If a path in the index cannot be resolved any more, the volume is not there. */
async function stateAt(host: Host, { path, requestField }: ExpectedMount): Promise<PathState> {
  if (requestField !== undefined) return inspectPath(host, requestField, path);
  try {
    return await host.paths.inspect(path);
  } catch (error) {
    if (error instanceof VolumeError && !(error instanceof DiskError)) return { kind: 'absent' };
    throw error;
  }
}

async function settled<T>(work: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([work]);
  return result;
}

/** The result of work that has ended. @throws the error that it ended with */
export function fulfilled<T>(settled: PromiseSettledResult<T> | undefined): T {
  if (settled?.status === 'fulfilled') return settled.value;
  throw settled?.reason;
}

/** A missing device is missing for every path. */
function distinct(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((each) => [each.message, each])).values()];
}
