// Loaded before the driver's own program: makes each call wait at one step, named by GATE_STEP, until the test
// lets it go on. See `gate.ts` beside this file.
import { register } from 'node:module';

register('./hooks.mjs', import.meta.url);
