import { defineConfig } from 'vitest/config';

// `npm test` runs these one after the other: unit needs nothing, the others root and a mount namespace of their
// own, which scripts/test.mjs gives them. The guest's run in a kernel of their own.
//
// The time limits end a test that hangs, and nothing else: a busy machine may take many times as long as an idle one.
const realMounts = {
  globalSetup: ['test/support/own-mount-namespace.ts'],
  testTimeout: 600_000,
  hookTimeout: 600_000,
};

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000 } },
      { test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...realMounts } },
      { test: { name: 'crash', include: ['test/crash/**/*.test.ts'], ...realMounts } },
      { test: { name: 'conformance', include: ['test/conformance/**/*.test.ts'], ...realMounts } },
      {
        test: {
          ...realMounts,
          name: 'guest',
          include: ['test/guest/**/*.test.ts'],
          globalSetup: ['test/guest/support/inside-guest.ts'],
        },
      },
    ],
  },
});
