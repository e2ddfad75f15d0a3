import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import { inProject } from '../lib/project.mjs';

// The bundle has one of its own.
const PACKAGE_FILE = 'package.json';

const loadNative = `
import { createRequire } from 'node:module';
export const loadStatic = () => createRequire(import.meta.url)('./koffi.node');
`;

/**
 * The files that the driver and its dependencies read when they run. Each module finds them relative to itself. In a bundle all
 * modules are in one directory, so the expressions that locate them are replaced.
 */
export class RuntimeFiles {
  readonly #sources = new Map<string, string>();

  /** The path of each file, by its name in the bundle. */
  get sources(): ReadonlyMap<string, string> {
    return this.#sources;
  }

  add(name: string, source: string): void {
    this.#sources.set(name, source);
  }

  readonly plugin: Plugin = {
    name: 'runtime files',
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.ts$/ }, ({ path }) => ({ loader: 'ts', contents: this.#locateFiles(path) }));
      // koffi's choice between the binaries of all platforms.
      onLoad({ filter: /\/koffi\/src\/koffi\/src\/static\.js$/ }, () => ({
        loader: 'js',
        contents: loadNative,
      }));
    },
  };

  /** A module of the driver, with its files at the same place in the bundle as in the project. */
  #locateFiles(path: string): string {
    return readFileSync(path, 'utf8').replaceAll(
      /new URL\('(\.\.?\/[^']+)', import\.meta\.url\)/g,
      (_, file: string) => {
        const source = resolve(dirname(path), file);
        const name = relative(inProject(), source);
        if (name !== PACKAGE_FILE) this.add(name, source);
        return `new URL('./${name}', import.meta.url)`;
      },
    );
  }
}
