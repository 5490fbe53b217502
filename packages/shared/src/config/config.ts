/** Settings from the environment, checked before anything starts. All problems are reported at once. */
import { z } from 'zod';

/** The exit code for wrong settings: EX_CONFIG of sysexits(3). */
export const EXIT_WRONG_SETTINGS = 78;

/** Node's timers hold 31 bits of milliseconds: longer ones would fire at once. */
const MAX_MILLISECONDS = 2 ** 31 - 1;

/** Some settings are wrong. `problems` has one line for each: name, value and rule. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Reads only the variables that the schema names. Throws a {@link ConfigError} that lists every problem. */
export function readConfig<Schema extends z.ZodType>(schema: Schema, env: NodeJS.ProcessEnv): z.output<Schema> {
  const result = schema.safeParse(env);
  if (result.success) return result.data;
  throw new ConfigError(
    result.error.issues.map(({ path, message }) => {
      const name = path.join('.');
      const value = env[name];
      return `${name}${value === undefined ? '' : `=${JSON.stringify(value)}`}: ${message}`;
    }),
  );
}

/** A whole number in decimal digits. */
export function wholeNumber({ min, max }: { min: number; max: number }) {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z
    .string({ error: rule })
    .transform((digits, context) => {
      const value = /^\d{1,15}$/.test(digits) ? Number(digits) : Number.NaN;
      if (value >= min && value <= max) return value;
      context.addIssue(rule);
      return z.NEVER;
    })
    .meta({ rule: `${min} to ${max}` });
}

/** A duration in milliseconds, from `min`. */
export function milliseconds({ min = 1 } = {}) {
  return wholeNumber({ min, max: MAX_MILLISECONDS }).meta({ rule: 'milliseconds' });
}

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(...words: Words) {
  const rule = `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return z.enum(words, { error: rule }).meta({ rule: words.join(', ') });
}

/** The log settings of both programs. */
export const logSettings = {
  LOG_LEVEL: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent')
    .default('info')
    .describe('`debug` shows each message, `trace` each read with its first bytes'),
  LOG_FORMAT: oneOf('json', 'pretty').default('json').describe('`pretty` is for people'),
};
