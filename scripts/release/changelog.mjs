// The sections of CHANGELOG.md: `## Unreleased`, and one for each release, the newest first: `## 1.2.3 - 2026-01-31`.

const heading = /^## (?:(Unreleased)|(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?) - (\d{4}-\d\d-\d\d))$/;

/**
 * The sections, with their version (`Unreleased`, if it is not one), their date if they have one, and their text.
 * @throws Error naming a heading that is neither
 */
export function parseChangelog(text) {
  const sections = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('## ')) {
      sections.at(-1)?.lines.push(line);
      continue;
    }
    const [, unreleased, version, date] = heading.exec(line) ?? [];
    if (!unreleased && !version) throw new Error(`CHANGELOG.md: "${line}" must be "## X.Y.Z - YYYY-MM-DD"`);
    sections.push({ version: unreleased ?? version, date, lines: [] });
  }
  return sections.map(({ lines, ...section }) => ({ ...section, text: lines.join('\n').trim() }));
}

/**
 * The text of a release's section. Links to files of the project, which work in the project only, become links to the
 * release's files at `source`, the address of the repository.
 * @throws Error if there is no such section, or if it is empty
 */
export function releaseNotes(text, version, source) {
  const section = parseChangelog(text).find((each) => each.version === version);
  if (!section) throw new Error(`CHANGELOG.md has no section ${version}`);
  if (section.text === '') throw new Error(`CHANGELOG.md: the section ${version} is empty`);
  if (source === undefined) return section.text;
  return section.text.replaceAll(/\]\((?![a-z]+:|#)([^)]+)\)/g, `](${source}/blob/v${version}/$1)`);
}
