import type { Volume } from '../../model/objects/volume.ts';
import type { Parts } from '../../model/parts.ts';
import type { Pool } from '../../model/ports/pool.ts';
import type { VolumeState } from '../../model/survey/pool-state.ts';
import type { KnownState, Surveys } from '../../model/survey/surveys.ts';
import type { Labels } from './definition.ts';

/** Everything that is known at the moment of a scrape. */
export interface Scrape {
  readonly parts: Parts<'catalogue' | 'copying' | 'configProblem'>;
  readonly version: string;
  readonly isReady: boolean;
  readonly pools: readonly ScrapedPool[];
  /** Empty if the metrics of volumes are switched off. */
  readonly volumes: readonly ScrapedVolume[];
}

export interface ScrapedPool {
  readonly pool: Pool;
  readonly labels: { readonly pool: string };
  readonly known: KnownState;
}

export interface ScrapedVolume {
  readonly volume: Volume;
  readonly labels: Labels;
  /** Undefined if nothing is known about it. */
  readonly state: VolumeState | undefined;
}

/** Where a scrape finds what it reports. */
export interface ScrapeSource extends Omit<Scrape, 'isReady' | 'pools' | 'volumes'> {
  readonly surveys: Pick<Surveys, 'refresh' | 'known'>;
  readonly includesVolumes: boolean;
  readonly isReady: () => boolean;
}

/** What is known now. */
export function scrapeNow({ surveys, includesVolumes, isReady, ...rest }: ScrapeSource): Scrape {
  const pools = rest.parts.catalogue.pools.all.map((pool) => ({
    pool,
    labels: { pool: pool.name },
    known: surveys.known(pool.name),
  }));
  return {
    ...rest,
    isReady: isReady(),
    pools,
    volumes: includesVolumes ? volumesOf(rest.parts, pools) : [],
  };
}

function volumesOf({ catalogue }: Parts<'catalogue'>, pools: readonly ScrapedPool[]): ScrapedVolume[] {
  const known = new Map(pools.map((each) => [each.pool.name, each.known]));
  return catalogue.volumes.all().map((volume) => ({
    volume,
    labels: {
      volume_id: volume.id,
      pool: volume.pool,
      backend: volume.content.backend,
      ...claimLabels(volume),
    },
    state: known.get(volume.pool)?.volume(volume.id),
  }));
}

/** The same labels as in the kubelet's metrics of volumes; empty for a volume without a claim. */
export function claimLabels(volume: Volume | undefined): {
  namespace: string;
  persistentvolumeclaim: string;
} {
  const { namespace = '', name = '' } = volume?.claim ?? {};
  return { namespace, persistentvolumeclaim: name };
}
