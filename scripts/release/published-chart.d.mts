export function publishedChart(release: {
  readonly version: string;
  readonly registry: string;
  readonly source: string;
}): Record<string, (text: string) => string>;
