import { closeSync, openSync, readSync } from 'node:fs';
import type { Counts } from './numbers.ts';

const CHUNK_BYTES = 1024 ** 2;

/** A line of the API server's audit log, as far as it is used. */
interface AuditLine {
  readonly auditID: string;
  readonly stage: string;
  readonly requestURI: string;
  readonly verb: string;
  readonly userAgent?: string;
  readonly objectRef?: { readonly resource: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code: number };
}

/** A request of the driver's pods or of the snapshot controller. */
export interface Request {
  readonly program: string;
  readonly verb: string;
  readonly resource: string;
  readonly readAtMs: number;
}

/** A watch that is open. */
interface Watch {
  readonly program: string;
  readonly resource: string;
  /** After which time the client renews it. */
  readonly timeoutSeconds: number;
}

/** What the API server was asked, read from its audit log as it grows. */
export class AuditLog {
  private readonly fd: number;
  private offset = 0;
  private rest = '';
  private readonly requests: Request[] = [];
  private readonly watches = new Map<string, Watch>();

  constructor(path: string) {
    this.fd = openSync(path, 'r');
  }

  close(): void {
    closeSync(this.fd);
  }

  /** The number of requests so far; a mark for `since`. */
  mark(): number {
    this.read();
    return this.requests.length;
  }

  since(mark: number): readonly Request[] {
    this.read();
    return this.requests.slice(mark);
  }

  openWatches(): readonly Watch[] {
    this.read();
    return [...this.watches.values()];
  }

  private read(): void {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const count = readSync(this.fd, buffer, 0, buffer.length, this.offset);
      if (count === 0) return;
      this.offset += count;
      const lines = (this.rest + buffer.toString('latin1', 0, count)).split('\n');
      this.rest = lines.pop() ?? '';
      for (const line of lines) this.add(JSON.parse(line) as AuditLine);
    }
  }

  private add(line: AuditLine): void {
    const { auditID, stage, verb, objectRef } = line;
    const isWatch = verb === 'watch';
    if (isWatch && stage !== 'ResponseStarted') {
      this.watches.delete(auditID);
      return;
    }
    const program = /^[^/ ]*/.exec(line.userAgent ?? '')?.[0] ?? '';
    const subresource = objectRef?.subresource === undefined ? '' : `/${objectRef.subresource}`;
    const resource = objectRef ? `${objectRef.resource}${subresource}` : 'discovery';
    const conflict = line.responseStatus?.code === 409 ? ' (conflict)' : '';
    this.requests.push({ program, verb: `${verb}${conflict}`, resource, readAtMs: performance.now() });
    if (!isWatch) return;
    const timeoutSeconds = Number(/timeoutSeconds=(\d+)/.exec(line.requestURI)?.[1]);
    this.watches.set(auditID, { program, resource, timeoutSeconds });
  }
}

/** Counts requests by program, verb and resource, times a factor. */
export function countRequests(requests: readonly Request[], factor: number): Counts {
  return countBy(requests, ({ program, verb, resource }) => `${program} ${verb} ${resource}`, factor);
}

/** Counts things by a name, times a factor. @returns sorted by name */
export function countBy<Item>(items: readonly Item[], nameOf: (item: Item) => string, factor = 1): Counts {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(nameOf(item), (counts.get(nameOf(item)) ?? 0) + 1);
  return Object.fromEntries(
    [...counts]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, count]) => [name, rounded(count * factor)]),
  );
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
