/** The client's program: commands, settings, signals, exit code. The only file here that knows the process. */
import { ConfigError, EXIT_WRONG_SETTINGS, readConfig } from '@knock/shared/config/config';
import { createLog, type Logger } from '@knock/shared/log/log';
import { ownName } from '@knock/shared/replica-names';
import { formatBuild, readBuild } from '@knock/shared/version';
import { Command, CommanderError, InvalidArgumentError } from 'commander';

import { chat } from './commands/chat.ts';
import { greet } from './commands/greet.ts';
import { formatReport } from './commands/load-report.ts';
import { load } from './commands/load.ts';
import { Printer } from './commands/printer.ts';
import { send } from './commands/send.ts';
import type { OutcomeCounts } from './delivery/outcome.ts';
import type { ConnectionPolicy } from './net/persistent-connection.ts';
import type { WriteShaping } from './net/writer.ts';
import { clientSettings, type ClientSettings } from './settings.ts';

/** EX_USAGE of sysexits(3). */
const EXIT_WRONG_USAGE = 64;
const EXIT_INTERRUPTED = 1;

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

/** The commands. `done` is called with the exit code. */
function commands(done: (exitCode: number) => void): Command {
  const program = new Command('client')
    .description('Sends messages to the server and reports one outcome for each. Settings come from the environment.')
    .version(formatBuild(readBuild(process.env)))
    .showHelpAfterError('Commands and options: --help')
    .exitOverride();
  program
    .command('greet')
    .description('greet the server again and again (the default)')
    .action(async () => done(await runGreet(readSettings())));
  withMessageOptions(program.command('send'))
    .description('send each text as a message, and print the replies')
    .argument('<texts...>', 'the messages')
    .action(async (texts: string[], options: MessageCommand) => {
      done(await runMessages(options, (context) => send({ ...context, texts })));
    });
  withMessageOptions(program.command('chat'))
    .description('send each line of standard input as a message, and print the replies in order')
    .action(async (options: MessageCommand) => {
      done(await runMessages(options, (context) => chat({ ...context, input: process.stdin })));
    });
  program
    .command('load')
    .description('send MESSAGE as fast as the server replies, and report throughput and latencies')
    .option('--connections <number>', 'connections, at most 1000', wholeNumberUpTo(1000), 1)
    .option('--depth <number>', 'messages without a reply on each connection, at most 1024', wholeNumberUpTo(1024), 1)
    .option('--seconds <number>', 'duration, at most 3600', wholeNumberUpTo(3600), 5)
    .option('--json', 'print the report as one line of JSON', false)
    .action(async (options: LoadCommand) => done(await runLoad(options)));
  return program;
}

/** The options of `send` and `chat`. */
function withMessageOptions(command: Command): Command {
  return command
    .option('--explain', 'log each write and each read with its bytes', false)
    .option('--chunk <bytes>', 'bytes in one write, at most', wholeNumberUpTo(65_536))
    .option('--glue <messages>', 'messages in one write', wholeNumberUpTo(1024))
    .option('--raw', 'with PROTOCOL=text: print a line "error: …" as a reply, for servers other than Knock', false);
}

function readSettings(): ClientSettings {
  return readConfig(clientSettings, process.env);
}

async function runGreet(settings: ClientSettings): Promise<number> {
  const name = settings.NAME ?? (await ownName());
  const log = createLog({ level: settings.LOG_LEVEL, format: settings.LOG_FORMAT, name });
  // The log is this command's output: it stops when nobody reads it.
  const signal = AbortSignal.any([stopped, log.readerGone]);
  const counts = await greet({ settings, name, logger: log.logger, signal });
  await log.close();
  if (!signal.aborted) return counts.exitCode;
  return settings.COUNT === 0 ? 0 : EXIT_INTERRUPTED;
}

interface MessageCommand extends WriteShaping {
  explain: boolean;
  raw: boolean;
}

/** What `send` and `chat` need. */
interface CommandContext {
  settings: ClientSettings;
  logger: Logger;
  printer: Printer;
  policy: ConnectionPolicy;
  signal: AbortSignal;
}

async function runMessages(
  { explain, raw, ...shaping }: MessageCommand,
  run: (context: CommandContext) => Promise<OutcomeCounts>,
): Promise<number> {
  const own = readSettings();
  const onTerminal = process.stderr.isTTY && own.LOG_LEVEL === 'info';
  const log = createLog({
    level: explain ? 'trace' : onTerminal ? 'warn' : own.LOG_LEVEL,
    format: explain ? 'pretty' : own.LOG_FORMAT,
    name: own.NAME ?? 'client',
    to: 2,
    // A reply must come after the log lines that led to it.
    inOrder: explain,
  });
  const readerGone = new AbortController();
  process.stdout.on('error', () => readerGone.abort());
  const signal = AbortSignal.any([stopped, readerGone.signal]);
  const printer = new Printer({
    terminal: process.stdout.isTTY,
    print: (line) => process.stdout.write(`${line}\n`),
    // Once the reader of stdout is gone, nobody needs the errors either.
    printError: (line) => readerGone.signal.aborted || process.stderr.write(`${line}\n`),
  });
  const counts = await run({ settings: own, logger: log.logger, printer, policy: { shaping, raw }, signal });
  await log.close();
  // Writes to a pipe are asynchronous: exiting now would lose them.
  if (!readerGone.signal.aborted) await new Promise<void>((written) => process.stdout.write('', () => written()));
  return signal.aborted ? EXIT_INTERRUPTED : counts.exitCode;
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
  return stopped.aborted ? EXIT_INTERRUPTED : report.exitCode;
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
  const stop = () => (controller.signal.aborted ? process.exit(EXIT_INTERRUPTED) : controller.abort());
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return controller.signal;
}
