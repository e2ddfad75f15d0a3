import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

const read = (path: string) => readFileSync(path, 'utf8');

interface Container {
  readonly name: string;
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly args: readonly string[];
}

/** The pods of the chart with metrics: their labels and containers. */
const documents = parseAllDocuments(read('deploy/helm/rendered/monitoring.yaml')).map((each) => each.toJS());
const ofKind = (kind: string) => documents.find((each) => each?.kind === kind);
const { metadata, spec } = ofKind('DaemonSet').spec.template;
const ports = (spec.containers as Container[]).flatMap(({ name, ports: own = [], args }) =>
  own.filter(({ name: port }) => port !== 'healthz').map((port) => ({ ...port, container: name, args })),
);

const [job] = parse(read('deploy/monitoring/scrape-config.yaml')).scrape_configs;
const rules = job.relabel_configs as { source_labels: string[]; regex?: string; target_label?: string }[];
const regexOf = (label: string) =>
  new RegExp(`^(?:${rules.find(({ source_labels }) => source_labels[0]?.endsWith(label))?.regex})$`);

test('each port for metrics is one where its container listens', () => {
  expect(ports.map(({ container }) => container)).toEqual([
    'driver',
    'csi-provisioner',
    'csi-resizer',
    'csi-snapshotter',
  ]);
  for (const { args, containerPort } of ports) expect(args).toContain(`--http-endpoint=:${containerPort}`);
});

test('the Service and the ServiceMonitor have each of them', () => {
  const names = ports.map(({ name }) => name);
  expect(ofKind('Service').spec.ports.map(({ name }: { name: string }) => name)).toEqual(names);
  expect(ofKind('ServiceMonitor').spec.endpoints.map(({ port }: { port: string }) => port)).toEqual(names);
});

test('a Prometheus without the operator finds each of them, in the pods of the chart and of the manifests', () => {
  for (const { name } of ports) expect(name).toMatch(regexOf('_container_port_name'));
  expect('healthz').not.toMatch(regexOf('_container_port_name'));
  const manifest = parse(read('deploy/kubernetes/base/plugin.yaml')).spec.template.metadata;
  for (const { labels } of [metadata, manifest]) {
    const value = `${labels['app.kubernetes.io/name']};${labels['app.kubernetes.io/component']}`;
    expect(value).toMatch(regexOf('_app_kubernetes_io_name'));
  }
});

test('the namespace of a claim is kept, and the node is a label', () => {
  expect(job.honor_labels).toBe(true);
  const [driver] = ofKind('ServiceMonitor').spec.endpoints;
  expect(driver.honorLabels).toBe(true);
  const node = '__meta_kubernetes_pod_node_name';
  expect(driver.relabelings).toContainEqual({ sourceLabels: [node], targetLabel: 'node' });
  expect(rules).toContainEqual({ source_labels: [node], target_label: 'node' });
});
