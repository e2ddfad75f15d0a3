import { expect, test } from 'vitest';
import {
  accessModes,
  isAccessMode,
  isReaderOnly,
  isSingleTarget,
} from '../../../src/model/requests/access-mode.ts';

test('every mode of the specification is known, and UNKNOWN is none', () => {
  for (const mode of accessModes) expect(isAccessMode(mode)).toBe(true);
  for (const text of ['UNKNOWN', '', 'single_node_writer', 'constructor'])
    expect(isAccessMode(text)).toBe(false);
});

test('the reader modes let nobody write, the others do', () => {
  expect(accessModes.filter(isReaderOnly)).toEqual(['SINGLE_NODE_READER_ONLY', 'MULTI_NODE_READER_ONLY']);
});

test('only SINGLE_NODE_SINGLE_WRITER is held to one target', () => {
  expect(accessModes.filter(isSingleTarget)).toEqual(['SINGLE_NODE_SINGLE_WRITER']);
});
