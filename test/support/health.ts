import type { HealthReason } from '../../src/model/objects/finding.ts';
import { runDriver } from './driver-process.ts';
import { eventually } from './eventually.ts';
import type { Published, TestNode } from './test-node.ts';

/** The findings about a volume, from each of the three calls that report it, and from the one with paths. */
export interface FoundReasons {
  readonly controller: string[];
  /** Undefined if the volume is not in the list. */
  readonly list: string[] | undefined;
  readonly node: string[];
  readonly nodeWithPaths: string[];
}

/** The findings about a volume whose only problem is that its size is not enforced. */
export const unlimited: readonly HealthReason[] = ['CapacityNotEnforced'];

interface Reply {
  readonly volume_id?: string;
  readonly health_statuses: readonly { readonly reason: string }[];
}

const reasonsIn = (health: Reply | null | undefined) =>
  (health?.health_statuses ?? []).map(({ reason }) => reason);

/** The findings of every call about the health of a published volume. */
export async function found({ controller, node }: TestNode, paths: Published): Promise<FoundReasons> {
  const { volume_id, staging_target_path, target_path: volume_publish_path } = paths;
  const get = await controller.ControllerGetVolumeHealth({ volume_id });
  const { entries } = await controller.ControllerListVolumeHealth({});
  const listed = entries.find((entry) => entry.volume_id === volume_id);
  const here = await node.NodeGetVolumeHealth({ volume_id });
  const there = await node.NodeGetVolumeHealth({ volume_id, staging_target_path, volume_publish_path });
  return {
    controller: reasonsIn(get.volume_health),
    list: listed && reasonsIn(listed),
    node: reasonsIn(here.volume_health),
    nodeWithPaths: reasonsIn(there.volume_health),
  };
}

/** The same if all calls agree. */
export function everywhere(reasons: readonly HealthReason[]): FoundReasons {
  const all = [...reasons];
  return { controller: all, list: all.length > 0 ? all : undefined, node: all, nodeWithPaths: all };
}

/** The same if the calls of the node find more. */
export function onNode(more: readonly HealthReason[], reasons: readonly HealthReason[] = []): FoundReasons {
  const all = [...reasons, ...more];
  return { ...everywhere(reasons), node: all, nodeWithPaths: all };
}

/** The problems of the pools, each as status and reason. */
export async function storageHealth({ node }: TestNode): Promise<string[]> {
  const { backend_health } = await node.NodeGetStorageHealth({});
  return backend_health.map(({ status, reason }) => `${status} ${reason}`);
}

/** The sentences of the controller about a volume. */
export async function healthMessages(
  { controller }: TestNode,
  { volume_id }: Pick<Published, 'volume_id'>,
): Promise<string[]> {
  const { volume_health } = await controller.ControllerGetVolumeHealth({ volume_id });
  return (volume_health?.health_statuses ?? []).map(({ message }) => message);
}

/** The sentences about a volume's health in the log of the running driver, each in full. */
export function findingsInLog(node: TestNode, { volume_id }: Pick<Published, 'volume_id'>): string[] {
  const lines = node
    .log()
    .split('\n')
    .filter((line) => line.includes('"msg":"unhealthy"'));
  const findings = lines.map((line) => JSON.parse(line) as { volumeId?: string; finding: string });
  return findings.filter(({ volumeId }) => volumeId === volume_id).map(({ finding }) => finding);
}

/** The shell command in the log for the only problem of a volume. */
export async function pastedCommand(node: TestNode, paths: Pick<Published, 'volume_id'>): Promise<string> {
  const [message = '', ...others] = await healthMessages(node, paths);
  if (others.length > 0) throw new Error(`more than one thing is wrong: ${[message, ...others]}`);
  const start = message.replace(/…$/, '').replace('the volume', `volume "${paths.volume_id}"`);
  return eventually(() => {
    // The log does not repeat a sentence in which only numbers have changed.
    const sentence = findingsInLog(node, paths).findLast((each) =>
      withoutFigures(each).startsWith(withoutFigures(start)),
    );
    const [, command] = / run: (.*?)(?:; the next stage|$)/.exec(sentence ?? '') ?? [];
    if (command === undefined) throw new Error(`the log has no command for ${message}`);
    return command;
  });
}

function withoutFigures(text: string): string {
  return text.replace(/\d+/g, '0');
}

/** Has the driver that has this socket for its status repair what it can. @returns what the command printed */
export async function repaired(statusSocket: string): Promise<string> {
  const { stdout, stderr } = await runDriver(['check', '--repair', `--socket=${statusSocket}`]);
  return `${stdout}${stderr}`;
}
