/** Numbers of capabilities(7). */
const numbers = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  FSETID: 4,
  SYS_ADMIN: 21,
  SYS_RESOURCE: 24,
  MKNOD: 27,
  SETFCAP: 31,
} as const;
const LAST = 40;

export type Capability = keyof typeof numbers;

/** Makes Node leave a program fewer capabilities: its own flags, and the environment. */
export interface Limited {
  readonly program: string[];
  readonly env: Record<string, string>;
}

/** A program with only these capabilities. */
export function withCapabilities(...names: Capability[]): Limited {
  return limitedTo(names.map((name) => numbers[name]));
}

/** A program with all capabilities but this one. */
export function withoutCapability(name: Capability): Limited {
  return limitedTo(
    Array.from({ length: LAST + 1 }, (_, number) => number).filter((each) => each !== numbers[name]),
  );
}

function limitedTo(kept: readonly number[]): Limited {
  const program = ['--require=./test/support/limit-capabilities.cjs'];
  return { program, env: { CAPABILITIES: kept.join() } };
}
