/** Which processor a program runs on, so that what is measured and what measures it do not take each other's time. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** What is measured has the first processor for itself, and whoever drives it the second. */
export type Processor = 0 | 1;

/** Whether this system can pin: a small one may have no taskset(1). */
const canPin = existsSync('/usr/bin/taskset');

/** The command and its arguments that run a program on one processor, where the system allows it. */
export function pinned(on: Processor, command: string, args: string[]): [string, string[]] {
  return canPin ? ['taskset', ['--cpu-list', String(on), command, ...args]] : [command, args];
}

/** Pins this very process. */
export function pinSelf(on: Processor): void {
  if (!canPin) return;
  execFileSync('taskset', ['--pid', '--cpu-list', String(on), String(process.pid)], { stdio: 'ignore' });
}
