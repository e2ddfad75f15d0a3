import { mountsNaming as namedInMountinfo } from './mountinfo.ts';
import { listMountIds, type MountPlace, mountPlaceOf } from './statmount.ts';

/**
 * The places of the mounts that this process sees, each queried once: mountinfo takes the kernel about 5 µs for every mount,
 * and the list of their ids a quarter of a microsecond.
 */
class KnownMounts {
  /** In ascending order of their ids. */
  private known: KnownMount[] = [];

  /** @returns undefined before Linux 6.8 */
  naming(name: string): MountPlace[] | undefined {
    const ids = listMountIds();
    if (!ids) return undefined;
    this.update(ids);
    // What is known may be old in all but the name.
    return this.known.filter(({ texts }) => texts.includes(name)).flatMap(({ id }) => mountPlaceOf(id) ?? []);
  }

  /** Goes through both lists at once, since this is for every mount at every call. */
  private update(ids: readonly number[]): void {
    const known: KnownMount[] = [];
    let index = 0;
    for (const id of ids) {
      let candidate = this.known[index];
      while (candidate && candidate.id < id) candidate = this.known[++index];
      const mount = candidate?.id === id ? candidate : knownMount(id);
      if (mount) known.push(mount);
    }
    this.known = known;
  }
}

interface KnownMount {
  readonly id: number;
  /** Its root and its path, as they were when it was first seen. */
  readonly texts: string;
}

function knownMount(id: number): KnownMount | undefined {
  const place = mountPlaceOf(id);
  return place && { id, texts: `${place.root}\n${place.path}` };
}

const knownMounts = new KnownMounts();

/**
 * The mounts that have a directory of this name in their path or root, and perhaps others. A mount counts as it was when first
 * seen here: one that was moved since (`mount --move`), or whose directories were renamed, may be missed.
 * @param name of an object's directory, which the driver never changes
 */
export function mountsNaming(name: string): MountPlace[] {
  return knownMounts.naming(name) ?? namedInMountinfo(name);
}
