import { mutationSteps, type Step } from '../../src/model/steps.ts';

/** What is done when a driver has forgotten something, in the background. */
const background = 'delete: content removed';

const { createSnapshot, deleteSnapshot, createVolume, createGroupSnapshot, deleteGroupSnapshot, freeze } =
  mutationSteps;

/** The steps of what is done with copies of volumes, at each of which the driver is killed. */
export const stepsOfCopies = {
  createSnapshot,
  deleteSnapshot: [...deleteSnapshot, background],
  createVolume,
  createGroup: createGroupSnapshot,
  deleteGroup: [...deleteGroupSnapshot, background],
  freeze,
} as const;

export const copySteps: readonly Step[] = Object.values(stepsOfCopies).flat();
