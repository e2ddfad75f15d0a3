import { invalidField, missingField } from '../model/errors.ts';
import type { TopologySegments } from '../model/objects/topology.ts';
import { isAccessMode, type VolumeCapability } from '../model/requests/capability.ts';
import { anyCapacity, type CapacityRange, checkCapacityRange } from '../model/requests/capacity.ts';
import { parseCapabilityFlags } from '../model/requests/file-system-options.ts';
import { parseFileSystemType } from '../model/volumes/choose-content.ts';
import type { CapacityRange__Output } from '../rpc/generated/csi/v1/CapacityRange.ts';
import type { Topology__Output } from '../rpc/generated/csi/v1/Topology.ts';
import type { VolumeCapability__Output } from '../rpc/generated/csi/v1/VolumeCapability.ts';

/** The maximum bytes in a string of a request or reply unless stated otherwise (CSI specification, Size Limits). */
export const STRING_LIMIT_BYTES = 128;

/**
 * The value of a required field.
 * @throws VolumeError invalid, naming the field
 */
export function required<Value>(field: string, value: Value | null): Value & {} {
  if (value === null || value === undefined || value === '') throw missingField(field);
  return value;
}

// Control characters other than tab and line ends (CSI specification, CreateVolumeRequest.name).
const BANNED_CHARACTER = /(?![\t\n\r])\p{Cc}/u;

/**
 * A name suggested by the CO. Every other character is allowed, including `/` and `..`; the name never becomes a path.
 */
export function parseName(field: string, name: string): string {
  required(field, name);
  if (Buffer.byteLength(name) > STRING_LIMIT_BYTES) {
    throw invalidField(field, name, `is longer than ${STRING_LIMIT_BYTES} bytes`);
  }
  const banned = BANNED_CHARACTER.exec(name)?.[0].codePointAt(0);
  if (banned !== undefined) {
    const codePoint = banned.toString(16).toUpperCase().padStart(4, '0');
    throw invalidField(field, name, `must not contain control characters (U+${codePoint})`);
  }
  return name;
}

/** The requested range; without one, any size is acceptable. */
export function parseCapacityRange(range: CapacityRange__Output | null): CapacityRange {
  if (!range) return anyCapacity;
  const parsed = { requiredBytes: BigInt(range.required_bytes), limitBytes: BigInt(range.limit_bytes) };
  checkCapacityRange(parsed);
  return parsed;
}

/** One capability (CSI specification, VolumeCapability). */
export function parseCapability(field: string, capability: VolumeCapability__Output): VolumeCapability {
  checkShape(field, capability);
  const accessMode = parseAccessMode(`${field}.access_mode`, capability);
  switch (capability.access_type) {
    case 'mount': {
      const { fs_type, mount_flags, volume_mount_group } = required(
        `${field}.mount`,
        capability.mount ?? null,
      );
      if (volume_mount_group !== '') {
        const why = 'is not supported: the driver does not declare VOLUME_MOUNT_GROUP';
        throw invalidField(`${field}.mount.volume_mount_group`, volume_mount_group, why);
      }
      const fsType = parseFileSystemType(`${field}.mount.fs_type`, fs_type);
      const flags = parseCapabilityFlags(`${field}.mount.mount_flags`, mount_flags);
      return { accessType: 'mount', accessMode, fsType, ...flags };
    }
    case 'block':
      return { accessType: 'block', accessMode };
    default:
      throw missingField(`${field}.access_type (mount or block)`);
  }
}

/** Checks that capabilities have the fields that every capability must have, whatever their values. */
export function checkShapes(field: string, list: readonly VolumeCapability__Output[]): void {
  for (const [index, capability] of list.entries()) checkShape(`${field}[${index}]`, capability);
}

function checkShape(field: string, { access_mode, access_type }: VolumeCapability__Output): void {
  const { mode } = required(`${field}.access_mode`, access_mode);
  if (mode === 'UNKNOWN') throw missingField(`${field}.access_mode.mode`);
  required(`${field}.access_type (mount or block)`, access_type ?? null);
}

/** A list of capabilities; errors name each by its index. */
export function parseCapabilities(
  field: string,
  list: readonly VolumeCapability__Output[],
): VolumeCapability[] {
  return list.map((capability, index) => parseCapability(`${field}[${index}]`, capability));
}

function parseAccessMode(field: string, { access_mode }: VolumeCapability__Output) {
  const mode: unknown = required(field, access_mode).mode;
  if (typeof mode === 'string' && isAccessMode(mode)) return mode;
  // proto-loader returns the number of an enum value that it does not know.
  throw invalidField(`${field}.mode`, mode, 'is not a CSI access mode');
}

/** The segments of each topology in a list. */
export function parseTopologies(list: readonly Topology__Output[] | undefined): TopologySegments[] {
  return (list ?? []).map((topology) => topology.segments);
}
