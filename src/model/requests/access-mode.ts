/** The access modes of the CSI specification (VolumeCapability.AccessMode.Mode), without UNKNOWN. */
export const accessModes = [
  'SINGLE_NODE_WRITER',
  'SINGLE_NODE_READER_ONLY',
  'MULTI_NODE_READER_ONLY',
  'MULTI_NODE_SINGLE_WRITER',
  'MULTI_NODE_MULTI_WRITER',
  'SINGLE_NODE_SINGLE_WRITER',
  'SINGLE_NODE_MULTI_WRITER',
] as const;

export type AccessMode = (typeof accessModes)[number];

export function isAccessMode(text: string): text is AccessMode {
  return (accessModes as readonly string[]).includes(text);
}

/** Whether the mode allows no writes, so that every publish is read-only. */
export function isReaderOnly(mode: AccessMode): boolean {
  return mode === 'SINGLE_NODE_READER_ONLY' || mode === 'MULTI_NODE_READER_ONLY';
}

/**
 * Whether the mode allows only one target path. SINGLE_NODE_WRITER does not say how many writers it means, and COs
 * older than the finer modes publish it for several pods on a node, so it is not limited to one.
 */
export function isSingleTarget(mode: AccessMode): boolean {
  return mode === 'SINGLE_NODE_SINGLE_WRITER';
}
