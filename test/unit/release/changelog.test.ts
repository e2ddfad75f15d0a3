import { describe, expect, test } from 'vitest';
import { parseChangelog, releaseNotes } from '../../../scripts/release/changelog.mjs';

const changelog = `# Changelog

## Unreleased
- Something new.

## 1.2.0 - 2026-03-01
Read [upgrading](docs/upgrade.md#records) first, and [the format](https://example.org/format).

- A feature.
  Its second line.

## 1.2.0-rc.1 - 2026-02-01

## 1.1.0 - 2026-01-01
- The first.
`;

describe('the changelog', () => {
  test('is split into its sections, the newest first', () => {
    expect(parseChangelog(changelog).map(({ version, date }) => [version, date])).toEqual([
      ['Unreleased', undefined],
      ['1.2.0', '2026-03-01'],
      ['1.2.0-rc.1', '2026-02-01'],
      ['1.1.0', '2026-01-01'],
    ]);
  });

  test.each(['## 1.2 - 2026-01-01', '## 1.2.0', '## v1.2.0 - 2026-01-01', '## 1.2.0 - 1 January'])(
    'must not have the heading "%s"',
    (line) => {
      expect(() => parseChangelog(`${changelog}\n${line}\n`)).toThrow(`"${line}" must be`);
    },
  );
});

describe('the notes of a release', () => {
  test('are the text of its section', () => {
    expect(releaseNotes(changelog, '1.1.0')).toBe('- The first.');
    expect(releaseNotes(changelog, '1.2.0')).toMatch(/^Read .*\n\n- A feature\.\n {2}Its second line\.$/);
  });

  test('link to the files of the release', () => {
    expect(releaseNotes(changelog, '1.2.0', 'https://example.org/driver')).toContain(
      '[upgrading](https://example.org/driver/blob/v1.2.0/docs/upgrade.md#records) first, and [the format](https://example.org/format)',
    );
  });

  test('do not exist without a section, or with an empty one', () => {
    expect(() => releaseNotes(changelog, '1.3.0')).toThrow('has no section 1.3.0');
    expect(() => releaseNotes(changelog, '1.2.0-rc.1')).toThrow('is empty');
  });
});
