const driverNamePattern = /^[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?$/;
const labelValuePattern = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const longestDriverNameLength = 63;
const longestLabelValueLength = 63;
const longestNodeIdBytes = 256;

/**
 * Reads a driver name by the rule of the CSI specification, GetPluginInfoResponse.name.
 *
 * Throws an Error that quotes the name when it breaks the rule.
 */
export function parseDriverName(name: string): string {
  if (name.length <= longestDriverNameLength && driverNamePattern.test(name)) return name;
  throw new Error(
    `${JSON.stringify(name)} is not a driver name: it has at most ${longestDriverNameLength} letters, digits, ` +
      'dashes and dots, and begins and ends with a letter or digit',
  );
}

/**
 * Reads a node id by the rule of the CSI specification, NodeGetInfoResponse.node_id.
 *
 * Throws an Error that quotes the id when it is empty or too long.
 */
export function parseNodeId(nodeId: string): string {
  const lengthBytes = Buffer.byteLength(nodeId);
  if (lengthBytes >= 1 && lengthBytes <= longestNodeIdBytes) return nodeId;
  throw new Error(`${JSON.stringify(nodeId)} is not a node id: it has from 1 to ${longestNodeIdBytes} bytes`);
}

/** Whether a text may be the value of a Kubernetes label, which is what a topology segment becomes. */
export function isLabelValue(candidate: string): boolean {
  return candidate.length <= longestLabelValueLength && labelValuePattern.test(candidate);
}
