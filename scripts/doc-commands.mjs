// Prints the commands of a page for a shell, for tests that run them. docs/reference/writing.md describes their classes.
//
//   node scripts/doc-commands.mjs --list                                          the pages with commands
//   node scripts/doc-commands.mjs --cluster PAGE[#HEADING] [--replace OLD NEW]…   those that need a cluster
//   node scripts/doc-commands.mjs --host PAGE[#HEADING] [--replace OLD NEW]…      those that need only this machine
//
// PAGE is a path in the project; with a heading's anchor, only the commands in that section are printed. NEW replaces
// OLD in the commands, for instance the name of a node.
import { writeSync } from 'node:fs';
import { tsImport } from 'tsx/esm/api';

const { docCommands } = await tsImport('./lib/docs/doc-commands.ts', import.meta.url);
const { output, errors, exitCode } = docCommands(process.argv.slice(2));
writeSync(1, output);
writeSync(2, errors);
process.exitCode = exitCode;
