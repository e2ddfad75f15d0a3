import { once } from 'node:events';
import {
  type Client,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { descriptors } from '../../../src/rpc/reflection/descriptors.ts';
import { addHealthService, type HealthControl } from '../../../src/rpc/server/health.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';

type Reply = { status: string } | { statuses: Record<string, { status: string }> };
type HealthMethods = Record<
  'Check' | 'List',
  (request: object, done: (error: ServiceError | null, reply: Reply) => void) => void
> & { Watch(request: object): NodeJS.EventEmitter & { cancel(): void } };

let local: LocalServer;
let health: HealthControl;
let client: Client & HealthMethods;

beforeAll(async () => {
  local = await startLocalServer((server) => {
    health = addHealthService(server, ['csi.v1.Identity', 'csi.v1.Node']);
  });
  const { Health } = loadPackageDefinition({ Health: healthService });
  const HealthClient = Health as ServiceClientConstructor;
  client = new HealthClient(local.target, credentials.createInsecure()) as unknown as typeof client;
});

beforeEach(() => health.setServing(false));

afterAll(() => {
  client.close();
  local.stop();
});

test('the server and its services are NOT_SERVING by default', async () => {
  for (const service of ['', 'csi.v1.Identity', 'csi.v1.Node']) {
    expect(await call('Check', { service })).toEqual({ status: 'NOT_SERVING' });
  }
});

test('the server and its services can be set to SERVING', async () => {
  health.setServing(true);
  for (const service of ['', 'csi.v1.Identity', 'csi.v1.Node']) {
    expect(await call('Check', { service })).toEqual({ status: 'SERVING' });
  }
});

test('an unknown service is NOT_FOUND', async () => {
  await expect(call('Check', { service: 'csi.v1.Controller' })).rejects.toMatchObject({
    code: status.NOT_FOUND,
  });
});

test('a list names the whole server and each service', async () => {
  health.setServing(true);
  const serving = { status: 'SERVING' };
  expect(await call('List', {})).toEqual({
    statuses: { '': serving, 'csi.v1.Identity': serving, 'csi.v1.Node': serving },
  });
});

test('a watcher receives every change', async () => {
  const watch = client.Watch({ service: 'csi.v1.Node' });
  watch.on('error', () => {});
  expect(await once(watch, 'data')).toEqual([{ status: 'NOT_SERVING' }]);
  health.setServing(true);
  expect(await once(watch, 'data')).toEqual([{ status: 'SERVING' }]);
  health.setServing(false);
  expect(await once(watch, 'data')).toEqual([{ status: 'NOT_SERVING' }]);
  watch.cancel();
});

test('a watcher of an unknown service is told so, and waits', async () => {
  const watch = client.Watch({ service: 'csi.v1.Controller' });
  watch.on('error', () => {});
  let hasEnded = false;
  watch.on('end', () => {
    hasEnded = true;
  });
  expect(await once(watch, 'data')).toEqual([{ status: 'SERVICE_UNKNOWN' }]);
  health.setServing(true);
  expect(await call('Check', { service: '' })).toEqual({ status: 'SERVING' });
  expect(hasEnded).toBe(false);
  watch.cancel();
});

test('our health.proto describes exactly the methods of the package', () => {
  const [described] = descriptors().fileDeclaring('grpc.health.v1.Health')?.descriptor.getServiceList() ?? [];
  const methods = described?.getMethodList().map((method) => ({
    path: `/grpc.health.v1.Health/${method.getName()}`,
    requestStream: method.getClientStreaming() ?? false,
    responseStream: method.getServerStreaming() ?? false,
    request: method.getInputType(),
    response: method.getOutputType(),
  }));
  const served = Object.values(healthService).map((method) => ({
    path: method.path,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    request: `.grpc.health.v1.${typeName(method, 'requestType')}`,
    response: `.grpc.health.v1.${typeName(method, 'responseType')}`,
  }));
  expect(methods).toEqual(served);
});

test.each(['HealthCheckRequest', 'HealthCheckResponse', 'HealthListRequest', 'HealthListResponse'])(
  'our health.proto gives %s the fields of the package',
  (name) => {
    const ours = descriptors().message(`grpc.health.v1.${name}`)?.getFieldList() ?? [];
    const theirs = Object.values(healthService)
      .flatMap((method) => [messageType(method, 'requestType'), messageType(method, 'responseType')])
      .find((type) => type.name === name);
    expect(ours.map((field) => [field.getName(), field.getNumber()])).toEqual(
      theirs?.field.map((field) => [field.name, field.number]),
    );
  },
);

interface LoadedType {
  name: string;
  field: { name: string; number: number }[];
}

function messageType(method: object, side: 'requestType' | 'responseType'): LoadedType {
  return (method as Record<typeof side, { type: LoadedType }>)[side].type;
}

function typeName(method: object, side: 'requestType' | 'responseType'): string {
  return messageType(method, side).name;
}

function call(method: 'Check' | 'List', request: object): Promise<Reply> {
  return new Promise((resolve, reject) => {
    client[method](request, (error, reply) => (error ? reject(error) : resolve(reply)));
  });
}
