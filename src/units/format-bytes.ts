const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;

/** A size for people: with one decimal below ten, as in `1.5 GiB`, `64 MiB` or `512 B`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let index = 0;
  while (value >= 1024 && index < UNITS.length - 1) {
    value /= 1024;
    index++;
  }
  const digits = value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value).toString();
  return `${digits} ${UNITS[index]}`;
}

/** A number of things, with a separator between thousands. */
export function formatCount(count: number): string {
  return count.toLocaleString('en');
}
