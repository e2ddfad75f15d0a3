import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type DriverProcess, startDriverProcess } from '../../support/driver-process.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { ephemeral } from '../../support/inline-pod.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';
import { plausibleRequest } from '../support/plausible-request.ts';
import { Random, rounds } from '../support/random.ts';
import { type Ending, RawClient } from '../support/raw-client.ts';
import { type FieldPath, fieldsOf, messageWith, type Rpc, rpcs } from '../support/rpcs.ts';

const MARKER = 'correct-horse-battery-staple';
const TOKENS = 'csi.storage.k8s.io/serviceAccount.tokens';
/** The programs that work on images. */
const PROGRAMS = ['mkfs.ext4', 'e2fsck', 'resize2fs'];

const random = new Random('secrets');
const configurations = ['0', '2', '4', '5', '10'].flatMap((verbosity) =>
  ['json', 'pretty'].map((format) => [`-v=${verbosity}`, `--log-format=${format}`]),
);

/** Every field that is marked as a secret, and every map that may have a service-account token. */
function secretsOf({ request }: Rpc): Record<string, unknown> {
  const changes = fieldsOf(request).flatMap((path) => {
    const value = secretFor(path);
    return value === undefined ? [] : [messageWith(path, value)];
  });
  return Object.assign({}, ...changes) as Record<string, unknown>;
}

function secretFor(path: FieldPath): unknown {
  const field = path.at(-1);
  if (field?.options?.['(csi_secret)']) {
    return field.map ? { password: MARKER, [`key-${MARKER}`]: 'x' } : MARKER;
  }
  return field?.name === 'volume_context' ? { [TOKENS]: JSON.stringify({ vault: MARKER }) } : undefined;
}

/** Programs in front of the real ones, which write their arguments and environment to a file first. */
function observedPrograms({ directory }: TestNode): { env: Record<string, string>; seen: () => string } {
  const [bin, log] = [join(directory, 'bin'), join(directory, 'programs')];
  mkdirSync(bin);
  writeFileSync(log, '');
  for (const name of PROGRAMS) {
    const script = `#!/bin/sh\ncat /proc/$$/cmdline /proc/$$/environ >> ${log}\nexec /usr/sbin/${name} "$@"\n`;
    writeFileSync(join(bin, name), script, { mode: 0o755 });
  }
  return { env: { PATH: `${bin}:${process.env['PATH']}` }, seen: () => readFileSync(log, 'latin1') };
}

async function startProxy(node: TestNode, flags: string[]): Promise<DriverProcess> {
  const endpoint = `--endpoint=unix://${join(node.directory, 'proxy')}`;
  const proxy = await startDriverProcess([endpoint, `--proxy-endpoint=${node.socket}`, ...flags]);
  onTestFinished(() => proxy.end());
  return proxy;
}

/** Whether the RPC would keep the others from succeeding. */
function isUndoing({ name }: Rpc): boolean {
  return /^Delete|^(Controller|Node)Un/.test(name);
}

/** Sends every RPC with secrets: one that may succeed, and those that cannot. */
async function sendSecrets(client: RawClient, node: TestNode): Promise<Ending[]> {
  const image = { parameters: { backend: 'image' }, capacity_range: { required_bytes: 16 * 1024 ** 2 } };
  const volume_id = await node.create('known', isHostRoot ? image : {});
  const known = {
    name: 'new',
    volume_id,
    source_volume_id: volume_id,
    source_volume_ids: [volume_id],
    staging_target_path: node.newStaging(),
    target_path: node.newPath(),
    node_id: 'node-1',
  };
  const endings: Ending[] = [];
  for (const rpc of [...rpcs.filter((each) => !isUndoing(each)), ...rpcs.filter(isUndoing)]) {
    const secrets = secretsOf(rpc);
    const sound = plausibleRequest(rpc, known, secrets);
    const inline = { ...secrets, volume_context: { ...ephemeral, [TOKENS]: MARKER } };
    for (const body of [
      sound,
      plausibleRequest(rpc, {}, secrets),
      plausibleRequest(rpc, { ...known, volume_id: 'absent', name: '\0' }, secrets),
      sound.subarray(0, sound.length - 1),
      ...('volume_context' in rpc.request.fields ? [plausibleRequest(rpc, known, inline)] : []),
    ]) {
      endings.push(await client.call(rpc, body));
    }
  }
  return endings;
}

/** Where a process shows what it was started with. */
function startOf({ pid }: DriverProcess): string {
  return ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'latin1')).join('\n');
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).map(({ parentPath, name }) =>
    join(parentPath, name),
  );
}

test('every RPC has its secrets from the descriptors', () => {
  const withSecrets = rpcs.filter((rpc) => 'secrets' in secretsOf(rpc)).map(({ name }) => name);
  expect(withSecrets).toContain('NodeStageVolume');
  expect(withSecrets.length).toBeGreaterThan(15);
});

test('no secret is in a log, an error, a trailer, a record, a metric, or what a program was started with', async () => {
  for (const flags of [['-v=5', '--log-format=json'], ...random.sample(configurations, rounds(1))]) {
    const node = testNode();
    const programs = observedPrograms(node);
    const own = ['--http-endpoint=127.0.0.1:0', '--enable-attach', '--enable-controller-modify-volume'];
    const driver = await node.start({ ownProcess: true, flags: [...flags, ...own], env: programs.env });
    const proxy = await startProxy(node, flags);
    const client = new RawClient(proxy.endpoint);
    onTestFinished(() => client.close());
    const endings = await sendSecrets(client, node);
    const metrics = await (await fetch(`${driver.monitoringUrl}/metrics`)).text();
    const starts = startOf(driver) + startOf(proxy);
    await proxy.stop('SIGTERM');
    await node.stop();
    const places = {
      endings: JSON.stringify(endings),
      metrics,
      starts,
      programs: programs.seen(),
      log: driver.log(),
      'log of the proxy': proxy.log(),
      names: filesBelow(node.pool).join('\n'),
    };
    for (const [place, text] of Object.entries(places)) {
      if (place !== 'programs' || isHostRoot) expect(text.length, place).toBeGreaterThan(0);
      expect(text, `${place} with ${flags}`).not.toContain(MARKER);
    }
    const found = execFileSync('sh', ['-c', 'grep -rl "$0" "$1" || true', MARKER, node.directory]);
    expect(found.toString(), flags.join(' ')).toBe('');
    const isShown = Number(flags[0]?.slice(3)) >= 5;
    expect(driver.log().includes('***stripped***'), flags.join(' ')).toBe(isShown);
    expect(endings.filter(({ code }) => code === 'OK').length).toBeGreaterThan(10);
  }
});
