/** How the text of a flag becomes a value; the table of flags assigns one to each flag. */
export interface ValueKind<Value> {
  /** The placeholder for the value in help, such as `PATH`; empty for a boolean. */
  readonly placeholder: string;
  /** The accepted forms of the text, as a phrase for help; empty if the flag's meaning states them. */
  readonly forms: string;
  /** False for a boolean, whose value can only follow `=`. */
  readonly takesNextWord: boolean;
  /** @throws Error whose message quotes the text and says what is accepted */
  parse(text: string): Value;
}

interface Flag {
  /** The name after the dashes. */
  readonly name: string;
  /** Alternative names, such as a former name of the flag. */
  readonly aliases?: readonly string[];
  readonly kind: ValueKind<unknown>;
}

interface Described extends Flag {
  /** Flags of one group are listed together in help and in the documentation. */
  readonly group: string;
  /** One sentence that does not repeat the default. */
  readonly meaning: string;
}

/** A flag that always has a value: its default is text, parsed like a given value. */
export interface DefaultedFlag extends Described {
  readonly default: string;
  /** The environment variable that replaces the default if it is set and not empty; the meaning says so. */
  readonly environment?: string;
}

/** A flag whose default is the value of another flag of the same kind; its meaning says so. */
export interface FollowingFlag extends Described {
  /** The name of the other flag. */
  readonly defaultFrom: string;
}

export interface RequiredFlag extends Described {
  readonly required: true;
  /** The name of another flag, whose value may be undefined; if it has a value, this flag may be omitted. */
  readonly unless?: string;
}

/** A flag whose occurrences accumulate in a list, which is empty without any. */
export interface RepeatableFlag extends Described {
  readonly repeatable: true;
}

/** A boolean flag that prints a text instead of starting the driver. */
export interface RequestFlag extends Described {
  readonly request: 'help' | 'version';
  readonly kind: ValueKind<boolean>;
}

/** A flag accepted so that old manifests keep working; its value is checked and discarded. */
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

/** The options that a table describes, with exact types and no absent properties. */
export type ValuesOf<Table> = {
  readonly [Key in keyof Table as Table[Key] extends RequestFlag | IgnoredFlag ? never : Key]: ValueOf<
    Table[Key]
  >;
};

export function namesOf(flag: AnyFlag): readonly string[] {
  return [flag.name, ...(flag.aliases ?? [])];
}

/** The documented flags by group; groups and flags in the order of the table. */
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

/** The accepted forms of each placeholder in the table, without repetitions. */
export function formsOf(table: FlagTable): ReadonlyMap<string, string> {
  const kinds = Object.values(table).map((flag) => flag.kind);
  return new Map(kinds.filter((kind) => kind.forms !== '').map((kind) => [kind.placeholder, kind.forms]));
}
