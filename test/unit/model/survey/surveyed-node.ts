import type { Volume } from '../../../../src/model/objects/volume.ts';
import { Surveys, type SurveyWork } from '../../../../src/model/survey/surveys.ts';
import { type FakeModelSettings, fakeNode } from '../fakes/model.ts';

/** A node with directories that have a quota, and its surveys, whose clock the test moves. */
export function surveyedNode(settings: FakeModelSettings = {}, { includesVolumes = true } = {}) {
  const node = fakeNode({ directories: { backend: 'quota' }, ...settings });
  const { model } = node;
  const clock = { nowMs: 0 };
  const errors: unknown[] = [];
  const works: { lost: AbortController; isEnded: boolean; confirm: () => Promise<void> }[] = [];
  const beginWork = (): SurveyWork => {
    const work = { lost: new AbortController(), isEnded: false, confirm: async () => {} };
    works.push(work);
    return {
      pools: model.catalogue.pools,
      lost: work.lost.signal,
      confirm: () => work.confirm(),
      end: () => {
        work.isEnded = true;
      },
    };
  };
  const surveys = new Surveys(model, {
    includesVolumes,
    beginWork,
    onError: (error) => errors.push(error),
    nowMs: () => clock.nowMs,
  });
  /** Lets the surveys that are due end. @returns how many there were */
  const survey = async () => {
    const running = surveys.refresh();
    await Promise.all(running.map(({ ended }) => ended));
    return running.length;
  };
  const addQuotaVolume = (name: string, changes: Partial<Volume> = {}) =>
    node.addVolume(name, { content: { backend: 'quota', projectId: 7 }, ...changes });
  return { ...node, clock, errors, works, surveys, survey, addQuotaVolume };
}
