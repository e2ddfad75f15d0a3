#!/usr/bin/env node
// release-notes.mjs VERSION [SOURCE]: prints the section of a version in CHANGELOG.md, as the text of its release. SOURCE is the
// address of the repository, for links to files.
import { readFileSync } from 'node:fs';
import { fail, inProject } from './lib/project.mjs';
import { releaseNotes } from './release/changelog.mjs';

const [version, source] = process.argv.slice(2);
if (version === undefined) fail('Usage: release-notes.mjs VERSION [SOURCE]');
try {
  process.stdout.write(`${releaseNotes(readFileSync(inProject('CHANGELOG.md'), 'utf8'), version, source)}\n`);
} catch (error) {
  fail(error.message);
}
