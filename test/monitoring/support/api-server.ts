import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** The names of resources and kinds that csi-provisioner asks for. */
const kinds: Readonly<Record<string, string>> = {
  storageclasses: 'StorageClass',
  csistoragecapacities: 'CSIStorageCapacity',
  persistentvolumeclaims: 'PersistentVolumeClaim',
  persistentvolumes: 'PersistentVolume',
  volumeattachments: 'VolumeAttachment',
};

/**
 * As much of a Kubernetes API server as csi-provisioner needs to ask the driver for capacity: it has one storage class,
 * which never changes, and accepts nothing. @returns its URL
 */
export async function apiServerWith(storageClass: object): Promise<string> {
  const server = createServer((request, response) => answer(request, response, storageClass));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answer(request: IncomingMessage, response: ServerResponse, storageClass: object): void {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
  const resource = pathname.split('/').at(-1) ?? '';
  const [, apiVersion = ''] = /^\/apis?\/((?:[^/]+\/)?v\d+)\//.exec(pathname) ?? [];
  const kind = kinds[resource];
  const send = (status: number, body: object) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  if (request.method !== 'GET' || kind === undefined) {
    send(403, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', code: 403 });
  } else if (searchParams.has('sendInitialEvents')) {
    // The client then lists, and watches from there.
    send(422, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Invalid', code: 422 });
  } else if (searchParams.has('watch')) {
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
  } else {
    const items = kind === 'StorageClass' ? [storageClass] : [];
    send(200, { kind: `${kind}List`, apiVersion, metadata: { resourceVersion: '1' }, items });
  }
}
