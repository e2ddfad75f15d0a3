// A grpc-js server that answers ListVolumes from memory: it encodes the same reply as a driver, and does nothing else.
//
//   node --import tsx bench/memory-list.ts SOCKET ENDPOINT
//
// Has the volumes from the driver at ENDPOINT. Reports to its parent when it listens.
import { Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js';
import type { ListVolumesRequest__Output } from '../src/rpc/generated/csi/v1/ListVolumesRequest.ts';
import type { ListVolumesResponse } from '../src/rpc/generated/csi/v1/ListVolumesResponse.ts';
import { csiServices } from '../src/rpc/proto.ts';
import { CsiClient } from '../test/support/csi-client.ts';

// The replies stay below the limit of a client.
const PAGE_SIZE = 1000;

const [socket, driver = ''] = process.argv.slice(2);
const entries = await entriesOf(driver);
const endpoint = `unix://${socket}`;
const server = new Server();
const { ListVolumes } = csiServices.Controller;
server.addService(
  { ListVolumes },
  {
    ListVolumes(
      { request }: { request: ListVolumesRequest__Output },
      answer: sendUnaryData<ListVolumesResponse>,
    ) {
      answer(null, page(Number(request.starting_token), request.max_entries));
    },
  },
);
server.bindAsync(endpoint, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  process.send?.({ listening: endpoint });
});

function page(start: number, maxEntries: number): ListVolumesResponse {
  const end = maxEntries === 0 ? entries.length : start + maxEntries;
  return { entries: entries.slice(start, end), next_token: end < entries.length ? String(end) : '' };
}

async function entriesOf(address: string): Promise<NonNullable<ListVolumesResponse['entries']>> {
  const client = new CsiClient(address);
  const all: NonNullable<ListVolumesResponse['entries']> = [];
  let token = '';
  do {
    const reply = await client.controller.ListVolumes({ max_entries: PAGE_SIZE, starting_token: token });
    all.push(...reply.entries);
    token = reply.next_token;
  } while (token !== '');
  client.close();
  return all;
}
