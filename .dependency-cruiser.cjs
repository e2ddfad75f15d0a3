// Which folder may import from which, as scripts/lib/layers.json has it: the folders of src/, each with those below it that it
// knows, and the folders inside a layer from the bottom up, where each knows those before it. What is not listed is an
// error of `npm run check`; type imports count.
const { layers, floors } = require('./scripts/lib/layers.json');

const upwards = Object.entries(floors).flatMap(([layer, folders]) =>
  folders.slice(0, -1).map((folder, index) => ({
    name: `${layer}-${folder}-knows-nothing-above`,
    severity: 'error',
    from: { path: `^src/${layer}/${folder}/` },
    to: { path: `^src/${layer}/(${folders.slice(index + 1).join('|')})/` },
  })),
);

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
    // Everything in the model names the parts that it needs, which are everywhere.
    ...upwards.map((rule) => ({ ...rule, to: { ...rule.to, pathNot: '^src/model/parts\\.ts$' } })),
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
