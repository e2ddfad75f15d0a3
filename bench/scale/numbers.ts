/** Numbers of requests by program, verb and resource, such as "csi-resizer get leases". */
export type Counts = Readonly<Record<string, number>>;

/** In MiB: what is resident, and what is left if shared pages are divided among the processes that share them. */
export interface Memory {
  readonly rss: number;
  readonly pss: number;
}

/** What one claim costs. */
export interface ClaimNumbers {
  readonly created: Counts;
  readonly deleted: Counts;
  /** Events of claims and volumes that the API server sends to all watchers, from its creation until it is gone. */
  readonly watchEvents: number;
}

/** What was measured in a cluster of one size. */
export interface SizeNumbers {
  readonly nodes: number;
  readonly capacityObjects: number;
  /** Those of the driver's pods and of the snapshot controller. */
  readonly leases: number;
  /** Open watches by program and resource, such as "csi-provisioner storageclasses". */
  readonly watches: Counts;
  readonly watchRenewalsPerMinute: number;
  /** Of each added node, until it is at rest. */
  readonly start: Counts;
  /** Per minute. */
  readonly atRest: Counts;
  /** Per minute, while the free space of each disk changes all the time. */
  readonly disksInUse: Counts;
  readonly immediate: ClaimNumbers;
  readonly waiting: ClaimNumbers;
  /** By program: the median of all nodes. The csi-resizer that is active is listed by itself. */
  readonly memory: Readonly<Record<string, Memory>>;
  readonly apiServer: Memory;
}

/** The content of docs/explanation/scale.json. */
export interface ScaleNumbers {
  /** Of Kubernetes, Node.js and the sidecars, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly storageClasses: number;
  /** Those with WaitForFirstConsumer, for which there are capacity objects. */
  readonly waitingClasses: number;
  /** Number of claims of each kind that were created together; their cost is that of one. */
  readonly claims: number;
  readonly sizes: readonly SizeNumbers[];
  /** The growth of each program, in KiB: for each bound claim in the cluster, and for each pod, of any driver. */
  readonly cacheKib: { readonly perClaim: Counts; readonly perPod: Counts };
  /** Time series of a driver with --http-endpoint: without volumes, and for each volume. */
  readonly series: { readonly base: number; readonly perVolume: number };
}
