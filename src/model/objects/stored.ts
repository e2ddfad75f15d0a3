/** The common properties of all objects recorded in a pool. */
export interface Stored {
  readonly id: string;
  /** The name it was created with; a second create with that name returns this object. Members of a group have none. */
  readonly name: string | undefined;
  /** The name of its pool. */
  readonly pool: string;
}

/** A directory in a pool that should hold an object, but whose record cannot be understood. */
export interface Damaged {
  readonly id: string;
  readonly pool: string;
  readonly reason: string;
  /** The disk could not read the record, so its content is unknown. */
  readonly isUnread?: boolean;
}
