import { parseArgs } from 'node:util';
import type { Peer } from './bench.ts';

/** The command line of `npm run bench`. */
export interface Arguments {
  readonly directory: string;
  /** Names of lines; empty for all. */
  readonly names: readonly string[];
  readonly peers: readonly Peer[];
  readonly isShort: boolean;
  readonly isWritten: boolean;
}

export function parseArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      peer: { type: 'string', multiple: true, default: [] },
      short: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const [directory = '', ...names] = positionals;
  return {
    directory,
    names,
    peers: values.peer.map(peerOf),
    isShort: values.short,
    isWritten: values.write,
  };
}

function peerOf(text: string): Peer {
  const [, name, endpoint] = /^([^=]+)=(unix:\/\/.+)$/.exec(text) ?? [];
  if (name === undefined || endpoint === undefined) {
    throw new Error(`--peer: "${text}" must be NAME=unix:///PATH`);
  }
  return { name, endpoint };
}
