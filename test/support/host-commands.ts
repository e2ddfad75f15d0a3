import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname } from 'node:path';
import { promisify } from 'node:util';
import { type CommandBlock, commandBlocks, withReplacements } from '../../scripts/lib/docs/commands.ts';
import { projectRoot, readPages } from '../../scripts/lib/docs/pages.ts';
import { grpcurlPath } from '../../scripts/lib/go/grpcurl.mjs';

const pages = readPages();

/** Whether a page calls the driver with grpcurl, which is built for the conformance suite only. */
function needsGrpcurl(path: string): boolean {
  return hostBlocks(path).some(({ script }) => script.includes('grpcurl'));
}

/** The pages with commands for this machine: those that need grpcurl, or all others. */
export function pagesWithHostCommands(withGrpcurl: boolean): string[] {
  return [...pages.keys()].filter(
    (path) => hostBlocks(path).length > 0 && needsGrpcurl(path) === withGrpcurl,
  );
}

function hostBlocks(path: string): CommandBlock[] {
  return commandBlocks(pages, path).filter((block) => block.class === 'host');
}

/**
 * Runs the commands of a page for this machine, in their order and in one shell, which ends at the first that fails.
 * Commands that run until they are stopped run beside it.
 * @param replacements pairs of a text in the commands and what takes its place
 * @returns the output
 * @throws Error with the output of a command that failed
 */
export async function runHostCommands(
  path: string,
  replacements: readonly (readonly [string, string])[],
): Promise<string> {
  const blocks = hostBlocks(path).map((block) => ({
    ...block,
    script: withReplacements(block.script, replacements),
  }));
  const servers: Server[] = [];
  try {
    for (const { script, until } of blocks)
      if (until !== undefined) servers.push(await startServer(script, until));
    const script = blocks.flatMap((block) => (block.until === undefined ? [block.script] : [])).join('');
    const { stdout } = await promisify(execFile)('bash', ['-euxo', 'pipefail', '-c', script], {
      cwd: projectRoot,
      env: environment(),
    });
    return stdout;
  } finally {
    for (const server of servers) await server.stop();
  }
}

interface Server {
  /** @throws Error if the command does not end with 0 */
  stop(): Promise<void>;
}

/** Starts a command and waits until its output contains a text. */
async function startServer(script: string, until: string): Promise<Server> {
  // In a process group of its own, as in a terminal, where Ctrl-C reaches all of its processes.
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: projectRoot,
    env: environment(),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = once(child, 'close').then(([code]) => Number(code));
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk;
      if (output.includes(until)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    ended.then((code) => reject(new Error(`the command ended with ${code}:\n${output}`)), reject);
  });
  return {
    stop: async () => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGINT');
      const code = await ended;
      if (code !== 0) throw new Error(`the command ended with ${code} after SIGINT:\n${output}`);
    },
  };
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: [dirname(grpcurlPath), process.env['PATH']].join(delimiter) };
}
