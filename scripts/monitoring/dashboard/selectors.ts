/** Selects the series of the chosen drivers. The metrics of the driver do not have its name, so the job stands for it. */
const OF_DRIVERS = 'job=~"$job", instance=~"$instance"';

/** A metric of the chosen drivers. */
export function ofDrivers(metric: string, ...more: readonly string[]): string {
  return `${metric}{${[OF_DRIVERS, ...more].join(', ')}}`;
}

/** A metric of the chosen pools. */
export function ofPools(metric: string, ...more: readonly string[]): string {
  return ofDrivers(metric, 'pool=~"$pool"', ...more);
}

/** A metric of the sidecars beside the chosen drivers, whose addresses have other ports. */
export function ofSidecars(metric: string, ...more: readonly string[]): string {
  return `${metric}{${['job=~"$job"', 'node=~"$node"', ...more].join(', ')}}`;
}
