import { topologyKey } from '../model/objects/topology.ts';
import { isEncrypted, type KubernetesObject, persistentVolumesIn } from '../status/persistent-volumes.ts';
import type { StatusReport } from '../status/report.ts';
import type { Command } from './command-line.ts';

/**
 * The objects that `export` prints.
 * @param flags those of the command, by name
 * @throws Error with a sentence: the node is not known, or there is no such pool
 */
export function exportedFrom(
  { driver, pools, volumes }: StatusReport,
  {
    pool = '',
    nodeid = '',
    drivername = '',
    'storage-class': storageClass = '',
    secret = '',
  }: Readonly<Record<string, string>>,
): KubernetesObject[] {
  if (pool !== '' && !pools.some(({ name }) => name === pool)) {
    const available = pools.map(({ name }) => name).join(', ');
    throw new Error(`--pool: unknown pool ${JSON.stringify(pool)}; available: ${available}`);
  }
  if (!driver && nodeid === '') {
    throw new Error('no driver is running, so that the node is not known; give its id with --nodeid');
  }
  const wanted = volumes.filter((volume) => pool === '' || volume.pool === pool);
  const encrypted = wanted.find(isEncrypted);
  if (encrypted && secret === '')
    throw new Error(
      `volume ${encrypted.id} is encrypted; name the Secret with its key: --secret NAMESPACE/NAME`,
    );
  const [namespace = '', name = ''] = secret.split('/');
  return persistentVolumesIn(
    { volumes: wanted },
    {
      driverName: driver?.name ?? drivername,
      topology: nodeid === '' ? (driver?.topology ?? {}) : { [topologyKey]: nodeid },
      storageClass,
      secret: secret === '' ? undefined : { namespace, name },
    },
  );
}

/** Documents for `kubectl apply`; a list in JSON. */
export async function objectsText(
  items: readonly KubernetesObject[],
  output: Command['output'],
): Promise<string> {
  if (output === 'json') return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2)}\n`;
  const { toYaml } = await import('./to-yaml.ts');
  return items.map((item) => `---\n${toYaml(item)}`).join('');
}
