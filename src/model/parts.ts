import type { OnFinding } from './objects/finding.ts';
import type { BlockMaps } from './ports/block-maps.ts';
import type { Devices, ImageFormatter } from './ports/devices-port.ts';
import type { FileSystems } from './ports/file-systems-port.ts';
import type { Mounts } from './ports/mounts-port.ts';
import type { Paths } from './ports/paths-port.ts';
import type { Settings } from './settings.ts';
import type { Catalogue } from './state/catalogue.ts';
import type { Copies } from './state/copies.ts';
import type { Holds } from './state/holds.ts';
import type { Locations } from './state/locations.ts';
import type { MountIndex } from './state/mount-index.ts';
import type { RecountChecks } from './state/recounts.ts';
import type { SharedReservations } from './state/shared-reservations.ts';
import type { OnStep } from './steps.ts';

/** The parts that the model is made of, created once at start. */
export interface AllParts {
  readonly catalogue: Catalogue;
  readonly host: Host;
  readonly copying: Copying;
  /** Background recounts of project quotas. */
  readonly recounts: RecountChecks;
  readonly holds: Holds;
  readonly settings: Settings;
  readonly onStep: OnStep;
  readonly onFinding: OnFinding;
  /** Why the configuration file as it is now is not in force; undefined if it is, or if there is none. */
  readonly configProblem: () => string | undefined;
  readonly now: () => Date;
}

/** The parts that a function needs; without an argument, all of them. */
export type Parts<Name extends keyof AllParts = keyof AllParts> = Pick<AllParts, Name>;

/** What this host can do, and what it shows. */
export interface Host {
  readonly paths: Paths;
  readonly mounts: Mounts;
  readonly fileSystems: FileSystems;
  readonly devices: Devices;
  readonly formatter: ImageFormatter;
  readonly blockMaps: BlockMaps;
  readonly locations: Locations;
  readonly mountIndex: MountIndex;
  /** The key of this node, for encrypted volumes whose calls bring none; undefined if it has none. */
  readonly nodeKey: () => Promise<Buffer | undefined>;
}

/** Copies in progress, and the space that they share with their originals. */
export interface Copying {
  readonly copies: Copies;
  readonly sharing: SharedReservations;
}
