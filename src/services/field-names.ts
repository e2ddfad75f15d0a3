import { prefixed, type Subject, VolumeError } from '../model/errors.ts';
import type { AnyKind } from '../rpc/service.ts';

/** The field names of a request for the subjects of model errors. */
type FieldNames = Readonly<Partial<Record<Subject, string>>>;

const capacityFields = {
  requiredBytes: 'capacity_range.required_bytes',
  limitBytes: 'capacity_range.limit_bytes',
} as const;

/**
 * The field names of each request for the subjects of model errors, by RPC. For a subject without a field name, the
 * message is sufficient.
 */
export const fieldNames: Readonly<Record<string, FieldNames>> = {
  CreateVolume: {
    name: 'name',
    ...capacityFields,
    ...capabilityFields('volume_capabilities'),
    ...parameterFields('parameters'),
    inodeLimit: 'mutable_parameters.inodeLimit',
    topology: 'accessibility_requirements.requisite',
  },
  DeleteVolume: { volume: 'volume_id' },
  ControllerModifyVolume: { inodeLimit: 'mutable_parameters.inodeLimit' },
  ControllerPublishVolume: {
    volume: 'volume_id',
    node: 'node_id',
    ...capabilityFields('volume_capability'),
  },
  ControllerExpandVolume: {
    passphrase: 'secrets.passphrase',
    ...capacityFields,
    ...capabilityFields('volume_capability'),
  },
  CreateSnapshot: {
    name: 'name',
    sourceVolumes: 'source_volume_id',
    topology: 'accessibility_requirements.requisite',
  },
  DeleteSnapshot: { snapshot: 'snapshot_id' },
  CreateVolumeGroupSnapshot: { name: 'name', sourceVolumes: 'source_volume_ids' },
  GetVolumeGroupSnapshot: { members: 'snapshot_ids' },
  DeleteVolumeGroupSnapshot: { group: 'group_snapshot_id', members: 'snapshot_ids' },
  NodeStageVolume: {
    volume: 'volume_id',
    stagingPath: 'staging_target_path',
    passphrase: 'secrets.passphrase',
    ...capabilityFields('volume_capability'),
  },
  NodeUnstageVolume: { stagingPath: 'staging_target_path' },
  NodePublishVolume: {
    volume: 'volume_id',
    stagingPath: 'staging_target_path',
    targetPath: 'target_path',
    ...capabilityFields('volume_capability'),
    // The attributes of an inline volume.
    requiredBytes: 'volume_context.size',
    ...parameterFields('volume_context'),
  },
  NodeUnpublishVolume: { targetPath: 'target_path' },
  NodeGetVolumeStats: { volumePath: 'volume_path' },
  NodeGetVolumeHealth: { stagingPath: 'staging_target_path', targetPath: 'volume_publish_path' },
  NodeExpandVolume: {
    volumePath: 'volume_path',
    passphrase: 'secrets.passphrase',
    ...capacityFields,
    ...capabilityFields('volume_capability'),
  },
  GetMetadataAllocated: { snapshot: 'snapshot_id', startingOffset: 'starting_offset' },
  GetMetadataDelta: {
    snapshot: 'base_snapshot_id',
    targetSnapshot: 'target_snapshot_id',
    startingOffset: 'starting_offset',
  },
};

/** Methods whose errors name the fields of their requests. */
export function withFieldNames<Makers extends object>(makers: Makers): Makers {
  const named = Object.entries(makers as AnyMakers).map(([name, make]) => {
    const fields = fieldNames[name];
    return [name, fields ? (parts: never) => withNames(fields, make(parts)) : make];
  });
  return Object.fromEntries(named);
}

type AnyMakers = Readonly<Record<string, (parts: never) => AnyKind>>;

function withNames(fields: FieldNames, method: AnyKind): AnyKind {
  if ('stream' in method) {
    return {
      ...method,
      stream: (request, signal) => namedStream(fields, method.stream(request, signal)),
    };
  }
  return { ...method, handle: (request, held) => namedReply(fields, method.handle(request, held)) };
}

async function namedReply<T>(fields: FieldNames, reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    throw withField(fields, error);
  }
}

async function* namedStream<T>(fields: FieldNames, messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw withField(fields, error);
  }
}

function withField(fields: FieldNames, error: unknown): unknown {
  const field = error instanceof VolumeError && error.about && fields[error.about];
  return field ? prefixed(field, error) : error;
}

function capabilityFields(capability: string): FieldNames {
  return {
    capability,
    accessMode: `${capability}.access_mode`,
    fsType: `${capability}.mount.fs_type`,
    mountFlags: `${capability}.mount.mount_flags`,
  };
}

function parameterFields(parameters: string): FieldNames {
  return {
    pool: `${parameters}.pool`,
    backend: `${parameters}.backend`,
    enforceCapacity: `${parameters}.enforceCapacity`,
    mkfsOptions: `${parameters}.mkfsOptions`,
    fsckMode: `${parameters}.fsckMode`,
    provisioning: `${parameters}.provisioning`,
    encryption: `${parameters}.encryption`,
    compression: `${parameters}.compression`,
    nodatacow: `${parameters}.nodatacow`,
    allowVolumeModeChange: `${parameters}.allowVolumeModeChange`,
    restore: `${parameters}.restore`,
    owner: `${parameters}.uid, ${parameters}.gid`,
  };
}
