import type { Range } from '../../kernel/files/data-ranges.ts';
import type { Extent } from '../../kernel/files/extents.ts';

/** A part of two images that must be read to compare them. */
export interface UnknownPart extends Range {
  /** Whether each image has data throughout the part; without data it reads as zero. */
  readonly baseHasData: boolean;
  readonly targetHasData: boolean;
}

/**
 * The parts of a range that must be read, given all extents of two images in it. Parts without data in both are equal, and
 * so are parts that both report as shared at the same address, where addresses can be compared.
 */
export function unknownParts(
  { start, end }: Range,
  base: readonly Extent[],
  target: readonly Extent[],
  areAddressesComparable: boolean,
): UnknownPart[] {
  const parts: UnknownPart[] = [];
  const [baseAt, targetAt] = [extentFinder(base), extentFinder(target)];
  for (let position = start; position < end; ) {
    const [one, other] = [baseAt(position), targetAt(position)];
    const partEnd = [one, other].reduce((min, found) => nextChange(found, position, min), end);
    const baseExtent = covers(one, position) ? one : undefined;
    const targetExtent = covers(other, position) ? other : undefined;
    const isKnown =
      (!baseExtent && !targetExtent) ||
      (areAddressesComparable && baseExtent && targetExtent && areSame(baseExtent, targetExtent));
    if (!isKnown) {
      const hasData = { baseHasData: baseExtent !== undefined, targetHasData: targetExtent !== undefined };
      append(parts, { start: position, end: partEnd, ...hasData });
    }
    position = partEnd;
  }
  return parts;
}

/** Finds the first extent that ends after a position; positions must ascend. */
function extentFinder(extents: readonly Extent[]): (position: bigint) => Extent | undefined {
  let index = 0;
  return (position) => {
    for (;;) {
      const extent = extents[index];
      if (extent === undefined || extent.end > position) return extent;
      index++;
    }
  };
}

function covers(extent: Extent | undefined, position: bigint): boolean {
  return extent !== undefined && extent.start <= position;
}

/** The next position where an extent begins or ends, if it is before `least`. */
function nextChange(extent: Extent | undefined, position: bigint, min: bigint): bigint {
  if (extent === undefined) return min;
  const change = extent.start > position ? extent.start : extent.end;
  return change < min ? change : min;
}

function areSame(one: Extent, other: Extent): boolean {
  if (!one.isShared || !other.isShared || one.address === undefined || other.address === undefined) {
    return false;
  }
  return one.address - one.start === other.address - other.start;
}

/** Adds a part, merged with the last one if it continues it, so that it is read in one piece. */
function append(parts: UnknownPart[], part: UnknownPart): void {
  const last = parts.at(-1);
  const isContiguous =
    last?.end === part.start &&
    last.baseHasData === part.baseHasData &&
    last.targetHasData === part.targetHasData;
  if (last && isContiguous) parts[parts.length - 1] = { ...last, end: part.end };
  else parts.push(part);
}
