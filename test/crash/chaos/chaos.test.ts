import { rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { expect, onTestFailed, test } from 'vitest';
import { expectNoQgroups } from '../../support/btrfs.ts';
import { randomNumbers } from '../../support/random.ts';
import { ChaosNode } from './chaos-node.ts';
import { expectCapacity, expectContent, expectListed, expectNothingLost, expectOnDisk } from './checks.ts';
import { Client } from './client.ts';
import { combined, type Ledger } from './ledger.ts';

const killCount = Number(process.env['CHAOS_KILLS'] ?? 4);
const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const CLIENTS = 6;
/** The calls between two kills. */
const CALLS = { least: 20, most: 120 };
/** How long after the last of them the kill comes: as long as most calls take. */
const MAX_DELAY_MS = 20;
const MAX_RETAINED = 6;
const TIMEOUT_MS = 4 * 60 * 60_000;

test(
  `a driver killed ${killCount} times under load keeps all that it acknowledged, and nothing else (CHAOS_SEED=${seed})`,
  async () => {
    const random = randomNumbers(seed);
    const node = new ChaosNode();
    // The same seed may not fail again.
    onTestFailed(() => void process.stdout.write(node.test.log()));
    await node.start();
    const clients = Array.from({ length: CLIENTS }, (_, index) => {
      return new Client(`client${index}`, node, randomNumbers(seed * 1000 + index));
    });
    const ledgers = clients.map(({ ledger }) => ledger);
    for (let kill = 0; kill < killCount; kill++) {
      await killUnderLoad(node, clients, random);
      await node.start();
      const uncertainIds = clients.flatMap((client) => client.uncertainIds);
      await expectNothingLost(node, combined(ledgers), uncertainIds);
      await Promise.all(clients.map((client) => client.retry()));
      const ledger = combined(ledgers);
      await expectListed(node, ledger);
      await expectOnDisk(node, ledger);
      await expectCapacity(node, ledger);
      await Promise.all(ledgers.map((each) => expectContent(node, each)));
      if (ledger.retained.size > MAX_RETAINED) removeRetained(node, ledgers);
    }
    await Promise.all(clients.map((client) => client.end()));
    removeRetained(node, ledgers);
    await expectListed(node, combined(ledgers));
    await expectOnDisk(node, combined(ledgers));
    await expectCapacity(node, combined(ledgers));
    const btrfs = node.pools.get('btrfs');
    if (btrfs !== undefined) await expectNoQgroups(btrfs);
  },
  TIMEOUT_MS,
);

async function killUnderLoad(
  node: ChaosNode,
  clients: readonly Client[],
  random: () => number,
): Promise<void> {
  const calls = node.calls(CALLS.least + Math.floor(random() * (CALLS.most - CALLS.least)));
  const running = Promise.all(clients.map((client) => client.run()));
  await Promise.race([calls, running]);
  // A moment that has nothing to do with what the driver is doing.
  await setTimeout(random() * MAX_DELAY_MS);
  await node.kill();
  await running;
}

/** What an owner does to get back the space of retained volumes. */
function removeRetained(node: ChaosNode, ledgers: readonly Ledger[]): void {
  for (const { retained } of ledgers) {
    for (const { id, kind } of retained.values())
      rmSync(node.path(kind.pool, 'retained', id), { recursive: true });
    retained.clear();
  }
  expect(node.names('retained')).toEqual([]);
}
