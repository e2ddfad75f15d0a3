// The browser in which the status page is tested: Debian's.
import { existsSync } from 'node:fs';
import { canInstall, installPackages } from './apt.mjs';

const program = '/usr/bin/chromium';

/** Why the page cannot be tested here, or undefined. */
export function chromiumObstacle() {
  if (existsSync(program) || canInstall('chromium')) return undefined;
  return 'it needs the package chromium';
}

/** Installs it if it is missing. */
export function installChromium() {
  if (!existsSync(program)) installPackages('chromium');
}
