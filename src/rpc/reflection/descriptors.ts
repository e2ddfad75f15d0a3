import { readFileSync } from 'node:fs';
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  ServiceDescriptorProto,
} from 'google-protobuf/google/protobuf/descriptor_pb.js';
import { type ProtoFile, splitDescriptorSet } from './descriptor-set.ts';

/**
 * Looks up proto files by what they declare, as gRPC reflection requests them. Names are fully qualified, without a
 * leading dot.
 */
export class DescriptorIndex {
  readonly #files = new Map<string, ProtoFile>();
  readonly #symbols = new Map<string, ProtoFile>();
  readonly #messages = new Map<string, DescriptorProto>();
  readonly #extensions = new Map<string, Map<number, ProtoFile>>();

  constructor(files: readonly ProtoFile[]) {
    for (const file of files) this.#addFile(file);
  }

  /** The file of this name, for example `csi.proto`. */
  fileNamed(name: string): ProtoFile | undefined {
    return this.#files.get(name);
  }

  /** The file that declares a service, method, message, field, oneof, enum, enum value or extension. */
  fileDeclaring(symbol: string): ProtoFile | undefined {
    return this.#symbols.get(symbol);
  }

  /** The file that declares the extension with this number of this message. */
  fileExtending(containingType: string, extensionNumber: number): ProtoFile | undefined {
    return this.#extensions.get(containingType)?.get(extensionNumber);
  }

  /** The numbers of all extensions of a message, ascending; undefined if there is no such message. */
  extensionNumbersOf(containingType: string): number[] | undefined {
    if (!this.#messages.has(containingType)) return undefined;
    return [...(this.#extensions.get(containingType)?.keys() ?? [])].sort((a, b) => a - b);
  }

  /** The descriptor of a message; also finds nested messages and map entries. */
  message(fullName: string): DescriptorProto | undefined {
    return this.#messages.get(fullName);
  }

  /** The file, then every file that it imports directly or indirectly, without duplicates. */
  withDependencies(file: ProtoFile): ProtoFile[] {
    const found = new Set([file]);
    // Iterating a Set also visits elements added during the iteration, so this loop is the transitive closure.
    for (const { dependencies } of found) {
      for (const name of dependencies) {
        const dependency = this.#files.get(name);
        if (dependency !== undefined) found.add(dependency);
      }
    }
    return [...found];
  }

  #addFile(file: ProtoFile): void {
    const { descriptor } = file;
    const scope = descriptor.getPackage() ?? '';
    this.#files.set(file.name, file);
    for (const message of descriptor.getMessageTypeList()) this.#addMessage(file, scope, message);
    for (const enumeration of descriptor.getEnumTypeList()) this.#addEnum(file, scope, enumeration);
    for (const service of descriptor.getServiceList()) this.#addService(file, scope, service);
    for (const extension of descriptor.getExtensionList()) this.#addExtension(file, scope, extension);
  }

  #addMessage(file: ProtoFile, scope: string, message: DescriptorProto): void {
    const fullName = this.#addSymbol(file, scope, message.getName());
    this.#messages.set(fullName, message);
    for (const field of message.getFieldList()) this.#addSymbol(file, fullName, field.getName());
    for (const oneof of message.getOneofDeclList()) this.#addSymbol(file, fullName, oneof.getName());
    for (const nested of message.getNestedTypeList()) this.#addMessage(file, fullName, nested);
    for (const enumeration of message.getEnumTypeList()) this.#addEnum(file, fullName, enumeration);
    for (const extension of message.getExtensionList()) this.#addExtension(file, fullName, extension);
  }

  #addEnum(file: ProtoFile, scope: string, enumeration: EnumDescriptorProto): void {
    this.#addSymbol(file, scope, enumeration.getName());
    // In Protobuf, as in C++, enum values are in the scope of the enum's parent, not of the enum.
    for (const value of enumeration.getValueList()) this.#addSymbol(file, scope, value.getName());
  }

  #addService(file: ProtoFile, scope: string, service: ServiceDescriptorProto): void {
    const fullName = this.#addSymbol(file, scope, service.getName());
    for (const method of service.getMethodList()) this.#addSymbol(file, fullName, method.getName());
  }

  #addExtension(file: ProtoFile, scope: string, extension: FieldDescriptorProto): void {
    this.#addSymbol(file, scope, extension.getName());
    const containingType = (extension.getExtendee() ?? '').replace(/^\./, '');
    const byNumber = this.#extensions.get(containingType) ?? new Map<number, ProtoFile>();
    this.#extensions.set(containingType, byNumber.set(extension.getNumber() ?? 0, file));
  }

  #addSymbol(file: ProtoFile, scope: string, name: string | undefined): string {
    const fullName = scope === '' ? `${name}` : `${scope}.${name}`;
    this.#symbols.set(fullName, file);
    return fullName;
  }
}

let projectIndex: DescriptorIndex | undefined;

/** The index of the project's own proto files, read at its first use. The path is valid from both src/rpc and dist/rpc. */
export function descriptors(): DescriptorIndex {
  projectIndex ??= new DescriptorIndex(
    splitDescriptorSet(readFileSync(new URL('../../../proto/descriptors.binpb', import.meta.url))),
  );
  return projectIndex;
}
