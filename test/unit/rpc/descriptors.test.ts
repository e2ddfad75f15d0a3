import { readFileSync } from 'node:fs';
import descriptorPb from 'google-protobuf/google/protobuf/descriptor_pb.js';
import { describe, expect, test } from 'vitest';
import { splitDescriptorSet } from '../../../src/rpc/reflection/descriptor-set.ts';
import { DescriptorIndex, descriptors } from '../../../src/rpc/reflection/descriptors.ts';

const setBytes = readFileSync(new URL('../../../proto/descriptors.binpb', import.meta.url));

describe('splitDescriptorSet', () => {
  test('keeps every file byte for byte', () => {
    const files = splitDescriptorSet(setBytes);
    // Each file stands in the set behind a tag of one byte and a length of two (128 to 16383) or three.
    const lengths = files.map(({ bytes }) => bytes.length + (bytes.length < 16_384 ? 3 : 4));
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(setBytes.length);
    for (const { bytes } of files) expect(setBytes.includes(bytes)).toBe(true);
  });

  test('finds our own files and the imported google files', () => {
    const names = splitDescriptorSet(setBytes).map(({ name }) => name);
    expect(names.sort()).toEqual([
      'csi.proto',
      'google/protobuf/descriptor.proto',
      'google/protobuf/timestamp.proto',
      'google/protobuf/wrappers.proto',
      'grpc/health/v1/health.proto',
      'grpc/reflection/v1/reflection.proto',
    ]);
  });

  test('skips fields that a FileDescriptorSet does not have', () => {
    const unknownField = Buffer.from([0x12, 0x01, 0x00]);
    expect(splitDescriptorSet(Buffer.concat([unknownField, setBytes]))).toHaveLength(6);
  });

  test('throws on truncated bytes', () => {
    expect(() => splitDescriptorSet(setBytes.subarray(0, 1000))).toThrow();
  });
});

describe('DescriptorIndex', () => {
  test.each([
    ['a service', 'csi.v1.Controller'],
    ['a method', 'csi.v1.Controller.CreateVolume'],
    ['a message', 'csi.v1.CreateVolumeRequest'],
    ['a nested message', 'csi.v1.VolumeCapability.AccessMode'],
    ['a field', 'csi.v1.CreateVolumeRequest.secrets'],
    ['a oneof', 'csi.v1.VolumeCapability.access_type'],
    ['an enum', 'csi.v1.BlockMetadataType'],
    ['a nested enum', 'csi.v1.VolumeCapability.AccessMode.Mode'],
    ['a value of an enum', 'csi.v1.FIXED_LENGTH'],
    ['a value of a nested enum', 'csi.v1.VolumeCapability.AccessMode.SINGLE_NODE_WRITER'],
    ['an extension', 'csi.v1.csi_secret'],
  ])('finds the file that declares %s', (_kind, symbol) => {
    expect(descriptors().fileDeclaring(symbol)?.name).toBe('csi.proto');
  });

  test('finds nothing by an undeclared symbol', () => {
    for (const symbol of ['csi.v1.Nothing', 'csi.v1', '', 'Controller', '.csi.v1.Controller', '__proto__']) {
      expect(descriptors().fileDeclaring(symbol), symbol).toBeUndefined();
    }
  });

  test('finds a file by its name', () => {
    expect(descriptors().fileNamed('grpc/health/v1/health.proto')?.name).toBe('grpc/health/v1/health.proto');
    expect(descriptors().fileNamed('health.proto')).toBeUndefined();
  });

  test('finds a file by the extension it declares', () => {
    expect(descriptors().fileExtending('google.protobuf.FieldOptions', 1059)?.name).toBe('csi.proto');
    expect(descriptors().fileExtending('google.protobuf.FieldOptions', 1061)).toBeUndefined();
    expect(descriptors().fileExtending('csi.v1.Nothing', 1059)).toBeUndefined();
  });

  test('lists the extensions of a message, and distinguishes none from an unknown message', () => {
    expect(descriptors().extensionNumbersOf('google.protobuf.FieldOptions')).toEqual([1059, 1060]);
    expect(descriptors().extensionNumbersOf('csi.v1.Volume')).toEqual([]);
    expect(descriptors().extensionNumbersOf('csi.v1.Nothing')).toBeUndefined();
  });

  test('follows imports of imports, each file once', () => {
    const index = new DescriptorIndex(
      splitDescriptorSet(setOf({ top: ['left', 'right'], left: ['base'], right: ['base'], base: [] })),
    );
    const top = index.fileNamed('top');
    expect(top && index.withDependencies(top).map(({ name }) => name)).toEqual([
      'top',
      'left',
      'right',
      'base',
    ]);
  });

  test('leaves out an import that is not in the set', () => {
    const index = new DescriptorIndex(splitDescriptorSet(setOf({ top: ['absent'] })));
    const top = index.fileNamed('top');
    expect(top && index.withDependencies(top)).toEqual([top]);
  });

  test('names symbols of a file without a package by their bare names', () => {
    const set = new descriptorPb.FileDescriptorSet();
    set.addFile().setName('bare').addMessageType().setName('Bare');
    const index = new DescriptorIndex(splitDescriptorSet(set.serializeBinary()));
    expect(index.message('Bare')?.getName()).toBe('Bare');
    expect(index.fileDeclaring('Bare')?.name).toBe('bare');
  });

  test('finds an extension that is declared inside a message', () => {
    const set = new descriptorPb.FileDescriptorSet();
    const extension = new descriptorPb.FieldDescriptorProto();
    extension.setName('inner').setNumber(7).setExtendee('.p.Other');
    const message = set.addFile().setName('f').setPackage('p').addMessageType().setName('M');
    message.setExtensionList([extension]);
    const index = new DescriptorIndex(splitDescriptorSet(set.serializeBinary()));
    expect(index.fileExtending('p.Other', 7)?.name).toBe('f');
    expect(index.fileDeclaring('p.M.inner')?.name).toBe('f');
  });
});

/** A serialized set of empty files with the given imports. */
function setOf(imports: Record<string, string[]>): Uint8Array {
  const set = new descriptorPb.FileDescriptorSet();
  for (const [name, dependencies] of Object.entries(imports)) {
    set.addFile().setName(name).setDependencyList(dependencies);
  }
  return set.serializeBinary();
}
