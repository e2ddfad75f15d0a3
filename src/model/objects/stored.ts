/** What every object that is remembered in a pool has. */
export interface Stored {
  readonly id: string;
  /** The name it was created with; a second create with it answers this object. Members of a group have none. */
  readonly name: string | undefined;
  /** The name of the pool it lies in. */
  readonly pool: string;
}

/** A directory in a pool that should hold an object, but whose record cannot be understood. */
export interface Damaged {
  readonly id: string;
  readonly pool: string;
  readonly reason: string;
  /** The disk did not let it be read, which says nothing about what is in it. */
  readonly isUnread?: boolean;
}
