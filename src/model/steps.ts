/** The steps that create a recorded object. */
function creation<Kind extends string>(kind: Kind) {
  return [
    `${kind}: directory made`,
    `${kind}: record written`,
    `${kind}: content made`,
    `${kind}: built durably`,
    `${kind}: renamed`,
    `${kind}: durable`,
  ] as const;
}

/** The steps that remove it; its content is removed afterwards. */
function removal<Kind extends string>(kind: Kind) {
  return [`${kind}: renamed`, `${kind}: durable`] as const;
}

/**
 * The steps of every mutation, in order. The process may die after each of them, and the next start and a retry must
 * be able to work with the state on disk and the mounts.
 */
export const mutationSteps = {
  createVolume: creation('create'),
  adoptVolume: [
    'adopt: prepared',
    'adopt: moved',
    'adopt: moved durably',
    'adopt: limited',
    'adopt: renamed',
    'adopt: durable',
  ],
  deleteVolume: ['delete: checked', ...removal('delete'), 'delete: content removed'],
  retainVolume: ['retain: recorded', 'retain: renamed', 'retain: durable'],
  restoreVolume: ['restore: recorded', 'restore: renamed', 'restore: durable'],
  purgeVolume: removal('purge'),
  attachVolume: ['attach: checked', 'attach: recorded'],
  detachVolume: ['detach: recorded'],
  modifyVolume: ['modify: checked', 'modify: limits applied', 'modify: recorded'],
  createSnapshot: creation('snapshot'),
  deleteSnapshot: removal('delete snapshot'),
  createGroupSnapshot: creation('group'),
  deleteGroupSnapshot: removal('delete group'),
  freeze: ['freeze: marked', 'freeze: frozen', 'freeze: cut', 'freeze: thawed', 'freeze: unmarked'],
  expandVolume: ['expand: checked', 'expand: content grown', 'expand: recorded'],
  rebuildContent: ['rebuild: content made', 'rebuild: exchanged', 'rebuild: durable'],
  expandImage: ['expand: device grown', 'expand: file system grown'],
  stageVolume: ['stage: checked', 'stage: mounted'],
  stageImage: ['stage: formatted', 'stage: file system mounted'],
  stageBlock: ['stage: attached'],
  publishVolume: ['publish: checked', 'publish: target made', 'publish: mounted'],
  unpublishVolume: ['unpublish: checked', 'unpublish: unmounted', 'unpublish: target removed'],
  unstageVolume: ['unstage: checked', 'unstage: unmounted'],
  unstageBlock: ['unstage: detached'],
} as const;

export type Step = (typeof mutationSteps)[keyof typeof mutationSteps][number];

/**
 * Called at every step of a mutation. The driver does nothing here; a test stops the process here, or makes the step fail.
 */
export type OnStep = (step: Step) => void | Promise<void>;

export const passStep: OnStep = () => {};

/** Whether nothing happens at steps, so that work need not stop there. */
export function areStepsPassed(onStep: OnStep): boolean {
  return onStep === passStep;
}
