import { readFileSync } from 'node:fs';

/** The file that users import into Grafana. */
const dashboardPath = 'deploy/monitoring/dashboard.json';

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly panels?: readonly Panel[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] };
}

/** The values that are chosen for the variables of the dashboard, by their names. */
export type Choice = Readonly<Record<string, string>>;

/** Every query of the panels, with a choice for its variables. */
export function panelQueries(choice: Choice): string[] {
  const { panels } = dashboard();
  const all = panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  return all.flatMap(({ targets = [] }) => targets.map(({ expr }) => withChoice(expr, choice)));
}

/** The values that each variable offers, as a query of a series for each, and the label that has the value. */
export function variableQueries(choice: Choice): { readonly expression: string; readonly label: string }[] {
  return dashboard().templating.list.flatMap(({ query }) => {
    const text = typeof query === 'string' ? query : query.query;
    const [, series, label] = /^label_values\((.*), (\w+)\)$/.exec(text) ?? [];
    if (series === undefined || label === undefined) return [];
    return [{ expression: `group by (${label}) (${withChoice(series, choice)})`, label }];
  });
}

function dashboard(): Dashboard {
  return JSON.parse(readFileSync(dashboardPath, 'utf8')) as Dashboard;
}

function withChoice(expression: string, choice: Choice): string {
  return expression.replaceAll(/\$(\w+)/g, (_, name: string) => {
    const value = choice[name];
    if (value === undefined) throw new Error(`nothing is chosen for $${name} in ${expression}`);
    return value;
  });
}
