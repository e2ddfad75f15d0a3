import type { Adoption } from '../actions/adopt/adopt-data.ts';
import { formatBytes } from '../units/format-bytes.ts';

/** What has been done with some data, or would be, as text. */
export function formatAdoptions(adoptions: readonly Adoption[], { isReal }: { isReal: boolean }): string {
  return adoptions.map((adoption) => `${linesFor(adoption, isReal).join('\n')}\n`).join('');
}

function linesFor(adoption: Adoption, isReal: boolean): string[] {
  const { path, name, volumeId, sizeBytes, isSnapshot } = adoption;
  const what = isSnapshot ? 'snapshot' : 'volume';
  return [
    `${path}: ${verdictOf(adoption, isReal)}`,
    `  ${what} ${name}, ${formatBytes(sizeBytes)}${adoption.isSizeEnforced ? '' : ', which nothing enforces'}`,
    `  id     ${volumeId}`,
    ...(adoption.isLeft
      ? [`  The data stays at ${path} as well; remove it when the ${what} has been tried.`]
      : []),
  ];
}

function verdictOf(
  { how, pool, backend, usedBytes = 0, reason, isSnapshot }: Adoption,
  isReal: boolean,
): string {
  const target = `pool ${pool} (${backend})`;
  const size = formatBytes(usedBytes);
  switch (how) {
    case 'existing':
      return `is a ${isSnapshot ? 'snapshot' : 'volume'} of ${target} already`;
    case 'move':
      return `${size} ${isReal ? 'moved' : 'would be moved'} into ${target}`;
    case 'copy':
      return `${size} ${isReal ? 'copied' : 'would be copied'} into ${target}, because ${reason}`;
  }
}
