import { expect, test } from 'vitest';
import { mountCapability } from '../../support/requests.ts';
import { stageVolume } from '../model/fakes/calls.ts';
import { fakeNode } from '../model/fakes/model.ts';
import { capability, imageContent } from '../model/fakes/requests.ts';
import { controllerOf, nodeOf } from './calls.ts';

const block = { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } } as const;

test.each(['ControllerExpandVolume', 'NodeExpandVolume'] as const)(
  '%s is invalid with a capability that the volume does not support, and grows it with one that it does',
  async (rpc) => {
    const { model, addVolume, makeDirectory } = fakeNode();
    const volume = await addVolume('a', { content: imageContent() });
    const volume_path = makeDirectory('/staging');
    await stageVolume(model, volume, volume_path, capability());
    const { ControllerExpandVolume, NodeExpandVolume } = { ...controllerOf(model), ...nodeOf(model) };
    const expand = (volume_capability: typeof block | ReturnType<typeof mountCapability>) => {
      const request = {
        volume_id: volume.id,
        capacity_range: { required_bytes: 2 * 1024 ** 2 },
        volume_capability,
      };
      return rpc === 'NodeExpandVolume'
        ? NodeExpandVolume({ ...request, volume_path })
        : ControllerExpandVolume(request);
    };
    await expect(expand(block)).rejects.toMatchObject({
      kind: 'invalid',
      message: 'volume_capability: the volume is a mount volume, not a block volume',
    });
    expect(model.catalogue.volumes.find(volume.id)?.capacityBytes).toBe(1024n ** 2n);
    expect(await expand(mountCapability())).toMatchObject({ capacity_bytes: String(2 * 1024 ** 2) });
  },
);
