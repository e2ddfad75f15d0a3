import { release } from 'node:os';

const MINIMUM_KERNEL = { major: 5, minor: 12 } as const;

/**
 * Why the driver cannot run on this host, in one sentence; undefined if it can.
 * @param host a parameter so that tests can cover every answer
 */
export function unsupportedHostReason(host = currentHost()): string | undefined {
  if (host.platform !== 'linux') {
    return `The driver needs Linux: it mounts with system calls that ${host.platform} does not have.`;
  }
  if (!isKernelRecent(host.kernelRelease)) {
    return `The driver needs Linux ${MINIMUM_KERNEL.major}.${MINIMUM_KERNEL.minor} or newer (mount_setattr); this host runs ${host.kernelRelease}.`;
  }
  if (host.effectiveUserId !== 0) {
    return `The driver needs root to mount volumes; it runs as user ${host.effectiveUserId}.`;
  }
  return undefined;
}

export interface Host {
  readonly platform: string;
  readonly kernelRelease: string;
  readonly effectiveUserId: number;
}

function currentHost(): Host {
  return {
    platform: process.platform,
    kernelRelease: release(),
    effectiveUserId: process.geteuid?.() ?? -1,
  };
}

function isKernelRecent(kernelRelease: string): boolean {
  const [major = 0, minor = 0] = kernelRelease.split(/[.-]/).map(Number);
  return major > MINIMUM_KERNEL.major || (major === MINIMUM_KERNEL.major && minor >= MINIMUM_KERNEL.minor);
}
