import { randomBytes } from 'node:crypto';

/** A name for what one test makes in the engine, and nothing else has. */
export function uniqueName(): string {
  return `knock-test-${randomBytes(4).toString('hex')}`;
}
