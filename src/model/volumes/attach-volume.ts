import { quote, VolumeError } from '../errors.ts';
import type { Attachment, Volume } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import { isReadOnly, type VolumeCapability } from '../requests/capability.ts';
import type { Settings } from '../settings.ts';
import type { HeldVolume } from '../state/holds.ts';
import { checkSupported } from './check-supported.ts';

/** The parsed ControllerPublishVolume request. */
export interface AttachSpec {
  readonly nodeId: string;
  readonly capability: VolumeCapability;
  readonly readOnly: boolean;
}

/**
 * Attaches a volume to this node, the only one that can reach it (CSI specification, ControllerPublishVolume):
 * changes only the record, which the node calls then check. May be repeated.
 * @throws VolumeError not-found: another node; already-exists: it is attached in another way; exhausted: this node
 *   has reached its volume limit; precondition: it is an inline volume
 */
export async function attachVolume(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
  volume: HeldVolume,
  spec: AttachSpec,
): Promise<void> {
  checkNode(parts.settings, spec.nodeId);
  if (volume.inline) {
    throw new VolumeError(
      'precondition',
      `volume ${quote(volume.id)} is an inline volume and cannot be attached`,
    );
  }
  await checkSupported(parts, volume, spec.capability);
  const { accessMode } = spec.capability;
  const wanted: Attachment = {
    nodeId: spec.nodeId,
    accessMode,
    readOnly: isReadOnly(spec.capability, spec.readOnly),
  };
  const existing = attachmentOf(parts.settings, volume);
  if (existing) {
    checkSame(volume, existing, wanted);
    return;
  }
  // No other call runs between the check of the limit and the reservation.
  checkLimit(parts, spec.nodeId);
  await parts.holds.attaching.during(volume.id, async () => {
    await parts.onStep('attach: checked');
    await parts.catalogue.replaceVolume({ ...volume, attachment: wanted });
    await parts.onStep('attach: recorded');
  });
}

/**
 * Ends the attachment of a volume (CSI specification, ControllerUnpublishVolume). May be repeated; a volume that is
 * not attached to the given node counts as detached.
 * @param nodeId undefined for any node
 * @throws VolumeError precondition: the volume lifecycle is checked, and the volume is still in use
 */
export async function detachVolume(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
  volume: HeldVolume,
  nodeId: string | undefined,
): Promise<void> {
  const { attachment } = volume;
  if (!attachment || (nodeId !== undefined && nodeId !== attachment.nodeId)) return;
  if (parts.settings.features.strictLifecycle) await checkUnstaged(parts.host, volume);
  await parts.catalogue.replaceVolume({ ...volume, attachment: undefined });
  await parts.onStep('detach: recorded');
}

/** How a volume is attached to this node; undefined if it is not, or if the driver does not attach volumes. */
export function attachmentOf({ features, node }: Settings, { attachment }: Volume): Attachment | undefined {
  return features.attach && attachment?.nodeId === node.id ? attachment : undefined;
}

/**
 * Refuses calls that require an attachment if the volume is not attached.
 * @throws VolumeError precondition
 */
export function checkAttached(settings: Settings, volume: Volume): void {
  if (!settings.features.attach || attachmentOf(settings, volume)) return;
  const message = `volume ${quote(volume.id)} is not published to node ${quote(settings.node.id)}; call ControllerPublishVolume first`;
  throw new VolumeError('precondition', message);
}

function checkNode({ node }: Settings, nodeId: string): void {
  if (nodeId === node.id) return;
  throw new VolumeError('not-found', `unknown node ${quote(nodeId)}; this node is ${quote(node.id)}`, {
    about: 'node',
  });
}

function checkSame({ id }: Volume, existing: Attachment, wanted: Attachment): void {
  const { nodeId, accessMode, readOnly } = existing;
  if (accessMode === wanted.accessMode && readOnly === wanted.readOnly) return;
  const how = `${readOnly ? 'read-only' : 'writable'} as ${accessMode}`;
  const message = `volume ${quote(id)} is already published to node ${quote(nodeId)}, ${how}`;
  throw new VolumeError('already-exists', message, { about: 'volume' });
}

function checkLimit(
  {
    catalogue: { volumes },
    holds: { attaching },
    settings: { node },
  }: Parts<'catalogue' | 'holds' | 'settings'>,
  nodeId: string,
): void {
  const count = volumes.attachedCount + attaching.count;
  if (node.volumeLimit === 0 || count < node.volumeLimit) return;
  const message = `node ${quote(nodeId)} has ${count} volumes; the limit is ${node.volumeLimit} (--attach-limit)`;
  throw new VolumeError('exhausted', message, { about: 'node' });
}

async function checkUnstaged(host: Host, { id }: Volume): Promise<void> {
  const [mount] = await host.mountIndex.verifiedMountsOf(id);
  if (!mount) return;
  throw new VolumeError('precondition', `volume ${quote(id)} is still mounted at ${quote(mount.path)}`);
}
