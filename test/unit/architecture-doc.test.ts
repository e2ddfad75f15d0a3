import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const text = readFileSync('docs/architecture.md', 'utf8');
const { layers, floors } = JSON.parse(readFileSync('scripts/lib/layers.json', 'utf8')) as {
  layers: Record<string, string[]>;
  floors: Record<string, string[]>;
};

/** Everything that can be reached from a room. */
function below(room: string, arrows: ReadonlyMap<string, readonly string[]>): string[] {
  const direct = arrows.get(room) ?? [];
  return [...new Set(direct.flatMap((each) => [each, ...below(each, arrows)]))].sort();
}

describe('the page on the architecture', () => {
  test('draws an arrow for each room that another can import, or a path there', () => {
    const arrows = new Map<string, string[]>();
    for (const [, from = '', to = ''] of text.matchAll(/^ {2}([a-z]+) --> ([a-z]+)$/gm)) {
      arrows.set(from, [...(arrows.get(from) ?? []), to]);
    }
    for (const [room, known] of Object.entries(layers)) {
      expect(known, room).toEqual(expect.arrayContaining(arrows.get(room) ?? []));
      expect(below(room, arrows), room).toEqual(expect.arrayContaining(known));
    }
  });

  test('has a line for each folder', () => {
    const folders = (directory: string) =>
      readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? [entry.name] : [],
      );
    expect(folders('src').sort()).toEqual(Object.keys(layers).sort());
    for (const [layer, names] of Object.entries(floors)) {
      expect(folders(`src/${layer}`).sort(), layer).toEqual([...names].sort());
    }
    for (const name of [...Object.keys(layers), ...Object.values(floors).flat()])
      expect(text).toContain(`\`${name}/\``);
  });

  test('answers questions with existing files', () => {
    const answers = [...text.matchAll(/^\| [^|]+\? \| `([^`]+)` \|$/gm)].map(([, path = '']) => path);
    expect(answers.length).toBeGreaterThanOrEqual(25);
    for (const path of answers) expect(existsSync(path), path).toBe(true);
  });
});
