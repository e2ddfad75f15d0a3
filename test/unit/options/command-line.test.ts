import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../src/options.ts';

const version = '1.2.3';

function errorsOf(...argv: string[]): readonly string[] {
  const commandLine = parseCommandLine(argv, version);
  return commandLine.kind === 'invalid' ? commandLine.errors : [];
}

describe('parseCommandLine', () => {
  it('uses the defaults when only the node id is given', () => {
    expect(parseCommandLine(['--nodeid=node-1'], version)).toEqual({
      kind: 'run',
      options: {
        nodeId: 'node-1',
        driverName: 'hostpath.csi.k8s.io',
        enableTopology: true,
        stateDir: '/csi-data-dir',
        stateDirMarker: undefined,
        requireExistingStateDir: false,
        pools: [],
        configPath: undefined,
        kubeletDir: '/var/lib/kubelet',
        mountDirs: ['/'],
        lockTimeoutMs: 10_000,
        trimIntervalMs: 0,
        maxVolumeSizeBytes: 2n ** 40n,
        maxVolumeSizeNodeBytes: 2n ** 40n,
        capacities: [],
        overcommitThousandths: 1000n,
        attachLimit: 0,
        maxVolumesPerNode: 0,
        enableVolumeExpansion: true,
        disableControllerExpansion: false,
        disableNodeExpansion: false,
        enableAttach: false,
        enableControllerModifyVolume: false,
        abandonedPools: [],
        acceptedMutableParameterNames: [],
        enableListSnapshots: true,
        enableSnapshotMetadata: false,
        snapshotMetadataBlockType: 'FIXED_LENGTH',
        checkVolumeLifecycle: false,
        ephemeral: false,
        endpoint: { kind: 'unix', path: '/tmp/csi.sock' },
        socketMode: 0o700,
        socketGroup: '',
        drainTimeoutMs: 20_000,
        httpEndpoint: undefined,
        metricsPath: '/metrics',
        volumeMetrics: true,
        statusPage: false,
        statusSocket: '/run/csi-hostpath.sock',
        verbosity: 2,
        logFormat: 'auto',
      },
    });
  });

  it("confines mounts to the kubelet's directory in a pod, unless a flag overrides it", () => {
    const mountDirs = (argv: string[], environment = { KUBERNETES_SERVICE_HOST: '10.0.0.1' }) => {
      const commandLine = parseCommandLine(['--nodeid=n', ...argv], version, environment);
      return commandLine.kind === 'run' ? commandLine.options.mountDirs : commandLine;
    };
    expect(mountDirs([])).toEqual(['/var/lib/kubelet']);
    expect(mountDirs(['--kubelet-dir=/data/kubelet'])).toEqual(['/data/kubelet']);
    expect(mountDirs(['--mount-dir=/tmp/a', '--mount-dir', '/tmp/b'])).toEqual(['/tmp/a', '/tmp/b']);
    expect(mountDirs([], { KUBERNETES_SERVICE_HOST: '' })).toEqual(['/']);
  });

  it('reads the arguments of the Go reference driver and its klog flags', () => {
    const argv = [
      '-v=5',
      '--drivername=x.io',
      '-nodeid',
      'n',
      '-logtostderr',
      '--vmodule=a=1',
      '-log_dir',
      '/x',
    ];
    expect(parseCommandLine(argv, version)).toMatchObject({
      kind: 'run',
      options: { verbosity: 5, driverName: 'x.io', nodeId: 'n' },
    });
  });

  it.each(['--help', '-h', '-help', '--h'])('answers %s with help despite mistakes', (flag) => {
    expect(parseCommandLine([flag, '--wrong'], version)).toMatchObject({
      kind: 'help',
      text: expect.stringContaining('Usage:'),
    });
  });

  it('answers --version with the name and version despite a missing node id', () => {
    expect(parseCommandLine(['--version'], version)).toEqual({
      kind: 'version',
      text: 'csi-driver-hostpath 1.2.3',
    });
  });

  it('accepts the flags of a proxy, for which the node id is optional', () => {
    const argv = ['--proxy-endpoint=tcp://host:10', '--endpoint=/a', '--drain-timeout=1s', '--v=4'];
    const proxy = {
      kind: 'proxy',
      options: {
        proxyEndpoint: { kind: 'tcp', host: 'host', port: 10 },
        endpoint: { kind: 'unix', path: '/a' },
        socketMode: 0o700,
        socketGroup: '',
        drainTimeoutMs: 1000,
        verbosity: 4,
        logFormat: 'auto',
      },
    };
    expect(parseCommandLine(argv, version)).toMatchObject(proxy);
    expect(parseCommandLine([...argv, '--nodeid=node-1'], version)).toMatchObject(proxy);
  });

  it.each([
    [[], '/from/environment'],
    [['--endpoint=/from/flag'], '/from/flag'],
  ])('listens at CSI_ENDPOINT, unless a flag overrides it: %j', (argv, path) => {
    const environment = { CSI_ENDPOINT: 'unix:///from/environment' };
    for (const kind of ['--nodeid=n', '--proxy-endpoint=tcp://host:10']) {
      const commandLine = parseCommandLine([kind, ...argv], version, environment);
      expect(commandLine).toMatchObject({ options: { endpoint: { kind: 'unix', path } } });
    }
  });

  it('listens at its default if CSI_ENDPOINT is empty, and refuses a wrong one by its name', () => {
    const parse = (CSI_ENDPOINT: string) => parseCommandLine(['--nodeid=n'], version, { CSI_ENDPOINT });
    expect(parse('')).toMatchObject({ options: { endpoint: { path: '/tmp/csi.sock' } } });
    expect(parse('http://x')).toEqual({
      kind: 'invalid',
      errors: [expect.stringContaining('CSI_ENDPOINT: "http://x" has the unsupported scheme http')],
    });
    const passedRound = parseCommandLine(['--proxy-endpoint=/s'], version, { CSI_ENDPOINT: '/s' });
    expect(passedRound).toMatchObject({ kind: 'invalid' });
  });

  it('runs a driver if the endpoint of a proxy is empty, and requires the node id', () => {
    expect(parseCommandLine(['--nodeid=n', '--proxy-endpoint='], version).kind).toBe('run');
    expect(errorsOf('--proxy-endpoint=')).toEqual(['--nodeid=ID is required']);
  });

  it('does not require a node id if the endpoint of a proxy is invalid', () => {
    expect(errorsOf('--proxy-endpoint=http://x')).toEqual([
      expect.stringContaining('--proxy-endpoint: "http://x" has the unsupported scheme http'),
    ]);
    expect(errorsOf('--proxy-endpoint')).toEqual([
      '--proxy-endpoint needs a value, as in --proxy-endpoint=ENDPOINT',
    ]);
  });

  it('requires the node id', () => {
    expect(errorsOf()).toEqual(['--nodeid=ID is required']);
  });

  it('does not report an invalid node id as missing', () => {
    expect(errorsOf('--nodeid=')).toEqual(['--nodeid: "" must have 1 to 256 bytes']);
  });

  it('does not report a node id as missing whose value is', () => {
    expect(errorsOf('--nodeid')).toEqual(['--nodeid needs a value, as in --nodeid=ID']);
  });

  it.each(['a/b', 'n'.repeat(64)])('refuses the node id %s as a topology segment', (nodeId) => {
    expect(errorsOf(`--nodeid=${nodeId}`)).toEqual([
      expect.stringContaining(`--nodeid: "${nodeId}" is not a valid topology segment`),
    ]);
  });

  it('accepts any node id of at most 256 bytes without topology', () => {
    const commandLine = parseCommandLine([`--nodeid=${'/'.repeat(256)}`, '--enable-topology=false'], version);
    expect(commandLine.kind).toBe('run');
  });

  it('does not check the node id against a topology flag that is itself invalid', () => {
    expect(errorsOf('--nodeid=a/b', '--enable-topology=maybe')).toEqual([
      '--enable-topology: "maybe" must be true or false',
    ]);
  });

  it.each([
    ['--socket-mode=0799', '--socket-mode: "0799" must be an octal file mode such as 0770'],
    ['--statedir=data', '--statedir: "data" must be an absolute path'],
    ['--kubelet-dir=x', '--kubelet-dir: "x" must be an absolute path'],
    ['--maxvolumespernode=-1', '--maxvolumespernode: "-1" must be a whole number from 0 to 2147483647'],
    ['--attach-limit=-2', '--attach-limit: "-2" must be a whole number from -1 to 2147483647'],
    ['--max-volume-size=0', '--max-volume-size: "0" must be at least one byte'],
    ['--max-volume-size-node=0', '--max-volume-size-node: "0" must be at least one byte'],
    ['--max-volume-size-node=', expect.stringContaining('--max-volume-size-node: "" is not a size')],
    ['--pool=fast', '--pool: "fast" must have the form NAME=PATH'],
    ['--pool=fast=disk', '--pool: "disk" must be an absolute path'],
    ['--pool=Fast=/x', expect.stringContaining('--pool: "Fast" is not a valid pool name; ')],
    [
      '--pool=default=/x',
      '--pool: "default" is the name of the pool in the state directory; set its path with --statedir',
    ],
    ['--capacity=1Gi', '--capacity: "1Gi" must have the form NAME=SIZE'],
    ['--capacity=fast=0', '--capacity: "0" must be at least one byte'],
    ['--capacity=-=1Gi', expect.stringContaining('--capacity: "-" is not a valid name of a pool or class; ')],
    ['--overcommit=0.9', '--overcommit: "0.9" must be a number from 1 to 1000 with at most three decimals'],
    ['--enable-volume-expansion=x', '--enable-volume-expansion: "x" must be true or false'],
    ['--node-expand-required=x', '--node-expand-required: "x" must be true or false'],
    ['--disable-controller-expansion=x', '--disable-controller-expansion: "x" must be true or false'],
    ['--disable-node-expansion=x', '--disable-node-expansion: "x" must be true or false'],
    ['--lock-timeout=10', '--lock-timeout: "10" must be a duration such as 10s, 500ms or 1m30s'],
    ['--drain-timeout=x', '--drain-timeout: "x" must be a duration such as 10s, 500ms or 1m30s'],
    ['--log-format=xml', '--log-format: "xml" must be one of auto, json, pretty'],
    ['-v=-1', '--v: "-1" must be a whole number from 0 to 2147483647'],
    ['--logtostderr=x', '--logtostderr: "x" must be true or false'],
  ])('refuses %s', (flag, error) => {
    expect(errorsOf('--nodeid=n', flag)).toEqual([error]);
  });

  it('reads pools and their capacities, in order', () => {
    const argv = ['--pool=fast=/mnt//fast/', '--pool', 'slow-1=/mnt/slow', '--capacity=fast=1.5T'];
    argv.push('--capacity', 'default=10Gi', '--capacity=Any.kind_1=500M', '--overcommit=1.25');
    expect(parseCommandLine(['--nodeid=n', ...argv], version)).toMatchObject({
      kind: 'run',
      options: {
        pools: [
          { name: 'fast', path: '/mnt/fast' },
          { name: 'slow-1', path: '/mnt/slow' },
        ],
        capacities: [
          { name: 'fast', capacityBytes: 1_500_000_000_000n },
          { name: 'default', capacityBytes: 10n * 2n ** 30n },
          { name: 'Any.kind_1', capacityBytes: 500_000_000n },
        ],
        overcommitThousandths: 1250n,
      },
    });
  });

  it.each([
    [['--max-volume-size=1Gi'], 2n ** 30n],
    [['--max-volume-size-node=2Gi', '--max-volume-size=1Gi'], 2n ** 31n],
  ])('makes a node grow volumes, with %j, up to %d bytes', (argv, maxVolumeSizeNodeBytes) => {
    expect(parseCommandLine(['--nodeid=n', ...argv], version)).toMatchObject({
      options: { maxVolumeSizeNodeBytes },
    });
  });

  it('reads the expansion flags, under the old name too', () => {
    const argv = [
      '--node-expand-required=false',
      '--disable-controller-expansion',
      '--disable-node-expansion=1',
    ];
    expect(parseCommandLine(['--nodeid=n', ...argv], version)).toMatchObject({
      options: {
        enableVolumeExpansion: false,
        disableControllerExpansion: true,
        disableNodeExpansion: true,
      },
    });
  });

  it('reports conflicting pools along with other errors', () => {
    const argv = ['--statedir=/data', '--pool=a=/data/a', '--v=x', '--capacity=a=1', '--capacity=a=2'];
    expect(errorsOf(...argv)).toEqual([
      '--v: "x" must be a whole number from 0 to 2147483647',
      '--nodeid=ID is required',
      '--pool: "a" at "/data/a" is inside the state directory at "/data"',
      '--capacity: duplicate name "a"',
    ]);
  });

  it('does not check pools against a state directory that is itself invalid', () => {
    expect(errorsOf('--nodeid=n', '--statedir=x', '--pool=a=/csi-data-dir/a')).toEqual([
      '--statedir: "x" must be an absolute path',
    ]);
  });

  it.each([
    ['unix:///tmp/a.sock', '/tmp/a.sock'],
    ['/tmp/./b/../a.sock', 'unix:/tmp/a.sock'],
    ['a.sock', `${process.cwd()}/a.sock`],
    ['tcp://host:1', 'TCP://host:1'],
  ])('refuses to pass calls on from %s to %s, which is the same', (endpoint, proxyEndpoint) => {
    expect(errorsOf(`--endpoint=${endpoint}`, `--proxy-endpoint=${proxyEndpoint}`)).toEqual([
      expect.stringMatching(/^--proxy-endpoint: ".*" is the same as --endpoint; /),
    ]);
  });

  it('does not compare the endpoint of a proxy with one that is itself invalid', () => {
    expect(errorsOf('--endpoint=http://x', '--proxy-endpoint=/tmp/csi.sock')).toEqual([
      expect.stringContaining('--endpoint: "http://x"'),
    ]);
  });

  it('reports every error at once', () => {
    expect(errorsOf('--stat-dir', '/x', '--v=high', '--drivername=_', 'extra')).toEqual([
      'unknown flag --stat-dir; did you mean --statedir?',
      '--v: "high" must be a whole number from 0 to 2147483647',
      expect.stringContaining('--drivername: "_" is not a valid driver name'),
      'unexpected argument "extra"',
      '--nodeid=ID is required',
    ]);
  });
});
