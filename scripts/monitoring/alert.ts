/** An alert of the rules for Prometheus. */
export interface Alert {
  /** Without the prefix that all of them have. */
  readonly name: string;
  readonly expr: string;
  /** How long the expression must hold, in Prometheus' notation. */
  readonly for: string;
  readonly severity: Severity;
  readonly summary: string;
  readonly description: string;
  /** What an operator can do. */
  readonly remedy: string;
}

/** critical: data is lost, or cannot be used. warning: someone should look soon. info: good to know. */
export type Severity = 'critical' | 'warning' | 'info';

/** Alerts about one thing. */
export interface AlertGroup {
  readonly name: string;
  readonly alerts: readonly Alert[];
}

/** The node of a driver, in an annotation; its address if the scrape configuration sets no label `node`. */
export const NODE = '{{ or $labels.node $labels.instance }}';

/** Restricts an expression to the drivers: other programs export some metrics of the same names. */
export const OF_DRIVER = 'and on (job, instance) csi_hostpath_build_info';

/** An expression of several lines. */
export function lines(...parts: readonly string[]): string {
  return parts.join('\n');
}
