import { missingField } from '../model/errors.ts';
import type { Parts } from '../model/parts.ts';
import { createGroupSnapshot, type GroupSpec } from '../model/snapshots/create-group-snapshot.ts';
import { deleteGroupSnapshot, existingGroup } from '../model/snapshots/group-snapshots.ts';
import type { Catalogue } from '../model/state/catalogue.ts';
import { exclusive, type Held } from '../model/state/holds.ts';
import type { CreateVolumeGroupSnapshotRequest__Output } from '../rpc/generated/csi/v1/CreateVolumeGroupSnapshotRequest.ts';
import type { GroupControllerDefinition } from '../rpc/generated/csi/v1/GroupController.ts';
import type { MethodMakers, Methods } from '../rpc/service.ts';
import { withFieldNames } from './field-names.ts';
import { checkSnapshotParameters } from './parameters.ts';
import { groupMessage } from './replies.ts';
import { parseName, required } from './requests.ts';

type GroupMethod<Name extends keyof Methods<GroupControllerDefinition>> = NonNullable<
  Methods<GroupControllerDefinition>[Name]
>;

/** The GroupController service (CSI specification, Group Controller Service RPC), in the order of the specification. */
export const groupControllerMethods = withFieldNames<MethodMakers<Parts, GroupControllerDefinition>>({
  GroupControllerGetCapabilities: () => ({
    handle: async () => ({
      capabilities: [{ rpc: { type: 'CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT' } }],
    }),
  }),
  CreateVolumeGroupSnapshot: createGroupMethod,
  DeleteVolumeGroupSnapshot: deleteGroupMethod,
  GetVolumeGroupSnapshot: getGroupMethod,
});

function createGroupMethod(parts: Parts): GroupMethod<'CreateVolumeGroupSnapshot'> {
  return {
    // None of them may be staged, unstaged or expanded until all snapshots are taken.
    holds: (request) => [
      exclusive('group snapshot name', request.name),
      ...unique(request.source_volume_ids).map((id) => exclusive('volume', id)),
    ],
    canJoin: () => true,
    async handle(request, held) {
      const spec = parse(request, held);
      const group = await createGroupSnapshot(parts, held.exclusive('group snapshot name', spec.name), spec);
      return { group_snapshot: groupMessage(parts.settings, group) };
    },
  };
}

function deleteGroupMethod(parts: Parts): GroupMethod<'DeleteVolumeGroupSnapshot'> {
  return {
    holds: ({ group_snapshot_id }) => [
      exclusive('group snapshot', group_snapshot_id),
      ...memberHolds(parts.catalogue, group_snapshot_id),
    ],
    async handle(request, held) {
      const groupId = required('group_snapshot_id', request.group_snapshot_id);
      await deleteGroupSnapshot(parts, held.exclusive('group snapshot', groupId), request.snapshot_ids);
      return {};
    },
  };
}

function getGroupMethod({ catalogue, settings }: Parts): GroupMethod<'GetVolumeGroupSnapshot'> {
  return {
    async handle(request) {
      const groupId = required('group_snapshot_id', request.group_snapshot_id);
      const group = await existingGroup(catalogue, groupId, request.snapshot_ids);
      return { group_snapshot: groupMessage(settings, group) };
    },
  };
}

function parse(request: CreateVolumeGroupSnapshotRequest__Output, held: Held): GroupSpec {
  required('name', request.name);
  if (request.source_volume_ids.length === 0) throw missingField('source_volume_ids');
  const name = parseName('name', request.name);
  checkSnapshotParameters(request.parameters);
  const sources = unique(request.source_volume_ids).map((id) => held.exclusive('volume', id));
  return { name, sources };
}

/** A snapshot that is being restored keeps its group from being deleted. */
function memberHolds({ groups }: Catalogue, groupId: string) {
  return (groups.findIntact(groupId)?.snapshots ?? []).map(({ id }) => exclusive('snapshot', id));
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)];
}
