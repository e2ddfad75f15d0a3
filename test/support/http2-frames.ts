export type Header = readonly [name: string, value: string];

/** What a client sends first. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const HEAD_BYTES = 9;

export const frameTypes = { data: 0, headers: 1, rstStream: 3, settings: 4 } as const;

const END_HEADERS = 4;

export function settingsFrame(): Buffer {
  return frame(frameTypes.settings, 0, 0, Buffer.alloc(0));
}

export function headersFrame(headers: readonly Header[], flags: number, streamId = 1): Buffer {
  // Each as a literal that is not added to a table and not compressed (HPACK, Literal Header Field without Indexing).
  const literals = headers.map((header) =>
    Buffer.concat([Buffer.of(0), ...header.flatMap((text) => [Buffer.of(text.length), Buffer.from(text)])]),
  );
  return frame(frameTypes.headers, END_HEADERS | flags, streamId, Buffer.concat(literals));
}

export function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}
