import type { FlagTable } from '../../src/options/flag.ts';
import { flagTable } from '../../src/options/table.ts';
import { boolean } from '../../src/options/values.ts';
import { type Offer, offerWith } from './csi-offer.ts';

/** Whether the driver offers something by default, and the sets of flags that each change that. */
export interface Switches {
  readonly byDefault: boolean;
  readonly changedBy: readonly (readonly string[])[];
}

/** Finds the flags that switch a part of an offer. */
export type FindSwitches = (isOffered: (offer: Offer) => boolean) => Switches;

/**
 * Compares the default offer with the offers of each single flag and each pair of flags that differ from the default.
 */
export async function switchFinder(): Promise<FindSwitches> {
  const byDefault = await offerWith([]);
  if (byDefault === undefined) throw new Error('the default flags conflict');
  const changes = changedFlags(flagTable);
  const [one, two] = [await offersWith(changes.map((flag) => [flag])), await offersWith(pairsOf(changes))];
  return (isOffered) => {
    const isSwitch = ({ offer }: OfferWith) => isOffered(offer) !== isOffered(byDefault);
    const alone = one.filter(isSwitch).map(({ flags }) => flags);
    // A pair is redundant if one of its flags switches it alone.
    const together = two
      .filter(isSwitch)
      .map(({ flags }) => flags)
      .filter((flags) => !alone.flat().some((flag) => flags.includes(flag)));
    return { byDefault: isOffered(byDefault), changedBy: [...alone, ...together] };
  };
}

/** The boolean flags, each in the form that changes its default. */
function changedFlags(table: FlagTable): string[] {
  return Object.values(table).flatMap((flag) => {
    if (!('default' in flag) || flag.kind !== boolean) return [];
    return [boolean.parse(flag.default) ? `--${flag.name}=false` : `--${flag.name}`];
  });
}

interface OfferWith {
  readonly flags: readonly string[];
  readonly offer: Offer;
}

async function offersWith(sets: readonly (readonly string[])[]): Promise<OfferWith[]> {
  const offers: OfferWith[] = [];
  for (const flags of sets) {
    const offer = await offerWith(flags);
    if (offer !== undefined) offers.push({ flags, offer });
  }
  return offers;
}

function pairsOf(flags: readonly string[]): string[][] {
  return flags.flatMap((flag, index) => flags.slice(index + 1).map((other) => [flag, other]));
}
