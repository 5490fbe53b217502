import { randomBytes } from 'node:crypto';

/** A unique name for what a test creates in the engine. */
export function uniqueName(): string {
  return `knock-test-${randomBytes(4).toString('hex')}`;
}
