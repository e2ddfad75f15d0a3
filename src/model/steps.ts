/** How an object that is remembered comes to be. */
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

/** How it goes; its content is removed afterwards. */
function removal<Kind extends string>(kind: Kind) {
  return [`${kind}: renamed`, `${kind}: durable`] as const;
}

/**
 * The steps of every mutation, in the order they are reached. After each the process may die, and what is on
 * disk and mounted must be something the next start and a retry can work with.
 */
export const mutationSteps = {
  createVolume: creation('create'),
  deleteVolume: ['delete: checked', ...removal('delete'), 'delete: content removed'],
  retainVolume: ['retain: renamed', 'retain: durable'],
  attachVolume: ['attach: checked', 'attach: recorded'],
  detachVolume: ['detach: recorded'],
  modifyVolume: ['modify: checked', 'modify: limits applied', 'modify: recorded'],
  createSnapshot: creation('snapshot'),
  deleteSnapshot: removal('delete snapshot'),
  createGroupSnapshot: creation('group'),
  deleteGroupSnapshot: removal('delete group'),
  freeze: ['freeze: marked', 'freeze: frozen', 'freeze: cut', 'freeze: thawed', 'freeze: unmarked'],
  expandVolume: ['expand: checked', 'expand: content grown', 'expand: recorded'],
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
 * The one place every step of a mutation goes through. The driver does nothing there; a test stops the process
 * there, or makes the step fail.
 */
export type OnStep = (step: Step) => void | Promise<void>;

export const passStep: OnStep = () => {};
