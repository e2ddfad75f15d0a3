import { readFile } from 'node:fs/promises';

/** The numbers of the capabilities(7) that the driver checks. */
const capabilityNumber = { SYS_RESOURCE: 24 } as const;

/** Whether this process has a capability in its effective set. */
export async function hasCapability(name: keyof typeof capabilityNumber): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> BigInt(capabilityNumber[name])) & 1n) === 1n;
}
