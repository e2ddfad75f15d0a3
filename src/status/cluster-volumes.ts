import * as z from 'zod';

/** What a PersistentVolume of this driver says about its volume. */
export interface ClusterVolume {
  /** The name of the PersistentVolume. */
  readonly name: string;
  /** The id of the volume. */
  readonly handle: string;
  readonly driver: string;
  readonly claim?: { readonly namespace: string; readonly name: string };
  /** Whether it goes once its volume is deleted, which may have happened. */
  readonly isBeingDeleted: boolean;
  /** The nodes that it is bound to, by any label; empty for none. */
  readonly nodes: readonly string[];
}

const nodeTerm = z.object({
  matchExpressions: z
    .array(z.object({ key: z.string(), values: z.array(z.string()).default([]) }))
    .default([]),
});

const persistentVolume = z.object({
  kind: z.literal('PersistentVolume').optional(),
  metadata: z.object({ name: z.string(), deletionTimestamp: z.string().optional() }),
  spec: z.object({
    csi: z.object({ driver: z.string(), volumeHandle: z.string() }).optional(),
    claimRef: z.object({ namespace: z.string(), name: z.string() }).optional(),
    nodeAffinity: z
      .object({ required: z.object({ nodeSelectorTerms: z.array(nodeTerm) }).optional() })
      .optional(),
  }),
});

const list = z.object({ items: z.array(persistentVolume) });

/**
 * The PersistentVolumes in the output of `kubectl get pv -o json` that a CSI driver has.
 * @throws Error with what is wrong
 */
export function parseClusterVolumes(text: string): ClusterVolume[] {
  return parsed(text).items.flatMap(({ metadata, spec: { csi, claimRef, nodeAffinity } }) => {
    if (!csi) return [];
    const { name, deletionTimestamp } = metadata;
    const terms = nodeAffinity?.required?.nodeSelectorTerms ?? [];
    return [
      {
        name,
        handle: csi.volumeHandle,
        driver: csi.driver,
        ...(claimRef ? { claim: { namespace: claimRef.namespace, name: claimRef.name } } : {}),
        isBeingDeleted: deletionTimestamp !== undefined,
        nodes: terms.flatMap(({ matchExpressions }) => matchExpressions.flatMap(({ values }) => values)),
      },
    ];
  });
}

function parsed(text: string): z.infer<typeof list> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('it is not JSON');
  }
  const result = list.safeParse(value);
  if (!result.success) throw new Error(z.prettifyError(result.error).replaceAll('\n', ' '));
  return result.data;
}
