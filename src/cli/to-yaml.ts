import { stringify } from 'yaml';

/** In a file of its own, since the package takes a while to load. */
export function toYaml(document: unknown): string {
  return stringify(document);
}
