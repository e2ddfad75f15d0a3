import { type ListedDevices, listDevices } from '../find/listed-devices.ts';
import type { Host } from '../parts.ts';
import type { Pool } from '../ports/pool.ts';
import { type PoolHealth, poolHealth } from './pool-health.ts';

/** What the checks of several volumes have in common. Each part is looked up once, when a check first asks for it. */
export class SharedChecks {
  private readonly host: Host;
  private readonly pools = new Map<Pool, Promise<PoolHealth>>();
  private devices: Promise<ListedDevices> | undefined;

  constructor(host: Host) {
    this.host = host;
  }

  healthOf(pool: Pool): Promise<PoolHealth> {
    const known = this.pools.get(pool) ?? poolHealth(this.host, pool);
    this.pools.set(pool, known);
    return known;
  }

  /** What it does not show may have been attached since, and what it shows may have been detached. */
  listedDevices(): Promise<ListedDevices> {
    this.devices ??= listDevices(this.host.devices);
    return this.devices;
  }
}
