import jspb from 'google-protobuf';
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FileDescriptorProto,
  MethodDescriptorProto,
  ServiceDescriptorProto,
} from 'google-protobuf/google/protobuf/descriptor_pb.js';
import descriptorPb from 'google-protobuf/google/protobuf/descriptor_pb.js';
import type { EnumFacts, FieldFacts, MessageFacts, RpcFacts, ServiceFacts, WireFacts } from './wire-facts.ts';

const { FieldDescriptorProto } = descriptorPb;
type Field = descriptorPb.FieldDescriptorProto;

const MAP_ENTRY_OPTION_NUMBER = 7;
const GO_PACKAGE_OPTION_NUMBER = 11;

/**
 * Converts a parsed file to the form of the published facts. Items that the facts cannot express
 * (a default value, a reserved name, a standard option…) become keys of their own, so that a comparison
 * with the facts fails on them. Custom options are seen if they were registered before the file was parsed.
 */
export function factsFromDescriptor(file: FileDescriptorProto): Omit<WireFacts, 'spec'> {
  return new FactsWriter(file).facts();
}

class FactsWriter {
  readonly #file: FileDescriptorProto;
  readonly #prefix: string;
  readonly #messages: Record<string, MessageFacts> = {};
  readonly #enums: Record<string, EnumFacts> = {};

  constructor(file: FileDescriptorProto) {
    this.#file = file;
    this.#prefix = `.${file.getPackage()}.`;
  }

