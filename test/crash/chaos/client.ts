import { type ServiceError, status } from '@grpc/grpc-js';
import type { ChaosNode } from './chaos-node.ts';
import { type Kind, kinds } from './kinds.ts';
import { Ledger, type Snapshot, type Volume } from './ledger.ts';
import { type Operation, Operations } from './operations.ts';
import { readsOf } from './reads.ts';

const MAX_VOLUMES = 5;
const MAX_SNAPSHOTS = 4;
const GROUP_SIZE = 2;
const SHARE_OF_READS = 0.15;
/** How many calls make a volume or copy, or delete a copy; the others continue the life of a volume. */
const SHARE_OF_OTHERS = 0.3;
/** How many of the calls are made twice at the same time. */
const SHARE_OF_DOUBLES = 0.1;
/** How a call ends that a dying driver has not answered. */
const LOST: readonly number[] = [status.UNAVAILABLE, status.CANCELLED];

/** Calls the driver at random, one call after the other, and keeps what it acknowledged. */
export class Client {
  readonly ledger = new Ledger();
  private readonly name: string;
  private readonly node: ChaosNode;
  private readonly random: () => number;
  private readonly operations: Operations;
  private pending: Operation | undefined;
  private nameCount = 0;

  constructor(name: string, node: ChaosNode, random: () => number) {
    this.name = name;
    this.node = node;
    this.random = random;
    this.operations = new Operations(node, this.ledger);
  }

  /** Makes calls until the driver is killed. */
  async run(): Promise<void> {
    while (!this.node.isKilled) {
      if (this.random() < SHARE_OF_READS) await this.read();
      else await this.perform(this.choose());
    }
  }

  /** The objects that may be gone, because the call that removes them was not acknowledged. */
  get uncertainIds(): readonly string[] {
    return this.pending?.removes ?? [];
  }

  /** Repeats the call that a killed driver did not answer. */
  async retry(): Promise<void> {
    if (this.pending) await this.perform(this.pending);
  }

  /** Deletes everything. */
  async end(): Promise<void> {
    for (const groupId of this.ledger.groupIds) await this.perform(this.operations.deleteGroup(groupId));
    for (const each of this.ledger.snapshots.values())
      await this.perform(this.operations.deleteSnapshot(each));
    for (const volume of this.ledger.volumes.values()) {
      if (volume.isPublished) await this.perform(this.operations.unpublish(volume));
      if (volume.isStaged) await this.perform(this.operations.unstage(volume));
      if (volume.isAttached) await this.perform(this.operations.detach(volume));
      if (volume.isRetained) await this.perform(this.operations.modify(volume));
      await this.perform(this.operations.delete(volume));
    }
  }

  private async read(): Promise<void> {
    const read = this.pick(readsOf(this.node, this.ledger, (items) => this.pick(items)));
    this.node.count();
    try {
      await read?.();
    } catch (error) {
      if (!this.node.isKilled || !isLost(error)) throw error;
    }
  }

  /** Repeats a call until it is acknowledged, or the driver is killed. */
  private async perform(operation: Operation): Promise<void> {
    this.pending = operation;
    do {
      const isDoubled = this.random() < SHARE_OF_DOUBLES;
      this.node.count();
      const results = await Promise.allSettled([operation.call(), ...(isDoubled ? [operation.call()] : [])]);
      for (const result of results)
        if (result.status === 'rejected') this.expectRetriable(operation, result.reason);
      const [acknowledged] = results.flatMap((result) =>
        result.status === 'fulfilled' ? [result.value] : [],
      );
      if (acknowledged) {
        this.pending = undefined;
        await acknowledged();
        return;
      }
    } while (!this.node.isKilled);
  }

  private expectRetriable(operation: Operation, error: unknown): void {
    if (this.node.isKilled && isLost(error)) return;
    if ((error as ServiceError).code === status.ABORTED) return;
    throw new Error(`${operation.name}: ${String(error)}`, { cause: error });
  }

  private choose(): Operation {
    const volume = this.pick([...this.ledger.volumes.values()]);
    const isOther = volume === undefined || this.random() < SHARE_OF_OTHERS;
    const choices = isOther ? this.choicesOfObjects() : this.choicesOf(volume);
    return this.pick(choices)?.() ?? this.operations.create(this.newName('v'), this.pick(kinds) as Kind);
  }

  private choicesOf(volume: Volume): (() => Operation)[] {
    const { operations } = this;
    const { isAttached, isStaged, isPublished, kind } = volume;
    const changes = [() => operations.expand(volume), () => operations.modify(volume)];
    // Most often a volume goes on, so that it gets far before it is deleted.
    const on = (operation: () => Operation) => [operation, operation, operation];
    if (isPublished) {
      changes.push(() => operations.unpublish(volume));
      if (kind.form !== 'block') changes.push(() => operations.expandOnNode(volume));
    } else if (isStaged) {
      changes.push(...on(() => operations.publish(volume, this.newName('marker '))), () =>
        operations.unstage(volume),
      );
    } else if (isAttached) {
      changes.push(...on(() => operations.stage(volume)), () => operations.detach(volume));
    } else {
      changes.push(...on(() => operations.attach(volume)), () => operations.delete(volume));
    }
    return changes;
  }

  private choicesOfObjects(): (() => Operation)[] {
    const { ledger, operations } = this;
    const volumes = [...ledger.volumes.values()];
    const snapshots = [...ledger.snapshots.values()];
    const choices: (() => Operation)[] = [];
    const offer = <Item>(item: Item | undefined, operation: (item: Item) => Operation) => {
      if (item !== undefined) choices.push(() => operation(item));
    };
    const source = this.pick(volumes.filter(canBeCopied));
    if (volumes.length < MAX_VOLUMES) {
      offer(this.pick(kinds), (kind) => operations.create(this.newName('v'), kind));
      offer(this.pick(snapshots), (snapshot) => operations.restore(this.newName('r'), snapshot));
      offer(source, (volume) => operations.clone(this.newName('c'), volume));
    }
    if (snapshots.length < MAX_SNAPSHOTS) {
      offer(source, (volume) => operations.snapshot(this.newName('s'), volume));
      offer(this.groupable(volumes), (members) => operations.group(this.newName('g'), members));
    }
    offer(this.pick(snapshots.filter(isAlone)), (snapshot) => operations.deleteSnapshot(snapshot));
    offer(this.pick(ledger.groupIds), (id) => operations.deleteGroup(id));
    return choices;
  }

  /** Volumes that a group snapshot can be taken of now. */
  private groupable(volumes: readonly Volume[]): readonly Volume[] | undefined {
    const able = volumes.filter(({ kind, isStaged }) => kind.form === 'file system' || !isStaged);
    const pool = this.pick(able)?.kind.pool;
    const members = able.filter(({ kind }) => kind.pool === pool).slice(0, GROUP_SIZE);
    return members.length === GROUP_SIZE ? members : undefined;
  }

  private newName(kind: string): string {
    return `${this.name}-${kind}${this.nameCount++}`;
  }

  private pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.random() * items.length)];
  }
}

function isLost(error: unknown): boolean {
  return LOST.includes((error as ServiceError).code);
}

function isAlone({ groupId }: Snapshot): boolean {
  return groupId === undefined;
}

/** A block volume in use can be copied only where a copy shares its blocks. */
function canBeCopied({ kind, isStaged }: Volume): boolean {
  return kind.form !== 'block' || kind.pool !== 'default' || !isStaged;
}
