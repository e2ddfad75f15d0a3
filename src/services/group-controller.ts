import { missingField } from '../model/errors.ts';
import { createGroupSnapshot, type GroupSpec } from '../model/snapshots/create-group-snapshot.ts';
import { deleteGroupSnapshot, existingGroup } from '../model/snapshots/group-snapshots.ts';
import type { Model } from '../model/state/model.ts';
import type { CreateVolumeGroupSnapshotRequest__Output } from '../rpc/generated/csi/v1/CreateVolumeGroupSnapshotRequest.ts';
import type { GroupControllerDefinition } from '../rpc/generated/csi/v1/GroupController.ts';
import type { Methods } from '../rpc/service.ts';
import { namingFields } from './field-names.ts';
import { groupLock, groupNameLock, snapshotLock, volumeLock } from './lock-keys.ts';
import { checkSnapshotParameters } from './parameters.ts';
import { groupMessage } from './replies.ts';
import { parseName, required } from './requests.ts';

/** The GroupController service (CSI specification, Group Controller Service RPC). */
export function groupControllerService(model: Model): Methods<GroupControllerDefinition> {
  return namingFields({
    CreateVolumeGroupSnapshot: {
      // None of them may be staged, unstaged or expanded until all snapshots are taken.
      locks: (request) => [groupNameLock(request.name), ...unique(request.source_volume_ids).map(volumeLock)],
      joins: () => true,
      async handle(request) {
        return { group_snapshot: groupMessage(model, await createGroupSnapshot(model, parse(request))) };
      },
    },
    DeleteVolumeGroupSnapshot: {
      locks: ({ group_snapshot_id }) => [
        groupLock(group_snapshot_id),
        ...memberLocks(model, group_snapshot_id),
      ],
      async handle(request) {
        const groupId = required('group_snapshot_id', request.group_snapshot_id);
        await deleteGroupSnapshot(model, groupId, request.snapshot_ids);
        return {};
      },
    },
    GetVolumeGroupSnapshot: {
      async handle(request) {
        const groupId = required('group_snapshot_id', request.group_snapshot_id);
        return {
          group_snapshot: groupMessage(model, await existingGroup(model, groupId, request.snapshot_ids)),
        };
      },
    },
    GroupControllerGetCapabilities: {
      handle: async () => ({
        capabilities: [{ rpc: { type: 'CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT' } }],
      }),
    },
  });
}

function parse(request: CreateVolumeGroupSnapshotRequest__Output): GroupSpec {
  required('name', request.name);
  if (request.source_volume_ids.length === 0) throw missingField('source_volume_ids');
  const name = parseName('name', request.name);
  checkSnapshotParameters(request.parameters);
  return { name, sourceVolumeIds: unique(request.source_volume_ids) };
}

/** A snapshot that is being restored keeps its group from being deleted. */
function memberLocks({ groups }: Model, groupId: string) {
  return (groups.findIntact(groupId)?.snapshots ?? []).map(({ id }) => snapshotLock(id));
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)];
}
