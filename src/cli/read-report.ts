import { request } from 'node:http';
import type { StatusReport } from '../status/report.ts';

// More than the driver waits for its pools.
const TIMEOUT_MS = 30_000;
/** Nothing is at the path of the socket, or nothing listens there any more. */
const NO_DRIVER = ['ENOENT', 'ECONNREFUSED', 'ENOTDIR'];

/**
 * The status of a running driver, or of the disks if none runs.
 * @throws Error with a sentence
 */
export async function readReport(socket: string, stateDir: string): Promise<StatusReport> {
  const fromDriver = await reportAt(socket);
  if (fromDriver) return fromDriver;
  // Its system calls take a while to load.
  const { reportOfDisk } = await import('../status/disk-report.ts');
  return reportOfDisk(stateDir).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`no driver listens on ${socket}, and its disks cannot be read: ${reason}`, {
      cause: error,
    });
  });
}

/** @returns undefined if no driver runs */
async function reportAt(socket: string): Promise<StatusReport | undefined> {
  try {
    return JSON.parse(await get(socket, '/status')) as StatusReport;
  } catch (error) {
    if (error instanceof Error && 'code' in error && NO_DRIVER.includes(String(error.code))) return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot read the status from ${socket}: ${reason}`, { cause: error });
  }
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`the driver answers ${response.statusCode}: ${body.trim()}`));
      });
    });
    call.on('timeout', () =>
      call.destroy(new Error(`the driver does not answer within ${TIMEOUT_MS / 1000} s`)),
    );
    call.on('error', reject);
    call.end();
  });
}
