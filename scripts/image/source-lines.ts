import { relative, resolve } from 'node:path';
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec';
import { inProject } from '../lib/project.mjs';

interface SourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

/**
 * A source map with only the line in `src/` that each line of the bundle comes from. Node reads the whole map when it starts; a
 * complete one would double the time for that and the memory.
 * @param text the complete map, of a bundle in `directory`
 */
export function withLinesOfSources(text: string, directory: string): string {
  const map = JSON.parse(text) as SourceMap;
  const paths = map.sources.map((path) => relative(inProject(), resolve(directory, path)));
  const sources = paths.filter((path) => path.startsWith('src/'));
  const numbers = paths.map((path) => sources.indexOf(path));
  let isMapped = false;
  const lines = decode(map.mappings).map(([first]): SourceMapSegment[] => {
    if (first === undefined || first.length === 1) return [];
    const number = numbers[first[1]] ?? -1;
    const wasMapped = isMapped;
    isMapped = number >= 0;
    if (isMapped) return [[0, number, first[2], first[3]]];
    // Without an end, these lines would belong to the last file before them.
    return wasMapped ? [[0]] : [];
  });
  return JSON.stringify({ version: 3, sources, names: [], mappings: encode(lines) });
}
