import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

interface Container {
  readonly name: string;
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string; readonly readOnly?: boolean }[];
}

const charts = readdirSync('deploy/helm/rendered').map((file) => `deploy/helm/rendered/${file}`);
const plugins = [...charts, 'deploy/kubernetes/base/plugin.yaml'].map(
  (path) => [path, pluginOf(path)] as const,
);
const added = 'deploy/kubernetes/snapshot-metadata/plugin-patch.yaml';
const manifests = [...plugins, [added, { driver: undefined, sidecars: sidecarsAddedBy(added) }] as const];

function pluginOf(path: string): { driver: Container | undefined; sidecars: Container[] } {
  const documents = parseAllDocuments(readFileSync(path, 'utf8')).map((each) => each.toJS());
  const plugin = documents.find((each) => each?.kind === 'DaemonSet');
  const containers = plugin.spec.template.spec.containers as Container[];
  return {
    driver: containers.find(({ name }) => name === 'driver'),
    sidecars: containers.filter(({ name }) => name !== 'driver'),
  };
}

/** The containers that the JSON patch of a component adds. */
function sidecarsAddedBy(path: string): Container[] {
  const operations = parse(readFileSync(path, 'utf8')) as { path: string; value: unknown }[];
  const added = operations.filter((operation) => operation.path === '/spec/template/spec/containers/-');
  return added.map(({ value }) => value as Container);
}

test.each(plugins)('%s has the sidecars', (_, { sidecars }) => {
  expect(sidecars.length).toBeGreaterThanOrEqual(4);
});

test.each(manifests)('in %s each sidecar runs without privileges', (_, { sidecars }) => {
  expect(sidecars).not.toEqual([]);
  for (const { name, securityContext } of sidecars) {
    expect(securityContext, name).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(securityContext).not.toHaveProperty('privileged');
    expect(securityContext).not.toHaveProperty('capabilities.add');
  }
});

test.each(manifests)(
  'in %s sidecars may write nothing of the node but the registration of the driver',
  (_, { sidecars }) => {
    for (const { name, volumeMounts } of sidecars) {
      const writable = volumeMounts.filter(({ readOnly }) => !readOnly).map((mount) => mount.name);
      expect(
        volumeMounts.map((mount) => mount.name),
        name,
      ).toContain('socket-dir');
      expect(writable, name).toEqual(name === 'node-driver-registrar' ? ['registration-dir'] : []);
    }
  },
);

test.each(plugins)('in %s only the driver is privileged', (_, { driver }) => {
  expect(driver?.securityContext).toEqual({ privileged: true });
});
