import { provisioners } from '../actions/take-over/provisioners.ts';
import { directoryFormats } from '../model/moving/moved-object.ts';
import { defaultStatusSocket } from '../options/monitoring-flags.ts';
import { parseQuantityBytes } from '../units/quantity.ts';

/** A flag of a command. */
export interface CommandFlag {
  /** Empty for a flag without a value, whose value is then `true` or empty. */
  readonly placeholder: string;
  readonly meaning: string;
  readonly default: string;
  /** What is wrong with a value, as the end of a sentence; undefined if nothing is. */
  readonly problem?: (value: string) => string | undefined;
}

export const outputs = ['text', 'json', 'yaml'] as const;

const absolutePath = (value: string) => (value.startsWith('/') ? undefined : 'must be an absolute path');

/** What is wrong with a size, for which an empty text stands for none. */
function sizeProblem(value: string): string | undefined {
  if (value === '') return undefined;
  try {
    return parseQuantityBytes(value) > 0n ? undefined : 'must be more than 0';
  } catch {
    return 'must be a size such as 10Gi or 500M';
  }
}

function oneOf(choices: readonly string[]) {
  return (value: string) => (choices.includes(value) ? undefined : `must be one of ${choices.join(', ')}`);
}

/** For a flag that may be left out. */
function orEmpty(problem: (value: string) => string | undefined) {
  return (value: string) => (value === '' ? undefined : problem(value));
}

/** The flags of every command. */
export const sharedFlags = {
  output: {
    placeholder: 'FORMAT',
    meaning: 'text, json or yaml',
    default: 'text',
    problem: oneOf(outputs),
  },
  socket: {
    placeholder: 'PATH',
    meaning: 'socket of the driver, its flag --status-socket',
    default: defaultStatusSocket,
    problem: absolutePath,
  },
  statedir: {
    placeholder: 'PATH',
    meaning: 'state directory to read if no driver runs',
    default: '/csi-data-dir',
    problem: absolutePath,
  },
} as const satisfies Record<string, CommandFlag>;

const intervalFlag = {
  interval: {
    placeholder: 'SECONDS',
    meaning: 'how often',
    default: '2',
    problem: (value: string) =>
      Number(value) >= 1 && Number(value) <= 3600 ? undefined : 'must be a number of seconds from 1 to 3600',
  },
} as const satisfies Record<string, CommandFlag>;

const checkFlags = {
  repair: { placeholder: '', meaning: 'repair what loses nothing; needs a running driver', default: '' },
  'accept-disk': {
    placeholder: 'POOL',
    meaning: 'with --repair: use this pool although its disk is another (a copy, a new UUID)',
    default: '',
  },
  orphans: {
    placeholder: 'FILE',
    meaning: 'also compare with the output of kubectl get pv -o json, - for standard input',
    default: '',
  },
  'dry-run': { placeholder: '', meaning: 'with --repair: only say what it would do', default: '' },
} as const satisfies Record<string, CommandFlag>;

const trimFlags = {
  volume: { placeholder: 'ID', meaning: 'only this volume', default: '' },
} as const satisfies Record<string, CommandFlag>;

const namespacedName = (value: string) =>
  /^[^/]+\/[^/]+$/.test(value) ? undefined : 'must be NAMESPACE/NAME';

const exportFlags = {
  pool: { placeholder: 'NAME', meaning: 'only the volumes of this pool', default: '' },
  'storage-class': { placeholder: 'NAME', meaning: 'StorageClass of the claims', default: '' },
  secret: {
    placeholder: 'NAMESPACE/NAME',
    meaning: 'Secret with the key of encrypted volumes',
    default: '',
    problem: orEmpty(namespacedName),
  },
  drivername: {
    placeholder: 'NAME',
    meaning: 'name of the driver, if none runs',
    default: 'hostpath.csi.k8s.io',
  },
  nodeid: {
    placeholder: 'ID',
    meaning: 'id of the node, if no driver runs or the node has a new one',
    default: '',
  },
} as const satisfies Record<string, CommandFlag>;

const restoreFlags = {
  name: { placeholder: 'NAME', meaning: 'new name of the volume, if another has its name', default: '' },
  claim: {
    placeholder: 'NAMESPACE/NAME',
    meaning: 'claim that it is for, if not the one before',
    default: '',
    problem: orEmpty(namespacedName),
  },
  'storage-class': exportFlags['storage-class'],
  secret: exportFlags.secret,
} as const satisfies Record<string, CommandFlag>;

const yesFlag = {
  yes: {
    placeholder: '',
    meaning: 'do it: the content cannot be restored',
    default: '',
  },
} as const satisfies Record<string, CommandFlag>;

const rekeyFlags = {
  'key-file': {
    placeholder: 'FILE',
    meaning: 'file with the key as it is, - for a line of standard input',
    default: '',
  },
  'new-key-file': {
    placeholder: 'FILE',
    meaning: 'file with the new key, - for the next line of standard input',
    default: '',
  },
} as const satisfies Record<string, CommandFlag>;

