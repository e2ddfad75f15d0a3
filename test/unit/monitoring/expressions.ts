/** What an expression in PromQL names. */
export interface Names {
  readonly metrics: readonly string[];
  /** In matchers, and in the lists after `by` and `on`. */
  readonly labels: readonly string[];
}

const WORDS = new Set(['and', 'or', 'unless', 'by', 'on', 'without', 'ignoring', 'bool', 'offset']);

/** Finds the names in an expression of the kind that the alerts and the dashboard have. Prometheus checks the syntax. */
export function namesIn(expr: string): Names {
  const labels: string[] = [];
  const rest = expr
    .replace(/"[^"]*"/g, '""')
    .replace(/\b(?:by|on) \(([^)]*)\)/g, (_, list: string) => {
      labels.push(...list.split(', '));
      return '';
    })
    .replace(/\{([^}]*)\}/g, (_, matchers: string) => {
      labels.push(...matchers.split(', ').map((matcher) => matcher.replace(/[=!~]+""$/, '')));
      return '';
    })
    .replace(/\[[^\]]*\]/g, '');
  const metrics = [...rest.matchAll(/(?<![\w$.])([a-z_]\w*)(?!\w|\s*\()/g)]
    .map(([, name = '']) => name)
    .filter((name) => !WORDS.has(name));
  return { metrics: [...new Set(metrics)], labels: [...new Set(labels)] };
}
