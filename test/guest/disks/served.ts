import { expect } from 'vitest';
import type { TestNode } from '../../support/test-node.ts';

/** Expects a driver to do everything for a pool whose disk works. */
export async function expectServed(node: TestNode, pool: string): Promise<void> {
  expect((await node.identity.Probe({})).ready?.value).toBe(true);
  const paths = await node.createPublished('elsewhere', undefined, { parameters: { pool } });
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodeUnstageVolume(paths);
  await node.controller.DeleteVolume(paths);
}
