import { type Finding, finding } from '../objects/finding.ts';
import type { Usage } from '../ports/mounts-port.ts';
import type { VolumeUsage } from '../ports/ports.ts';

/** A volume or disk is nearly full if at most one part in this many is still available. */
const PARTS = 20n;

/** @param subject the owner of the space, for the message */
export function nearlyFull(subject: string, { bytes, inodes }: VolumeUsage): Finding[] {
  return [
    ...(isNearlyFull(bytes) ? [finding('NearlyOutOfSpace', told(subject, bytes, 'bytes'))] : []),
    ...(inodes && isNearlyFull(inodes)
      ? [finding('NearlyOutOfInodes', told(subject, inodes, 'inodes'))]
      : []),
  ];
}

/** File systems that allocate inodes dynamically report zeros, which does not mean full. */
function isNearlyFull({ total, available }: Usage): boolean {
  return total > 0n && available * PARTS <= total;
}

function told(subject: string, { total, available }: Usage, unit: string): string {
  return `${subject} has ${available} of ${total} ${unit} left`;
}
