import { VolumeError } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';
import { Activity } from './activity.ts';

/** The objects that a call can hold; a name is held until it is known whether its object exists. */
export type HoldKind =
  | 'volume'
  | 'volume name'
  | 'snapshot'
  | 'snapshot name'
  | 'group snapshot'
  | 'group snapshot name'
  | 'path'
  /** What a user asks the driver to do, beside the calls. */
  | 'action';

export type HoldMode = 'exclusive' | 'shared';

/** What a call wants to hold until it ends. */
export interface HoldRequest {
  readonly kind: HoldKind;
  /** An id, a name, or a path in its one spelling. */
  readonly id: string;
  readonly mode: HoldMode;
}

/** No other call may work on this object. */
export function exclusive(kind: HoldKind, id: string): HoldRequest {
  return { kind, id, mode: 'exclusive' };
}

/** Other calls may share the object, but none may have it exclusively. */
export function shared(kind: HoldKind, id: string): HoldRequest {
  return { kind, id, mode: 'shared' };
}

/** Proof that the running call holds an object. Only `Held` has any, so a function that takes one cannot be called without. */
export class Hold<Kind extends HoldKind, Mode extends HoldMode = 'exclusive'> {
  readonly kind: Kind;
  readonly id: string;
  readonly mode: Mode;
  // Makes the type nominal.
  protected readonly isHold = true;

  constructor(kind: Kind, id: string, mode: Mode) {
    this.kind = kind;
    this.id = id;
    this.mode = mode;
  }
}

declare const holdMode: unique symbol;

/** A volume that the running call holds exclusively. */
export type HeldVolume = Volume & { readonly [holdMode]: 'exclusive' };

/** A volume that the running call holds, and may share with others. */
export type SharedVolume = Volume & { readonly [holdMode]: HoldMode };

/** The holds of one call, until it releases them. */
export class Held {
  /** By key: a call may hold very many, and asks for each. */
  private readonly modes: ReadonlyMap<string, HoldMode>;
  private readonly onRelease: () => void;
  private isReleased = false;

  constructor(requests: readonly HoldRequest[], onRelease: () => void) {
    this.modes = new Map(requests.map((request) => [keyOf(request), request.mode]));
    this.onRelease = onRelease;
  }

  /** @throws Error a bug: the call does not hold this object exclusively */
  exclusive<Kind extends HoldKind>(kind: Kind, id: string): Hold<Kind> {
    return new Hold(kind, id, this.require(kind, id, ['exclusive']) as 'exclusive');
  }

  /** The same for an object that the call may share. */
  shared<Kind extends HoldKind>(kind: Kind, id: string): Hold<Kind, HoldMode> {
    return new Hold(kind, id, this.require(kind, id, ['exclusive', 'shared']));
  }

  /** @throws Error a bug: the call does not hold this volume exclusively */
  volume(volume: Volume): HeldVolume {
    this.exclusive('volume', volume.id);
    return volume as HeldVolume;
  }

  sharedVolume(volume: Volume): SharedVolume {
    this.shared('volume', volume.id);
    return volume as SharedVolume;
  }

  /** May be repeated. */
  release(): void {
    if (!this.isReleased) this.onRelease();
    this.isReleased = true;
  }

  private require(kind: HoldKind, id: string, modes: readonly HoldMode[]): HoldMode {
    const key = keyOf({ kind, id });
    const mode = this.modes.get(key);
    if (mode && modes.includes(mode)) return mode;
    throw new Error(`the call does not hold ${key} (${modes.join(' or ')})`);
  }
}

const HELD_EXCLUSIVELY = -1;

/**
 * Which calls work on which objects: the holds, which exclude other calls, and the activities, which only show what is
 * in progress.
 */
export class Holds {
  /** Volumes that are being attached, which already count against the limit of this node. */
  readonly attaching = new Activity();
  /** Volumes whose content is being deleted or expanded. */
  readonly changing = new Activity();
  /** Staging and target paths at which a mount or unmount is in progress. */
  readonly mounting = new Activity();
  /** Volumes whose file systems are being frozen, or are frozen. */
  readonly freezing = new Activity();
  /** Volumes that are being thawed because an earlier copy left them marked. */
  readonly thawing = new Activity();
  /** Objects that are being created, from before they are on the disk until they are in the catalogue. */
  readonly creating = new Activity();
  /** Volumes whose records are being replaced or compared with their limits; in turn, so that neither sees half of it. */
  readonly recording = new Activity();

  /** The number of calls that share each object, or HELD_EXCLUSIVELY. */
  private readonly held = new Map<string, number>();

  /**
   * Holds all of these objects or none, until they are released. Never waits.
   * @throws VolumeError aborted: another call holds one of them
   */
  hold(requests: readonly HoldRequest[]): Held {
    const taken: HoldRequest[] = [];
    const release = () => {
      for (const request of taken.splice(0)) this.release(request);
    };
    for (const request of requests) {
      if (!this.take(request)) {
        release();
        const message = `another call is in progress for ${keyOf(request)}; retry later`;
        throw new VolumeError('aborted', message);
      }
      taken.push(request);
    }
    return new Held(requests, release);
  }

  private take(request: HoldRequest): boolean {
    const key = keyOf(request);
    const count = this.held.get(key) ?? 0;
    if (count === HELD_EXCLUSIVELY || (request.mode === 'exclusive' && count > 0)) return false;
    this.held.set(key, request.mode === 'exclusive' ? HELD_EXCLUSIVELY : count + 1);
    return true;
  }

  private release(request: HoldRequest): void {
    const key = keyOf(request);
    const count = this.held.get(key) ?? 0;
    if (count <= 1) this.held.delete(key);
    else this.held.set(key, count - 1);
  }
}

/** Names the object in messages. */
function keyOf({ kind, id }: Pick<HoldRequest, 'kind' | 'id'>): string {
  const article = kind.endsWith('name') || kind === 'path' ? 'the ' : '';
  return `${article}${kind} ${JSON.stringify(id)}`;
}
