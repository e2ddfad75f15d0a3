const gatedSteps = new URL('./gated-steps.mjs', import.meta.url).href;

/** Puts `gated-steps.mjs` in place of the driver's steps. */
export async function resolve(specifier, context, nextResolve) {
  const resolved = await nextResolve(specifier, context);
  const isReplaced = resolved.url.endsWith('/dist/model/steps.js') && context.parentURL !== gatedSteps;
  return isReplaced ? { ...resolved, url: gatedSteps } : resolved;
}
