import { createHash, randomBytes } from 'node:crypto';

/** The parts of an id in this driver's form: `<slug>-<name hash>-<pool id>-<random>`, all but the slug hexadecimal. */
export interface ObjectId {
  readonly nameHash: string;
  readonly poolId: string;
}

const OBJECT_ID = /^[a-z0-9][a-z0-9-]*-([0-9a-f]{16})-([0-9a-f]{8})-[0-9a-f]{8}$/;
const ID_LIMIT_BYTES = 128;
const SLUG_LIMIT = ID_LIMIT_BYTES - '-0123456789abcdef-01234567-01234567'.length;

/** The part of an id that is derived from the volume's name, so that a damaged record still blocks its name. */
export function nameHash(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 16);
}

/**
 * A new id for a volume with this name in this pool. At most 128 bytes, of characters that are safe in a file name.
 * @param random four random bytes, so that reusing a name gives another id
 */
export function newObjectId(name: string, poolId: string, random = randomBytes(4)): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, SLUG_LIMIT)
    .replace(/^-+|-+$/g, '');
  return [slug || 'unnamed', nameHash(name), poolId, random.toString('hex')].join('-');
}

/** The parts of an id in this driver's form; undefined for any other id. */
export function parseObjectId(id: string): ObjectId | undefined {
  const match = id.length <= ID_LIMIT_BYTES ? OBJECT_ID.exec(id) : null;
  const [, hash, poolId] = match ?? [];
  return hash === undefined || poolId === undefined ? undefined : { nameHash: hash, poolId };
}

/**
 * The name of the directory that holds the object with this id: an id in this driver's form itself; any other id, which may
 * contain any character, in base64url after `x-`. Ids from requests are looked up first; they never get here.
 */
export function directoryNameOf(id: string): string {
  return parseObjectId(id) === undefined ? `x-${Buffer.from(id).toString('base64url')}` : id;
}

/** The id whose directory has this name; a name in neither form is the id itself. */
export function idOfDirectory(directoryName: string): string {
  // A name such as `x-files` gives an id in this driver's form that begins like an encoded one.
  if (parseObjectId(directoryName) !== undefined) return directoryName;
  const encoded = /^x-([A-Za-z0-9_-]+)$/.exec(directoryName)?.[1];
  return encoded === undefined ? directoryName : Buffer.from(encoded, 'base64url').toString();
}
