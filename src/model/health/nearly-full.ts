import { type Finding, finding } from '../objects/finding.ts';
import type { Usage } from '../ports/mounts-port.ts';
import type { VolumeUsage } from '../ports/ports.ts';

/** A volume or disk is nearly full when less than one part of so many can still be written. */
const PARTS = 20n;

/** @param subject what has the space, for the message */
export function nearlyFull(subject: string, { bytes, inodes }: VolumeUsage): Finding[] {
  return [
    ...(isNearlyFull(bytes) ? [finding('NearlyOutOfSpace', told(subject, bytes, 'bytes'))] : []),
    ...(inodes && isNearlyFull(inodes)
      ? [finding('NearlyOutOfInodes', told(subject, inodes, 'inodes'))]
      : []),
  ];
}

/** File systems that make inodes as they go tell zeros, which is not full. */
function isNearlyFull({ total, available }: Usage): boolean {
  return total > 0n && available * PARTS <= total;
}

function told(subject: string, { total, available }: Usage, unit: string): string {
  return `${subject} has ${available} of ${total} ${unit} left`;
}
