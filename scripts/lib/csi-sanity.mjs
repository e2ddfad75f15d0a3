// csi-sanity, the conformance suite of the Kubernetes CSI project, built from its Go module.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, mustRun } from './project.mjs';

const version = 'v5.6.0';
const directory = join(cacheDirectory, `csi-sanity-${version}`);

export const csiSanityPath = join(directory, 'csi-sanity');

/** Why csi-sanity is not available on this machine, or undefined. */
export function csiSanityObstacle() {
  if (existsSync(csiSanityPath)) return undefined;
  return spawnSync('go', ['version']).status === 0
    ? undefined
    : 'csi-sanity is built with Go, and there is no Go here';
}

/** Builds csi-sanity, unless it already exists. */
export function installCsiSanity() {
  if (existsSync(csiSanityPath)) return;
  mkdirSync(directory, { recursive: true });
  mustRun('go', ['install', `github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity@${version}`], {
    env: { ...process.env, GOBIN: directory },
  });
}
