/** The client's program: commands, settings, signals, exit code. The only file here that knows the process. */
import { ConfigError, EXIT_WRONG_SETTINGS, readConfig } from '@knock/shared/config/config';
import { createLog, type Logger } from '@knock/shared/log/log';
import { ownName } from '@knock/shared/replica-names';
import { Command, CommanderError, InvalidArgumentError } from 'commander';

import { chat } from './commands/chat.ts';
import { greet } from './commands/greet.ts';
import { formatReport } from './commands/load-report.ts';
import { load } from './commands/load.ts';
import { Printer } from './commands/printer.ts';
import { send } from './commands/send.ts';
import type { OutcomeCounts } from './delivery/outcome.ts';
import type { WriteShaping } from './net/writer.ts';
import { clientSettings, type ClientSettings } from './settings.ts';

/** EX_USAGE of sysexits(3). */
const EXIT_WRONG_USAGE = 64;
const EXIT_CUT_SHORT = 1;

const stopped = stopSignal();
process.exit(await main());

async function main(): Promise<number> {
  let exitCode = 0;
  try {
    const [command = 'greet', ...args] = process.argv.slice(2);
    await commands((code) => (exitCode = code)).parseAsync([command, ...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_WRONG_USAGE;
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) console.error(problem);
    return EXIT_WRONG_SETTINGS;
  }
}

/** What can be asked of this program; `done` is told the exit code. */
function commands(done: (exitCode: number) => void): Command {
  const program = new Command('client')
    .description('Says messages to the server, and tells what became of each. Settings come from the environment.')
    .showHelpAfterError('Commands and options: --help')
    .exitOverride();
  program
    .command('greet')
    .description('greet the server, again and again (what it does without a command)')
    .action(async () => done(await runGreet(readSettings())));
  withMessageOptions(program.command('send'))
    .description('send each text as a message, and print the replies')
    .argument('<texts...>', 'the texts')
    .action(async (texts: string[], options: MessageCommand) => {
      done(await runMessages(options, (how) => send({ ...how, texts })));
    });
  withMessageOptions(program.command('chat'))
    .description('send each line that is typed, or that comes from a pipe, and print the replies in order')
    .action(async (options: MessageCommand) => {
      done(await runMessages(options, (how) => chat({ ...how, input: process.stdin })));
    });
  program
    .command('load')
    .description('say MESSAGE as fast as the server replies, and report throughput and latencies')
    .option('--connections <number>', 'how many connections, at most 1000', wholeNumberUpTo(1000), 1)
    .option('--depth <number>', 'how many messages are unanswered on each, at most 1024', wholeNumberUpTo(1024), 1)
    .option('--seconds <number>', 'for how long, at most 3600', wholeNumberUpTo(3600), 5)
    .option('--json', 'print the report as one line of JSON', false)
    .action(async (options: LoadCommand) => done(await runLoad(options)));
  return program;
}

/** The options of commands that say what somebody has given them. */
function withMessageOptions(command: Command): Command {
  return command
    .option('--explain', 'tell of each write and each read, with its bytes', false)
    .option('--chunk <bytes>', 'write at most so many bytes at a time', wholeNumberUpTo(65_536))
    .option('--glue <messages>', 'write so many messages at a time', wholeNumberUpTo(1024));
}

function readSettings(): ClientSettings {
  return readConfig(clientSettings, process.env);
}

async function runGreet(settings: ClientSettings): Promise<number> {
  const name = settings.NAME ?? (await ownName());
  const log = createLog({ level: settings.LOG_LEVEL, format: settings.LOG_FORMAT, name });
  // The log is what this program is for: without a reader it is done.
  const signal = AbortSignal.any([stopped, log.readerGone]);
  const counts = await greet({ settings, name, logger: log.logger, signal });
  await log.close();
  if (!signal.aborted) return counts.exitCode;
  return settings.COUNT === 0 ? 0 : EXIT_CUT_SHORT;
}

interface MessageCommand extends WriteShaping {
  explain: boolean;
}

/** What commands need that ask for somebody, and show what came of it. */
interface CommandContext {
  settings: ClientSettings;
  logger: Logger;
  printer: Printer;
  shaping: WriteShaping;
  signal: AbortSignal;
}

async function runMessages(
  { explain, ...cut }: MessageCommand,
  ask: (how: CommandContext) => Promise<OutcomeCounts>,
): Promise<number> {
  const own = readSettings();
  const onTerminal = process.stderr.isTTY && own.LOG_LEVEL === 'info';
  const log = createLog({
    level: explain ? 'trace' : onTerminal ? 'warn' : own.LOG_LEVEL,
    format: explain ? 'pretty' : own.LOG_FORMAT,
    name: own.NAME ?? 'client',
    to: 2,
    // What led to a reply has to stand before it.
    inOrder: explain,
  });
  const unread = new AbortController();
  process.stdout.on('error', () => unread.abort());
  const signal = AbortSignal.any([stopped, unread.signal]);
  const printer = new Printer({
    terminal: process.stdout.isTTY,
    print: (line) => process.stdout.write(`${line}\n`),
    // Without a reader there is nobody who would want to know what became of the rest.
    printError: (sentence) => unread.signal.aborted || process.stderr.write(`${sentence}\n`),
  });
  const counts = await ask({ settings: own, logger: log.logger, printer, shaping: cut, signal });
  await log.close();
  // Replies to a pipe may still be on their way, and an exit would cut them off.
  if (!unread.signal.aborted) await new Promise<void>((written) => process.stdout.write('', () => written()));
  return signal.aborted ? EXIT_CUT_SHORT : counts.exitCode;
}

interface LoadCommand {
  connections: number;
  depth: number;
  seconds: number;
  json: boolean;
}

async function runLoad({ json, ...options }: LoadCommand): Promise<number> {
  const own = readSettings();
  const log = createLog({ level: own.LOG_LEVEL, format: own.LOG_FORMAT, name: 'load', to: 2 });
  const { isTTY } = process.stderr;
  const progress = (replies: number, seconds: number) => {
    const line = `${Math.round(seconds)} of ${options.seconds} s: ${replies.toLocaleString('en')} replies`;
    process.stderr.write(isTTY ? `\r${line}` : `${line}\n`);
  };
  const report = await load({ settings: own, ...options, progress, logger: log.logger, signal: stopped });
  if (isTTY) process.stderr.write('\r\x1b[K');
  console.log(json ? JSON.stringify(report) : formatReport(report));
  await log.close();
  return stopped.aborted ? EXIT_CUT_SHORT : report.exitCode;
}

function wholeNumberUpTo(most: number) {
  return (text: string): number => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= 1 && number <= most) return number;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`);
  };
}

/** Aborts at the first SIGTERM or SIGINT; a second one ends the program at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = () => (controller.signal.aborted ? process.exit(EXIT_CUT_SHORT) : controller.abort());
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return controller.signal;
}
