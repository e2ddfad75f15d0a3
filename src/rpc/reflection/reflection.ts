import { type Duplex, Transform } from 'node:stream';
import { type Server, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { ServerReflectionRequest__Output } from '../generated/grpc/reflection/v1/ServerReflectionRequest.ts';
import type { ServerReflectionResponse } from '../generated/grpc/reflection/v1/ServerReflectionResponse.ts';
import { reflectionClient } from '../proto.ts';
import type { ProtoFile } from './descriptor-set.ts';
import type { DescriptorIndex } from './descriptors.ts';

const V1_NAME = 'grpc.reflection.v1.ServerReflection';
const V1ALPHA_PATH = '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo';

type ReflectionCall = ServerDuplexStream<ServerReflectionRequest__Output, ServerReflectionResponse>;
type Answer = Omit<ServerReflectionResponse, 'valid_host' | 'original_request'>;

/**
 * Serves reflection in version v1 and, for older clients, v1alpha. `serviceNames` are the fully qualified names of the
 * other services of the server; clients see those and v1 itself in the list. v1alpha is not listed: its messages are
 * those of v1, so it has no file of its own.
 */
export function addReflectionService(
  server: Pick<Server, 'addService'>,
  serviceNames: readonly string[],
): void {
  const listed = [...new Set([...serviceNames, V1_NAME])].sort();
  const handlers = { ServerReflectionInfo: (call: ReflectionCall) => answerStream(call, listed) };
  const v1 = reflectionClient.service;
  server.addService(v1, handlers);
  server.addService({ ServerReflectionInfo: { ...v1.ServerReflectionInfo, path: V1ALPHA_PATH } }, handlers);
}

/** Answers one request; failures become error responses, never exceptions. */
async function answerReflectionRequest(
  request: ServerReflectionRequest__Output,
  serviceNames: readonly string[],
): Promise<ServerReflectionResponse> {
  // Loaded when a client first asks, which few ever do.
  const { descriptors } = await import('./descriptors.ts');
  const answer = answerOf(request, serviceNames, descriptors());
  return { valid_host: request.host, original_request: request, ...answer };
}

/**
 * Answers the requests of one stream in order. Piping limits memory: requests of a client that does not read its
 * answers are not read. grpc-js handles malformed requests and clients that disconnect, by closing the stream.
 */
function answerStream(call: ReflectionCall, serviceNames: readonly string[]): void {
  // grpc-js declares its calls with its own stream types, which `pipe` does not accept.
  const stream = call as unknown as Duplex;
  const answers = new Transform({
    objectMode: true,
    transform: (request: ServerReflectionRequest__Output, _encoding, done) =>
      void answerReflectionRequest(request, serviceNames).then((answer) => done(null, answer), done),
  });
  stream.on('close', () => answers.destroy());
  stream.pipe(answers).pipe(stream);
}

function answerOf(
  request: ServerReflectionRequest__Output,
  serviceNames: readonly string[],
  index: DescriptorIndex,
): Answer {
  switch (request.message_request) {
    case 'file_by_filename': {
      const name = request.file_by_filename ?? '';
      return filesOr(index, index.fileNamed(name), `unknown file "${name}"`);
    }
    case 'file_containing_symbol': {
      const symbol = request.file_containing_symbol ?? '';
      return filesOr(index, index.fileDeclaring(symbol), `unknown symbol "${symbol}"`);
    }
    case 'file_containing_extension': {
      const { containing_type = '', extension_number = 0 } = request.file_containing_extension ?? {};
      const file = index.fileExtending(containing_type, extension_number);
      return filesOr(index, file, `unknown extension ${extension_number} of "${containing_type}"`);
    }
    case 'all_extension_numbers_of_type':
      return extensionNumbers(index, request.all_extension_numbers_of_type ?? '');
    case 'list_services':
      return { list_services_response: { service: serviceNames.map((name) => ({ name })) } };
    default:
      return failure(status.INVALID_ARGUMENT, 'unknown kind of reflection request');
  }
}

function filesOr(index: DescriptorIndex, file: ProtoFile | undefined, otherwise: string): Answer {
  if (file === undefined) return failure(status.NOT_FOUND, otherwise);
  const files = index.withDependencies(file);
  return { file_descriptor_response: { file_descriptor_proto: files.map(({ bytes }) => bytes) } };
}

function extensionNumbers(index: DescriptorIndex, typeName: string): Answer {
  const numbers = index.extensionNumbersOf(typeName);
  if (numbers === undefined) return failure(status.NOT_FOUND, `unknown message "${typeName}"`);
  return { all_extension_numbers_response: { base_type_name: typeName, extension_number: numbers } };
}

function failure(code: status, message: string): Answer {
  return { error_response: { error_code: code, error_message: message } };
}
