import { chromium } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { testNode } from '../support/test-node.ts';

const claimNamed = (name: string) => ({
  parameters: { 'csi.storage.k8s.io/pvc/namespace': 'shop', 'csi.storage.k8s.io/pvc/name': name },
});
const MIB = 1024 ** 2;
const sized = (mebibytes: number) => ({ capacity_range: { required_bytes: mebibytes * MIB } });

/** The page of a node with three volumes, in a browser whose clock the test moves. */
async function openPage({ colorScheme = 'light' as 'light' | 'dark' } = {}) {
  const node = testNode();
  const { monitoringUrl = '' } = await node.start({
    flags: ['--http-endpoint=127.0.0.1:0', '--status-page'],
  });
  await node.createPublished('one', undefined, { ...claimNamed('alpha'), ...sized(300) });
  await node.create('two', { ...claimNamed('beta'), ...sized(20) });
  await node.create('three', { ...claimNamed('gamma'), ...sized(100) });
  // Chromium has no sandbox of its own for root.
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  onTestFinished(() => browser.close());
  const page = await browser.newPage({ colorScheme });
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  await page.clock.install();
  await page.goto(monitoringUrl);
  const volumes = () => page.locator('#volumes tbody tr:visible th').allInnerTexts();
  const names = async () => (await volumes()).map((text) => text.split(' ')[0]);
  return { node, page, names, problems };
}

test('the page shows the volumes by claim, and nothing of it is refused by the browser', async () => {
  const { page, names, problems } = await openPage();
  expect(await names()).toEqual(['shop/alpha', 'shop/beta', 'shop/gamma']);
  expect(await page.title()).toBe('hostpath.csi.k8s.io on node-1');
  await page.getByRole('row', { name: 'shop/alpha' }).getByText('2', { exact: true }).click();
  expect(await page.getByText('published at').isVisible()).toBe(true);
  expect(problems).toEqual([]);
});

test('volumes are sorted with the keyboard, by numbers where a column has numbers', async () => {
  const { page, names } = await openPage();
  const size = page.getByRole('button', { name: 'Size' });
  await size.focus();
  await page.keyboard.press('Enter');
  expect(await names()).toEqual(['shop/beta', 'shop/gamma', 'shop/alpha']);
  expect(await page.locator('th[aria-sort]').getAttribute('aria-sort')).toBe('ascending');
  await page.keyboard.press('Enter');
  expect(await names()).toEqual(['shop/alpha', 'shop/gamma', 'shop/beta']);
  expect(await page.locator('th[aria-sort]').getAttribute('aria-sort')).toBe('descending');
});

test('a search hides the other volumes, and says how many are shown', async () => {
  const { page, names } = await openPage();
  await page.getByLabel('Search').fill('gam');
  expect(await names()).toEqual(['shop/gamma']);
  expect(await page.locator('#shown').textContent()).toBe('1 of 3 shown');
  await page.getByLabel('Search').fill('');
  expect(await names()).toHaveLength(3);
});

test('a screen reader finds the parts by their roles and names', async () => {
  const { page } = await openPage();
  for (const name of ['Pools', 'Problems', 'Volumes', 'Snapshots and copies', 'Jobs', 'Retained volumes'])
    expect(await page.getByRole('heading', { name, exact: true }).count(), name).toBe(1);
  expect(await page.getByRole('meter', { name: 'use of the disk of pool default' }).count()).toBe(1);
  expect(await page.getByRole('status').first().textContent()).toMatch(/^\d+ problems$/);
  expect(await page.getByRole('rowheader', { name: 'default' }).count()).toBe(1);
});

test('a new volume appears by itself, sorted and searched as the reader has chosen', async () => {
  const { node, page, names } = await openPage();
  await page.getByRole('button', { name: 'Size' }).click();
  await page.getByLabel('Search').fill('shop');
  await node.create('four', { ...claimNamed('delta'), ...sized(50) });
  await page.clock.runFor(10_000);
  await page.getByText('4 of 4 shown').waitFor();
  expect(await names()).toEqual(['shop/beta', 'shop/delta', 'shop/gamma', 'shop/alpha']);
});

test('the page says so when the driver does not answer any more', async () => {
  const { node, page, names } = await openPage();
  await node.stop();
  await page.clock.runFor(10_000);
  await page.getByRole('alert').waitFor();
  expect(await names()).toHaveLength(3);
});

test('the page is dark for a reader whose system is', async () => {
  const colorOf = async (colorScheme: 'light' | 'dark') => {
    const { page } = await openPage({ colorScheme });
    return page.evaluate("getComputedStyle(document.querySelector('.problem')).color");
  };
  expect(await colorOf('dark')).not.toBe(await colorOf('light'));
});
