import { readFileSync } from 'node:fs';

const BYTES_PER_MIB = 1024 ** 2;

/** What is on the heap of a process, in MiB. */
export interface Heap {
  /** What the program keeps: objects, functions, strings and buffers. */
  readonly objectsMib: number;
  /**
   * What V8 keeps to run it: bytecode, compiled code and what that depends on. It grows for as long as V8 finds functions worth
   * compiling, tens of thousands of calls.
   */
  readonly codeMib: number;
}

/** Types of nodes in a snapshot that are V8's own. */
const V8_TYPES: readonly string[] = ['code', 'hidden', 'synthetic'];

interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[];
      readonly node_types: readonly [readonly string[]];
    };
  };
  /** The fields of all nodes, one after the other. */
  readonly nodes: readonly number[];
}

/** Adds up a heap snapshot that V8 has written. */
export function heapIn(path: string): Heap {
  const { snapshot, nodes } = JSON.parse(readFileSync(path, 'utf8')) as Snapshot;
  const { node_fields: fields, node_types } = snapshot.meta;
  const [types] = node_types;
  const typeField = fields.indexOf('type');
  const sizeField = fields.indexOf('self_size');
  let objects = 0;
  let code = 0;
  for (let start = 0; start < nodes.length; start += fields.length) {
    const type = types[nodes[start + typeField] ?? 0] ?? '';
    const bytes = nodes[start + sizeField] ?? 0;
    if (V8_TYPES.includes(type)) code += bytes;
    else objects += bytes;
  }
  return { objectsMib: objects / BYTES_PER_MIB, codeMib: code / BYTES_PER_MIB };
}
