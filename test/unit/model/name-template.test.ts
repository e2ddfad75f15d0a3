import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Named,
  nameProblem,
  namesOf,
  needsClaim,
  templateProblem,
} from '../../../src/model/objects/name-template.ts';

const volume: Named = {
  id: 'pvc-1-id',
  name: 'pvc-1',
  claim: { namespace: 'shop', name: 'data' },
  pool: 'fast',
};

test('each variable has its value, and text stays', () => {
  const template = '${pool.name}/${pvc.namespace}/${pvc.name}_${pv.name}.${volume.id}';
  expect(templateProblem(template)).toBeUndefined();
  expect(namesOf(template, volume)[0]).toEqual(['fast', 'shop', 'data_pvc-1.pvc-1-id']);
});

test('if a name is taken, its last part or all of it has a hash of the id', () => {
  expect(namesOf('${pvc.namespace}/${pvc.name}', volume)).toEqual([
    ['shop', 'data'],
    ['shop', expect.stringMatching(/^data-[0-9a-f]{8}$/)],
    [expect.stringMatching(/^shop-[0-9a-f]{8}$/), expect.stringMatching(/^data-[0-9a-f]{8}$/)],
  ]);
});

test.each([
  ['${pvc.Name}', 'has the unknown variable "pvc.Name"; expected one of ${pvc.namespace}, ${pvc.name}'],
  ['${constructor}', 'has the unknown variable "constructor"'],
  ['${}', 'has the unknown variable ""'],
  ['', 'gives an empty name'],
  ['/${pvc.name}', 'gives an absolute path'],
  ['${pvc.namespace}/', 'gives a path with an empty part'],
  ['a//b', 'gives a path with an empty part'],
  ['${pvc.name}/../b', 'gives a path with the part "." or ".."'],
  ['.', 'gives a path with the part "." or ".."'],
  ['${pvc.name', 'must have only letters, digits'],
  ['$pvc', 'must have only letters, digits'],
  ['a b', 'must have only letters, digits'],
  ['a\0', 'must have only letters, digits'],
  ['a\n', 'must have only letters, digits'],
  ['a/'.repeat(16).concat('b'), 'more than 16 parts'],
  ['a'.repeat(1025), 'at most 1024 characters'],
])('%j is refused', (template, problem) => {
  expect(templateProblem(template)).toContain(problem);
});

test('a value that would lead elsewhere is refused', () => {
  const claim = { namespace: '..', name: 'data' };
  expect(nameProblem('${pvc.namespace}/${pvc.name}', { ...volume, claim })).toContain('".."');
  expect(namesOf('${pvc.namespace}/${pvc.name}', { ...volume, claim })).toEqual([]);
  expect(nameProblem('a.${pvc.namespace}', { ...volume, claim })).toBeUndefined();
});

test('names are safe and short enough whatever the values are, and long ones stay different', () => {
  const text = fc.string({ unit: 'binary', maxLength: 300 });
  const claim = fc.record({ namespace: text, name: text });
  fc.assert(
    fc.property(claim, text, (given, id) => {
      for (const parts of namesOf('${pvc.namespace}/x${pvc.name}/${volume.id}', {
        ...volume,
        id,
        claim: given,
      })) {
        expect(parts).toHaveLength(3);
        for (const part of parts) {
          expect(part).toMatch(/^[\w.-]{1,255}$/);
          expect(['.', '..']).not.toContain(part);
        }
      }
    }),
  );
  const named = (name: string) => namesOf('${pv.name}', { ...volume, name })[0];
  expect(named(`${'a'.repeat(300)}b`)).not.toEqual(named(`${'a'.repeat(300)}c`));
});

test('only the claim has to be known', () => {
  expect(needsClaim('${pv.name}/${volume.id}')).toBe(false);
  expect(needsClaim('${pv.name}/${pvc.name}')).toBe(true);
});
