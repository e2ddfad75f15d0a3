import type protobuf from 'protobufjs/light.js';
import type { Rpc } from './rpcs.ts';

/** The values of fields that refer to something on the node, by the names of the fields. */
export type KnownValues = Readonly<Record<string, unknown>>;

const common: KnownValues = {
  capacity_range: { required_bytes: 1024 ** 2 },
  volume_capability: { mount: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } },
  volume_capabilities: [{ mount: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } }],
};

/**
 * A request that is not refused for what it lacks, so that an attack in one of its fields reaches more of the driver.
 * @param changes to its fields, which may be in other messages
 */
export function plausibleRequest(
  { request }: Rpc,
  known: KnownValues,
  changes: Readonly<Record<string, unknown>> = {},
): Uint8Array {
  const message = { ...pick(request, { ...common, ...known }), ...changes };
  return request.encode(request.fromObject(message)).finish();
}

function pick({ fields }: protobuf.Type, values: KnownValues): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in fields));
}
