// npm run demo: shows a volume's whole life. Runs in a mount namespace of its own, for root too: whatever happens,
// nothing stays mounted.
import { inOwnNamespace, isRoot, namespaceObstacle, ordinaryUserNote } from './lib/namespace.mjs';
import { build, fail, inProject, install, run } from './lib/project.mjs';

install();
build();
const obstacle = namespaceObstacle();
if (obstacle !== undefined) fail(`The demo mounts, and cannot here: ${obstacle}.`);
if (!isRoot) process.stdout.write(`${ordinaryUserNote}\n`);
const [command, ...args] = inOwnNamespace([
  process.execPath,
  '--import',
  'tsx',
  inProject('examples', 'demo.ts'),
]);
process.exitCode = run(command, args);
