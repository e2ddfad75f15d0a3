import type { PackageDefinition } from '@grpc/proto-loader';
import type { RpcFacts } from './wire-facts.ts';

/** The parts of proto-loader's descriptor objects that are read here; the loader declares them as `object`. */
interface LoadedField {
  name: string;
  number: number;
  label: string;
  type: string;
  typeName: string;
}

interface LoadedMessage {
  name: string;
  field: LoadedField[];
  nestedType: LoadedMessage[];
  enumType: LoadedEnum[];
  options: { mapEntry: boolean } | null;
}

interface LoadedEnum {
  name: string;
  value: { name: string; number: number }[];
}

interface LoadedMethod {
  path: string;
  requestStream: boolean;
  responseStream: boolean;
  requestType: { type: { name: string } };
  responseType: { type: { name: string } };
}

/** The definitions of proto-loader for one package, in the form of the published facts. */
export interface LoadedFacts {
  /** By method path, such as `/csi.v1.Identity/Probe`. */
  rpcs: Record<string, RpcFacts>;
  messages: Record<string, Record<string, { number: number; type: string }>>;
  enums: Record<string, Record<string, number>>;
}

/** Lists the messages, enums and methods of `packageName` in a loaded definition. */
export function factsFromLoader(definition: PackageDefinition, packageName: string): LoadedFacts {
  const facts: LoadedFacts = { rpcs: {}, messages: {}, enums: {} };
  const own = Object.entries(definition).filter(([name]) => name.startsWith(`${packageName}.`));
  for (const [fullName, loaded] of own) {
    const { format, type } = loaded as unknown as { format?: string; type?: unknown };
    if (format === 'Protocol Buffer 3 DescriptorProto') addMessage(facts, '', type as LoadedMessage);
    else if (format === 'Protocol Buffer 3 EnumDescriptorProto') addEnum(facts, '', type as LoadedEnum);
    else addService(facts, fullName, loaded as unknown as Record<string, LoadedMethod>);
  }
  resolveTypes(facts);
  return facts;
}

function addService(facts: LoadedFacts, fullName: string, methods: Record<string, LoadedMethod>): void {
  for (const [name, method] of Object.entries(methods)) {
    // A key that does not match its path would register a handler under the wrong name.
    const key = method.path === `/${fullName}/${name}` ? method.path : `${method.path} under ${name}`;
    facts.rpcs[key] = {
      request: method.requestType.type.name,
      response: method.responseType.type.name,
      ...(method.requestStream ? { client_streaming: true } : {}),
      ...(method.responseStream ? { server_streaming: true } : {}),
    };
  }
}

function addMessage(facts: LoadedFacts, scope: string, message: LoadedMessage): void {
  const name = `${scope}${message.name}`;
  const entries = new Map(
    message.nestedType.filter((type) => type.options?.mapEntry).map((type) => [type.name, type]),
  );
  facts.messages[name] = Object.fromEntries(
    message.field.map((field) => [field.name, { number: field.number, type: typeOf(field, entries) }]),
  );
  for (const nested of message.nestedType) {
    if (!nested.options?.mapEntry) addMessage(facts, `${name}.`, nested);
  }
  for (const enumeration of message.enumType) addEnum(facts, `${name}.`, enumeration);
}

function addEnum(facts: LoadedFacts, scope: string, enumeration: LoadedEnum): void {
  const values = enumeration.value.map(({ name, number }): [string, number] => [name, number]);
  facts.enums[`${scope}${enumeration.name}`] = Object.fromEntries(values);
}

function typeOf(field: LoadedField, entries: Map<string, LoadedMessage>): string {
  const entry = entries.get(field.typeName);
  if (entry !== undefined) return `map<${entry.field.map((part) => typeOf(part, new Map())).join(', ')}>`;
  const name = field.typeName || field.type.replace('TYPE_', '').toLowerCase();
  return field.label === 'LABEL_REPEATED' ? `repeated ${name}` : name;
}

/** The loader shortens type names as far as their scope allows; this restores the full names. */
function resolveTypes(facts: LoadedFacts): void {
  const known = new Set([...Object.keys(facts.messages), ...Object.keys(facts.enums)]);
  for (const [messageName, fields] of Object.entries(facts.messages)) {
    for (const field of Object.values(fields)) {
      field.type = field.type.replace(/[\w.]+$/, (name) => resolveName(known, messageName, name));
    }
  }
}

/** Looks a name up in the innermost scope first, as protobuf does. */
function resolveName(known: Set<string>, scope: string, name: string): string {
  const candidate = scope === '' ? name : `${scope}.${name}`;
  if (known.has(candidate) || scope === '') return candidate;
  return resolveName(known, scope.split('.').slice(0, -1).join('.'), name);
}
