import { Client, credentials, status } from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { beforeAll, describe, expect, test } from 'vitest';
import { csiServices } from '../../../src/rpc/proto.ts';
import { isEnabled, readCsiPage } from '../../support/csi-page.ts';
import { TestNode } from '../../support/test-node.ts';

const page = readCsiPage();

/** Where a CO finds the capabilities that the page lists by their message. */
const places: Readonly<Record<string, { readonly rpc: string; readonly field: string }>> = {
  'PluginCapability.Service': { rpc: 'Identity.GetPluginCapabilities', field: 'service' },
  'PluginCapability.VolumeExpansion': { rpc: 'Identity.GetPluginCapabilities', field: 'volume_expansion' },
  'ControllerServiceCapability.RPC': { rpc: 'Controller.ControllerGetCapabilities', field: 'rpc' },
  'NodeServiceCapability.RPC': { rpc: 'Node.NodeGetCapabilities', field: 'rpc' },
  'GroupControllerServiceCapability.RPC': {
    rpc: 'GroupController.GroupControllerGetCapabilities',
    field: 'rpc',
  },
};

const everythingOn = ['--enable-attach', '--enable-controller-modify-volume', '--enable-snapshot-metadata'];

/** The sets of flags on the page, without duplicates. */
const named = new Map(
  [...page.rpcs, ...page.capabilities]
    .flatMap(({ changedBy }) => changedBy)
    .map((flags) => [flags.join(' '), flags]),
);

test('docs/reference/csi.md lists every RPC of the specification', () => {
  const all = Object.entries(csiServices).flatMap(([service, definition]) =>
    Object.keys(definition).map((name) => `${service}.${name}`),
  );
  expect(all).toHaveLength(36);
  expect(page.rpcs.map(({ of, name }) => `${of}.${name}`)).toEqual(all);
});

describe.each([[], everythingOn, ...named.values()].map((flags) => ({ flags: [...flags] })))(
  'what docs/reference/csi.md says about a driver with the flags $flags',
  ({ flags }) => {
    let answers: ReadonlyMap<string, Answer>;

    beforeAll(async () => {
      const node = new TestNode();
      await node.start({ flags });
      answers = await callEveryRpc(node.socket);
      return () => node.dispose();
    });

    test('matches the RPCs it serves', () => {
      const documented = page.rpcs
        .filter((row) => isEnabled(row, flags))
        .map(({ of, name }) => `${of}.${name}`);
      const served = [...answers].filter(([, { code }]) => code !== status.UNIMPLEMENTED).map(([rpc]) => rpc);
      expect(served).toEqual(documented);
    });

    test('matches the capabilities it declares', () => {
      const documented = page.capabilities
        .filter((row) => isEnabled(row, flags))
        .map(({ of, name }) => `${of}.${name}`)
        .sort();
      const declared = Object.entries(places)
        .flatMap(([message, { rpc, field }]) =>
          (answers.get(rpc)?.reply?.capabilities ?? [])
            .filter((capability) => capability[field])
            .map((capability) => `${message}.${capability[field]?.type}`),
        )
        .sort();
      expect(declared).toEqual(documented);
    });
  },
);

interface Answer {
  readonly code: status;
  /** The last message of the answer, of which only capabilities are used. */
  readonly reply: { readonly capabilities?: readonly Record<string, { type: string } | null>[] } | undefined;
}

/** Calls every RPC with an empty request. @returns the outcome of each, by service and name */
async function callEveryRpc(socket: string): Promise<Map<string, Answer>> {
  const client = new Client(`unix:${socket}`, credentials.createInsecure());
  const answers = new Map<string, Answer>();
  try {
    for (const [service, definition] of Object.entries(csiServices)) {
      for (const [name, method] of Object.entries(definition)) {
        answers.set(`${service}.${name}`, await ask(client, method as MethodDefinition<object, object>));
      }
    }
  } finally {
    client.close();
  }
  return answers;
}

/** On the wire, every RPC looks like one request and any number of replies. */
function ask(
  client: Client,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<object, object>,
): Promise<Answer> {
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {});
  let reply: Answer['reply'];
  call.on('data', (message: object) => {
    reply = message;
  });
  // The status has the same information.
  call.on('error', () => {});
  return new Promise((resolve) => {
    call.on('status', ({ code }) => resolve({ code, reply }));
  });
}
