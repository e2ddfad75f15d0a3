import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs/light.js';
import type { Random } from './random.ts';

/** An RPC, from the descriptors. */
export interface Rpc {
  /** As in HTTP/2: `/csi.v1.Node/NodeGetInfo`. */
  readonly path: string;
  readonly name: string;
  readonly isStream: boolean;
  readonly request: protobuf.Type;
}

const root = protobuf.Root.fromJSON(JSON.parse(readFileSync('proto/definitions.json', 'utf8'))).resolveAll();
const { nested = {} } = root.lookup('csi.v1') as protobuf.Namespace;

/** Every RPC of the services of the specification, so that a new one is attacked as well. */
export const rpcs: readonly Rpc[] = Object.values(nested)
  .filter((each) => each instanceof protobuf.Service)
  .flatMap((service) =>
    service.methodsArray.map((method) => ({
      path: `/csi.v1.${service.name}/${method.name}`,
      name: method.name,
      isStream: method.responseStream ?? false,
      request: requestOf(method),
    })),
  );

function requestOf({ name, resolvedRequestType }: protobuf.Method): protobuf.Type {
  if (resolvedRequestType === null) throw new Error(`the request of ${name} has no type`);
  return resolvedRequestType;
}

/** A field in a request, after the fields that it is in: `volume_capability`, `mount`, `fs_type`. */
export type FieldPath = readonly protobuf.Field[];

/** All fields of a message and of the messages in it. */
export function fieldsOf(type: protobuf.Type, before: FieldPath = []): FieldPath[] {
  return type.fieldsArray.flatMap((field) => {
    const path = [...before, field];
    const message = field.resolvedType;
    // A map has no messages as values in this specification.
    return message instanceof protobuf.Type ? [path, ...fieldsOf(message, path)] : [path];
  });
}

/** The name of a field in a request, as in messages of the driver. */
export function nameOf(path: FieldPath): string {
  return path.map(({ name }) => name).join('.');
}

/** A message that has a value in one field, with as many messages around it as that needs. */
export function messageWith([field, ...inner]: FieldPath, value: unknown): Record<string, unknown> {
  if (!field) return {};
  if (inner.length === 0) return { [field.name]: value };
  const message = messageWith(inner, value);
  return { [field.name]: field.repeated ? [message] : message };
}

/** A message with random fields; texts are taken from `texts`. */
export function randomMessage(
  type: protobuf.Type,
  random: Random,
  texts: readonly string[],
): Record<string, unknown> {
  const present = type.fieldsArray.filter(() => random.below(4) > 0);
  return Object.fromEntries(
    present.map((field) => {
      const value = () => randomValue(field, random, texts);
      const some = Array.from({ length: random.below(4) }, value);
      if (field.map) return [field.name, Object.fromEntries(some.map((each) => [random.pick(texts), each]))];
      return [field.name, field.repeated ? some : value()];
    }),
  );
}

const numbers = ['0', '1', '-1', '4096', '1048576', '9223372036854775807', '-9223372036854775808'];

function randomValue(field: protobuf.Field, random: Random, texts: readonly string[]): unknown {
  if (field.resolvedType instanceof protobuf.Type) return randomMessage(field.resolvedType, random, texts);
  if (field.resolvedType) return random.below(12) - 1;
  switch (field.type) {
    case 'string':
      return random.pick(texts);
    case 'bytes':
      return random.bytes(random.below(16));
    case 'bool':
      return random.below(2) === 1;
    default:
      return Number(random.pick(field.type.includes('64') ? numbers : ['0', '1', '-1', '2147483647']));
  }
}
