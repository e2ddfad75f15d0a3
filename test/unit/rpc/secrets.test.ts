import descriptorPb from 'google-protobuf/google/protobuf/descriptor_pb.js';
import { describe, expect, test } from 'vitest';
import { splitDescriptorSet } from '../../../src/rpc/reflection/descriptor-set.ts';
import { DescriptorIndex } from '../../../src/rpc/reflection/descriptors.ts';
import { createSecretRedactor, redactSecrets, STRIPPED } from '../../../src/rpc/secrets.ts';
import { publishedFacts } from '../proto/wire-facts.ts';

const fields = Object.entries(publishedFacts.messages).flatMap(([message, facts]) =>
  Object.entries(facts.fields).map(([field, { options = [] }]) => ({ message, field, options })),
);
const isSecret = ({ options }: { options: string[] }) => options.includes('csi_secret');

describe('redactSecrets', () => {
  test.each(fields.filter(isSecret))('strips $field of $message', ({ message, field }) => {
    const original = { [field]: { user: 'admin', password: 'hunter2' } };
    expect(redactSecrets(`csi.v1.${message}`, original)).toEqual({ [field]: STRIPPED });
    expect(original).toEqual({ [field]: { user: 'admin', password: 'hunter2' } });
  });

  test('strips no field that is not marked as a secret', () => {
    const others = fields.filter((field) => !isSecret(field));
    expect(others.length).toBeGreaterThan(150);
    for (const { message, field } of others) {
      const original = { [field]: 'visible' };
      expect(redactSecrets(`csi.v1.${message}`, original), `${message}.${field}`).toEqual(original);
    }
  });

  test.each([[{}], [''], [null], [undefined], [[]]])(
    'leaves an empty secret field unchanged: %j',
    (empty) => {
      const original = { volume_id: 'v', secrets: empty };
      expect(redactSecrets('csi.v1.DeleteVolumeRequest', original)).toEqual(original);
    },
  );

  test('strips a secret with a type that differs from the proto', () => {
    for (const odd of ['hunter2', 7, true, ['hunter2']]) {
      expect(redactSecrets('csi.v1.DeleteVolumeRequest', { secrets: odd })).toEqual({ secrets: STRIPPED });
    }
  });

  test('copies everything else at every depth and shares nothing with the input', () => {
    const original = {
      name: 'pvc-1',
      volume_capabilities: [{ mount: { mount_flags: ['noatime'] }, access_type: 'mount' }],
      parameters: { pool: 'fast', secrets: 'a parameter of that name' },
      accessibility_requirements: { requisite: [{ segments: { zone: 'a' } }], preferred: [] },
      volume_content_source: null,
      bytes: Buffer.from([1, 2]),
    };
    const snapshot = structuredClone(original);
    const copy = redactSecrets('csi.v1.CreateVolumeRequest', original) as typeof original;
    expect(copy).toEqual(original);
    copy.volume_capabilities[0]?.mount.mount_flags.push('changed');
    copy.parameters.pool = 'changed';
    copy.accessibility_requirements.requisite.length = 0;
    copy.bytes[0] = 9;
    expect(structuredClone(original)).toEqual(snapshot);
  });

  test('keeps a map key with the name of an object method', () => {
    const parameters = Object.fromEntries([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    const copy = redactSecrets('csi.v1.CreateVolumeRequest', { parameters }) as { parameters: object };
    expect(Object.entries(copy.parameters)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  test.each([
    ['NodePublishVolumeRequest', 'volume_context'],
    ['NodePublishVolumeRequest', 'publish_context'],
    ['NodeStageVolumeRequest', 'volume_context'],
    ['ValidateVolumeCapabilitiesRequest', 'volume_context'],
    ['CreateVolumeRequest', 'parameters'],
  ])('strips the tokens of a service account in %s.%s', (message, field) => {
    const context = (tokens: string) => ({
      pool: 'fast',
      'csi.storage.k8s.io/serviceAccount.tokens': tokens,
    });
    const copy = redactSecrets(`csi.v1.${message}`, { [field]: context('{"vault":"hunter2"}') });
    expect(copy).toEqual({ [field]: context(STRIPPED) });
  });

  test('strips the tokens of a service account in a reply that repeats the request', () => {
    const volume_context = { 'csi.storage.k8s.io/serviceAccount.tokens': 'hunter2' };
    const copy = redactSecrets('csi.v1.ValidateVolumeCapabilitiesResponse', {
      confirmed: { volume_context },
    });
    expect(JSON.stringify(copy)).not.toContain('hunter2');
  });

  test('shows nothing of an unknown message', () => {
    expect(redactSecrets('csi.v1.Nothing', { secrets: { password: 'hunter2' } })).toBe(STRIPPED);
  });

  test('returns a value that is not a message unchanged', () => {
    for (const value of [undefined, null, 'text', 7]) {
      expect(redactSecrets('csi.v1.DeleteVolumeRequest', value)).toBe(value);
    }
  });
});

describe('a redactor', () => {
  const redact = createSecretRedactor(nestedIndex);

  test('follows fields, repeated fields and maps of messages to any depth', () => {
    const leaf = { token: 'hunter2', label: 'seen' };
    const stripped = { token: STRIPPED, label: 'seen' };
    const message = { one: leaf, many: [leaf, leaf], byName: { a: leaf }, self: { many: [leaf] } };
    expect(redact('t.Tree', message)).toEqual({
      one: stripped,
      many: [stripped, stripped],
      byName: { a: stripped },
      self: { many: [stripped] },
    });
  });

  test('leaves absent message fields unchanged', () => {
    const message = { one: null, many: [], byName: {}, self: undefined };
    expect(redact('t.Tree', message)).toEqual(message);
  });
});

/** `Tree` holds `Leaf` in every way a field can, and itself; `Leaf.token` is secret. */
function nestedIndex(): DescriptorIndex {
  const { Type, Label } = descriptorPb.FieldDescriptorProto;
  const set = new descriptorPb.FileDescriptorSet();
  const file = set.addFile().setName('t.proto').setPackage('t');
  const leaf = file.addMessageType().setName('Leaf');
  const tree = file.addMessageType().setName('Tree');
  const addField = (message: descriptorPb.DescriptorProto, name: string, type: string, repeated = false) =>
    message
      .addField()
      .setName(name)
      .setNumber(message.getFieldList().length)
      .setType(type === 'string' ? Type.TYPE_STRING : Type.TYPE_MESSAGE)
      .setTypeName(type === 'string' ? '' : type)
      .setLabel(repeated ? Label.LABEL_REPEATED : Label.LABEL_OPTIONAL);
  addField(leaf, 'label', 'string');
  // Field 1059 of the options with the value true, written by hand: tag 1059 << 3 as a varint, then 1.
  const secretOption = descriptorPb.FieldOptions.deserializeBinary(Buffer.from([0x98, 0x42, 0x01]));
  addField(leaf, 'token', 'string').setOptions(secretOption);
  addField(tree, 'one', '.t.Leaf');
  addField(tree, 'many', '.t.Leaf', true);
  addField(tree, 'self', '.t.Tree');
  addField(tree, 'byName', '.t.Tree.ByNameEntry', true);
  const entry = tree.addNestedType().setName('ByNameEntry');
  entry.setOptions(new descriptorPb.MessageOptions().setMapEntry(true));
  addField(entry, 'key', 'string');
  addField(entry, 'value', '.t.Leaf');
  return new DescriptorIndex(splitDescriptorSet(set.serializeBinary()));
}
