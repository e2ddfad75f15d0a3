// Which folder may import from which: everything that is not listed is an error of `npm run check`. Type imports count.
const layers = {
  units: [],
  text: [],
  kernel: [],
  volume: ['text', 'units'],
  rpc: ['volume', 'text', 'units'],
  observability: ['rpc', 'volume', 'text', 'units'],
  options: ['rpc', 'text', 'units'],
  services: ['rpc', 'volume', 'text', 'units'],
  records: ['kernel', 'volume', 'text', 'units'],
  mounts: ['kernel', 'volume', 'text', 'units'],
  backends: ['kernel', 'records', 'volume', 'text', 'units'],
  pools: ['backends', 'kernel', 'mounts', 'observability', 'records', 'volume', 'text', 'units'],
};

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: { pathNot: '^src/rpc/generated/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'system-calls-in-kernel',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/kernel/' },
      to: { path: 'node_modules/koffi' },
    },
  ],
  allowed: [
    ...Object.entries(layers).map(([layer, below]) => ({
      from: { path: `^src/${layer}/` },
      to: { path: `^src/(${[layer, ...below].join('|')})/` },
    })),
    // The files at the top put the parts together.
    { from: { path: '^src/[^/]+\\.ts$' }, to: {} },
    { from: {}, to: { dependencyTypesNot: ['local'] } },
  ],
  allowedSeverity: 'error',
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
  },
};
