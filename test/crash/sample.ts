const SHARE = 5;

/**
 * The steps at which a crash test kills the driver: every fifth in `npm test`, others for each kind of volume, so that
 * together the kinds are killed at nearly all of them; each of them in `npm run test:crash`.
 * @param offset a number of its own for each kind
 */
export function sampleOf<Step>(steps: readonly Step[], offset: number): readonly Step[] {
  if (process.env['CRASH_STEPS'] === 'all') return steps;
  const share = Math.min(SHARE, steps.length);
  return steps.filter((_, index) => (index + offset) % share === 0);
}
