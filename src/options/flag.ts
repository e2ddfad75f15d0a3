/** How the text of one flag becomes a value; the table of flags names one of these for each flag. */
export interface ValueKind<Value> {
  /** What stands for the value in help, such as `PATH`; empty for a boolean. */
  readonly placeholder: string;
  /** The forms the text may take, as a phrase for help; empty where the flag's own meaning says it. */
  readonly forms: string;
  /** False for a boolean, which takes its value only after `=`. */
  readonly takesNextWord: boolean;
  /** Throws an Error whose message quotes the text and says what is possible. */
  parse(text: string): Value;
}

interface Flag {
  /** As written after the dashes. */
  readonly name: string;
  /** Other names that mean the same, such as a name the flag had before. */
  readonly aliases?: readonly string[];
  readonly kind: ValueKind<unknown>;
}

interface Described extends Flag {
  /** Flags of one group stand together in help and in the documentation. */
  readonly group: string;
  /** One sentence, which does not repeat the default. */
  readonly meaning: string;
}

/** A flag that is always present in the options: its default is text, read the way the flag's value is. */
export interface DefaultedFlag extends Described {
  readonly default: string;
  /** The environment variable that stands in for the default where it is set and not empty; the meaning says so. */
  readonly environment?: string;
}

/** A flag that, where it is not given, has the value of another flag of the same kind; its meaning says so. */
export interface FollowingFlag extends Described {
  /** The name of the other flag. */
  readonly defaultFrom: string;
}

export interface RequiredFlag extends Described {
  readonly required: true;
  /** The name of another flag, whose value may be undefined; where it has one, this flag may be left out. */
  readonly unless?: string;
}

/** A flag whose occurrences accumulate in a list, which is empty without any. */
export interface RepeatableFlag extends Described {
  readonly repeatable: true;
}

/** A boolean flag that asks for a text in place of a run. */
export interface RequestFlag extends Described {
  readonly request: 'help' | 'version';
  readonly kind: ValueKind<boolean>;
}

/** A flag accepted so that old manifests keep working; its value is checked and dropped. */
export interface IgnoredFlag extends Flag {
  readonly ignored: true;
}

export type DescribedFlag = DefaultedFlag | FollowingFlag | RequiredFlag | RepeatableFlag | RequestFlag;
export type AnyFlag = DescribedFlag | IgnoredFlag;

/** The key of an entry is the name of the option in the program, with its unit last. */
export type FlagTable = { readonly [key: string]: AnyFlag };

type ValueOf<F> = F extends { readonly kind: ValueKind<infer Value> }
  ? F extends RepeatableFlag
    ? readonly Value[]
    : Value
  : never;

/** The options a table describes: exact types and nothing absent. */
export type ValuesOf<Table> = {
  readonly [Key in keyof Table as Table[Key] extends RequestFlag | IgnoredFlag ? never : Key]: ValueOf<
    Table[Key]
  >;
};

export function namesOf(flag: AnyFlag): readonly string[] {
  return [flag.name, ...(flag.aliases ?? [])];
}

/** The flags that are described, by group, both in the order of the table. */
export function groupsOf(table: FlagTable): ReadonlyMap<string, readonly DescribedFlag[]> {
  const groups = new Map<string, DescribedFlag[]>();
  for (const flag of Object.values(table)) {
    if ('ignored' in flag) continue;
    groups.set(flag.group, [...(groups.get(flag.group) ?? []), flag]);
  }
  return groups;
}

export function ignoredFlagsOf(table: FlagTable): readonly IgnoredFlag[] {
  return Object.values(table).filter((flag) => 'ignored' in flag);
}

/** The accepted forms of each placeholder in the table, each said once. */
export function formsOf(table: FlagTable): ReadonlyMap<string, string> {
  const kinds = Object.values(table).map((flag) => flag.kind);
  return new Map(kinds.filter((kind) => kind.forms !== '').map((kind) => [kind.placeholder, kind.forms]));
}
