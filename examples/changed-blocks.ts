// A backup of a block volume that reads only what has changed, by the SnapshotMetadata service of the driver:
//
//   save ENDPOINT SNAPSHOT DEVICE FILE [BASE]   saves a snapshot; with the id of an earlier one, what differs from that
//   restore DEVICE FILE…                        writes saved files, in the order in which they were saved
//
// DEVICE is a volume that was made from the SNAPSHOT, or an empty one to restore to. A file has one line of JSON, with the ranges,
// and then the data of all of them. ENDPOINT is one of
//
//   unix:///PATH   the driver's socket; SNAPSHOT is the id of a snapshot
//   HOST:PORT      the sidecar csi-snapshot-metadata in a cluster; SNAPSHOT is the name of a VolumeSnapshot in the namespace $NAMESPACE,
//                  $TOKEN_FILE has the token of a ServiceAccount, and $CA_FILE the certificate of the sidecar's authority
import { readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type ClientReadableStream, credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { fromJSON, loadSync } from '@grpc/proto-loader';
import type { INamespace } from 'protobufjs';
import sidecarApi from './snapshot-metadata.json' with { type: 'json' };

/** What a file contains: where the volume has data, or has changed. Everything else is as before, or zero. */
interface Header {
  readonly sizeBytes: number;
  /** The offset and the length of each range, in order. */
  readonly ranges: [number, number][];
}

/** A message of a reply, which has a part of the ranges. */
interface Blocks {
  readonly volume_capacity_bytes: string;
  readonly block_metadata: readonly { readonly byte_offset: string; readonly size_bytes: string }[];
}

const CHUNK_BYTES = 1024 ** 2;
const FIELDS = { keepCase: true, longs: String, defaults: true };

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});

async function main([command, ...words]: string[]) {
  if (command === 'save' && words.length >= 4)
    await save(...(words as [string, string, string, string, string?]));
  else if (command === 'restore' && words.length >= 2) await restore(...(words as [string, ...string[]]));
  else throw new Error('give "save ENDPOINT SNAPSHOT DEVICE FILE [BASE]" or "restore DEVICE FILE…"');
}

async function save(endpoint: string, snapshot: string, device: string, path: string, base?: string) {
  const header = await rangesOf(endpoint, snapshot, base);
  // Not readable for others; an earlier file is not overwritten.
  await using(await open(device, 'r'), await open(path, 'wx', 0o600), async (source, file) => {
    await file.write(`${JSON.stringify(header)}\n`);
    for (const [offset, length] of header.ranges)
      await copy(source, offset, length, (data) => file.write(data));
    // The file is a backup only if it survives a power loss.
    await file.sync();
  });
  const bytes = header.ranges.reduce((sum, [, length]) => sum + length, 0);
  console.log(`saved ${bytes} of ${header.sizeBytes} bytes (ranges: ${header.ranges.length}) to ${path}`);
}

/** Asks which blocks of a snapshot have data, or differ from those of another one. */
async function rangesOf(endpoint: string, snapshot: string, base?: string): Promise<Header> {
  const { client, reply } = endpoint.startsWith('unix:')
    ? askDriver(endpoint, snapshot, base)
    : askSidecar(endpoint, snapshot, base);
  let sizeBytes = 0;
  const ranges: [number, number][] = [];
  // If the connection is lost, the same call with starting_offset continues after the last range.
  for await (const message of reply as AsyncIterable<Blocks>) {
    sizeBytes = Number(message.volume_capacity_bytes);
    for (const { byte_offset, size_bytes } of message.block_metadata) {
      const last = ranges.at(-1);
      // Blocks of a fixed length come one by one.
      if (last && last[0] + last[1] === Number(byte_offset)) last[1] += Number(size_bytes);
      else ranges.push([Number(byte_offset), Number(size_bytes)]);
    }
  }
  client.close();
  return { sizeBytes, ranges };
}

interface Asked {
  readonly client: { close(): void };
  readonly reply: ClientReadableStream<Blocks>;
}

function askDriver(endpoint: string, snapshot_id: string, base_snapshot_id?: string): Asked {
  // biome-ignore lint/suspicious/noExplicitAny: without generated types, a client has any.
  const { csi } = loadPackageDefinition(loadSync('proto/csi.proto', FIELDS)) as any;
  const client = new csi.v1.SnapshotMetadata(endpoint, credentials.createInsecure());
  const reply =
    base_snapshot_id === undefined
      ? client.GetMetadataAllocated({ snapshot_id })
      : client.GetMetadataDelta({ base_snapshot_id, target_snapshot_id: snapshot_id });
  return { client, reply };
}

function askSidecar(endpoint: string, name: string, base_snapshot_id?: string): Asked {
  // biome-ignore lint/suspicious/noExplicitAny: without generated types, a client has any.
  const { snapshotmetadata } = loadPackageDefinition(fromJSON(sidecarApi as INamespace, FIELDS)) as any;
  const authority = credentials.createSsl(readFileSync(setting('CA_FILE')));
  const client = new snapshotmetadata.SnapshotMetadata(endpoint, authority);
  const security_token = readFileSync(setting('TOKEN_FILE'), 'utf8');
  const login = { security_token, namespace: setting('NAMESPACE') };
  const reply =
    base_snapshot_id === undefined
      ? client.GetMetadataAllocated({ ...login, snapshot_name: name })
      : client.GetMetadataDelta({ ...login, base_snapshot_id, target_snapshot_name: name });
  return { client, reply };
}

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name} to ask the sidecar`);
  return value;
}

async function restore(device: string, ...paths: string[]) {
  for (const path of paths) {
    await using(await open(path, 'r'), await open(device, 'r+'), async (file, target) => {
      const { header, start } = await headerOf(file);
      let position = start;
      for (const [offset, length] of header.ranges) {
        let written = offset;
        await copy(file, position, length, async (data) => {
          await target.write(data, 0, data.length, written);
          written += data.length;
        });
        position += length;
      }
      await target.sync();
      console.log(`restored ${position - start} bytes from ${path}`);
    });
  }
}

/** The first line of a saved file, and where its data begins. */
async function headerOf(file: FileHandle): Promise<{ header: Header; start: number }> {
  let line = Buffer.alloc(0);
  while (!line.includes('\n')) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, line.length);
    if (bytesRead === 0) throw new Error('this is not a saved file');
    line = Buffer.concat([line, buffer.subarray(0, bytesRead)]);
  }
  const end = line.indexOf('\n');
  return { header: JSON.parse(line.toString('utf8', 0, end)), start: end + 1 };
}

/** Reads a range, and passes it on in parts. */
async function copy(
  from: FileHandle,
  offset: number,
  length: number,
  write: (data: Buffer) => Promise<unknown>,
) {
  for (let done = 0; done < length; ) {
    const size = Math.min(CHUNK_BYTES, length - done);
    const { buffer, bytesRead } = await from.read(Buffer.alloc(size), 0, size, offset + done);
    if (bytesRead === 0) throw new Error(`there are no bytes at ${offset + done}`);
    await write(buffer.subarray(0, bytesRead));
    done += bytesRead;
  }
}

async function using(
  one: FileHandle,
  other: FileHandle,
  use: (one: FileHandle, other: FileHandle) => Promise<void>,
) {
  try {
    await use(one, other);
  } finally {
    await one.close();
    await other.close();
  }
}
