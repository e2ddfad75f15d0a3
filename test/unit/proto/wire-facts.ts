import { readFileSync } from 'node:fs';

/** A field of a message; `type` as in a proto file, relative to the package. */
export interface FieldFacts {
  number: number;
  type: string;
  oneof?: string;
  options?: string[];
}

export interface MessageFacts {
  fields: Record<string, FieldFacts>;
  reserved?: number[][];
  options?: string[];
}

export interface EnumFacts {
  values: Record<string, number>;
  reserved?: number[][];
  options?: string[];
  value_options?: Record<string, string[]>;
}

export interface RpcFacts {
  request: string;
  response: string;
  client_streaming?: true;
  server_streaming?: true;
  options?: string[];
}

export interface ServiceFacts {
  options: string[];
  rpcs: Record<string, RpcFacts>;
}

/** The complete wire format of CSI. Ranges are inclusive; names of options are sorted. */
export interface WireFacts {
  spec: string;
  syntax: string;
  package: string;
  imports: string[];
  go_package: string;
  extensions: Record<string, { extends: string; number: number; type: string }>;
  services: Record<string, ServiceFacts>;
  messages: Record<string, MessageFacts>;
  enums: Record<string, EnumFacts>;
}

/** The published facts of CSI v1.13.0. */
export const publishedFacts = JSON.parse(
  readFileSync(new URL('./csi-1.13.0.wire.json', import.meta.url), 'utf8'),
) as WireFacts;
