import type { TrimReport } from '../actions/trim.ts';
import { formatBytes } from '../units/format-bytes.ts';
import { callAction } from './call-action.ts';
import type { Command } from './command-line.ts';

/** Has the driver trim a volume, or all. */
export async function trimmedBy({ socket, values }: Command): Promise<readonly TrimReport[]> {
  const volumeId = values['volume'];
  return (await callAction(socket, 'trim', volumeId ? { volumeId } : {})) as TrimReport[];
}

/** A line for each volume. */
export function formatTrims(reports: readonly TrimReport[]): string {
  if (reports.length === 0) return 'No image is mounted.\n';
  return reports
    .map(({ volumeId, freedBytes, reason }) =>
      freedBytes === undefined
        ? `${volumeId}: not trimmed: ${reason}\n`
        : `${volumeId}: ${formatBytes(freedBytes)} trimmed\n`,
    )
    .join('');
}
