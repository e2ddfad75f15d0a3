import { readlinkSync } from 'node:fs';

/** Refuses to run tests that mount in the namespace of the host, where they could leave something behind. */
export default function requireOwnMountNamespace(): void {
  const hostNamespace = process.env['HOST_MOUNT_NAMESPACE'];
  if (hostNamespace !== undefined && readlinkSync('/proc/self/ns/mnt') !== hostNamespace) return;
  throw new Error(
    'These tests mount. Run them with `npm test`, which gives them a mount namespace of their own.',
  );
}
