/** A configuration file that cannot be used. Has one sentence for each problem, all of which name the file. */
export class ConfigFileError extends Error {
  override readonly name = 'ConfigFileError';
  readonly problems: readonly string[];

  /** @param problems each names a field and its value, and does not end with a full stop */
  constructor(path: string, problems: readonly string[], options?: ErrorOptions) {
    const sentences = problems.map((problem) => `${path}: ${problem}`);
    super(sentences.join('\n'), options);
    this.problems = sentences;
  }
}