  facts(): Omit<WireFacts, 'spec'> {
    const file = this.#file;
    for (const message of file.getMessageTypeList()) this.#addMessage('', message);
    for (const enumeration of file.getEnumTypeList()) this.#addEnum('', enumeration);
    const otherOptions = optionNumbers(file.getOptions()).filter(([n]) => n !== GO_PACKAGE_OPTION_NUMBER);
    return {
      syntax: file.getSyntax() ?? '',
      package: file.getPackage() ?? '',
      imports: file.getDependencyList(),
      ...extra('public_imports', file.getPublicDependencyList()),
      ...extra('weak_imports', file.getWeakDependencyList()),
      go_package: file.getOptions()?.getGoPackage() ?? '',
      ...extra('file_options', otherOptions),
      extensions: this.#extensions(),
      services: byName(file.getServiceList(), (service) => this.#service(service)),
      messages: this.#messages,
      enums: this.#enums,
    };
  }

  #extensions(): WireFacts['extensions'] {
    return byName(this.#file.getExtensionList(), (field) => ({
      extends: (field.getExtendee() ?? '').slice(1),
      number: field.getNumber() ?? 0,
      type: this.#fieldType(field, new Map()),
      ...this.#oddities(field),
    }));
  }

  #service(service: ServiceDescriptorProto): ServiceFacts {
    return {
      options: this.#options('google.protobuf.ServiceOptions', service.getOptions()),
      rpcs: byName(service.getMethodList(), (method) => this.#rpc(method)),
    };
  }

  #rpc(method: MethodDescriptorProto): RpcFacts {
    return {
      request: this.#typeName(method.getInputType()),
      response: this.#typeName(method.getOutputType()),
      ...(method.getClientStreaming() ? { client_streaming: true } : {}),
      ...(method.getServerStreaming() ? { server_streaming: true } : {}),
      ...extra('options', this.#options('google.protobuf.MethodOptions', method.getOptions())),
    };
  }

  #addMessage(scope: string, message: DescriptorProto): void {
    const name = `${scope}${message.getName()}`;
    const isEntry = (nested: DescriptorProto) => nested.getOptions()?.getMapEntry() === true;
    const nestedTypes = message.getNestedTypeList();
    const entries = new Map(
      nestedTypes.filter(isEntry).map((entry) => [`${name}.${entry.getName()}`, entry]),
    );
    const oneofs = message.getOneofDeclList().map((oneof) => oneof.getName() ?? '');
    const ranges = message.getReservedRangeList();
    this.#messages[name] = {
      fields: byName(message.getFieldList(), (field) => this.#field(field, entries, oneofs)),
      // A message's reserved range ends before its end, an enum's with it.
      ...extra(
        'reserved',
        ranges.map((range) => [range.getStart() ?? 0, (range.getEnd() ?? 0) - 1]),
      ),
      ...extra('reserved_names', message.getReservedNameList()),
      ...extra('extension_ranges', message.getExtensionRangeList()),
      ...extra('extensions', message.getExtensionList()),
      ...extra('options', this.#options('google.protobuf.MessageOptions', message.getOptions())),
      ...extra('odd_map_entries', [...entries.values()].filter(isOddMapEntry)),
    };
    for (const nested of nestedTypes.filter((type) => !isEntry(type))) this.#addMessage(`${name}.`, nested);
    for (const enumeration of message.getEnumTypeList()) this.#addEnum(`${name}.`, enumeration);
  }

  #field(field: Field, entries: Map<string, DescriptorProto>, oneofs: string[]): FieldFacts {
    const oneof = field.hasOneofIndex() ? oneofs[field.getOneofIndex() ?? 0] : undefined;
    return {
      number: field.getNumber() ?? 0,
      type: this.#fieldType(field, entries),
      ...(oneof === undefined ? {} : { oneof }),
      ...extra('options', this.#options('google.protobuf.FieldOptions', field.getOptions())),
      ...this.#oddities(field),
    };
  }

  /** Properties of a proto3 field that the facts cannot express. */
  #oddities(field: Field): object {
    const jsonName = (field.getName() ?? '').replace(/_+(.)/g, (_match, letter: string) =>
      letter.toUpperCase(),
    );
    return {
      ...(field.getProto3Optional() ? { proto3_optional: true } : {}),
      ...(field.hasDefaultValue() ? { default: field.getDefaultValue() } : {}),
      ...(field.getLabel() === FieldDescriptorProto.Label.LABEL_REQUIRED ? { required: true } : {}),
      ...(field.getJsonName() === jsonName ? {} : { json_name: field.getJsonName() }),
    };
  }

  #fieldType(field: Field, entries: Map<string, DescriptorProto>): string {
    const entry = entries.get(this.#typeName(field.getTypeName()));
    if (entry !== undefined) {
      const types = entry.getFieldList().map((part) => this.#fieldType(part, new Map()));
      return `map<${types.join(', ')}>`;
    }
    const repeated = field.getLabel() === FieldDescriptorProto.Label.LABEL_REPEATED ? 'repeated ' : '';
    return `${repeated}${this.#typeName(field.getTypeName()) || scalarName(field)}`;
  }

  #addEnum(scope: string, enumeration: EnumDescriptorProto): void {
    const values = enumeration.getValueList();
    const options = byName(values, (value) =>
      this.#options('google.protobuf.EnumValueOptions', value.getOptions()),
    );
    const withOptions = Object.entries(options).filter(([, names]) => names.length > 0);
    this.#enums[`${scope}${enumeration.getName()}`] = {
      values: byName(values, (value) => value.getNumber() ?? 0),
      ...extra(
        'reserved',
        enumeration.getReservedRangeList().map((range) => [range.getStart() ?? 0, range.getEnd() ?? 0]),
      ),
      ...extra('reserved_names', enumeration.getReservedNameList()),
      ...extra('options', this.#options('google.protobuf.EnumOptions', enumeration.getOptions())),
      ...(withOptions.length > 0 ? { value_options: Object.fromEntries(withOptions) } : {}),
    };
  }

  /** Sorted names of the options that are set; one that is not an extension of this file shows its number. */
  #options(extendee: string, options: jspb.Message | undefined): string[] {
    const extensions = this.#file
      .getExtensionList()
      .filter((field) => field.getExtendee() === `.${extendee}`);
    const names = new Map(extensions.map((field) => [field.getNumber(), field.getName()]));
    return optionNumbers(options)
      .filter(([number]) => !(extendee.endsWith('MessageOptions') && number === MAP_ENTRY_OPTION_NUMBER))
      .map(([number, isTrue]) => `${names.get(number) ?? `option ${number}`}${isTrue ? '' : ' = false'}`)
      .sort();
  }

  /** Relative to the package if it is inside, as the facts write types. */
  #typeName(name: string | undefined): string {
    const fullName = name ?? '';
    return fullName.startsWith(this.#prefix) ? fullName.slice(this.#prefix.length) : fullName.slice(1);
  }
}

/** The number of each option that is set, and whether its value is anything but a varint 0. */
function optionNumbers(options: jspb.Message | undefined): [number, boolean][] {
  const found: [number, boolean][] = [];
  const reader = new jspb.BinaryReader(options?.serializeBinary() ?? new Uint8Array());
  while (reader.nextField()) {
    if (reader.isDelimited()) {
      found.push([reader.getFieldNumber(), true]);
      reader.skipField();
    } else {
      found.push([reader.getFieldNumber(), reader.readUint64() !== 0]);
    }
  }
  return found;
}

function isOddMapEntry(entry: DescriptorProto): boolean {
  const parts = entry.getFieldList().map((field) => `${field.getName()}=${field.getNumber()}`);
  return parts.join() !== 'key=1,value=2';
}

function scalarName(field: Field): string {
  const [name = ''] =
    Object.entries(FieldDescriptorProto.Type).find(([, number]) => number === field.getType()) ?? [];
  return name.replace('TYPE_', '').toLowerCase();
}

function byName<T extends { getName(): string | undefined }, R>(
  items: T[],
  facts: (item: T) => R,
): Record<string, R> {
  return Object.fromEntries(items.map((item) => [item.getName() ?? '', facts(item)]));
}

/** A key that is present only if it has a value. */
function extra<T>(key: string, list: T[]): Record<string, T[]> {
  return list.length > 0 ? { [key]: list } : {};
}
