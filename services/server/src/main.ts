/** The program: settings, start, signals, exit code. No other file of the server knows the process. */
import { ConfigError, EXIT_WRONG_SETTINGS, readConfig } from '@knock/shared/config/config';
import { createLog, type Logger } from '@knock/shared/log/log';
import { ownName } from '@knock/shared/replica-names';

import { createHandler } from './handler.ts';
import { capacity, type HostLimits, mebibytes } from './net/capacity.ts';
import { delayed } from './reply-delay.ts';
import { type Server, startServer } from './server.ts';
import { serverSettings, type ServerSettings } from './settings.ts';
import { BUILD, BUILD_TEXT } from './telemetry/version.ts';

const signals = stopSignals();
process.exit(await main());

async function main(): Promise<number> {
  let settings;
  try {
    settings = readConfig(serverSettings, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) console.error(problem);
    return EXIT_WRONG_SETTINGS;
  }
  const name = settings.NAME ?? (await ownName());
  const log = createLog({ level: settings.LOG_LEVEL, format: settings.LOG_FORMAT, name });
  const exitCode = await run(settings, name, log.logger);
  await log.close();
  return exitCode;
}

async function run(settings: ServerSettings, name: string, logger: Logger): Promise<number> {
  const { maxConnections, memoryBytes, warnings } = capacity(settings, hostLimits());
  for (const warning of warnings) logger.warn(warning);
  const handler = delayed(createHandler({ reply: settings.REPLY, server: name }), settings.REPLY_DELAY_MS);
  let server;
  try {
    server = await startServer({ name, settings: { ...settings, MAX_CONNECTIONS: maxConnections }, handler, logger });
  } catch (error) {
    logger.error(describeListenError(error as NodeJS.ErrnoException, settings));
    return 1;
  }
  const estimate = `up to ${maxConnections} connections, at most ${mebibytes(memoryBytes)} (estimate)`;
  logger.info({ ...BUILD, maxConnections, memoryBytes }, `${BUILD_TEXT}: ${estimate}`);
  const { port } = server;
  logger.info({ port }, `${name} listens on port ${port}: ${connectHint(port, name, settings)}`);
  return stopOnSignal(server, logger);
}

/** The first signal starts a graceful shutdown, the second exits at once. Resolves with the exit code. */
async function stopOnSignal(server: Server, logger: Logger): Promise<number> {
  void signals.first.then((signal) => {
    const { open } = server;
    logger.info({ signal, connections: open }, `${signal}: draining: no new connections, ${open} open`);
    return server.close();
  });
  const insisted = signals.second.then((signal) => {
    logger.warn({ signal }, `${signal} again: exiting at once`);
    return 1;
  });
  const exitCode = await Promise.race([server.ended.then(() => 0), insisted]);
  if (exitCode === 0) logger.info('stopped: every connection has ended');
  return exitCode;
}

/** Installed first: a signal without a listener kills the process, and nothing is logged. */
function stopSignals(): { first: Promise<NodeJS.Signals>; second: Promise<NodeJS.Signals> } {
  const [first, second] = [Promise.withResolvers<NodeJS.Signals>(), Promise.withResolvers<NodeJS.Signals>()];
  let count = 0;
  const onSignal = (signal: NodeJS.Signals) => (count++ === 0 ? first : second).resolve(signal);
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return { first: first.promise, second: second.promise };
}

function hostLimits(): HostLimits {
  // Otherwise the report does a reverse DNS lookup for every peer. Node's types lack this option.
  Object.assign(process.report, { excludeNetwork: true });
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft: number | string } } };
  const descriptors = Number(userLimits?.open_files?.soft ?? NaN);
  const memoryBytes = process.constrainedMemory();
  return {
    descriptors: Number.isFinite(descriptors) ? descriptors : undefined,
    // Without a limit the kernel reports zero, or more than any machine has.
    memoryBytes: memoryBytes > 0 && memoryBytes < Number.MAX_SAFE_INTEGER ? memoryBytes : undefined,
  };
}

function connectHint(port: number, name: string, settings: ServerSettings): string {
  const { PUBLISHED_PORT, TLS_CERT_FILE, LIVE_PAGE } = settings;
  const reachable = PUBLISHED_PORT ?? String(port);
  const isOnePort = /^[1-9]\d*$/.test(reachable);
  const url = `${TLS_CERT_FILE ? 'https' : 'http'}://localhost:${reachable}/`;
  const hint = LIVE_PAGE === 'on' ? `open ${url}` : `try: curl ${TLS_CERT_FILE ? '--cacert CA_FILE ' : ''}${url}`;
  if (isOnePort) return TLS_CERT_FILE ? `clients need TLS: ${hint}` : `${hint} or type: nc localhost ${reachable}`;
  const index = /-(\d+)$/.exec(name)?.[1] ?? '1';
  return `from outside: docker compose port --index ${index} server ${port}`;
}

function describeListenError(error: NodeJS.ErrnoException, { HOST, PORT }: ServerSettings): string {
  if (error.code === 'EADDRINUSE')
    return `port ${PORT} is in use (EADDRINUSE): stop the program that listens there, or set PORT to a free one`;
  if (error.code === 'EACCES') return `no permission to listen on port ${PORT} (EACCES): set PORT to 1024 or above`;
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return `HOST=${HOST} is not an address of this machine (${error.code}): unset it to listen on all addresses`;
  return `cannot listen on port ${PORT}: ${error.message}`;
}
