// npm start: installs, builds and runs the driver. Flags after `--` are passed to the driver and override the defaults
// here, which work on a machine without any setup.
import { spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { inOwnNamespace, isRoot, namespaceObstacle, ordinaryUserNote } from './lib/namespace.mjs';
import { build, inProject, install } from './lib/project.mjs';

install();
build();

const statusSocket = inProject('.cache', 'status.sock');
const defaults = [
  `--statedir=${inProject('.state')}`,
  `--status-socket=${statusSocket}`,
  `--nodeid=${nodeIdOfHost()}`,
];
const command = [process.execPath, inProject('dist', 'main.js'), ...defaults, ...process.argv.slice(2)];
// If an ordinary user cannot create a namespace, the driver itself reports what it needs.
const inNamespace = !isRoot && namespaceObstacle() === undefined;
if (inNamespace) process.stderr.write(`${ordinaryUserNote}\n`);
const [program, ...args] = inNamespace ? inOwnNamespace(command) : command;
const driver = spawn(program, args, {
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  // Its own process group: Ctrl-C reaches every process of the terminal, npm also forwards it, and a second signal
  // would end the driver while it drains.
  detached: true,
  // File operations use libuv's threads; the default of four is too few for a server that waits for disks.
  env: { UV_THREADPOOL_SIZE: '192', ...process.env },
});
driver.on('message', ({ listening }) => printWelcome(listening));
driver.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGKILL' ? 137 : 1);
});
let isStopping = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    if (!isStopping) driver.kill(signal);
    isStopping = true;
  });
}

/** The host's name as a label value, which a node id must be. */
function nodeIdOfHost() {
  return (
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 63)
      .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '') || 'node'
  );
}

function printWelcome(endpoint) {
  const isUnix = endpoint.startsWith('unix://');
  const address = isUnix ? endpoint : endpoint.slice('tcp://'.length);
  const grpcurl = (data) => `grpcurl -plaintext ${data}${address}`;
  const older = isUnix
    ? `\ngrpcurl 1.9.1 and older need "-unix ${endpoint.slice('unix://'.length)}" instead of the address.\n`
    : '';
  const volume =
    '{"name":"first","volume_capabilities":[{"mount":{},"access_mode":{"mode":"SINGLE_NODE_WRITER"}}]}';
  process.stdout.write(`
The driver listens on ${endpoint}. Some things to try in another terminal:

  ${grpcurl('')} list
  ${grpcurl('')} describe csi.v1.Controller
  ${grpcurl(`-d '${volume}' `)} csi.v1.Controller/CreateVolume
  node dist/main.js status --socket=${statusSocket}
${older}
Ctrl-C stops it.
`);
}
