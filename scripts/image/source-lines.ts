import { relative, resolve } from 'node:path';
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec';
import { inProject } from '../lib/project.mjs';

interface SourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

/**
 * A source map with only the lines that the text of a bundle comes from. Node reads the maps when it starts; esbuild's, with an
 * entry for each token, would double the time of the start.
 * @param text the complete map, of a file in `directory`
 */
export function withLinesOnly(text: string, directory: string): string {
  const map = JSON.parse(text) as SourceMap;
  const sources = map.sources.map((path) => relative(inProject(), resolve(directory, path)));
  // What the text is from, until the next entry.
  let place: string | undefined;
  const startsLine = ([, source, line]: SourceMapSegment) => {
    const before = place;
    place = `${source}:${line}`;
    return place !== before;
  };
  const mappings = encode(decode(map.mappings).map((segments) => segments.filter(startsLine).map(unnamed)));
  return JSON.stringify({ version: 3, sources, names: [], mappings });
}

function unnamed([column, source, line, lineColumn]: SourceMapSegment): SourceMapSegment {
  return source === undefined ? [column] : [column, source, line ?? 0, lineColumn ?? 0];
}
