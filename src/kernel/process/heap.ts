import { setFlagsFromString } from 'node:v8';

/**
 * Makes V8 collect garbage when the heap has grown by half since the last time. By default it lets it grow to four times its size: the
 * garbage of many calls at once would take several times the memory that they need, and stay resident.
 */
export function limitHeapGrowth(): void {
  setFlagsFromString('--heap-growing-percent=50');
}
