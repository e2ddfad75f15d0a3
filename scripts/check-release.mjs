#!/usr/bin/env node
// Checks that the driver's version is the same everywhere, and fits CHANGELOG.md.
//
//   node scripts/check-release.mjs                for any commit
//   node scripts/check-release.mjs vX.Y.Z         for one that is released with this tag
//   node scripts/check-release.mjs --set X.Y.Z    sets the version everywhere, but in CHANGELOG.md
//
// It needs Node only: a release is checked before anything is installed.
import { inProject } from './lib/project.mjs';
import { releaseProblems, setVersion, versionProblems } from './release/versions.mjs';

const [tag, newVersion] = process.argv.slice(2);
if (tag === '--set') setVersion(inProject(), newVersion);
const problems = [
  ...versionProblems(inProject()),
  ...releaseProblems(inProject(), tag === '--set' ? undefined : tag),
];
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;
