import { configFindings } from '../../model/health/pool-health.ts';
import type { Finding } from '../../model/objects/finding.ts';
import type { Labels, Sample, SampledMetric } from './definition.ts';
import { claimLabels, type Scrape } from './scrape.ts';

const noLabels: Labels = {};

/** The metrics of the driver as a whole. */
export const driverMetrics: readonly SampledMetric<Scrape>[] = [
  {
    name: 'csi_hostpath_build_info',
    type: 'gauge',
    labels: ['version'],
    unit: 'always 1',
    meaning: 'The version of the driver.',
    samples: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  {
    name: 'csi_hostpath_ready',
    type: 'gauge',
    labels: [],
    unit: '0 or 1',
    meaning: 'Whether the driver serves calls: 0 while it starts or stops.',
    samples: ({ isReady }) => [{ labels: noLabels, value: isReady ? 1 : 0 }],
  },
  {
    name: 'csi_hostpath_configuration_refused',
    type: 'gauge',
    labels: [],
    unit: '0 or 1',
    meaning:
      'Whether the configuration file has changed and cannot be used, so that an earlier one is in force.',
    samples: ({ parts }) => [{ labels: noLabels, value: parts.configProblem() === undefined ? 0 : 1 }],
  },
  {
    name: 'csi_hostpath_health',
    type: 'gauge',
    labels: ['reason', 'status', 'pool', 'volume_id', 'namespace', 'persistentvolumeclaim'],
    unit: 'always 1',
    meaning:
      'A problem that the health calls report (docs/reference/health.md), present while it lasts: of a volume; of a pool, without a volume_id; or of the driver, without a pool.',
    samples: healthSamples,
  },
];

function healthSamples({ parts, pools }: Scrape): Sample[] {
  const { volumes } = parts.catalogue;
  const ofDriver = samplesOf(configFindings(parts.configProblem()), noSubject);
  const ofPools = pools.flatMap(({ labels, known }) =>
    samplesOf(known.findings, { ...noSubject, ...labels }),
  );
  const ofVolumes = pools.flatMap(({ labels, known }) =>
    volumes.idsIn(labels.pool).flatMap((id) => {
      const findings = known.volume(id)?.findings ?? [];
      if (findings.length === 0) return [];
      return samplesOf(findings, { ...labels, volume_id: id, ...claimLabels(volumes.findIntact(id)) });
    }),
  );
  return [...ofDriver, ...ofPools, ...ofVolumes];
}

const noSubject: Labels = { pool: '', volume_id: '', namespace: '', persistentvolumeclaim: '' };

/** One sample per reason, which has only one status. */
function samplesOf(findings: readonly Finding[], subject: Labels): Sample[] {
  const byReason = new Map(findings.map((each) => [each.reason, each.status]));
  return [...byReason].map(([reason, status]) => ({ labels: { reason, status, ...subject }, value: 1 }));
}
