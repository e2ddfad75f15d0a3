import { describe, expect, test } from 'vitest';
import { ConfigFileError } from '../../../src/config/config-error.ts';
import { nodePoolsIn } from '../../../src/config/config-file.ts';
import type { NodeFlags, NodePools } from '../../../src/config/node-pools.ts';

const noFlags: NodeFlags = { nodeId: 'edge-1', stateDir: '/state', pools: [], capacities: [] };

function poolsIn(text: string, flags: Partial<NodeFlags> = {}): NodePools {
  return nodePoolsIn('/etc/driver.yaml', text, { ...noFlags, ...flags });
}

/** The problems of a file, without the name of the file that each begins with. */
function problemsOf(text: string, flags: Partial<NodeFlags> = {}): string[] {
  try {
    poolsIn(text, flags);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error;
    return error.problems.map((problem) => problem.replace(/^\/etc\/driver\.yaml: /, ''));
  }
}

/** A file with one pool, in flow style. */
const pool = (fields: string) => `pools: [{name: a, path: /a, ${fields}}]`;

describe('a configuration file', () => {
  test('may use every key', () => {
    const text = `
# The disks of the edge.
pools:
  - name: fast
    path: /mnt/nvme/csi-hostpath/
    capacity: 500Gi
    reserve: 10%
    nodes: ["edge-*"]
`;
    expect(poolsIn(text)).toEqual({
      here: [
        {
          name: 'fast',
          path: '/mnt/nvme/csi-hostpath',
          capacityBytes: 500n * 1024n ** 3n,
          reserve: { percentHundredths: 1000n },
        },
      ],
      elsewhere: new Set(),
    });
  });

  test('needs a name and a path for each pool', () => {
    expect(poolsIn('pools:\n- name: "7"\n  path: /x\n')).toEqual({
      here: [{ name: '7', path: '/x', capacityBytes: undefined, reserve: { bytes: 0n } }],
      elsewhere: new Set(),
    });
  });

  test('may have no pool', () => {
    expect(poolsIn('pools: []')).toEqual({ here: [], elsewhere: new Set() });
  });

  test.each([
    ['capacity: 1000', 1000n],
    ['capacity: 0x10', undefined],
    ['capacity: 1e3', 1000n],
    ['capacity: "1.5Ki"', 1536n],
  ])('has values as in flags: %s', (field, bytes) => {
    const found =
      problemsOf(pool(field)).length === 0 ? poolsIn(pool(field)).here[0]?.capacityBytes : undefined;
    expect(found).toBe(bytes);
  });

  test('may use anchors', () => {
    const text =
      'pools:\n- &a {name: a, path: /a, nodes: &n [x, edge-1]}\n- {name: b, path: /b, nodes: *n}\n';
    expect(poolsIn(text).here.map(({ name }) => name)).toEqual(['a', 'b']);
  });
});

describe('the pools of a node', () => {
  const text = `
pools:
- {name: all, path: /all}
- {name: edge, path: /edge, nodes: [edge-*]}
- {name: core, path: /core, nodes: [core-*, main]}
- {name: fast, path: /mnt/a, nodes: [edge-*]}
- {name: fast, path: /mnt/b, nodes: [core-*]}
`;

  test.each([
    ['edge-1', { all: '/all', edge: '/edge', fast: '/mnt/a' }, ['core']],
    ['core-1', { all: '/all', core: '/core', fast: '/mnt/b' }, ['edge']],
    ['main', { all: '/all', core: '/core' }, ['edge', 'fast']],
    ['other', { all: '/all' }, ['edge', 'core', 'fast']],
  ])('%s', (nodeId, here, elsewhere) => {
    const pools = poolsIn(text, { nodeId });
    expect(Object.fromEntries(pools.here.map(({ name, path }) => [name, path]))).toEqual(here);
    expect([...pools.elsewhere]).toEqual(elsewhere);
  });
});

