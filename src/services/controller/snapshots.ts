import { existingSnapshot } from '../../model/find/find-object.ts';
import type { Snapshot } from '../../model/objects/snapshot.ts';
import { matchesTopology } from '../../model/objects/topology.ts';
import type { Parts } from '../../model/parts.ts';
import { listPosition } from '../../model/requests/list-position.ts';
import type { Settings } from '../../model/settings.ts';
import { createSnapshot, type SnapshotSpec } from '../../model/snapshots/create-snapshot.ts';
import { deleteSnapshot } from '../../model/snapshots/delete-snapshot.ts';
import type { Catalogue } from '../../model/state/catalogue.ts';
import { exclusive, type Held, shared } from '../../model/state/holds.ts';
import type { CreateSnapshotRequest__Output } from '../../rpc/generated/csi/v1/CreateSnapshotRequest.ts';
import type { ListSnapshotsRequest__Output } from '../../rpc/generated/csi/v1/ListSnapshotsRequest.ts';
import { pageOf } from '../page.ts';
import { checkSnapshotParameters } from '../parameters.ts';
import { snapshotMessage } from '../replies.ts';
import { parseName, parseTopologies, required } from '../requests.ts';
import type { ControllerMethod } from './controller.ts';

/** Controller.CreateSnapshot. */
export function createSnapshotMethod(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
): ControllerMethod<'CreateSnapshot'> {
  return {
    holds: (request) => [
      exclusive('snapshot name', request.name),
      shared('volume', request.source_volume_id),
    ],
    canJoin: () => true,
    async handle(request, held) {
      const spec = parse(request, held);
      const created = await createSnapshot(parts, held.exclusive('snapshot name', spec.name), spec);
      const snapshot = snapshotMessage(parts.settings, created);
      return {
        snapshot: prefersOnlyThisNode(parts.settings, request)
          ? { ...snapshot, accessible_topology: [] }
          : snapshot,
      };
    },
  };
}

/**
 * Whether the CO prefers only this node: the snapshot's topology would add nothing, and csi-sanity fails when the
 * answer to such a request contains it (docs/decisions/0012-topology-of-snapshots.md).
 */
function prefersOnlyThisNode(
  { topology }: Settings,
  { accessibility_requirements }: CreateSnapshotRequest__Output,
): boolean {
  const preferred = parseTopologies(accessibility_requirements?.preferred);
  return (
    preferred.length > 0 &&
    topology !== undefined &&
    preferred.every((segments) => matchesTopology(segments, topology))
  );
}

function parse(request: CreateSnapshotRequest__Output, held: Held): SnapshotSpec {
  required('name', request.name);
  const sourceVolumeId = required('source_volume_id', request.source_volume_id);
  const name = parseName('name', request.name);
  checkSnapshotParameters(request.parameters);
  return {
    name,
    source: held.shared('volume', sourceVolumeId),
    requisite: parseTopologies(request.accessibility_requirements?.requisite),
  };
}

/** Controller.DeleteSnapshot. */
export function deleteSnapshotMethod(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds'>,
): ControllerMethod<'DeleteSnapshot'> {
  return {
    holds: (request) => [exclusive('snapshot', request.snapshot_id)],
    async handle(request, held) {
      const snapshotId = required('snapshot_id', request.snapshot_id);
      await deleteSnapshot(parts, held.exclusive('snapshot', snapshotId));
      return {};
    },
  };
}

/**
 * Controller.ListSnapshots: snapshots in the order of their positions; all of them, those of one volume, or one by id.
 * A missing snapshot is not an error; a damaged one is, since it may exist.
 */
export function listSnapshotsMethod(
  parts: Parts<'catalogue' | 'settings'>,
): ControllerMethod<'ListSnapshots'> {
  return {
    async handle(request) {
      const list = (position: string, limit: number) => find(parts.catalogue, request, position, limit);
      const { items, nextToken } = pageOf(request, list);
      const entries = items.map((snapshot) => ({ snapshot: snapshotMessage(parts.settings, snapshot) }));
      return { entries, next_token: nextToken };
    },
  };
}

function find(
  { snapshots }: Catalogue,
  { snapshot_id, source_volume_id }: ListSnapshotsRequest__Output,
  position: string,
  limit: number,
): Snapshot[] {
  if (snapshot_id !== '') {
    const found = snapshots.find(snapshot_id);
    const isWanted = source_volume_id === '' || found?.sourceVolumeId === source_volume_id;
    return found && isWanted && listPosition(found.id) > position ? [found] : [];
  }
  return source_volume_id === ''
    ? snapshots.listAfter(position, limit)
    : snapshots.listOfSourceAfter(source_volume_id, position, limit);
}

/** Controller.GetSnapshot. */
export function getSnapshotMethod(parts: Parts<'catalogue' | 'settings'>): ControllerMethod<'GetSnapshot'> {
  return {
    async handle(request) {
      const snapshot = await existingSnapshot(parts.catalogue, required('snapshot_id', request.snapshot_id));
      return { snapshot: snapshotMessage(parts.settings, snapshot) };
    },
  };
}
