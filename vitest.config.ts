import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { mountNamespacePool } from './test/support/mount-namespace-pool.ts';

// `npm test` runs these side by side: unit needs nothing, the others root and a mount namespace of their own. The
// guest's run in a kernel of their own. Those of monitoring, browser and soak run only on request.
//
// The time limits end a test that hangs, and nothing else: a busy machine may take many times as long as an idle one.
const realMounts = {
  testTimeout: 600_000,
  hookTimeout: 600_000,
};
const ownNamespace = { ...realMounts, pool: mountNamespacePool };

export default defineConfig({
  test: {
    // What src and test/support load stays loaded from file to file.
    isolate: false,
    // More than there are processors, because drivers also wait.
    maxWorkers: availableParallelism() + 2,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000 },
      },
      {
        extends: true,
        test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...ownNamespace },
      },
      { extends: true, test: { name: 'crash', include: ['test/crash/**/*.test.ts'], ...ownNamespace } },
      {
        extends: true,
        test: {
          ...ownNamespace,
          name: 'attacks',
          include: ['test/attacks/**/*.test.ts'],
          globalSetup: ['test/attacks/support/print-seed.ts'],
        },
      },
      {
        extends: true,
        test: { name: 'conformance', include: ['test/conformance/**/*.test.ts'], ...ownNamespace },
      },
      {
        extends: true,
        test: { name: 'monitoring', include: ['test/monitoring/**/*.test.ts'], ...ownNamespace },
      },
      {
        extends: true,
        test: { name: 'browser', include: ['test/browser/**/*.test.ts'], ...ownNamespace },
      },
      { extends: true, test: { name: 'soak', include: ['test/soak/**/*.test.ts'], ...ownNamespace } },
      {
        extends: true,
        test: {
          ...realMounts,
          name: 'guest',
          // It has one processor, and one mount namespace.
          maxWorkers: 1,
          include: ['test/guest/**/*.test.ts'],
          globalSetup: ['test/guest/support/inside-guest.ts'],
        },
      },
      {
        extends: true,
        test: {
          ...realMounts,
          name: 'selinux',
          maxWorkers: 1,
          include: ['test/selinux/**/*.test.ts'],
          globalSetup: ['test/selinux/support/load-policy.ts'],
        },
      },
    ],
  },
});
