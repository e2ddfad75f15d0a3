import type { Model } from '../../model/state/model.ts';
import type { ListVolumesRequest__Output } from '../../rpc/generated/csi/v1/ListVolumesRequest.ts';
import type { ListVolumesResponse } from '../../rpc/generated/csi/v1/ListVolumesResponse.ts';
import { pageOf } from '../page.ts';
import { volumeMessage, volumeStatus } from '../replies.ts';

/** Controller.ListVolumes: volumes in the order of their positions. */
export function listVolumesHandler(model: Model) {
  return async (request: ListVolumesRequest__Output): Promise<ListVolumesResponse> => {
    const list = (position: string, limit: number) => model.volumes.listAfter(position, limit);
    const { items, nextToken } = pageOf(request, list);
    return {
      entries: items.map((volume) => ({
        volume: volumeMessage(model, volume),
        status: volumeStatus(model, volume),
      })),
      next_token: nextToken,
    };
  };
}
