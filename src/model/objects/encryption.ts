import type { BackendKind, ImageUse } from './volume.ts';

/** How an image is encrypted. Its key is never stored: each call that needs it brings it. */
export interface Encryption {
  readonly format: (typeof encryptionFormats)[number];
  /** Whether space that the volume's user frees is freed in the pool, which shows where there is data; undefined for no. */
  readonly discards?: true | undefined;
}

/** `luks2`: the image begins with a LUKS2 header, and the rest of it is what the device of the volume encrypts. */
export const encryptionFormats = ['luks2'] as const;

/** The size of the LUKS2 header, in bytes: the default of cryptsetup, with room for several keys. */
export const LUKS_HEADER_BYTES = 16n * 1024n ** 2n;

/** Content of a volume or snapshot that exists or is planned. */
export type ContentForm =
  | { readonly backend: Exclude<BackendKind, 'image'> }
  | { readonly backend: 'image'; readonly use: ImageUse };

/** How the content of a volume or snapshot is encrypted; undefined if it is not. */
export function encryptionOf(content: ContentForm): Encryption | undefined {
  return content.backend === 'image' ? content.use.encryption : undefined;
}

/** What content takes beside the capacity of its volume, in bytes: the header of an encrypted image. */
export function headerBytesOf(content: ContentForm): bigint {
  return encryptionOf(content) ? LUKS_HEADER_BYTES : 0n;
}

/** The room that content takes in its pool when its capacity is used up, in bytes. */
export function fullBytesOf({ content, capacityBytes }: SizedContent): bigint {
  return capacityBytes + headerBytesOf(content);
}

/** Content and the capacity of its volume, in bytes. */
export interface SizedContent {
  readonly content: ContentForm;
  readonly capacityBytes: bigint;
}
