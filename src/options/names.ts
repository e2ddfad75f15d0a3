const driverNamePattern = /^[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?$/;
const labelValuePattern = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const poolNamePattern = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const stateDirPoolName = 'default';
const longestDriverNameLength = 63;
const longestLabelValueLength = 63;
const longestNodeIdBytes = 256;

/**
 * Parses a driver name according to the CSI specification, GetPluginInfoResponse.name.
 *
 * @throws Error that quotes the name if it breaks the rule
 */
export function parseDriverName(name: string): string {
  if (name.length <= longestDriverNameLength && driverNamePattern.test(name)) return name;
  throw new Error(
    `${JSON.stringify(name)} is not a valid driver name; it must have at most ${longestDriverNameLength} letters, digits, ` +
      'dashes and dots, and begin and end with a letter or digit',
  );
}

/**
 * Parses a node id according to the CSI specification, NodeGetInfoResponse.node_id.
 *
 * @throws Error that quotes the id if it is empty or too long
 */
export function parseNodeId(nodeId: string): string {
  const lengthBytes = Buffer.byteLength(nodeId);
  if (lengthBytes >= 1 && lengthBytes <= longestNodeIdBytes) return nodeId;
  throw new Error(`${JSON.stringify(nodeId)} must have 1 to ${longestNodeIdBytes} bytes`);
}

/**
 * Parses the name of a pool: a DNS label, which is also a valid value of a StorageClass parameter.
 *
 * @throws Error that quotes the name if it is invalid, or the name of the state directory's pool
 */
export function parsePoolName(name: string): string {
  if (name === stateDirPoolName) {
    throw new Error(
      `${JSON.stringify(name)} is the name of the pool in the state directory; set its path with --statedir`,
    );
  }
  if (poolNamePattern.test(name)) return name;
  throw new Error(
    `${JSON.stringify(name)} is not a valid pool name; it must have at most 63 lowercase letters, digits and ` +
      'dashes, and begin and end with a letter or digit',
  );
}

/**
 * Parses the name in a capacity flag: a pool, or a class of volumes, whose name has a wider format.
 *
 * @throws Error that quotes the name if it is neither
 */
export function parseCapacityName(name: string): string {
  if (isLabelValue(name)) return name;
  throw new Error(
    `${JSON.stringify(name)} is not a valid name of a pool or class; it must have at most ` +
      `${longestLabelValueLength} letters, digits, dashes, dots and underscores, and begin and end with a letter or digit`,
  );
}

/** Whether a text is a valid Kubernetes label value, which a topology segment becomes. */
export function isLabelValue(candidate: string): boolean {
  return candidate.length <= longestLabelValueLength && labelValuePattern.test(candidate);
}

/**
 * Parses the id of a pool, as contained in the ids of its volumes.
 *
 * @throws Error that quotes the text if it is not such an id
 */
export function parsePoolId(text: string): string {
  if (/^[0-9a-f]{8}$/.test(text)) return text;
  throw new Error(`${JSON.stringify(text)} must be a pool ID, which has eight hexadecimal digits`);
}
