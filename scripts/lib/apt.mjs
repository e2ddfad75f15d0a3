// Debian packages, on systems with apt-get.
import { spawnSync } from 'node:child_process';
import { mustRun } from './project.mjs';

/** Whether these packages can be installed. Uses the network only if the local package lists lack them. */
export function canInstall(...packages) {
  const simulate = () => spawnSync('apt-get', ['install', '--simulate', ...packages]).status === 0;
  return simulate() || (spawnSync('apt-get', ['update']).status === 0 && simulate());
}

/** Installs packages, or exits if that fails. */
export function installPackages(...packages) {
  mustRun('apt-get', ['install', '--yes', '--no-install-recommends', ...packages], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
