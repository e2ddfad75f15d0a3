import type { FlagTable } from '../../src/options/flag.ts';
import { flagTable } from '../../src/options/table.ts';
import { boolean } from '../../src/options/values.ts';
import { type Offer, offerWith } from './csi-offer.ts';

/** Whether something is offered by default, and which flags change that, each set of them alone. */
export interface Switches {
  readonly byDefault: boolean;
  readonly changedBy: readonly (readonly string[])[];
}

/** Finds the switches of what an offer may have in it. */
export type FindSwitches = (isOffered: (offer: Offer) => boolean) => Switches;

/** Looks at what is offered by default, and with each flag that is not as by default, and with each two of them. */
export async function switchFinder(): Promise<FindSwitches> {
  const byDefault = await offerWith([]);
  if (byDefault === undefined) throw new Error('the default flags cannot be given together');
  const changes = changedFlags(flagTable);
  const [one, two] = [await offersWith(changes.map((flag) => [flag])), await offersWith(pairsOf(changes))];
  return (isOffered) => {
    const isSwitch = ({ offer }: OfferWith) => isOffered(offer) !== isOffered(byDefault);
    const alone = one.filter(isSwitch).map(({ flags }) => flags);
    // Together with one that does it alone, any other flag does it too.
    const together = two
      .filter(isSwitch)
      .map(({ flags }) => flags)
      .filter((flags) => !alone.flat().some((flag) => flags.includes(flag)));
    return { byDefault: isOffered(byDefault), changedBy: [...alone, ...together] };
  };
}

/** Each flag that is a switch, as it is given to change what is so by default. */
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
