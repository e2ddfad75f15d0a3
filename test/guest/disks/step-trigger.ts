import type { OnStep } from '../../../src/model/steps.ts';

/** Does something when a driver comes to one of its next steps. */
export class StepTrigger {
  private stepsLeft = 0;
  private action: (() => void) | undefined;

  readonly onStep: OnStep = () => {
    if (this.action === undefined || this.stepsLeft-- > 0) return;
    const { action } = this;
    this.action = undefined;
    action();
  };

  /** @returns when it is done */
  after(stepCount: number, action: () => void): Promise<void> {
    this.stepsLeft = stepCount;
    return new Promise((resolve) => {
      this.action = () => {
        action();
        resolve();
      };
    });
  }
}
