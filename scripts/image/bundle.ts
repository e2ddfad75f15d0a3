// npm run bundle -- [DIRECTORY] [ARCHITECTURE] [NODE_MODULES]: the driver as in its image. ARCHITECTURE is amd64 or arm64, by
// default that of this machine. For another one, NODE_MODULES must have its native module.
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { cacheDirectory, inProject } from '../lib/project.mjs';
import { type Architecture, makeBundle } from './make-bundle.ts';

const ownArchitecture = process.arch === 'x64' ? 'amd64' : process.arch;
const [directory = `${cacheDirectory}/bundle`, architecture = ownArchitecture, nodeModules = 'node_modules'] =
  process.argv.slice(2);

if (!isSupported(architecture)) {
  process.stderr.write(`The driver is built for amd64 and arm64, not for ${architecture}.\n`);
  process.exit(2);
}
rmSync(directory, { recursive: true, force: true });
await makeBundle(resolve(directory), { architecture, nodeModules: resolve(inProject(), nodeModules) });

function isSupported(name: string): name is Architecture {
  return name === 'amd64' || name === 'arm64';
}
