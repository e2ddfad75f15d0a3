import type { FlagTable } from './flag.ts';
import { boolean, listOf, oneOf, text } from './values.ts';

/** The flags that turn capabilities of CSI on and off, beside those for expansion. */
export const capabilityFlags = {
  enableAttach: {
    name: 'enable-attach',
    kind: boolean,
    default: 'false',
    group: 'Capabilities',
    meaning: 'Let the controller publish volumes on this node before they are staged, up to --attach-limit.',
  },
  enableControllerModifyVolume: {
    name: 'enable-controller-modify-volume',
    kind: boolean,
    default: 'false',
    group: 'Capabilities',
    meaning: 'Take mutable parameters, when a volume is made and while it exists.',
  },
  acceptedMutableParameterNames: {
    name: 'accepted-mutable-parameter-names',
    kind: listOf(text('NAME')),
    default: '',
    group: 'Capabilities',
    meaning:
      'Mutable parameters to accept, of which those that this driver does not act on are kept and shown in the volume context; without any, those that it acts on.',
  },
  enableListSnapshots: {
    name: 'enable-list-snapshots',
    kind: boolean,
    default: 'true',
    group: 'Capabilities',
    meaning: 'List snapshots.',
  },
  enableSnapshotMetadata: {
    name: 'enable-snapshot-metadata',
    kind: boolean,
    default: 'false',
    group: 'Capabilities',
    meaning:
      'Tell which blocks of a snapshot hold data, and which differ between two: the SnapshotMetadata service.',
  },
  snapshotMetadataBlockType: {
    name: 'snapshot-metadata-block-type',
    kind: oneOf('FIXED_LENGTH', 'VARIABLE_LENGTH'),
    default: 'FIXED_LENGTH',
    group: 'Capabilities',
    meaning: 'Whether the SnapshotMetadata service tells blocks of one size or ranges as they are.',
  },
  checkVolumeLifecycle: {
    name: 'check-volume-lifecycle',
    kind: boolean,
    default: 'false',
    group: 'Capabilities',
    meaning: 'Refuse calls that come before those of the volume life cycle that belong before them.',
  },
  ephemeral: {
    name: 'ephemeral',
    kind: boolean,
    default: 'false',
    group: 'Capabilities',
    meaning:
      'Take every NodePublishVolume for one of an inline ephemeral volume, unless its context says that it is not.',
  },
} as const satisfies FlagTable;
