// What the driver costs a cluster, measured: `npm run scale` (docs/explanation/scale.md). Started by cluster.sh beside a
// control plane.
import { writeFileSync } from 'node:fs';
import { measureClaims } from './claims.ts';
import { Cluster } from './cluster.ts';
import { measureCaches, measureSeries } from './growth.ts';
import { type KubernetesObject, list } from './kubectl.ts';
import type { ScaleNumbers, SizeNumbers } from './numbers.ts';
import { DRIVER } from './objects.ts';
import { pageFile, resultsFile, scaleDocument } from './page.ts';

const DEFAULT_SIZES = [1, 3, 10, 20];
const CLAIMS = 10;

interface StorageClass extends KubernetesObject {
  readonly provisioner: string;
  readonly volumeBindingMode: string;
}

const [state = '', bundle = '', logs = '', ...words] = process.argv.slice(2);
const numbers = await measure(words.length > 0 ? words.map(Number) : DEFAULT_SIZES);
const text = `${JSON.stringify(numbers, undefined, 2)}\n`;
if (words.length > 0) {
  process.stdout.write(text);
} else {
  writeFileSync(resultsFile, text);
  writeFileSync(pageFile, scaleDocument());
}
// The processes that it has started end with it.
process.exit(0);

async function measure(sizes: readonly number[]): Promise<ScaleNumbers> {
  const cluster = await Cluster.start({ state, bundle, logs });
  const measured: SizeNumbers[] = [];
  let series = { base: 0, perVolume: 0 };
  for (const nodes of sizes) {
    console.log(`measuring ${nodes} nodes`);
    measured.push(await measureSize(cluster, nodes));
    // What is measured is kept if a larger size fails.
    writeFileSync(`${logs}/sizes.json`, JSON.stringify(measured, undefined, 2));
    if (nodes === 1) series = await measureSeries(cluster);
  }
  const classes = (await list<StorageClass>('storageclasses')).filter(
    ({ provisioner }) => provisioner === DRIVER,
  );
  const waiting = classes.filter(({ volumeBindingMode }) => volumeBindingMode === 'WaitForFirstConsumer');
  return {
    versions: await cluster.versions(),
    storageClasses: classes.length,
    waitingClasses: waiting.length,
    claims: CLAIMS,
    sizes: measured,
    cacheKib: await measureCaches(cluster),
    series,
  };
}

async function measureSize(cluster: Cluster, nodes: number): Promise<SizeNumbers> {
  const start = await cluster.growTo(nodes);
  return {
    nodes,
    start,
    capacityObjects: await cluster.capacityObjects(),
    leases: (await cluster.leases()).length,
    ...cluster.watches(),
    memory: await cluster.memory(),
    apiServer: cluster.apiServerMemory(),
    atRest: await cluster.requestsAtRest(),
    immediate: await measureClaims(cluster, CLAIMS, 'immediate'),
    waiting: await measureClaims(cluster, CLAIMS, 'waiting'),
    disksInUse: await cluster.requestsWithDisksInUse(),
  };
}
