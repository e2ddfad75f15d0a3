import { mutationSteps, type Step } from '../../src/model/steps.ts';

/** The background work after a driver has forgotten an object. */
const background = 'delete: content removed';

const { createSnapshot, deleteSnapshot, createVolume, createGroupSnapshot, deleteGroupSnapshot, freeze } =
  mutationSteps;

/** The steps of copying volumes at which the driver is killed. */
export const stepsOfCopies = {
  createSnapshot,
  deleteSnapshot: [...deleteSnapshot, background],
  createVolume,
  createGroup: createGroupSnapshot,
  deleteGroup: [...deleteGroupSnapshot, background],
  freeze,
} as const;

/** Those, and the steps of content that is made anew as a copy (kill-rebuild.test.ts). */
export const copySteps: readonly Step[] = [
  ...Object.values(stepsOfCopies).flat(),
  ...mutationSteps.rebuildContent,
];
