// Encodes the reply of ListVolumes from memory, as gRPC sends it, and prints the microseconds that it takes: of all pages, the median
// of several rounds.
//
//   node --import tsx bench/encode-list.ts ENDPOINT PAGE-SIZE
//
// Has the volumes from the driver at ENDPOINT. A page size of 0 encodes one reply.
import type { ListVolumesResponse } from '../src/rpc/generated/csi/v1/ListVolumesResponse.ts';
import { csiServices } from '../src/rpc/proto.ts';
import { CsiClient } from '../test/support/csi-client.ts';
import { median } from './statistics.ts';

type Entries = NonNullable<ListVolumesResponse['entries']>;

// The replies stay below the limit of a client.
const FETCHED_AT_ONCE = 1000;
const WARM_UP_ROUNDS = 5;
const ROUNDS = 15;

const [endpoint = '', pageSize = '0'] = process.argv.slice(2);
const pages = pagesOf(await fetchEntries(endpoint), Number(pageSize));
const microseconds = Array.from({ length: WARM_UP_ROUNDS + ROUNDS }, encodeOnce).slice(WARM_UP_ROUNDS);
console.log(JSON.stringify({ microseconds: median(microseconds) }));

function encodeOnce(): number {
  const startedAt = performance.now();
  for (const page of pages) csiServices.Controller.ListVolumes.responseSerialize(page);
  return (performance.now() - startedAt) * 1000;
}

function pagesOf(entries: Entries, size: number): ListVolumesResponse[] {
  if (size === 0) return [{ entries }];
  return Array.from({ length: Math.ceil(entries.length / size) }, (_, index) => ({
    entries: entries.slice(index * size, (index + 1) * size),
    next_token: String(index),
  }));
}

async function fetchEntries(address: string): Promise<Entries> {
  const client = new CsiClient(address);
  const all: Entries = [];
  let token = '';
  do {
    const request = { max_entries: FETCHED_AT_ONCE, starting_token: token };
    const reply = await client.controller.ListVolumes(request);
    all.push(...reply.entries);
    token = reply.next_token;
  } while (token !== '');
  client.close();
  return all;
}
