import { randomInt } from 'node:crypto';

/** Chooses the seed of a run, unless it is given, and prints it, so that a failed run can be repeated. */
export default function printSeed(): void {
  process.env['ATTACK_SEED'] ??= String(randomInt(2 ** 32));
  const factor = process.env['ATTACK_FACTOR'] ?? '1';
  process.stdout.write(`attacks: ATTACK_SEED=${process.env['ATTACK_SEED']} ATTACK_FACTOR=${factor}\n`);
}
