import type { KubernetesObject } from '../status/persistent-volumes.ts';
import type { Command } from './command-line.ts';
import { toYaml } from './to-yaml.ts';

/** Documents for `kubectl apply`; a list in JSON. */
export function kubernetesText(items: readonly KubernetesObject[], output: Command['output']): string {
  if (output === 'json') return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2)}\n`;
  return items.map((item) => `---\n${toYaml(item)}`).join('');
}
