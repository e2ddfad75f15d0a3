import { invalidField } from '../model/errors.ts';
import type { Parts } from '../model/parts.ts';
import type { BlockType, ByteRange } from '../model/ports/block-maps.ts';
import type { Settings } from '../model/settings.ts';
import {
  allocatedBlocks,
  type BlockMetadata,
  changedBlocks,
  type MetadataSpec,
} from '../model/snapshots/snapshot-metadata.ts';
import type { BlockMetadata as BlockMessage } from '../rpc/generated/csi/v1/BlockMetadata.ts';
import type { SnapshotMetadataDefinition } from '../rpc/generated/csi/v1/SnapshotMetadata.ts';
import type { MethodMakers } from '../rpc/service.ts';
import { withFieldNames } from './field-names.ts';
import { required } from './requests.ts';

/**
 * The SnapshotMetadata service (CSI specification, Snapshot Metadata Service RPC), if enabled. It takes no locks: a
 * snapshot does not change, and one that is deleted during a call can still be read to its end.
 */
export function snapshotMetadataMethods({
  features: { snapshotMetadata: blockType },
}: Settings): MethodMakers<Parts, SnapshotMetadataDefinition, 'stream'> {
  if (blockType === undefined) return {};
  return withFieldNames<MethodMakers<Parts, SnapshotMetadataDefinition, 'stream'>>({
    GetMetadataAllocated: (parts) => ({
      stream(request, signal) {
        const snapshotId = required('snapshot_id', request.snapshot_id);
        const blocks = allocatedBlocks(parts, snapshotId, parse(request, blockType), signal);
        return messagesOf(blocks, blockType);
      },
    }),
    GetMetadataDelta: (parts) => ({
      stream(request, signal) {
        const baseId = required('base_snapshot_id', request.base_snapshot_id);
        const targetId = required('target_snapshot_id', request.target_snapshot_id);
        const blocks = changedBlocks(parts, { baseId, targetId }, parse(request, blockType), signal);
        return messagesOf(blocks, blockType);
      },
    }),
  });
}

function parse(
  { starting_offset, max_results }: { readonly starting_offset: string; readonly max_results: number },
  blockType: BlockType,
): MetadataSpec {
  if (max_results < 0) throw invalidField('max_results', max_results, 'must not be negative');
  return { blockType, startingOffset: BigInt(starting_offset), maximumRanges: max_results };
}

async function* messagesOf(blocks: AsyncIterable<BlockMetadata>, blockType: BlockType) {
  for await (const { capacityBytes, ranges } of blocks) {
    yield {
      block_metadata_type: blockType,
      volume_capacity_bytes: capacityBytes.toString(),
      block_metadata: ranges.map(blockMessage),
    };
  }
}

function blockMessage({ start, end }: ByteRange): BlockMessage {
  return { byte_offset: start.toString(), size_bytes: (end - start).toString() };
}
