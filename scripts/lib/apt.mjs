// Debian's packages, where there is apt-get.
import { spawnSync } from 'node:child_process';
import { mustRun } from './project.mjs';

/** Whether these packages can be installed. Asks the network only where the lists of packages do not know them. */
export function canInstall(...packages) {
  const simulate = () => spawnSync('apt-get', ['install', '--simulate', ...packages]).status === 0;
  return simulate() || (spawnSync('apt-get', ['update']).status === 0 && simulate());
}

/** Installs packages, or ends this process. */
export function installPackages(...packages) {
  mustRun('apt-get', ['install', '--yes', '--no-install-recommends', ...packages], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
