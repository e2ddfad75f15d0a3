import { execFile } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';

const POLL_INTERVAL_MS = 250;

/** The parts of Kubernetes' objects that are looked at here. */
export interface KubernetesObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
}

/** Runs kubectl. @returns its output */
export async function kubectl(args: readonly string[], input = ''): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = execFile('kubectl', args, { maxBuffer: 256 * 1024 ** 2 }, (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    );
    child.stdin?.end(input);
  });
}

/** Lists objects, such as `pods`. */
export async function list<Item extends KubernetesObject>(...args: string[]): Promise<readonly Item[]> {
  const text = await kubectl(['get', ...args, '--output=json']);
  return (JSON.parse(text) as { items: Item[] }).items;
}

/** Creates objects. */
export async function create(objects: readonly object[]): Promise<void> {
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await kubectl(['create', '--filename=-'], text);
}

/** Waits until a condition holds. @throws Error if it takes longer than the limit */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  limitMs = 300_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await setTimeout(POLL_INTERVAL_MS);
  }
}
