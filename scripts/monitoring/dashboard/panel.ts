/** A query, and how its series are named. */
export interface Query {
  readonly expr: string;
  /** With `{{label}}`; the name that a table's column gets before it is renamed. */
  readonly legend: string;
}

/** A panel before it has a place. Grafana defines the other fields. */
export interface Panel {
  readonly width: number;
  readonly height: number;
  readonly model: Readonly<Record<string, unknown>> & { readonly type: string; readonly title: string };
}

/** A part of the dashboard that can be folded. */
export interface Row {
  readonly title: string;
  readonly isFolded?: boolean;
  readonly panels: readonly Panel[];
}

/** Grafana's names of units. */
export type Unit = 'bytes' | 's' | 'short' | 'percentunit' | 'ops' | 'Bps' | 'none' | 'dateTimeFromNow';

export const DATASOURCE = { type: 'prometheus', uid: '$datasource' };

interface Look {
  readonly unit: Unit;
  readonly description?: string;
  readonly width?: number;
  readonly height?: number;
  /** Values from which the colour changes: yellow, then red. */
  readonly thresholds?: readonly [number, number];
  /** Texts for values. */
  readonly texts?: Readonly<Record<string, { readonly text: string; readonly color: string }>>;
}

/** A graph. */
export function graph(
  title: string,
  look: Look & { readonly isStacked?: boolean },
  ...queries: Query[]
): Panel {
  const { isStacked = false } = look;
  const custom = {
    fillOpacity: isStacked ? 30 : 8,
    showPoints: 'never',
    stacking: { mode: isStacked ? 'normal' : 'none' },
  };
  return panel('timeseries', title, { width: 8, height: 8, ...look }, queries.map(rangeTarget), {
    fieldConfig: { defaults: { ...defaultsOf(look), min: 0, custom }, overrides: [] },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  });
}

/** A single number. */
export function stat(title: string, look: Look, query: Query): Panel {
  return panel('stat', title, { width: 4, height: 4, ...look }, [instantTarget(query, 0)], {
    fieldConfig: { defaults: defaultsOf(look), overrides: [] },
    options: {
      colorMode: look.thresholds || look.texts ? 'background' : 'value',
      graphMode: 'none',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      textMode: 'auto',
    },
  });
}

/** What a table shows. */
interface TableLook {
  readonly description?: string;
  readonly width?: number;
  readonly height?: number;
  /** The labels that are columns, by label, with their headings. */
  readonly labels: Readonly<Record<string, string>>;
  /** The values, one column each: the series with the same labels are one line. */
  readonly values: readonly (Query & { readonly unit: Unit })[];
  /** Whether the values are shown. */
  readonly hidesValues?: boolean;
}

/** A table with a line for each set of labels. */
export function table(title: string, { labels, values, hidesValues = false, ...look }: TableLook): Panel {
  const column = (index: number) => (values.length > 1 ? `Value #${refId(index)}` : 'Value');
  const shown = hidesValues ? [] : values;
  const order = [...Object.keys(labels), ...shown.map((_, index) => column(index))];
  const organize = {
    id: 'organize',
    options: {
      indexByName: Object.fromEntries(order.map((name, index) => [name, index])),
      renameByName: {
        ...labels,
        ...Object.fromEntries(shown.map(({ legend }, index) => [column(index), legend])),
      },
    },
  };
  const names = { include: { names: order } };
  return panel(
    'table',
    title,
    { width: 24, height: 9, ...look },
    values.map((query, index) => ({ ...instantTarget(query, index), format: 'table' })),
    {
      fieldConfig: {
        defaults: { custom: { filterable: true } },
        overrides: shown.map(({ legend, unit }) => ({
          matcher: { id: 'byName', options: legend },
          properties: [{ id: 'unit', value: unit }],
        })),
      },
      options: { showHeader: true },
      transformations: [{ id: 'merge', options: {} }, { id: 'filterFieldsByName', options: names }, organize],
    },
  );
}

function panel(
  type: string,
  title: string,
  {
    width,
    height,
    description,
  }: { readonly width: number; readonly height: number; readonly description?: string },
  targets: readonly object[],
  rest: Readonly<Record<string, unknown>>,
): Panel {
  const about = description === undefined ? {} : { description };
  return { width, height, model: { type, title, ...about, datasource: DATASOURCE, targets, ...rest } };
}

function defaultsOf({ unit, thresholds, texts }: Look) {
  const [yellow, red] = thresholds ?? [];
  const steps = [
    { color: 'green', value: null },
    ...(yellow === undefined ? [] : [{ color: 'yellow', value: yellow }]),
    ...(red === undefined ? [] : [{ color: 'red', value: red }]),
  ];
  const mappings = texts ? [{ type: 'value', options: texts }] : [];
  return { unit, mappings, thresholds: { mode: 'absolute', steps } };
}

function rangeTarget({ expr, legend }: Query, index: number) {
  return { datasource: DATASOURCE, expr, legendFormat: legend, range: true, refId: refId(index) };
}

function instantTarget({ expr, legend }: Query, index: number) {
  return {
    datasource: DATASOURCE,
    expr,
    instant: true,
    legendFormat: legend,
    range: false,
    refId: refId(index),
  };
}

function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}
