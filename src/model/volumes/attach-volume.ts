import { replaceVolume } from '../content/replace-volume.ts';
import { quote, VolumeError } from '../errors.ts';
import type { Attachment, Volume } from '../objects/volume.ts';
import { isReadOnly, type VolumeCapability } from '../requests/capability.ts';
import type { Model } from '../state/model.ts';
import { checkSuitable } from './check-suitable.ts';

/** The parsed ControllerPublishVolume request. */
export interface AttachSpec {
  readonly nodeId: string;
  readonly capability: VolumeCapability;
  readonly readOnly: boolean;
}

/**
 * Attaches a volume to this node, the only one that can reach it (CSI specification, ControllerPublishVolume):
 * changes only the record, which the node calls then check. May be repeated. The caller holds the volume.
 * @throws VolumeError not-found: another node; already-exists: it is attached in another way; exhausted: this node
 *   has reached its volume limit; precondition: it is an inline volume
 */
export async function attachVolume(model: Model, volume: Volume, spec: AttachSpec): Promise<void> {
  checkNode(model, spec.nodeId);
  if (volume.inline) {
    throw new VolumeError(
      'precondition',
      `volume ${quote(volume.id)} is an inline volume, and is not attached`,
    );
  }
  await checkSuitable(model, volume, spec.capability);
  const { accessMode } = spec.capability;
  const wanted: Attachment = {
    nodeId: spec.nodeId,
    accessMode,
    readOnly: isReadOnly(spec.capability, spec.readOnly),
  };
  const existing = attachmentOf(model, volume);
  if (existing) {
    checkSame(volume, existing, wanted);
    return;
  }
  // No other call runs between the check of the limit and the reservation.
  checkLimit(model, spec.nodeId);
  model.attaching.add(volume.id);
  try {
    await model.onStep('attach: checked');
    await replaceVolume(model, { ...volume, attachment: wanted });
    await model.onStep('attach: recorded');
  } finally {
    model.attaching.delete(volume.id);
  }
}

/**
 * Ends the attachment of a volume (CSI specification, ControllerUnpublishVolume). May be repeated; a volume that is
 * not attached to the given node counts as detached. The caller holds the volume.
 * @param nodeId undefined for any node
 * @throws VolumeError precondition: the volume lifecycle is checked, and the volume is still in use
 */
export async function detachVolume(model: Model, volume: Volume, nodeId: string | undefined): Promise<void> {
  const { attachment } = volume;
  if (!attachment || (nodeId !== undefined && nodeId !== attachment.nodeId)) return;
  if (model.features.strictLifecycle) await checkUnstaged(model, volume);
  await replaceVolume(model, { ...volume, attachment: undefined });
  await model.onStep('detach: recorded');
}

/** How a volume is attached to this node; undefined if it is not, or if the driver does not attach volumes. */
export function attachmentOf({ features, node }: Model, { attachment }: Volume): Attachment | undefined {
  return features.attach && attachment?.nodeId === node.id ? attachment : undefined;
}

/**
 * Refuses calls that require an attachment if the volume is not attached.
 * @throws VolumeError precondition
 */
export function checkAttached(model: Model, volume: Volume): void {
  if (!model.features.attach || attachmentOf(model, volume)) return;
  const message = `volume ${quote(volume.id)} is not published to node ${quote(model.node.id)}; ControllerPublishVolume comes first`;
  throw new VolumeError('precondition', message);
}

function checkNode({ node }: Model, nodeId: string): void {
  if (nodeId === node.id) return;
  throw new VolumeError(
    'not-found',
    `there is no node ${quote(nodeId)}; this driver's is ${quote(node.id)}`,
    { about: 'node' },
  );
}

function checkSame({ id }: Volume, existing: Attachment, wanted: Attachment): void {
  const { nodeId, accessMode, readOnly } = existing;
  if (accessMode === wanted.accessMode && readOnly === wanted.readOnly) return;
  const how = `${readOnly ? 'read-only' : 'for writing'} as ${accessMode}`;
  const message = `volume ${quote(id)} is published to node ${quote(nodeId)} already, ${how}`;
  throw new VolumeError('already-exists', message, { about: 'volume' });
}

function checkLimit({ volumes, attaching, node }: Model, nodeId: string): void {
  const count = volumes.attachedCount + attaching.size;
  if (node.volumeLimit === 0 || count < node.volumeLimit) return;
  const message = `node ${quote(nodeId)} has ${count} volumes, and may have no more than ${node.volumeLimit} (--attach-limit)`;
  throw new VolumeError('exhausted', message, { about: 'node' });
}

async function checkUnstaged(model: Model, { id }: Volume): Promise<void> {
  const [mount] = await model.mountIndex.confirmed(id);
  if (!mount) return;
  throw new VolumeError('precondition', `volume ${quote(id)} is still mounted at ${quote(mount.path)}`);
}
