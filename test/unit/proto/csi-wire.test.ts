import { readFileSync } from 'node:fs';
import descriptorPb from 'google-protobuf/google/protobuf/descriptor_pb.js';
import { expect, test } from 'vitest';
import { registerBoolOption, splitDescriptorSet } from '../../../src/rpc/descriptor-set.ts';
import { csiDefinition, csiServices } from '../../../src/rpc/proto.ts';
import { factsFromDescriptor } from './facts-from-descriptors.ts';
import { factsFromLoader } from './facts-from-loader.ts';
import { publishedFacts } from './wire-facts.ts';

// The options are registered by the facts, not by the proto file: an option the file defines under
// another number stays unread, and the comparison of bytes below finds it.
for (const [name, { extends: extendee, number }] of Object.entries(publishedFacts.extensions)) {
  registerBoolOption(optionsClassNamed(extendee), name, number);
}

const csiFile = splitDescriptorSet(
  readFileSync(new URL('../../../proto/descriptors.binpb', import.meta.url)),
).find(({ name }) => name === 'csi.proto');
const { spec, ...wireFacts } = publishedFacts;

test('the descriptor set says of csi.proto exactly what the published facts of CSI v1.13.0 say', () => {
  expect(spec).toBe('CSI v1.13.0');
  expect(csiFile && factsFromDescriptor(csiFile.descriptor)).toStrictEqual(wireFacts);
});

test('the descriptor of csi.proto holds not a byte beyond what the comparison has read', () => {
  // The compiler and the descriptor classes write fields in different orders, but nothing they have in
  // common differs in length; an option that was skipped on reading makes the copy shorter.
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

test('proto-loader serves the paths, request types and response types of the published facts', () => {
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

test('the service definitions handed to the server are those five, with every method', () => {
  const methods = mapValues(csiServices, (service) => Object.keys(service).sort());
  expect(methods).toStrictEqual(mapValues(publishedFacts.services, ({ rpcs }) => Object.keys(rpcs).sort()));
});

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
