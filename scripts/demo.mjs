// npm run demo: shows the whole life of a volume. Runs in its own mount namespace, even for root, so that nothing stays
// mounted whatever happens.
import { inOwnNamespace, isRoot, namespaceObstacle, ordinaryUserNote } from './lib/namespace.mjs';
import { build, fail, inProject, install, run } from './lib/project.mjs';

install();
build();
const obstacle = namespaceObstacle();
if (obstacle !== undefined) fail(`Cannot mount, so the demo cannot run here: ${obstacle}.`);
if (!isRoot) process.stdout.write(`${ordinaryUserNote}\n`);
const [command, ...args] = inOwnNamespace([
  process.execPath,
  '--import',
  'tsx',
  inProject('examples', 'demo.ts'),
]);
process.exitCode = run(command, args);
