import type { FileSystemType } from './file-system-options.ts';

/** One setting of a mkfs program: `-m 5`, `-m reflink=1` or `-O ^large_dir`. */
export interface MkfsSetting {
  readonly flag: string;
  /** Which setting of the flag it is; empty if the flag has only one. A later setting of the same replaces an earlier one. */
  readonly key: string;
  /** As it is written after the flag. */
  readonly text: string;
}

/** A setting that users may choose, with its possible values. */
interface AllowedSetting {
  readonly flag: string;
  readonly key: string;
  readonly values: Values;
}

/** The possible values of a setting, and how messages name them. */
interface Values {
  readonly shown: string;
  includes(value: string): boolean;
}

const oneOf = (...values: readonly string[]): Values => ({
  shown: values.join('|'),
  includes: (value) => values.includes(value),
});

const range = (lowest: number, highest: number, digits = /^\d{1,15}$/): Values => ({
  shown: `${lowest}..${highest}`,
  includes: (value) => digits.test(value) && Number(value) >= lowest && Number(value) <= highest,
});

const label = (longest: number): Values => ({
  shown: `LABEL of up to ${longest} letters, digits, "_", "." and "-"`,
  includes: (value) => /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(value) && value.length <= longest,
});

/** A feature that is switched on by its name, and off by a caret before it. */
const feature: Values = { shown: '', includes: (value) => value === '' };

const whole = (flag: string, values: Values): AllowedSetting => ({ flag, key: '', values });
const part = (flag: string, key: string, values: Values): AllowedSetting => ({ flag, key, values });

const switched = oneOf('0', '1');
const percent = range(0, 100);

// Nothing that names a device or a file, that makes an image which cannot grow, be copied to another disk or survive a crash, or
// that this driver cannot read afterwards.
const allowed: Readonly<Record<FileSystemType, readonly AllowedSetting[]>> = {
  ext4: [
    whole('-b', oneOf('1024', '2048', '4096')),
    whole('-i', range(1024, 64 * 1024 ** 2)),
    whole('-I', oneOf('256', '512', '1024')),
    whole('-N', range(16, 2 ** 32 - 1)),
    whole('-m', range(0, 50, /^\d{1,2}(\.\d{1,2})?$/)),
    part('-J', 'size', range(1, 10240)),
    ...['dir_index', 'ea_inode', 'encrypt', 'fast_commit', 'inline_data', 'large_dir', 'verity'].map((name) =>
      part('-O', name, feature),
    ),
    whole('-L', label(16)),
  ],
  xfs: [
    part('-b', 'size', oneOf('1024', '2048', '4096')),
    part('-d', 'agcount', range(1, 65536)),
    part('-i', 'size', oneOf('512', '1024', '2048')),
    part('-i', 'maxpct', percent),
    part('-l', 'size', range(4 * 1024 ** 2, 2 * 1024 ** 3)),
    part('-m', 'bigtime', switched),
    part('-m', 'finobt', switched),
    part('-m', 'inobtcount', switched),
    part('-m', 'reflink', switched),
    part('-m', 'rmapbt', switched),
    part('-n', 'size', oneOf('4096', '8192', '16384', '32768', '65536')),
    whole('-L', label(12)),
  ],
  btrfs: [
    whole('-n', oneOf('4096', '8192', '16384', '32768', '65536')),
    whole('-m', oneOf('single', 'dup')),
    whole('-d', oneOf('single', 'dup')),
    whole('-L', label(255)),
  ],
};

/**
 * Parses options of the mkfs program of a file system, as users write them: `-i 8192 -O large_dir`.
 * @returns the settings, or what is wrong with the text, as the end of a sentence
 */
export function parseMkfsOptions(fsType: FileSystemType, text: string): MkfsSetting[] | string {
  const words = text.split(' ');
  const settings: MkfsSetting[] = [];
  for (let index = 0; index < words.length; index += 2) {
    const [flag = '', value] = words.slice(index, index + 2);
    for (const item of value?.split(',') ?? ['']) {
      const setting = settingOf(fsType, flag, item);
      if (!setting) {
        const given = value === undefined ? flag : `${flag} ${item}`;
        return `has "${given}", which is not an option for ${fsType}; possible are ${optionsOf(fsType)}`;
      }
      if (settings.some(({ flag, key }) => flag === setting.flag && key === setting.key))
        return `has "${setting.flag} ${setting.text}" after another value for the same`;
      settings.push(setting);
    }
  }
  return settings;
}

function settingOf(fsType: FileSystemType, flag: string, text: string): MkfsSetting | undefined {
  const [, key = '', value = ''] = /^\^?([^=]*)(?:=(.*))?$/.exec(text) ?? [];
  const found = allowed[fsType].find((each) => {
    if (each.flag !== flag) return false;
    if (each.key === '') return each.values.includes(text);
    return each.key === key && each.values.includes(value) && isWellFormed(each, text);
  });
  return found && { flag, key: found.key, text };
}

/** Only a feature has a caret, and only another setting has a value. */
function isWellFormed({ values }: AllowedSetting, text: string): boolean {
  return values === feature ? !text.includes('=') : !text.startsWith('^');
}

/** The options of a file system, as shown in messages. */
function optionsOf(fsType: FileSystemType): string {
  return allowed[fsType]
    .map(({ flag, key, values }) => {
      if (values === feature) return `${flag} [^]${key}`;
      return key === '' ? `${flag} ${values.shown}` : `${flag} ${key}=${values.shown}`;
    })
    .join(', ');
}

/** Settings as arguments of the program: one flag each, with all that is set by it. */
export function mkfsArguments(settings: readonly MkfsSetting[]): string[] {
  const byFlag = new Map<string, Map<string, string>>();
  for (const { flag, key, text } of settings) {
    const own = byFlag.get(flag) ?? new Map<string, string>();
    byFlag.set(flag, own.set(key, text));
  }
  return [...byFlag].flatMap(([flag, texts]) => [flag, [...texts.values()].join(',')]);
}
