import type { EnumDescriptorProto } from 'google-protobuf/google/protobuf/descriptor_pb.js';
import { csiServices } from '../../src/rpc/proto.ts';
import { descriptors } from '../../src/rpc/reflection/descriptors.ts';

/** One RPC of the specification. */
export interface Rpc {
  readonly service: keyof typeof csiServices;
  readonly name: string;
}

/** One capability of the specification, a value of one of its enums. */
export interface Capability {
  /** The message that contains the enum, without the package, such as `PluginCapability.Service`. */
  readonly message: string;
  readonly name: string;
  /** The RPC whose reply declares it. */
  readonly rpc: Rpc;
  /** The field that contains it, in an element of that reply. */
  readonly field: string;
}

/** Every RPC, in the order of the specification. */
export const rpcs: readonly Rpc[] = Object.entries(csiServices).flatMap(([service, definition]) =>
  Object.keys(definition).map((name) => ({ service: service as Rpc['service'], name })),
);

/** Every capability: the possible values in replies that have a field for capabilities. */
export const capabilities: readonly Capability[] = rpcs.flatMap((rpc) =>
  fieldsOf(`csi.v1.${rpc.name}Response`)
    .filter(({ name }) => name === 'capabilities')
    .flatMap(({ typeName }) => fieldsOf(typeName))
    .flatMap(({ name: field, typeName }) =>
      valuesOf(typeName).map((name) => ({ message: typeName.replace('csi.v1.', ''), name, rpc, field })),
    ),
);

function fieldsOf(message: string): { readonly name: string; readonly typeName: string }[] {
  const fields = descriptors().message(message)?.getFieldList() ?? [];
  return fields.map((field) => ({
    name: field.getName() ?? '',
    typeName: (field.getTypeName() ?? '').replace(/^\./, ''),
  }));
}

/** The values of the enums in a message, except the default, which has no meaning. */
function valuesOf(message: string): string[] {
  const enums: EnumDescriptorProto[] = descriptors().message(message)?.getEnumTypeList() ?? [];
  return enums
    .flatMap((each) => each.getValueList())
    .filter((value) => value.getNumber() !== 0)
    .map((value) => value.getName() ?? '');
}
