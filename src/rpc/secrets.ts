import type { FieldDescriptorProto } from 'google-protobuf/google/protobuf/descriptor_pb.js';
import descriptorPb from 'google-protobuf/google/protobuf/descriptor_pb.js';
import { isSecretField } from './reflection/descriptor-set.ts';
import { type DescriptorIndex, descriptors } from './reflection/descriptors.ts';

/**
 * Keys of maps whose values are secrets although the field is not marked as one: the kubelet adds them to the volume
 * context if the CSIDriver object has `tokenRequests`.
 */
const secretKeys: readonly string[] = ['csi.storage.k8s.io/serviceAccount.tokens'];

/** Replaces a secret. */
export const STRIPPED = '***stripped***';

/** Copies one value of a message field, without secrets. */
type Redactor = (value: unknown) => unknown;

/** Returns a redacted deep copy of a message, as `redactSecrets` does. */
export type SecretRedactor = (messageFullName: string, message: unknown) => unknown;

/**
 * Returns a deep copy of a proto-loader message that is safe to log: the content of every non-empty `csi_secret` field,
 * at any depth, and of each secret key of a map, is replaced by `STRIPPED`. The input is not changed.
 *
 * `messageFullName` is for example `csi.v1.CreateVolumeRequest`. For an unknown message name nothing is shown at all,
 * since its secret fields are unknown.
 */
export const redactSecrets: SecretRedactor = createSecretRedactor(descriptors);

/** Creates a `redactSecrets` for the messages of one index. */
export function createSecretRedactor(descriptorIndex: () => DescriptorIndex): SecretRedactor {
  const fieldsByMessage = new Map<string, Map<string, Redactor> | undefined>();

  function redactMessage(fullName: string, message: unknown): unknown {
    if (!isObject(message)) return copyPlain(message);
    const fields = fieldsOf(fullName);
    if (fields === undefined) return STRIPPED;
    return mapEntries(message, (name, value) => (fields.get(name) ?? copyPlain)(value));
  }

  function fieldsOf(fullName: string): Map<string, Redactor> | undefined {
    if (!fieldsByMessage.has(fullName)) {
      const fields = descriptorIndex().message(fullName)?.getFieldList();
      const redactors = fields?.map((field): [string, Redactor] => [
        field.getName() ?? '',
        redactorOf(field),
      ]);
      fieldsByMessage.set(fullName, redactors && new Map(redactors));
    }
    return fieldsByMessage.get(fullName);
  }

  function redactorOf(field: FieldDescriptorProto): Redactor {
    if (isSecretField(field)) return strip;
    const typeName = (field.getTypeName() ?? '').replace(/^\./, '');
    if (field.getType() !== descriptorPb.FieldDescriptorProto.Type.TYPE_MESSAGE) return copyPlain;
    const mapValue = mapValueOf(typeName);
    if (mapValue !== undefined) {
      const copyEntry = (key: string, entry: unknown) =>
        secretKeys.includes(key) ? strip(entry) : mapValue(entry);
      return (value) => (isObject(value) ? mapEntries(value, copyEntry) : value);
    }
    return (value) =>
      Array.isArray(value)
        ? value.map((item: unknown) => redactMessage(typeName, item))
        : redactMessage(typeName, value);
  }

  /** Returns how to copy map values, if the named message is the entry type of a map. */
  function mapValueOf(entryTypeName: string): Redactor | undefined {
    const entry = descriptorIndex().message(entryTypeName);
    const value = entry?.getFieldList().find((field) => field.getName() === 'value');
    return entry?.getOptions()?.getMapEntry() && value ? redactorOf(value) : undefined;
  }

  return redactMessage;
}

/** Shows only whether there is a secret. */
function strip(value: unknown): unknown {
  return isEmpty(value) ? copyPlain(value) : STRIPPED;
}

/** Returns a deep copy of a value of any structure that contains no secrets. */
function copyPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyPlain);
  if (value instanceof Uint8Array) return Buffer.from(value);
  return isObject(value) ? mapEntries(value, (_key, entry) => copyPlain(entry)) : value;
}

/** Object.fromEntries defines properties, so a key `__proto__` from the wire is treated like any other. */
function mapEntries(object: object, copy: (key: string, value: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, copy(key, value)]));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return isObject(value) && Object.keys(value).length === 0;
}
