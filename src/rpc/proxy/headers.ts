import { type IncomingHttpHeaders, type OutgoingHttpHeaders, sensitiveHeaders } from 'node:http2';

/**
 * Headers as they came, to be sent on as they are. Node joins the values of a name that comes twice into one text;
 * `raw`, which has names and values in turn, tells them apart. Of a name that may come only once, Node keeps the first.
 */
export function forwardedHeaders(headers: IncomingHttpHeaders, raw: readonly string[]): OutgoingHttpHeaders {
  const forwarded = [...valuesByName(raw)].map(([name, values]) => {
    const [first] = values;
    return [name, values.length === 1 || headers[name] === first ? first : values];
  });
  // What must not enter the compression tables of one connection must not enter those of the next.
  const sensitive: unknown = Reflect.get(headers, sensitiveHeaders);
  // Object.fromEntries defines properties, so that a header called __proto__ is one like any other.
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
