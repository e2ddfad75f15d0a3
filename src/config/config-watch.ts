import type { Logger } from '../observability/logger.ts';
import { ConfigFileError } from './config-error.ts';
import { nodePoolsIn, readConfig } from './config-file.ts';
import type { NodeFlags, NodePools } from './node-pools.ts';

// The kubelet updates a mounted ConfigMap about once a minute. Looking is cheap, and unlike notifications it notices a
// change of any symbolic link on the way to the file.
const INTERVAL_MS = 1000;

/** A configuration file that is in force, and the flags of the driver that it belongs to. */
export interface UsedConfig {
  readonly path: string;
  readonly text: string;
  readonly flags: NodeFlags;
}

/** Reads a configuration file again and again, and has each change applied. */
export class ConfigWatch {
  private readonly used: UsedConfig;
  private readonly apply: (pools: NodePools) => Promise<void>;
  private readonly logger: Logger;
  /** What was found at the last look. */
  private lastLook: string;
  /** What was last applied or refused. */
  private decided: string;
  private currentProblem: string | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  /** @param apply rejects, and changes nothing, if the pools cannot be used */
  constructor(used: UsedConfig, apply: (pools: NodePools) => Promise<void>, logger: Logger) {
    this.used = used;
    this.apply = apply;
    this.logger = logger;
    this.lastLook = used.text;
    this.decided = used.text;
  }

  /** Why the file as it is now is not in force; undefined if it is. */
  get problem(): string | undefined {
    return this.currentProblem;
  }

  start(): void {
    if (this.isStopped) return;
    this.timer = setTimeout(() => void this.look().finally(() => this.start()), INTERVAL_MS).unref();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private async look(): Promise<void> {
    const found = await this.read();
    // A program may be writing the file now, so only what is the same at two looks counts.
    const isSettled = found.text === this.lastLook;
    this.lastLook = found.text;
    if (!isSettled || found.text === this.decided || this.isStopped) return;
    try {
      if (found.error) throw found.error;
      const pools = nodePoolsIn(this.used.path, found.text, this.used.flags);
      await this.apply(pools);
      this.logger.info(
        { config: this.used.path, pools: pools.here.map(({ name }) => name) },
        'configuration applied',
      );
      this.currentProblem = undefined;
      this.decided = found.text;
    } catch (error) {
      this.refuse(found.text, error);
    }
  }

  /** The text of the file, or of the error if it cannot be read. */
  private async read(): Promise<{ text: string; error?: ConfigFileError }> {
    try {
      return { text: await readConfig(this.used.path) };
    } catch (error) {
      if (!(error instanceof ConfigFileError)) throw error;
      return { text: error.message, error };
    }
  }

  private refuse(text: string, error: unknown): void {
    const isRefused = error instanceof ConfigFileError;
    const message = isRefused ? error.problems.join('; ') : String(error);
    if (message !== this.currentProblem) {
      const what = isRefused ? { problems: error.problems } : { err: error };
      this.logger.error(
        { config: this.used.path, ...what },
        'configuration refused; the last valid one stays in force',
      );
    }
    this.currentProblem = message;
    // Any other error may pass, so the next look tries again.
    if (isRefused) this.decided = text;
  }
}
