/** The client's program: commands, settings, signals, exit code. The only file here that knows the process. */
import { ConfigError, EXIT_WRONG_SETTINGS, readConfig } from '@knock/shared/config';
import { createLog } from '@knock/shared/log';
import { ownName } from '@knock/shared/names';
import { Command, CommanderError } from 'commander';

import { greet } from './greet.ts';
import { send } from './send.ts';
import { clientSettings, type ClientSettings } from './settings.ts';

/** EX_USAGE of sysexits(3). */
const EXIT_WRONG_USAGE = 64;
const EXIT_CUT_SHORT = 1;

const stopped = stopSignal();
process.exit(await main());

async function main(): Promise<number> {
  let exitCode = 0;
  const program = new Command('client')
    .description('Says messages to the server, and tells what became of each. Settings come from the environment.')
    .showHelpAfterError('Commands and options: --help')
    .exitOverride();
  program
    .command('greet')
    .description('greet the server, again and again (what it does without a command)')
    .action(async () => {
      exitCode = await runGreet(readConfig(clientSettings, process.env));
    });
  program
    .command('send')
    .description('send each text as a message, and print the replies')
    .argument('<texts...>', 'the texts')
    .action(async (texts: string[]) => {
      exitCode = await runSend(readConfig(clientSettings, process.env), texts);
    });
  try {
    const [command = 'greet', ...args] = process.argv.slice(2);
    await program.parseAsync([command, ...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_WRONG_USAGE;
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) console.error(problem);
    return EXIT_WRONG_SETTINGS;
  }
}

async function runGreet(settings: ClientSettings): Promise<number> {
  const name = settings.NAME ?? (await ownName());
  const log = createLog({ level: settings.LOG_LEVEL, format: settings.LOG_FORMAT, name });
  // The log is what this program is for: without a reader it is done.
  const signal = AbortSignal.any([stopped, log.unread]);
  const tally = await greet({ settings, name, logger: log.logger, signal });
  await log.close();
  if (!signal.aborted) return tally.exitCode;
  return settings.COUNT === 0 ? 0 : EXIT_CUT_SHORT;
}

async function runSend(settings: ClientSettings, texts: string[]): Promise<number> {
  const onTerminal = process.stderr.isTTY && settings.LOG_LEVEL === 'info';
  const log = createLog({
    level: onTerminal ? 'warn' : settings.LOG_LEVEL,
    format: settings.LOG_FORMAT,
    name: settings.NAME ?? 'client',
    to: 2,
  });
  const unread = new AbortController();
  process.stdout.on('error', () => unread.abort());
  const signal = AbortSignal.any([stopped, unread.signal]);
  const tally = await send({
    settings,
    texts,
    signal,
    logger: log.logger,
    terminal: process.stdout.isTTY,
    print: (line) => process.stdout.write(`${line}\n`),
    // Without a reader there is nobody who would want to know what became of the rest.
    complain: (sentence) => unread.signal.aborted || process.stderr.write(`${sentence}\n`),
  });
  await log.close();
  // Replies to a pipe may still be on their way, and an exit would cut them off.
  if (!unread.signal.aborted) await new Promise<void>((written) => process.stdout.write('', () => written()));
  return signal.aborted ? EXIT_CUT_SHORT : tally.exitCode;
}

/** Aborts at the first SIGTERM or SIGINT; a second one ends the program at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = () => (controller.signal.aborted ? process.exit(EXIT_CUT_SHORT) : controller.abort());
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return controller.signal;
}