const adoptFlags = {
  pool: { placeholder: 'NAME', meaning: 'pool of the volume (default default)', default: '' },
  name: {
    placeholder: 'NAME',
    meaning: 'name of the volume (default: that of the directory or file)',
    default: '',
  },
  size: {
    placeholder: 'SIZE',
    meaning: 'size of the volume, such as 10Gi (default: what is in it, rounded up to whole GiB)',
    default: '',
    problem: sizeProblem,
  },
  claim: {
    placeholder: 'NAMESPACE/NAME',
    meaning: 'PersistentVolumeClaim to print as well',
    default: '',
    problem: (value: string) =>
      value === '' || /^[a-z0-9-]+\/[a-z0-9.-]+$/.test(value) ? undefined : 'must be NAMESPACE/NAME',
  },
  'storage-class': { placeholder: 'NAME', meaning: 'StorageClass of the claim', default: '' },
  block: { placeholder: '', meaning: 'a file is the content of a block volume', default: '' },
  yes: { placeholder: '', meaning: 'do it; without this flag nothing changes', default: '' },
} as const satisfies Record<string, CommandFlag>;

const takeOverFlags = {
  from: {
    placeholder: 'KIND',
    meaning: `whose volumes they are: ${provisioners.join(', ')}`,
    default: '',
    problem: oneOf(provisioners),
  },
  volumes: {
    placeholder: 'FILE',
    meaning: 'output of kubectl get pv -o json, for their sizes, claims and access modes',
    default: '',
    problem: orEmpty(absolutePath),
  },
  pool: adoptFlags.pool,
  'storage-class': { placeholder: 'NAME', meaning: 'StorageClass of the claims', default: '' },
  yes: adoptFlags.yes,
} as const satisfies Record<string, CommandFlag>;

const sendFlags = {
  since: {
    placeholder: 'ID',
    meaning: 'send only what changed since this snapshot, of an image or with --format=btrfs',
    default: '',
  },
  format: {
    placeholder: 'FORMAT',
    meaning: `${directoryFormats.join(' or ')}: how to send a directory; btrfs needs pools on btrfs`,
    default: 'tar',
    problem: oneOf(directoryFormats),
  },
  from: {
    placeholder: 'BYTES',
    meaning: 'leave out this much of the stream, to go on after an interruption',
    default: '0',
    problem: (value: string) => (/^\d{1,15}$/.test(value) ? undefined : 'must be a number of bytes'),
  },
} as const satisfies Record<string, CommandFlag>;

const kinds = ['volume', 'snapshot'] as const;

const receiveFlags = {
  pool: {
    placeholder: 'NAME',
    meaning: 'pool to receive it in; without, the one with the name of its pool',
    default: '',
  },
  name: {
    placeholder: 'NAME',
    meaning: 'name of the volume or snapshot; without, its name as it was',
    default: '',
  },
  as: {
    placeholder: 'KIND',
    meaning: `${kinds.join(' or ')}; without, as it was`,
    default: '',
    problem: orEmpty(oneOf(kinds)),
  },
  'storage-class': { placeholder: 'NAME', meaning: 'StorageClass of the claim', default: '' },
  namespace: { placeholder: 'NAME', meaning: 'namespace of the VolumeSnapshot', default: 'default' },
} as const satisfies Record<string, CommandFlag>;

/** The commands of the program; without one, it is the driver. */
export const commands = {
  status: { meaning: 'Show pools, volumes, snapshots and jobs.', flags: {} },
  check: {
    meaning: 'Compare the records, the disks and the kernel, and say what is wrong and what to do.',
    flags: checkFlags,
  },
  watch: { meaning: 'Show the status again every few seconds, until Ctrl-C.', flags: intervalFlag },
  trim: {
    meaning: 'Return the space of deleted data in images to their pools.',
    flags: trimFlags,
  },
  export: {
    meaning: 'Print a PersistentVolume and a claim for each volume, for a cluster that was built anew.',
    flags: exportFlags,
  },
  restore: {
    meaning: 'Make a retained or archived volume exist again, and print its PersistentVolume and claim.',
    flags: restoreFlags,
    arguments: ['ID'],
  },
  purge: {
    meaning: 'Remove a retained or archived volume now, for good.',
    flags: yesFlag,
    arguments: ['ID'],
  },
  rekey: {
    meaning: 'Replace the key of an encrypted volume, which may be mounted.',
    flags: rekeyFlags,
    arguments: ['ID'],
  },
  adopt: {
    meaning: 'Make a volume of an existing directory or image file, and print its PersistentVolume.',
    flags: adoptFlags,
    arguments: ['PATH'],
  },
  'take-over': {
    meaning: 'Make volumes of those of another provisioner, and print their PersistentVolumes and claims.',
    flags: takeOverFlags,
    arguments: ['PATH'],
  },
  send: {
    meaning:
      'Write a volume that is not in use, or a snapshot, to standard output, for receive on another node.',
    arguments: ['ID'],
    flags: sendFlags,
  },
  receive: {
    meaning:
      'Make a volume or snapshot of what send writes, read from standard input, and print its Kubernetes objects.',
    flags: receiveFlags,
  },
} as const satisfies Record<string, CommandTable>;

/** A command of the program. */
export interface CommandTable {
  readonly meaning: string;
  readonly flags: Readonly<Record<string, CommandFlag>>;
  /** The words that it needs beside its flags. Their values are those of flags with these names. */
  readonly arguments?: readonly string[];
}

export type CommandName = keyof typeof commands;
