import type { Snapshot } from '../../model/objects/snapshot.ts';
import { listPosition } from '../../model/requests/list-position.ts';
import type { Model } from '../../model/state/model.ts';
import type { ListSnapshotsRequest__Output } from '../../rpc/generated/csi/v1/ListSnapshotsRequest.ts';
import type { ListSnapshotsResponse } from '../../rpc/generated/csi/v1/ListSnapshotsResponse.ts';
import { pageOf } from '../page.ts';
import { snapshotMessage } from '../replies.ts';

/**
 * Controller.ListSnapshots: snapshots in the order of their positions; all of them, those of one volume, or one by id.
 * A missing snapshot is not an error; a damaged one is, since it may exist.
 */
export function listSnapshotsHandler(model: Model) {
  return async (request: ListSnapshotsRequest__Output): Promise<ListSnapshotsResponse> => {
    const { items, nextToken } = pageOf(request, (position, limit) => find(model, request, position, limit));
    const entries = items.map((snapshot) => ({ snapshot: snapshotMessage(model, snapshot) }));
    return { entries, next_token: nextToken };
  };
}

function find(
  { snapshots }: Model,
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