describe('a problem of a configuration file is reported with its field and value', () => {
  test.each([
    ['', 'pools is required'],
    ['# nothing', 'pools is required'],
    ['{}', 'pools is required'],
    ['[x]', '["x"] must be a mapping of keys to values'],
    ['pools:', 'pools: "" must be a list'],
    ['pools: {a: b}', 'pools: {"a":"b"} must be a list'],
    ['pools: [x]', 'pools[0]: "x" must be a mapping of keys to values'],
    ['pools: []\npool: []', 'unknown key "pool"; did you mean pools?'],
    ['pools: []\ncolour: blue', 'unknown key "colour"; expected one of pools'],
    ['pools: []\n__proto__: x', 'unknown key "__proto__"; expected one of pools'],
    ['pools: [{path: /a}]', 'pools[0].name is required'],
    ['pools: [{name: a}]', 'pools[0].path is required'],
    [pool('reserved: 10%'), 'pools[0]: unknown key "reserved"; did you mean reserve?'],
    [pool('x: 1'), 'pools[0]: unknown key "x"; expected one of name, path, capacity, reserve, nodes'],
    ['pools: [{name: A, path: /a}]', 'pools[0].name: "A" is not a valid pool name; it must have'],
    [
      'pools: [{name: default, path: /a}]',
      'pools[0].name: "default" is the name of the pool in the state directory; set its path with --statedir',
    ],
    ['pools: [{name: a, path: a}]', 'pools[0].path: "a" must be an absolute path'],
    ['pools: [{name: a, path: /a/../b}]', 'pools[0].path: "/a/../b" must not contain ".."'],
    [pool('capacity: much'), 'pools[0].capacity: "much" is not a size'],
    [pool('capacity: 0'), 'pools[0].capacity: "0" must be at least one byte'],
    [pool('capacity: '), 'pools[0].capacity: "" is not a size'],
    [pool('capacity: ~'), 'pools[0].capacity: "~" is not a size'],
    [pool('capacity: [1]'), 'pools[0].capacity: ["1"] must be a single value'],
    [pool('reserve: 100%'), 'pools[0].reserve: "100%" must be a percentage from 0% to 99.99%'],
    [pool('reserve: some'), 'pools[0].reserve: "some" is not a size'],
    [pool('nodes: edge-1'), 'pools[0].nodes: "edge-1" must be a list'],
    [
      pool('nodes: []'),
      'pools[0].nodes: [] must have an entry; without pools[0].nodes, all nodes have the pool',
    ],
    [pool('nodes: [""]'), 'pools[0].nodes[0]: "" must have 1 to 256 characters'],
    [pool('nodes: [[a]]'), 'pools[0].nodes[0]: ["a"] must be a single value'],
    ['pools: [', 'not valid YAML: Flow sequence'],
    ['pools: []\npools: []', 'not valid YAML: Map keys must be unique at line 2, column 1'],
    ['pools: *x', 'not valid YAML: Unresolved alias'],
    ['pools: !set []', 'not valid YAML: Unresolved tag: !set at line 1, column 8'],
    ['--- {pools: []}\n--- {pools: []}', 'not valid YAML: Source contains multiple documents'],
    ['['.repeat(100_000), 'not valid YAML: it is nested too deeply'],
    [`--- {}\n--- ${'['.repeat(100_000)}`, 'not valid YAML: it is nested too deeply'],
    ['- '.repeat(100_000), 'not valid YAML: it is nested too deeply'],
  ])('%j', (text, problem) => {
    const [first = '', ...others] = problemsOf(text);
    expect(first.slice(0, problem.length)).toBe(problem);
    // What is left open is not closed either.
    if (!first.startsWith('not valid YAML')) expect(others).toEqual([]);
  });

  test('all at once, each with the name of the file', () => {
    const text = 'colour: blue\npools: [{name: A, path: a, reserve: 200%}, {name: b, size: 1}]';
    expect(() => poolsIn(text)).toThrow(
      [
        '/etc/driver.yaml: pools[0].name: "A" is not a valid pool name; it must have at most 63 lowercase letters, digits and dashes, and begin and end with a letter or digit',
        '/etc/driver.yaml: pools[0].path: "a" must be an absolute path',
        '/etc/driver.yaml: pools[0].reserve: "200%" must be a percentage from 0% to 99.99% with at most two decimals, or a size such as 50Gi',
        '/etc/driver.yaml: pools[1].path is required',
        '/etc/driver.yaml: pools[1]: unknown key "size"; expected one of name, path, capacity, reserve, nodes',
        '/etc/driver.yaml: unknown key "colour"; expected one of pools',
      ].join('\n'),
    );
  });

  test('a long value is cut', () => {
    const [problem = ''] = problemsOf(`pools: {a: ${'x'.repeat(10_000)}}`);
    expect(problem.length).toBeLessThan(300);
  });
});

describe('a conflict with a flag names both', () => {
  const flags = {
    pools: [{ name: 'slow', path: '/mnt/slow' }],
    capacities: [{ name: 'gold', capacityBytes: 1n }],
  };

  test.each([
    ['{name: slow, path: /x}', 'pools[0].name: "slow" is the name of another pool, --pool=slow=/mnt/slow'],
    [
      '{name: slow, path: /x, nodes: [core-1]}',
      'pools[0].name: "slow" is the name of another pool, --pool=slow=/mnt/slow',
    ],
    [
      '{name: gold, path: /x, nodes: [core-1]}',
      'pools[0].name: "gold" is also in --capacity=gold; set its capacity in the file',
    ],
    [
      '{name: a, path: /mnt/slow}',
      'pools[0].path: "/mnt/slow" is the same directory as pool "slow" (--pool)',
    ],
    [
      '{name: a, path: /mnt/slow/a}',
      'pools[0].path: "/mnt/slow/a" is inside pool "slow" (--pool) at "/mnt/slow"',
    ],
    ['{name: a, path: /mnt}', 'pools[0].path: "/mnt" contains pool "slow" (--pool) at "/mnt/slow"'],
    ['{name: a, path: /state/a}', 'pools[0].path: "/state/a" is inside the state directory at "/state"'],
    [
      '{name: a, path: /b}, {name: b, path: /b}',
      'pools[1].path: "/b" is the same directory as pool "a" (pools[0])',
    ],
    [
      '{name: a, path: /b}, {name: b, path: /b/c}',
      'pools[1].path: "/b/c" is inside pool "a" (pools[0]) at "/b"',
    ],
    [
      '{name: a, path: /b}, {name: a, path: /c, nodes: ["edge-*"]}',
      'pools[1].name: "a" is also the name of pools[0], and node "edge-1" has both',
    ],
  ])('%s', (entries, problem) => {
    expect(problemsOf(`pools: [${entries}]`, flags)).toEqual([problem]);
  });

  test('paths on other nodes do not conflict', () => {
    const text =
      'pools: [{name: a, path: /b}, {name: b, path: /b, nodes: [core-1]}, {name: c, path: /mnt, nodes: [x]}]';
    expect(problemsOf(text, flags)).toEqual([]);
  });
});
