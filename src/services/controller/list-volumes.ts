import type { ListVolumesRequest__Output } from '../../rpc/generated/csi/v1/ListVolumesRequest.ts';
import type { ListVolumesResponse } from '../../rpc/generated/csi/v1/ListVolumesResponse.ts';
import { invalidField } from '../../volume/errors.ts';
import type { Model } from '../../volume/model.ts';
import { parseToken, tokenAfter } from '../page-token.ts';
import { volumeMessage } from '../replies.ts';

// Keeps the longest reply well below the 4 MiB that gRPC clients take.
const PAGE_LIMIT = 4000;

/** Controller.ListVolumes: volumes in the order of their ids. */
export function listVolumesHandler(model: Model) {
  return async ({
    max_entries,
    starting_token,
  }: ListVolumesRequest__Output): Promise<ListVolumesResponse> => {
    if (max_entries < 0) throw invalidField('max_entries', max_entries, 'is negative');
    const limit = max_entries === 0 ? PAGE_LIMIT : Math.min(max_entries, PAGE_LIMIT);
    const found = model.volumes.listAfter(parseToken(starting_token), limit + 1);
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return {
      entries: page.map((volume) => ({ volume: volumeMessage(model, volume) })),
      next_token: found.length > page.length && last ? tokenAfter(last.id) : '',
    };
  };
}
