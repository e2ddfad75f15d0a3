import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'config.yaml';

/** A directory with a configuration file, as the kubelet mounts a ConfigMap. */
export class ConfigMapDirectory {
  readonly path: string;
  private readonly directory: string;
  private versions = 0;

  constructor(directory: string, text: string) {
    this.directory = directory;
    this.path = join(directory, FILE);
    mkdirSync(directory);
    symlinkSync(join('..data', FILE), this.path);
    this.update(text);
  }

  /** Replaces the content as the kubelet does: by a new directory, to which a symbolic link is redirected at once. */
  update(text: string): void {
    const version = `..version-${this.versions++}`;
    mkdirSync(join(this.directory, version));
    writeFileSync(join(this.directory, version, FILE), text);
    symlinkSync(version, join(this.directory, '..data_tmp'));
    renameSync(join(this.directory, '..data_tmp'), join(this.directory, '..data'));
    rmSync(join(this.directory, `..version-${this.versions - 2}`), { recursive: true, force: true });
  }
}
