import { type Load, type Report, reportOf } from './report.ts';

export type ClientMode =
  | 'burst'
  | 'copies'
  | 'create'
  | 'fill'
  | 'life'
  | 'list'
  | 'mount'
  | 'probe'
  | 'snapshot'
  | 'stage';

/** A CSI socket, and how the client uses it. */
export interface Target {
  readonly endpoint: string;
  /** Where the client makes staging and target paths. */
  readonly workDirectory: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

/** Runs `bench/client`. */
export class Client {
  private readonly program: string;

  constructor(program: string) {
    this.program = program;
  }

  run(target: Target, mode: ClientMode, load: Load, more: readonly string[] = []): Promise<Report> {
    const parameters = Object.entries(target.parameters ?? {});
    return reportOf(this.program, [
      '-endpoint',
      target.endpoint,
      '-directory',
      target.workDirectory,
      '-mode',
      mode,
      '-calls',
      String(load.calls),
      '-warm-up',
      String(load.warmUp),
      '-concurrency',
      String(load.concurrency),
      ...parameters.flatMap(([name, value]) => ['-parameter', `${name}=${value}`]),
      ...more,
    ]);
  }
}
