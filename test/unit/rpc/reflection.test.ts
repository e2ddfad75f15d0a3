import { once } from 'node:events';
import { Client, type ClientDuplexStream, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerReflectionRequest } from '../../../src/rpc/generated/grpc/reflection/v1/ServerReflectionRequest.ts';
import type { ServerReflectionResponse__Output } from '../../../src/rpc/generated/grpc/reflection/v1/ServerReflectionResponse.ts';
import { reflectionClient } from '../../../src/rpc/proto.ts';
import { splitDescriptorSet } from '../../../src/rpc/reflection/descriptor-set.ts';
import { descriptors } from '../../../src/rpc/reflection/descriptors.ts';
import { addReflectionService } from '../../../src/rpc/reflection/reflection.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';

const V1_PATH = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
const V1ALPHA_PATH = '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo';
const csiFileAndImports = [
  'csi.proto',
  'google/protobuf/descriptor.proto',
  'google/protobuf/timestamp.proto',
  'google/protobuf/wrappers.proto',
];

type Stream = ClientDuplexStream<ServerReflectionRequest, ServerReflectionResponse__Output>;

let local: LocalServer;
let client: Client;

beforeAll(async () => {
  local = await startLocalServer((server) =>
    addReflectionService(server, ['csi.v1.Node', 'csi.v1.Identity']),
  );
  client = new Client(local.target, credentials.createInsecure());
});

afterAll(() => {
  client.close();
  local.stop();
});

describe.each([
  ['grpc.reflection.v1', V1_PATH],
  ['grpc.reflection.v1alpha', V1ALPHA_PATH],
])('%s', (_version, path) => {
  test('lists its services and itself', async () => {
    const [response] = await ask(path, [{ list_services: '*' }]);
    expect(response?.list_services_response?.service).toEqual([
      { name: 'csi.v1.Identity' },
      { name: 'csi.v1.Node' },
      { name: 'grpc.reflection.v1.ServerReflection' },
    ]);
  });

  test('answers a file name with the raw bytes of the file and all its imports', async () => {
    const [response] = await ask(path, [{ file_by_filename: 'csi.proto' }]);
    const files = response?.file_descriptor_response?.file_descriptor_proto ?? [];
    const expected = csiFileAndImports.map((name) => descriptors().fileNamed(name)?.bytes.toString('hex'));
    expect(files.map((bytes) => bytes.toString('hex'))).toEqual(expected);
  });

  test('answers a symbol with the file that declares it and all its imports', async () => {
    const [response] = await ask(path, [{ file_containing_symbol: 'csi.v1.Controller.CreateVolume' }]);
    expect(fileNames(response)).toEqual(csiFileAndImports);
  });

  test('answers an extension with the file that declares it and all its imports', async () => {
    const [response] = await ask(path, [
      {
        file_containing_extension: {
          containing_type: 'google.protobuf.FieldOptions',
          extension_number: 1059,
        },
      },
    ]);
    expect(fileNames(response)).toEqual(csiFileAndImports);
  });

  test('answers a message with the numbers of its extensions', async () => {
    const [response] = await ask(path, [{ all_extension_numbers_of_type: 'google.protobuf.FieldOptions' }]);
    expect(response?.all_extension_numbers_response).toEqual({
      base_type_name: 'google.protobuf.FieldOptions',
      extension_number: [1059, 1060],
    });
  });
});

