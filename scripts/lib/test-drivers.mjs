// The drivers that the tests start, many hundred times: the compiled driver with all that it loads in one file, and what
// V8 has compiled of it in another. They start in less than half the time of dist/main.js, where most of it goes into
// finding, reading and compiling files.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { cacheDirectory, inProject } from './project.mjs';

// With no threads that collect garbage, a start takes less processor time. Most other flags of V8 would cost more than they
// save: V8 takes compiled code, also that of Node's own modules, only with the flags that it was compiled with.
const nodeFlags = JSON.parse(readFileSync(new URL('test-driver-flags.json', import.meta.url), 'utf8'));
const directory = join(cacheDirectory, 'test-drivers');
const main = inProject('dist', 'main.js');
const gatedSteps = inProject('test', 'support', 'gate', 'gated-steps.mjs');

/** Makes them from dist/, where test/support/driver-process.ts finds them. */
export async function buildTestDrivers() {
  await Promise.all([
    make('main', main),
    make('gated', main, [gated]),
    make('stoppable', inProject('test', 'crash', 'stoppable-driver.mjs')),
  ]);
}

async function make(name, entryPoint, plugins = []) {
  await build({
    entryPoints: [entryPoint],
    outfile: join(directory, `${name}.js`),
    bundle: true,
    platform: 'node',
    minifyWhitespace: true,
    format: 'cjs',
    target: 'node20',
    // A native module, which finds its binary beside itself.
    external: ['koffi'],
    plugins: [...plugins, asBefore],
    logLevel: 'warning',
  });
  const program = join(directory, `${name}.cjs`);
  writeFileSync(program, loader(name));
  await makeCodeCache(name, program);
}

/** Lets each module find its files where it was; what is not an ES module cannot await the end of the program. */
const asBefore = {
  name: 'as before',
  setup({ onLoad }) {
    onLoad({ filter: /\.[cm]?js$/ }, ({ path }) => ({
      loader: 'js',
      contents: readFileSync(path, 'utf8')
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
        .replaceAll(/\b__dirname\b/g, JSON.stringify(dirname(path)))
        .replaceAll(/\b__filename\b/g, JSON.stringify(path))
        .replace(/^await main\(\);$/m, 'main();'),
    }));
  },
};

/** Puts the steps that can be held in place of the driver's own. */
const gated = {
  name: 'gated',
  setup({ onResolve }) {
    onResolve({ filter: /\/steps\.js$/ }, ({ path, importer, resolveDir }) => {
      const isReplaced = join(resolveDir, path) === inProject('dist', 'model', 'steps.js');
      return isReplaced && importer !== gatedSteps ? { path: gatedSteps } : undefined;
    });
  },
};

/** A program that runs a file with what has been compiled of it; V8 ignores that if it does not fit. */
function loader(name) {
  return `const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');
const filename = require('node:path').join(__dirname, '${name}.js');
const cache = filename + '.cache';
const source = '(function (require, module, exports) {' + readFileSync(filename, 'utf8') + '\\n})';
const cachedData = existsSync(cache) ? readFileSync(cache) : undefined;
const script = new Script(source, { filename, cachedData });
if (process.env.CHECK_CODE_CACHE) process.exit(script.cachedDataRejected === false ? 0 : 1);
if (process.env.WRITE_CODE_CACHE) process.on('exit', () => {
  // As at a start: the driver has changed this flag.
  setFlagsFromString('--heap-growing-percent=0');
  writeFileSync(cache, script.createCachedData());
});
script.runInThisContext()(require, module, exports);
`;
}

/** Starts a driver and ends it, so that what a start needs is compiled. One that cannot start here ends by itself. */
async function makeCodeCache(name, program) {
  rmSync(join(directory, `${name}.js.cache`), { force: true });
  const scratch = mkdtempSync(join(tmpdir(), 'csi-'));
  const flags = [
    `--statedir=${scratch}/pool`,
    '--status-socket=',
    `--endpoint=${scratch}/s`,
    '--nodeid=node-1',
  ];
  const child = spawn(process.execPath, [...nodeFlags, program, ...flags], {
    env: { ...process.env, WRITE_CODE_CACHE: '1', UV_THREADPOOL_SIZE: '192' },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  child.once('message', () => child.kill());
  await once(child, 'close');
  rmSync(scratch, { recursive: true });
  checkCodeCache(program);
}

/** Fails if V8 would ignore what has been compiled: every start would compile it again. */
function checkCodeCache(program) {
  const env = { ...process.env, CHECK_CODE_CACHE: '1' };
  const { status } = spawnSync(process.execPath, [...nodeFlags, program], { env });
  if (status !== 0) throw new Error(`V8 does not take the compiled code of ${program}`);
}
