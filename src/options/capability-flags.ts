import type { FlagTable } from './flag.ts';
import { boolean, listOf, oneOf, text } from './values.ts';

/** The flags that enable and disable CSI capabilities. */
export const capabilityFlags = {
  enableVolumeExpansion: {
    name: 'enable-volume-expansion',
    aliases: ['node-expand-required'],
    kind: boolean,
    default: 'true',
    group: 'Expansion',
    meaning: 'Allow volume expansion; false disables it in the controller and the node.',
  },
  disableControllerExpansion: {
    name: 'disable-controller-expansion',
    kind: boolean,
    default: 'false',
    group: 'Expansion',
    meaning: 'Do not implement ControllerExpandVolume.',
  },
  disableNodeExpansion: {
    name: 'disable-node-expansion',
    kind: boolean,
    default: 'false',
    group: 'Expansion',
    meaning: 'Do not implement NodeExpandVolume.',
  },
  enableAttach: {
    name: 'enable-attach',
    kind: boolean,
    default: 'false',
    group: 'Capabilities',
    meaning: 'Implement ControllerPublishVolume, which must then precede staging; limited by --attach-limit.',
  },
  enableControllerModifyVolume: {
    name: 'enable-controller-modify-volume',
    kind: boolean,
    default: 'false',
    group: 'Capabilities',
    meaning: 'Accept mutable parameters on creation and in ControllerModifyVolume.',
  },
  acceptedMutableParameterNames: {
    name: 'accepted-mutable-parameter-names',
    kind: listOf(text('NAME')),
    default: '',
    group: 'Capabilities',
    meaning:
      'Mutable parameters to accept, by default those the driver implements; others are stored and shown in the volume context.',
  },
  enableListSnapshots: {
    name: 'enable-list-snapshots',
    kind: boolean,
    default: 'true',
    group: 'Capabilities',
    meaning: 'Implement ListSnapshots.',
  },
  enableSnapshotMetadata: {
    name: 'enable-snapshot-metadata',
    kind: boolean,
    default: 'false',
    group: 'Capabilities',
    meaning:
      'Serve the SnapshotMetadata service: which blocks of a snapshot hold data, and which differ between two snapshots.',
  },
  snapshotMetadataBlockType: {
    name: 'snapshot-metadata-block-type',
    kind: oneOf('FIXED_LENGTH', 'VARIABLE_LENGTH'),
    default: 'FIXED_LENGTH',
    group: 'Capabilities',
    meaning: 'Whether the SnapshotMetadata service reports blocks of one size or ranges of any size.',
  },
  checkVolumeLifecycle: {
    name: 'check-volume-lifecycle',
    kind: boolean,
    default: 'false',
    group: 'Capabilities',
    meaning: 'Reject calls that are out of order in the volume lifecycle.',
  },
  ephemeral: {
    name: 'ephemeral',
    kind: boolean,
    default: 'false',
    group: 'Capabilities',
    meaning:
      'Treat every NodePublishVolume as one for an inline ephemeral volume, unless the volume context says otherwise.',
  },
} as const satisfies FlagTable;
