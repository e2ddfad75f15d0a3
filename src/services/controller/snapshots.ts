import { existingSnapshot } from '../../model/find/find-snapshot.ts';
import { isOurPlace } from '../../model/objects/topology.ts';
import { createSnapshot, type SnapshotSpec } from '../../model/snapshots/create-snapshot.ts';
import { deleteSnapshot } from '../../model/snapshots/delete-snapshot.ts';
import type { Model } from '../../model/state/model.ts';
import type { ControllerDefinition } from '../../rpc/generated/csi/v1/Controller.ts';
import type { CreateSnapshotRequest__Output } from '../../rpc/generated/csi/v1/CreateSnapshotRequest.ts';
import type { Methods } from '../../rpc/service.ts';
import { snapshotLock, snapshotNameLock, volumeShared } from '../lock-keys.ts';
import { checkSnapshotParameters } from '../parameters.ts';
import { snapshotMessage } from '../replies.ts';
import { parseName, parsePlaces, required } from '../requests.ts';
import { listSnapshotsHandler } from './list-snapshots.ts';

type SnapshotMethods = Pick<
  Methods<ControllerDefinition>,
  'CreateSnapshot' | 'DeleteSnapshot' | 'ListSnapshots' | 'GetSnapshot'
>;

/** The snapshot methods of the Controller service. */
export function snapshotMethods(model: Model): SnapshotMethods {
  return {
    CreateSnapshot: {
      locks: (request) => [snapshotNameLock(request.name), volumeShared(request.source_volume_id)],
      joins: () => true,
      async handle(request) {
        const snapshot = snapshotMessage(model, await createSnapshot(model, parse(request)));
        return {
          snapshot: prefersHere(model, request) ? { ...snapshot, accessible_topology: [] } : snapshot,
        };
      },
    },
    DeleteSnapshot: {
      locks: (request) => [snapshotLock(request.snapshot_id)],
      async handle(request) {
        await deleteSnapshot(model, required('snapshot_id', request.snapshot_id));
        return {};
      },
    },
    GetSnapshot: {
      async handle(request) {
        const snapshot = await existingSnapshot(model, required('snapshot_id', request.snapshot_id));
        return { snapshot: snapshotMessage(model, snapshot) };
      },
    },
    ...(model.features.listSnapshots ? { ListSnapshots: { handle: listSnapshotsHandler(model) } } : {}),
  };
}

/**
 * Whether the CO prefers only this node: the snapshot's topology would add nothing, and csi-sanity fails when the
 * answer to such a request contains it (docs/decisions/0012-topology-of-snapshots.md).
 */
function prefersHere(
  { topology }: Model,
  { accessibility_requirements }: CreateSnapshotRequest__Output,
): boolean {
  const preferred = parsePlaces(accessibility_requirements?.preferred);
  return (
    preferred.length > 0 && topology !== undefined && preferred.every((place) => isOurPlace(place, topology))
  );
}

function parse(request: CreateSnapshotRequest__Output): SnapshotSpec {
  required('name', request.name);
  const sourceVolumeId = required('source_volume_id', request.source_volume_id);
  const name = parseName('name', request.name);
  checkSnapshotParameters(request.parameters);
  return { name, sourceVolumeId, requisite: parsePlaces(request.accessibility_requirements?.requisite) };
}
