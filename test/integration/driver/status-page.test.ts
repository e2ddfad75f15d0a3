import { expect, test } from 'vitest';
import { runDriver } from '../../support/driver-process.ts';
import { get, withMetrics } from '../../support/metrics/scrape.ts';
import { testNode } from '../../support/test-node.ts';

test('a driver that was asked for it serves a page, and the report behind it', async () => {
  const node = testNode();
  const driver = await node.start({ flags: [withMetrics, '--status-page'] });
  const id = await node.create('first');
  const page = await get(driver, '/');
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(await page.text()).toContain(`title="${id}"`);
  const report = (await (await get(driver, '/status')).json()) as { volumes: { id: string }[] };
  expect(report.volumes.map((volume) => volume.id)).toEqual([id]);
});

test('without the flag there is no page', async () => {
  const node = testNode();
  const driver = await node.start({ flags: [withMetrics] });
  for (const path of ['/', '/status']) expect((await get(driver, path)).status).toBe(404);
});

test('a page needs an address', async () => {
  const { code, stderr } = await runDriver(['--nodeid=n', '--status-page']);
  expect(code).toBe(2);
  expect(stderr).toContain('--status-page needs --http-endpoint');
});
