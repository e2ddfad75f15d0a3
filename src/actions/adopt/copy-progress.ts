import { formatBytes } from '../../units/format-bytes.ts';

const INTERVAL_MS = 5000;

/** Tells every few seconds how far a copy is. @returns called with the bytes that were copied; passes them on */
export function copyProgress(
  tell: (text: string) => void,
  expectedBytes: bigint,
  onBytes: (bytes: bigint) => void,
): (bytes: bigint) => void {
  let copied = 0n;
  let toldAt = performance.now();
  return (bytes) => {
    onBytes(bytes);
    copied += bytes;
    if (performance.now() - toldAt < INTERVAL_MS) return;
    toldAt = performance.now();
    tell(`copied ${formatBytes(Number(copied))} of ${formatBytes(Number(expectedBytes))}`);
  };
}
