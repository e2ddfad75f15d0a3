import { type IncomingHttpHeaders, type OutgoingHttpHeaders, sensitiveHeaders } from 'node:http2';

/**
 * Received headers, to be forwarded unchanged. Node joins the values of a repeated name into one string; `raw`, with
 * alternating names and values, keeps them apart. If a name may occur only once, Node keeps the first value.
 */
export function forwardedHeaders(headers: IncomingHttpHeaders, raw: readonly string[]): OutgoingHttpHeaders {
  const forwarded = [...valuesByName(raw)].map(([name, values]) => {
    const [first] = values;
    return [name, values.length === 1 || headers[name] === first ? first : values];
  });
  // Headers excluded from the compression tables of one connection must be excluded from those of the next.
  const sensitive: unknown = Reflect.get(headers, sensitiveHeaders);
  // Object.fromEntries defines properties, so a header called __proto__ is treated like any other.
  return Object.assign(Object.fromEntries(forwarded), { [sensitiveHeaders]: sensitive });
}

function valuesByName(raw: readonly string[]): ReadonlyMap<string, string[]> {
  const byName = new Map<string, string[]>();
  for (let index = 0; index < raw.length; index += 2) {
    const [name = '', value = ''] = raw.slice(index, index + 2);
    byName.set(name, [...(byName.get(name) ?? []), value]);
  }
  return byName;
}
