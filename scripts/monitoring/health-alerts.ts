import { type Alert, lines, NODE, type Severity } from './alert.ts';
import type { ReasonRow } from './health-table.ts';

const severities: Readonly<Record<string, Severity>> = {
  DATA_LOSS: 'critical',
  INACCESSIBLE: 'critical',
  DEGRADED: 'warning',
  STORAGE_DEGRADED: 'warning',
};

/** Long enough for a disk that is mounted again, and for calls that repair the state. */
const usualDelays: Readonly<Record<Severity, string>> = { critical: '2m', warning: '10m', info: '10m' };

/** Delays of reasons for which the usual one is wrong. */
const delays: Readonly<Record<string, string>> = {
  // Pods hang.
  Frozen: '2m',
  // The kubelet expands a moment after the controller, or when the next pod starts.
  ExpansionIncomplete: '1h',
  // Reported only until the next check of the files.
  QuotaBypassed: '1m',
  QuotaMisused: '1m',
};

/** Expressions of reasons for which the reason alone is not enough. */
const expressions: Readonly<Record<string, string>> = {
  // Plain directories never have a limit.
  CapacityNotEnforced: lines(
    'csi_hostpath_health{reason="CapacityNotEnforced"}',
    'and on (job, instance, volume_id) csi_hostpath_volume_capacity_bytes{backend!="directory"}',
  ),
};

/** The volume, pool or driver that a problem concerns. */
const SUBJECT = [
  '{{ if $labels.volume_id }}Volume {{ $labels.volume_id }}',
  '{{ if $labels.persistentvolumeclaim }}',
  ' (claim {{ $labels.namespace }}/{{ $labels.persistentvolumeclaim }})',
  '{{ end }}',
  '{{ else if $labels.pool }}Pool {{ $labels.pool }}{{ else }}The driver{{ end }}',
].join('');

/**
 * An alert for each reason: `csi_hostpath_health` can have them all.
 * @throws Error naming a status without a severity
 */
export function healthAlerts(rows: readonly ReasonRow[]): Alert[] {
  return rows.map(healthAlert);
}

function healthAlert({ reason, status, meaning, remedy }: ReasonRow): Alert {
  const severity = severities[status];
  if (!severity) throw new Error(`docs/reference/health.md: ${reason} has the unknown status ${status}`);
  return {
    name: reason,
    expr: expressions[reason] ?? `csi_hostpath_health{reason="${reason}"}`,
    for: delays[reason] ?? usualDelays[severity],
    severity,
    summary: `${SUBJECT} on ${NODE} has the problem ${reason}.`,
    description: meaning,
    remedy,
  };
}
