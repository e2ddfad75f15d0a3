import { mutationSteps, type Step } from '../../src/model/steps.ts';

/** The steps of volumes that were deleted and are kept. */
export const archiveSteps: readonly Step[] = [...mutationSteps.restoreVolume, ...mutationSteps.purgeVolume];
