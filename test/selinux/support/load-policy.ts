import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import prepareGuest from '../../guest/support/inside-guest.ts';

const POLICY_VERSION = '33';

/** Loads the policy of these tests into the kernel of the guest, which was started with SELinux. */
export default function loadPolicy(): void {
  prepareGuest();
  execFileSync('mount', ['-t', 'selinuxfs', 'selinuxfs', '/sys/fs/selinux']);
  const directory = mkdtempSync(join(tmpdir(), 'policy-'));
  const binary = join(directory, 'policy');
  const source = join(import.meta.dirname, 'policy.cil');
  const words = ['--mls', 'true', '--policyvers', POLICY_VERSION, '--output', binary];
  execFileSync('secilc', [...words, '--filecontext', join(directory, 'contexts'), source]);
  writeFileSync('/sys/fs/selinux/load', readFileSync(binary));
}
