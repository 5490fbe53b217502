/** Pins programs to processors, so that the load and the server under measurement do not compete. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** 0: for the server under measurement alone. 1: for the load. */
export type Processor = 0 | 1;

/** Minimal systems have no taskset(1). */
const canPin = existsSync('/usr/bin/taskset');

/** The command that runs a program on one processor, where taskset(1) exists. */
export function pinned(on: Processor, command: string, args: string[]): [string, string[]] {
  return canPin ? ['taskset', ['--cpu-list', String(on), command, ...args]] : [command, args];
}

/** Pins this very process. */
export function pinSelf(on: Processor): void {
  if (!canPin) return;
  execFileSync('taskset', ['--pid', '--cpu-list', String(on), String(process.pid)], { stdio: 'ignore' });
}
