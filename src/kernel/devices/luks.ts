import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { Slots } from '../calls/slots.ts';
import { ProgramError, programPath } from '../process/program.ts';
import { keyPath, runWithKeys } from '../process/program-with-keys.ts';

/** LUKS2 containers, by the program cryptsetup. Keys go to it by descriptor. */

/** cryptsetup cannot do what it is asked to, for any reason but a wrong key. */
export class ContainerError extends ProgramError {
  constructor(cause: ProgramError) {
    super(cause.message, cause.exitCode, cause);
    this.name = 'ContainerError';
  }
}

/** The key is not one of the container's. */
export class WrongKeyError extends Error {
  constructor(path: string) {
    super(`the key does not open ${path}`);
    this.name = 'WrongKeyError';
  }
}

// cryptsetup's exit code for "no permission", which it uses for a wrong key alone.
const WRONG_KEY = 2;
// No udev answers in a container, and waiting for it would never end.
const environment = { DM_DISABLE_UDEV: '1' };

// Explicit, because the defaults of cryptsetup are chosen when it is built, or measured: one that fills the memory of the
// driver's container would end the driver.
const derivation = [
  ...['--pbkdf', 'argon2id', '--pbkdf-memory', '65536'],
  ...['--pbkdf-parallel', '1', '--pbkdf-force-iterations', '4'],
];
const cipher = ['--cipher', 'aes-xts-plain64', '--key-size', '512', '--hash', 'sha256'];
// Every file system can use such sectors, and the size of a volume need not be a multiple of larger ones.
const SECTOR_BYTES = 512;

/** Why encrypted images are impossible here; undefined if they are possible. */
export function luksObstacle(): string | undefined {
  if (programPath('cryptsetup') === undefined) return 'cryptsetup is not installed';
  if (!existsSync('/dev/mapper/control')) return 'the kernel has no device mapper (/dev/mapper/control)';
  return undefined;
}

/**
 * Makes a file or device a container, whose content is lost.
 * @param headerBytes where the content begins
 */
export async function formatLuks(path: string, key: Buffer, headerBytes: bigint): Promise<void> {
  const layout = [
    ...['--offset', String(headerBytes / BigInt(SECTOR_BYTES))],
    ...['--sector-size', String(SECTOR_BYTES)],
  ];
  const words = ['luksFormat', '--type', 'luks2', ...cipher, ...derivation, ...layout];
  await cryptsetup([...words, '--key-file', keyPath(0), path], [key]);
}

/**
 * Opens a container: its content is the device of this name from then on, until it is closed.
 * @throws WrongKeyError
 */
export async function openLuks(
  path: string,
  name: string,
  key: Buffer,
  { allowsDiscards }: { readonly allowsDiscards: boolean },
): Promise<void> {
  const discards = allowsDiscards ? ['--allow-discards'] : [];
  const words = ['open', '--type', 'luks2', ...discards, '--key-file', keyPath(0), path, name];
  await withKeyErrors(path, cryptsetup(words, [key]));
}

/** Checks that a key opens a container, and opens nothing. @throws WrongKeyError */
export async function checkLuksKey(path: string, key: Buffer): Promise<void> {
  const words = ['open', '--type', 'luks2', '--test-passphrase', '--key-file', keyPath(0), path];
  await withKeyErrors(path, cryptsetup(words, [key]));
}

/** Grows the device of a container to what its disk has. @throws WrongKeyError */
export async function resizeLuks(name: string, key: Buffer): Promise<void> {
  await withKeyErrors(name, cryptsetup(['resize', '--key-file', keyPath(0), name], [key]));
}

/**
 * Closes a container.
 * @param isDeferred closes it once nothing uses its device any more, also when this process has ended
 * @throws ContainerError it is in use
 */
export async function closeLuks(name: string, { isDeferred = false } = {}): Promise<void> {
  await cryptsetup(['close', ...(isDeferred ? ['--deferred'] : []), name], []);
}

/**
 * Replaces a key of a container, which may be open. After a crash in between, both keys open it.
 * @throws WrongKeyError the old key does not open it
 */
export async function changeLuksKey(path: string, oldKey: Buffer, newKey: Buffer): Promise<void> {
  const words = ['luksChangeKey', ...derivation, '--key-file', keyPath(0), path, keyPath(1)];
  await withKeyErrors(path, cryptsetup(words, [oldKey, newKey]));
}

// Each takes 64 MiB while it derives a key, and after a boot the pods of a node start at once.
const MAX_CONCURRENT_DERIVATIONS = 2;
// A derivation takes a second or two. What takes longer waits for its disk, and must not keep the volumes of others waiting.
const DERIVATION_MS = 20_000;
const derivations = new Slots(MAX_CONCURRENT_DERIVATIONS);

async function cryptsetup(args: readonly string[], keys: readonly Buffer[]): Promise<void> {
  const run = async () => {
    try {
      await runWithKeys('cryptsetup', ['--batch-mode', ...args], keys, environment);
    } catch (error) {
      throw error instanceof ProgramError ? new ContainerError(error) : error;
    }
  };
  if (keys.length === 0) return run();
  await derivations.acquire();
  const running = run();
  const ended = new AbortController();
  const limit = setTimeout(DERIVATION_MS, undefined, { signal: ended.signal, ref: false }).catch(() => {});
  void Promise.race([running.catch(() => {}), limit]).then(() => derivations.release());
  try {
    await running;
  } finally {
    ended.abort();
  }
}

async function withKeyErrors(path: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ProgramError && error.exitCode === WRONG_KEY) throw new WrongKeyError(path);
    throw error;
  }
}
