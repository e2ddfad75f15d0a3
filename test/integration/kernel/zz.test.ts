import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { scratchDirectory } from '../../support/scratch.ts';
let d = '';
describe('x', () => {
test('a', () => { d = scratchDirectory(); expect(existsSync(d)).toBe(true); });
test('b', () => { expect(existsSync(d)).toBe(false); });
});
test('c', () => { expect(existsSync(d)).toBe(false); });
