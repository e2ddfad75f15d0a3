import type { Readable } from 'node:stream';
import type { CliRequest, Command } from './command-line.ts';
import { formatReport } from './format-report.ts';
import { readReport } from './read-report.ts';

/** `check` has found problems. */
const EXIT_PROBLEMS = 1;
const EXIT_USAGE = 2;
/** The status cannot be read. */
const EXIT_FAILURE = 3;
const CLEAR_SCREEN = '\x1b[H\x1b[2J\x1b[3J';

/** Where a command writes. */
export interface CliOutput {
  readonly write: (text: string) => Promise<void>;
  readonly writeError: (text: string) => Promise<void>;
  /** Writes the output of `send`. */
  readonly writeBytes: (bytes: Buffer) => Promise<void>;
  /** What `receive` reads. */
  readonly input: Readable;
  /** Whether it is a terminal, whose screen can be cleared. */
  readonly isTerminal: boolean;
  /** Ends `watch`. */
  readonly stopped: AbortSignal;
}

/** Runs a command. @returns its exit code */
export async function runCommand(request: CliRequest, output: CliOutput): Promise<number> {
  switch (request.kind) {
    case 'help':
      await output.write(`${request.text}\n`);
      return 0;
    case 'invalid':
      await output.writeError(`${request.error}\nRun with --help for the flags.\n`);
      return EXIT_USAGE;
    case 'command':
      return run(request.command, output).catch(async (error: unknown) => {
        await output.writeError(`${error instanceof Error ? error.message : String(error)}\n`);
        return EXIT_FAILURE;
      });
  }
}

async function run(command: Command, output: CliOutput): Promise<number> {
  switch (command.name) {
    case 'status':
      await output.write(await statusText(command));
      return 0;
    case 'watch':
      return watch(command, output);
    case 'check':
      return check(command, output);
    case 'trim':
      await output.write(await trimText(command));
      return 0;
    case 'export':
      await output.write(await exportText(command));
      return 0;
    case 'restore':
    case 'purge': {
      const { purge, restore } = await import('./deleted-volumes.ts');
      return command.name === 'purge' ? purge(command, output) : restore(command, output, exportText);
    }
    case 'rekey':
      return (await import('./rekey.ts')).rekey(command, output);
    case 'adopt':
      return (await import('./adopt.ts')).runAdopt(command, output);
    case 'take-over':
      return (await import('./take-over.ts')).runTakeOver(command, output);
    case 'send':
      await (await import('./move.ts')).send(command, output);
      return 0;
    case 'receive':
      await output.write(await (await import('./move.ts')).receive(command, output));
      return 0;
  }
}

async function watch(command: Command, output: CliOutput): Promise<number> {
  while (!output.stopped.aborted) {
    const text = await statusText(command).catch((error: unknown) =>
      error instanceof Error ? `${error.message}\n` : `${String(error)}\n`,
    );
    await output.write(output.isTerminal ? `${CLEAR_SCREEN}${text}` : text);
    await pause(Number(command.values['interval']) * 1000, output.stopped);
  }
  return 0;
}

async function check(command: Command, output: CliOutput): Promise<number> {
  const { checkedBy } = await import('./check.ts');
  const { document, text, problemCount } = await checkedBy(command, output);
  await output.write(await formatted(command.output, document, () => text));
  return problemCount === 0 ? 0 : EXIT_PROBLEMS;
}

async function trimText(command: Command): Promise<string> {
  const { formatTrims, trimmedBy } = await import('./trim.ts');
  const reports = await trimmedBy(command);
  return formatted(command.output, reports, () => formatTrims(reports));
}

/** Documents for `kubectl apply`; a list in JSON. @param id of the only volume */
async function exportText({ socket, stateDir, output, values }: Command, id?: string): Promise<string> {
  const report = await readReport(socket, stateDir);
  const volumes = report.volumes.filter((volume) => id === undefined || volume.id === id);
  const { exportedFrom, objectsText } = await import('./export-objects.ts');
  return objectsText(exportedFrom({ ...report, volumes }, values), output);
}

async function statusText({ socket, stateDir, output }: Command): Promise<string> {
  const report = await readReport(socket, stateDir);
  return formatted(output, report, () => formatReport(report, new Date()));
}

async function formatted(
  output: Command['output'],
  document: unknown,
  asText: () => string,
): Promise<string> {
  switch (output) {
    case 'json':
      return `${JSON.stringify(document, null, 2)}\n`;
    case 'yaml':
      return (await import('./to-yaml.ts')).toYaml(document);
    case 'text':
      return asText();
  }
}

function pause(durationMs: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, durationMs);
    stopped.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
