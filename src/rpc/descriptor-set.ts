import jspb from 'google-protobuf';
import type {
  FieldDescriptorProto,
  FileDescriptorProto,
} from 'google-protobuf/google/protobuf/descriptor_pb.js';
import descriptorPb from 'google-protobuf/google/protobuf/descriptor_pb.js';

/** One proto file as it stands in a FileDescriptorSet. */
export interface ProtoFile {
  /** The name other files import it by, for example `grpc/health/v1/health.proto`. */
  readonly name: string;
  /** Names of the files it imports itself. */
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
 * The slices are kept as they are because writing a parsed file again loses every option the descriptor
 * classes have not been told of. Throws when the bytes are not a FileDescriptorSet.
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

/** Whether the field is marked `csi_secret`: its content must be shown to nobody. */
export function isSecretField(field: FieldDescriptorProto): boolean {
  return field.getOptions()?.getExtension(csiSecretOption) ?? false;
}

/** What the six classes of descriptor options have in common. */
interface OptionsClass {
  extensions: { [fieldNumber: number]: jspb.ExtensionFieldInfo<jspb.Message> };
  extensionsBinary: { [fieldNumber: number]: jspb.ExtensionFieldBinaryInfo<jspb.Message> };
}

/**
 * Makes the descriptor classes read a boolean custom option, which they skip otherwise. It holds for
 * what is parsed afterwards, anywhere in the process; registering an option twice does no harm.
 */
export function registerBoolOption(
  optionsClass: OptionsClass,
  name: string,
  fieldNumber: number,
): jspb.ExtensionFieldInfo<boolean> {
  // A scalar extension has neither a message class nor a conversion, which the type declarations,
  // written for message extensions, do not provide for.
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
