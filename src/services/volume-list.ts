import type { Volume } from '../model/objects/volume.ts';
import type { Settings } from '../model/settings.ts';
import { EncodedReply } from '../rpc/encoded-reply.ts';
import type { ListVolumesResponse } from '../rpc/generated/csi/v1/ListVolumesResponse.ts';
import { csiServices } from '../rpc/proto.ts';
import { volumeMessage, volumeStatus } from './replies.ts';

const codec = csiServices.Controller.ListVolumes;

// A volume is replaced when it changes, so what was encoded of it stays true.
const known = new WeakMap<Settings, WeakMap<Volume, Buffer>>();

/** The reply of ListVolumes. Most of its cost is to encode the volumes, so each is encoded once. */
export function volumeList(
  settings: Settings,
  volumes: readonly Volume[],
  nextToken: string,
): EncodedReply<ListVolumesResponse> {
  const encoded = known.get(settings) ?? new WeakMap<Volume, Buffer>();
  known.set(settings, encoded);
  const parts = volumes.map((volume) => {
    const existing = encoded.get(volume);
    if (existing) return existing;
    const bytes = encodeEntry(settings, volume);
    encoded.set(volume, bytes);
    return bytes;
  });
  return new EncodedReply(codec, [...parts, codec.responseSerialize({ next_token: nextToken })]);
}

/** A list of one volume. */
function encodeEntry(settings: Settings, volume: Volume): Buffer {
  const entry = { volume: volumeMessage(settings, volume), status: volumeStatus(settings, volume) };
  return codec.responseSerialize({ entries: [entry] });
}
