import jspb from 'google-protobuf';
import type {
  FieldDescriptorProto,
  FileDescriptorProto,
} from 'google-protobuf/google/protobuf/descriptor_pb.js';
import descriptorPb from 'google-protobuf/google/protobuf/descriptor_pb.js';

/** One proto file in a FileDescriptorSet. */
export interface ProtoFile {
  /** The name by which other files import it, for example `grpc/health/v1/health.proto`. */
  readonly name: string;
  /** Names of the files that it imports. */
  readonly dependencies: readonly string[];
  /** The serialized FileDescriptorProto, byte for byte as the compiler wrote it. */
  readonly bytes: Buffer;
  readonly descriptor: FileDescriptorProto;
}

/** FileDescriptorSet has one field: `repeated FileDescriptorProto file = 1`. */
const FILE_FIELD_NUMBER = 1;

const csiSecretOption = registerBoolOption(descriptorPb.FieldOptions, 'csi_secret', 1059);

/**
 * Splits a serialized FileDescriptorSet into its files.
 *
 * The slices are kept as they are, because serializing a parsed file loses every option that the descriptor classes do
 * not know.
 * @throws if the bytes are not a FileDescriptorSet
 */
export function splitDescriptorSet(set: Uint8Array): ProtoFile[] {
  const reader = new jspb.BinaryReader(set);
  const files: ProtoFile[] = [];
  while (reader.nextField()) {
    if (reader.getFieldNumber() === FILE_FIELD_NUMBER) files.push(parseFile(reader.readBytes()));
    else reader.skipField();
  }
  return files;
}

/** Whether the field is marked `csi_secret`: its content must not be shown. */
export function isSecretField(field: FieldDescriptorProto): boolean {
  return field.getOptions()?.getExtension(csiSecretOption) ?? false;
}

/** The common part of the six descriptor option classes. */
interface OptionsClass {
  extensions: { [fieldNumber: number]: jspb.ExtensionFieldInfo<jspb.Message> };
  extensionsBinary: { [fieldNumber: number]: jspb.ExtensionFieldBinaryInfo<jspb.Message> };
}

/**
 * Makes the descriptor classes read a boolean custom option, which they otherwise skip. This applies to everything
 * parsed later in the process; registering an option twice is harmless.
 */
export function registerBoolOption(
  optionsClass: OptionsClass,
  name: string,
  fieldNumber: number,
): jspb.ExtensionFieldInfo<boolean> {
  // A scalar extension has neither a message class nor a conversion. The type declarations allow for message extensions
  // only.
  const scalar = null as unknown as typeof jspb.Message & jspb.Message.StaticToObject;
  const info = new jspb.ExtensionFieldInfo<jspb.Message>(fieldNumber, { [name]: 0 }, scalar, scalar, 0);
  const { readBool } = jspb.BinaryReader.prototype;
  const { writeBool } = jspb.BinaryWriter.prototype;
  optionsClass.extensions[fieldNumber] = info;
  optionsClass.extensionsBinary[fieldNumber] = new jspb.ExtensionFieldBinaryInfo<jspb.Message>(
    info,
    readBool as unknown as jspb.BinaryRead,
    writeBool as unknown as jspb.BinaryWrite,
    undefined as never,
    undefined as never,
    false,
  );
  return info as unknown as jspb.ExtensionFieldInfo<boolean>;
}

function parseFile(bytes: Uint8Array): ProtoFile {
  const descriptor = descriptorPb.FileDescriptorProto.deserializeBinary(bytes);
  return {
    name: descriptor.getName() ?? '',
    dependencies: descriptor.getDependencyList(),
    bytes: Buffer.from(bytes),
    descriptor,
  };
}