describe('a reply', () => {
  test.each([
    [{ file_by_filename: 'no.proto' }, 'unknown file "no.proto"'],
    [{ file_containing_symbol: 'csi.v1.No' }, 'unknown symbol "csi.v1.No"'],
    [
      { file_containing_extension: { containing_type: 'csi.v1.Volume', extension_number: 9 } },
      'unknown extension 9 of "csi.v1.Volume"',
    ],
    [{ all_extension_numbers_of_type: 'csi.v1.No' }, 'unknown message "csi.v1.No"'],
  ])('has NOT_FOUND and the requested name: %j', async (request, message) => {
    const [response] = await ask(V1_PATH, [request]);
    expect(response?.error_response).toEqual({ error_code: status.NOT_FOUND, error_message: message });
  });

  test('has INVALID_ARGUMENT for an empty request', async () => {
    const [response] = await ask(V1_PATH, [{ host: 'h' }]);
    expect(response?.error_response?.error_code).toBe(status.INVALID_ARGUMENT);
  });

  test('echoes the host and the request', async () => {
    const [response] = await ask(V1_PATH, [{ host: 'h', file_by_filename: 'csi.proto' }]);
    expect(response?.valid_host).toBe('h');
    expect(response?.original_request).toMatchObject({ host: 'h', file_by_filename: 'csi.proto' });
  });

  test('describes the health service although another package serves it', async () => {
    const [response] = await ask(V1_PATH, [{ file_containing_symbol: 'grpc.health.v1.Health' }]);
    expect(fileNames(response)).toEqual(['grpc/health/v1/health.proto']);
  });
});

describe('a stream', () => {
  test('answers every request in order, also after one without a result', async () => {
    const symbols = Array.from({ length: 100 }, (_, i) => (i % 2 ? 'csi.v1.No' : 'grpc.health.v1.Health'));
    const responses = await ask(
      V1_PATH,
      symbols.map((symbol) => ({ file_containing_symbol: symbol })),
    );
    expect(responses.map((response) => response.message_response)).toEqual(
      symbols.map((symbol) => (symbol === 'csi.v1.No' ? 'error_response' : 'file_descriptor_response')),
    );
  });

  test('of invalid bytes ends with INTERNAL, and the server keeps serving', async () => {
    // Field 15 of wire type 7, which does not exist; an excessive length would be tolerated.
    const garbage = () => Buffer.from([0x7f]);
    const stream = client.makeBidiStreamRequest(V1_PATH, garbage, (bytes) => bytes);
    stream.on('data', () => {});
    stream.write({});
    const [error] = (await once(stream, 'error')) as [ServiceError];
    expect(error.code).toBe(status.INTERNAL);
    expect(await ask(V1_PATH, [{ list_services: '*' }])).toHaveLength(1);
  });

  test('that the client cancels halfway leaves the server serving', async () => {
    const stream = open(V1_PATH);
    stream.on('error', () => {});
    for (let i = 0; i < 50; i++) stream.write({ file_by_filename: 'csi.proto' });
    await once(stream, 'data');
    stream.cancel();
    expect(await ask(V1_PATH, [{ list_services: '*' }])).toHaveLength(1);
  });
});

function open(path: string): Stream {
  const { requestSerialize, responseDeserialize } = reflectionClient.service.ServerReflectionInfo;
  return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
}

/** Sends all requests on one stream and waits for its end. */
async function ask(
  path: string,
  requests: ServerReflectionRequest[],
): Promise<ServerReflectionResponse__Output[]> {
  const stream = open(path);
  for (const request of requests) stream.write(request);
  stream.end();
  const responses: ServerReflectionResponse__Output[] = [];
  stream.on('data', (response: ServerReflectionResponse__Output) => responses.push(response));
  await once(stream, 'end');
  return responses;
}

/** The names of the files in a response, read from their bytes. */
function fileNames(response: ServerReflectionResponse__Output | undefined): string[] {
  const files = response?.file_descriptor_response?.file_descriptor_proto ?? [];
  const asSet = files.flatMap((bytes) => [Buffer.from([0x0a]), varint(bytes.length), bytes]);
  return splitDescriptorSet(Buffer.concat(asSet)).map(({ name }) => name);
}

function varint(value: number): Buffer {
  if (value < 128) return Buffer.from([value]);
  return Buffer.concat([Buffer.from([(value % 128) + 128]), varint(Math.floor(value / 128))]);
}
