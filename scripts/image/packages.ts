// The npm packages in a bundle.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Metafile } from 'esbuild';
import { inProject } from '../lib/project.mjs';

/** An installed package. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly license: string;
  readonly directory: string;
}

/** The package in a directory. */
export function packageIn(directory: string): Package {
  const text = readFileSync(join(directory, 'package.json'), 'utf8');
  const { name, version, license } = JSON.parse(text) as Package;
  return { name, version, license, directory };
}

/** The packages with code in a bundle, and one with a native module, in the order of their names. */
export function bundledPackages({ outputs }: Metafile, native: Package): Package[] {
  const files = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  const directories = new Set(
    files.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []),
  );
  const packages = [...directories].map((directory) => packageIn(resolve(inProject(), directory)));
  return [...packages, native].sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** The licenses of packages in full, as most of them require. */
export function licenseTexts(packages: readonly Package[]): string {
  return packages
    .map((one) => `${one.name} ${one.version} (${one.license})\n\n${licenseText(one)}\n`)
    .join('\n');
}

function licenseText({ name, directory }: Package): string {
  const files = readdirSync(directory).filter((file) => /^(license|licence|copying|notice)/i.test(file));
  // The native modules of koffi come without one.
  const texts = files.map((file) => readFileSync(join(directory, file), 'utf8').trim());
  if (texts.length === 0 && !name.startsWith('@koromix/koffi-'))
    throw new Error(`${name} has no license file`);
  return texts.join('\n\n') || "See koffi's license.";
}
