/** Describes differences from the transcripts. */
import type { Step } from '../hazards/support/in-memory.ts';
import type { Case } from './case.ts';
import type { Deviation } from './compare.ts';

/** How many are described in full; others by id and parts. */
const MAX_DESCRIBED = 20;
const MAX_VALUE_LENGTH = 400;

/** Empty: no differences. */
export function describeDeviations(deviations: readonly Deviation[], cases: readonly Case[]): string {
  if (deviations.length === 0) return '';
  const byId = new Map(cases.map((one) => [one.id, one]));
  const others = deviations.slice(MAX_DESCRIBED).map(({ id, parts }) => `${id}: ${parts.join(', ')}`);
  return [
    `${deviations.length} of ${cases.length} cases differ from their transcripts:`,
    ...deviations.slice(0, MAX_DESCRIBED).map((one) => describeDeviation(one, byId.get(one.id))),
    ...(others.length > 0 ? [`and in these parts:\n${others.join('\n')}`] : []),
    'Repair what was not meant, and list in tests/transcripts/differences.ts which defect explains the rest.',
    'To record this server instead: pnpm transcripts:record',
  ].join('\n\n');
}

function describeDeviation({ id, parts, recorded, now }: Deviation, one: Case | undefined): string {
  if (one === undefined) return `${id}\n  is recorded, and is no case any more`;
  if (Object.keys(recorded).length === 0) return `${id}\n  is a case, and is not recorded`;
  const values = parts.flatMap((part) => [
    `  ${part} was ${shortened(JSON.stringify(recorded[part]))}`,
    `  ${' '.repeat(part.length)}  is ${shortened(JSON.stringify(now[part]))}`,
  ]);
  return [id, `  the client: ${describeCase(one)}`, ...values].join('\n');
}

function describeCase({ steps, ending, settings, duringDrain }: Case): string {
  const circumstances = [settings && `settings ${JSON.stringify(settings)}`, duringDrain && 'during drain'];
  const acts = steps.map((step) => describeStep(step));
  return shortened([...circumstances.filter(Boolean), ...acts, ending].join(', '));
}

function describeStep(step: Step): string {
  if (Buffer.isBuffer(step)) return JSON.stringify(step.toString('latin1'));
  return 'drain' in step ? 'the server drains' : `${step.pauseMs} ms`;
}

function shortened(text = 'nothing'): string {
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}
