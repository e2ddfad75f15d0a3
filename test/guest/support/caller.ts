import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromSnapshot, fromVolume } from '../../support/copies.ts';
import type { TestNode } from '../../support/test-node.ts';
import { type Call, type Chain, contentOf } from './load.ts';

const MIB = 1024 ** 2;
const sized = (mebibytes: number) => ({ capacity_range: { required_bytes: mebibytes * MIB } });

/** Makes the calls of a chain, and is the pods that write to its volumes. */
export class Caller {
  private readonly node: TestNode;
  private readonly chain: Chain;
  private readonly ids: Map<string, string>;
  private readonly stagings = new Map<string, string>();
  private readonly takenDown = new Set<string>();

  /** @param ids those of objects that exist already, by their names */
  constructor(node: TestNode, chain: Chain, ids = new Map<string, string>()) {
    this.node = node;
    this.chain = chain;
    this.ids = ids;
  }

  /** Makes a call. @returns the id of the object that it made, if it made one */
  async make(call: Call): Promise<string | undefined> {
    const { name } = call;
    switch (call.kind) {
      case 'create':
        return this.create(call);
      case 'snapshot': {
        const { snapshot } = await this.node.controller.CreateSnapshot({
          name,
          source_volume_id: this.idOf(call.from),
        });
        return this.remember(name, snapshot?.snapshot_id);
      }
      case 'write':
        write(await this.staged(name), call.file);
        return undefined;
      case 'expand':
        await this.expand(name, call.mebibytes);
        return undefined;
      case 'limit inodes': {
        const mutable_parameters = { inodeLimit: `${call.inodes}` };
        await this.node.controller.ControllerModifyVolume({ volume_id: this.idOf(name), mutable_parameters });
        return undefined;
      }
      case 'delete':
        await this.delete(name);
        return undefined;
    }
  }

  /** Reads the files of a volume. */
  async read(name: string): Promise<Map<string, Buffer>> {
    const path = await this.staged(name);
    const files = readdirSync(path).filter((file) => file !== 'lost+found');
    return new Map(files.map((file) => [file, readFileSync(join(path, file))]));
  }

  /** Reads the files of a snapshot, by restoring it for a moment. */
  async readSnapshot(name: string, mebibytes: number): Promise<Map<string, Buffer>> {
    const restored = `restored-${name}`;
    await this.create({ kind: 'create', name: restored, mebibytes, from: name });
    const files = await this.read(restored);
    await this.delete(restored);
    return files;
  }

  /** The size of a volume as pods see it. */
  async bytesOf(name: string): Promise<number> {
    const volume_path = await this.staged(name);
    const { usage = [] } = await this.node.node.NodeGetVolumeStats({
      volume_id: this.idOf(name),
      volume_path,
    });
    return Number(usage[0]?.total);
  }

  /** Unstages everything. */
  async takeDown(): Promise<void> {
    for (const name of [...this.stagings.keys()]) {
      await this.unstage(name);
      this.takenDown.add(name);
    }
  }

  /** Stages again what was taken down. */
  async bringUp(): Promise<void> {
    for (const name of this.takenDown) {
      await this.staged(name);
      this.takenDown.delete(name);
    }
  }

  idOf(name: string): string {
    const id = this.ids.get(name);
    if (id === undefined) throw new Error(`no call has made ${name}`);
    return id;
  }

  private async create({ name, mebibytes, from }: Call & { kind: 'create' }): Promise<string> {
    const { capability, request } = this.chain.kind;
    const id = await this.node.create(name, {
      ...request,
      ...(from === undefined ? {} : this.copyOf(from)),
      ...sized(mebibytes),
      volume_capabilities: [capability],
    });
    return this.remember(name, id);
  }

  private copyOf(from: string) {
    const isSnapshot = this.chain.calls.some(({ kind, name }) => kind === 'snapshot' && name === from);
    return isSnapshot ? fromSnapshot(this.idOf(from)) : fromVolume(this.idOf(from));
  }

  private async expand(name: string, mebibytes: number): Promise<void> {
    const volume_id = this.idOf(name);
    const { node_expansion_required } = await this.node.controller.ControllerExpandVolume({
      volume_id,
      ...sized(mebibytes),
    });
    const volume_path = this.stagings.get(name);
    if (node_expansion_required && volume_path !== undefined) {
      await this.node.node.NodeExpandVolume({ volume_id, volume_path });
    }
  }

  private async delete(name: string): Promise<void> {
    await this.unstage(name);
    const volume_id = this.idOf(name);
    const isSnapshot = this.chain.calls.some((call) => call.kind === 'snapshot' && call.name === name);
    if (isSnapshot) await this.node.controller.DeleteSnapshot({ snapshot_id: volume_id });
    else await this.node.controller.DeleteVolume({ volume_id });
  }

  private async unstage(name: string): Promise<void> {
    const staging_target_path = this.stagings.get(name);
    if (staging_target_path === undefined) return;
    await this.node.node.NodeUnstageVolume({ volume_id: this.idOf(name), staging_target_path });
    this.stagings.delete(name);
  }

  /** Stages a volume, unless it is. @returns where */
  private async staged(name: string): Promise<string> {
    const known = this.stagings.get(name);
    if (known !== undefined) return known;
    const staging_target_path = this.node.newStaging();
    const volume_capability = this.chain.kind.capability;
    await this.node.node.NodeStageVolume({
      volume_id: this.idOf(name),
      staging_target_path,
      volume_capability,
    });
    this.stagings.set(name, staging_target_path);
    return staging_target_path;
  }

  private remember(name: string, id: string | undefined): string {
    if (id === undefined) throw new Error('the reply has no object');
    this.ids.set(name, id);
    return id;
  }
}

function write(directory: string, file: string): void {
  writeFileSync(join(directory, file), contentOf(file), { flush: true });
  const fd = openSync(directory, 'r');
  fsyncSync(fd);
  closeSync(fd);
}
