import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import descriptorPb from 'google-protobuf/google/protobuf/descriptor_pb.js';
import { describe, expect, test } from 'vitest';
import { csiServices } from '../../../src/rpc/proto.ts';
import { registerBoolOption, splitDescriptorSet } from '../../../src/rpc/reflection/descriptor-set.ts';
import { factsFromDescriptor } from './facts-from-descriptors.ts';
import { factsFromLoader } from './facts-from-loader.ts';
import { publishedFacts } from './wire-facts.ts';

// The options are registered from the facts, not from the proto file: an option that the file defines under
// another number stays unread, and the comparison of bytes below finds it.
for (const [name, { extends: extendee, number }] of Object.entries(publishedFacts.extensions)) {
  registerBoolOption(optionsClassNamed(extendee), name, number);
}

const csiFile = splitDescriptorSet(
  readFileSync(new URL('../../../proto/descriptors.binpb', import.meta.url)),
).find(({ name }) => name === 'csi.proto');
const { spec, ...wireFacts } = publishedFacts;
const csiDefinition = loadSync('csi.proto', {
  keepCase: true,
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
  includeDirs: [fileURLToPath(new URL('../../../proto/', import.meta.url))],
});

test('the descriptor set matches the published facts of CSI v1.13.0 exactly', () => {
  expect(spec).toBe('CSI v1.13.0');
  expect(csiFile && factsFromDescriptor(csiFile.descriptor)).toStrictEqual(wireFacts);
});

test('the descriptor of csi.proto has no bytes beyond the compared ones', () => {
  // The compiler and the descriptor classes write fields in different orders, but nothing they share
  // differs in length; an option that was skipped on reading makes the copy shorter.
  expect(csiFile?.descriptor.serializeBinary().length).toBe(csiFile?.bytes.length);
});

test('CSI v1.13.0 has 5 services, 36 methods, 104 messages and 10 enums', () => {
  const facts = csiFile && factsFromDescriptor(csiFile.descriptor);
  const services = Object.values(facts?.services ?? {});
  expect(services).toHaveLength(5);
  expect(services.flatMap(({ rpcs }) => Object.keys(rpcs))).toHaveLength(36);
  expect(Object.keys(facts?.messages ?? {})).toHaveLength(104);
  expect(Object.keys(facts?.enums ?? {})).toHaveLength(10);
});

test('the fields of each message stand in the order of the published facts', () => {
  const facts = csiFile && factsFromDescriptor(csiFile.descriptor);
  for (const [name, { fields }] of Object.entries(publishedFacts.messages)) {
    expect(Object.keys(facts?.messages[name]?.fields ?? {}), name).toEqual(Object.keys(fields));
  }
});

test('proto-loader has the paths, request types and response types of the published facts', () => {
  const expected = Object.entries(publishedFacts.services).flatMap(([service, { rpcs }]) =>
    Object.entries(rpcs).map(([rpc, { options: _options, ...facts }]) => [
      `/csi.v1.${service}/${rpc}`,
      facts,
    ]),
  );
  expect(factsFromLoader(csiDefinition, 'csi.v1').rpcs).toStrictEqual(Object.fromEntries(expected));
});

test('proto-loader gives each message the fields, numbers and types of the published facts', () => {
  const expected = mapValues(publishedFacts.messages, ({ fields }) =>
    mapValues(fields, ({ number, type }) => ({ number, type })),
  );
  expect(factsFromLoader(csiDefinition, 'csi.v1').messages).toStrictEqual(expected);
});

test('proto-loader gives each enum the values of the published facts', () => {
  const expected = mapValues(publishedFacts.enums, ({ values }) => values);
  expect(factsFromLoader(csiDefinition, 'csi.v1').enums).toStrictEqual(expected);
});

describe.each(
  Object.entries(csiServices).flatMap(([service, methods]) =>
    Object.entries(methods as ServiceDefinition).map(([name, method]) => [service, name, method] as const),
  ),
)('%s.%s is served as proto-loader would define it', (service, name, method) => {
  const loaded = (csiDefinition[`csi.v1.${service}`] as ServiceDefinition)[name];
  if (loaded === undefined) throw new Error(`proto-loader finds no ${service}.${name}`);

  test('path and streams', () => {
    const { path, requestStream, responseStream } = method;
    expect(loaded).toMatchObject({ path, requestStream, responseStream });
  });

  test.each(['request', 'response'] as const)('%s, empty and with each field set', (side) => {
    const facts = publishedFacts.services[service]?.rpcs[name];
    for (const message of samplesOf(facts?.[side] ?? '')) {
      const bytes = loaded[`${side}Serialize`](message as never);
      expect(method[`${side}Serialize`](message as never)).toEqual(bytes);
      expect(method[`${side}Deserialize`](bytes)).toEqual(loaded[`${side}Deserialize`](bytes));
    }
  });
});

test('the service definitions for the server are these five, with every method', () => {
  const methods = mapValues(csiServices, (service) => Object.keys(service).sort());
  expect(methods).toStrictEqual(mapValues(publishedFacts.services, ({ rpcs }) => Object.keys(rpcs).sort()));
});

/** An empty message, one with each of the fields set, and one with all of them. */
function samplesOf(message: string): object[] {
  const full = sampleOf(message) as object;
  return [{}, ...Object.entries(full).map(([name, value]) => ({ [name]: value })), full];
}

/** A value of a type as the facts write it, with all fields set if it is a message. */
function sampleOf(type: string): unknown {
  const [, value] = /^map<string, (.*)>$/.exec(type) ?? [];
  if (value !== undefined) return { key: sampleOf(value) };
  if (type.startsWith('repeated ')) return [sampleOf(type.slice('repeated '.length))];
  const { fields } = publishedFacts.messages[type] ?? {};
  if (fields !== undefined) return mapValues(fields, (field) => sampleOf(field.type));
  const { values } = publishedFacts.enums[type] ?? {};
  if (values !== undefined) return Object.keys(values).at(-1);
  const sample = plainSamples[type];
  if (sample === undefined) throw new Error(`no sample of ${type}`);
  return sample;
}

const wrapped = (value: unknown) => ({ value });
const plainSamples: Record<string, unknown> = {
  string: 'text',
  bool: true,
  bytes: Buffer.from([0, 255]),
  int32: -3,
  int64: `${2n ** 60n + 1n}`,
  'google.protobuf.BoolValue': wrapped(true),
  'google.protobuf.Int64Value': wrapped(`${2n ** 60n + 1n}`),
  'google.protobuf.Timestamp': { seconds: `${2n ** 40n}`, nanos: 999_999_999 },
};

function optionsClassNamed(extendee: string) {
  const name = extendee.replace('google.protobuf.', '');
  const { EnumOptions, EnumValueOptions, FieldOptions, MessageOptions, MethodOptions, ServiceOptions } =
    descriptorPb;
  const classes = {
    EnumOptions,
    EnumValueOptions,
    FieldOptions,
    MessageOptions,
    MethodOptions,
    ServiceOptions,
  };
  return classes[name as keyof typeof classes];
}

function mapValues<T, R>(record: Record<string, T>, change: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
