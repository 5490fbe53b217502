/** Capacity planning: how many connections, and how much memory they can take. All limits are known at the start. */
import { WRITE_BUFFER_BYTES } from '@knock/shared/codec/write-buffer';

import type { ServerSettings } from '../settings.ts';

/** Descriptors kept for the listener, the log, look-ups and denied clients. */
const RESERVED_DESCRIPTORS = 128;

/** OpenSSL's own memory for each connection, as measured. */
const TLS_BYTES = 49_152;

export interface HostLimits {
  /** The descriptor limit of this process (`ulimit -n`); undefined: not known. */
  descriptors: number | undefined;
  /** The memory limit of this process (cgroup), in bytes; undefined: none. */
  memoryBytes: number | undefined;
}

export interface Capacity {
  maxConnections: number;
  /**
   * The most that clients can make the server hold, in bytes, if no reply is larger than MAX_MESSAGE_BYTES. The process
   * itself and reads that wait come on top.
   */
  memoryBytes: number;
  warnings: string[];
}

type CapacitySettings = Pick<ServerSettings, 'MAX_CONNECTIONS' | 'MAX_MESSAGE_BYTES'> & { TLS_CERT_FILE?: unknown };

/**
 * Lowers `MAX_CONNECTIONS` to what the descriptor limit allows. Too little memory causes only a warning, because clients
 * seldom all do their worst at once.
 */
export function capacity(settings: CapacitySettings, machine: HostLimits): Capacity {
  const { MAX_CONNECTIONS, MAX_MESSAGE_BYTES, TLS_CERT_FILE } = settings;
  const warnings: string[] = [];
  let maxConnections = MAX_CONNECTIONS;
  const room = Math.max(1, (machine.descriptors ?? Infinity) - RESERVED_DESCRIPTORS);
  if (room < maxConnections) {
    maxConnections = room;
    warnings.push(
      `MAX_CONNECTIONS=${MAX_CONNECTIONS} is lowered to ${room}: raise the descriptor limit, ${machine.descriptors} now (ulimit -n)`,
    );
  }
  // One partial message, the unsent replies, and the reply that is being written.
  const plainBytes = MAX_MESSAGE_BYTES + WRITE_BUFFER_BYTES + MAX_MESSAGE_BYTES;
  // Inside TLS a pending reply is held twice: plain and encrypted.
  const tlsBytes = TLS_CERT_FILE === undefined ? 0 : MAX_MESSAGE_BYTES + TLS_BYTES;
  const memoryBytes = maxConnections * (plainBytes + tlsBytes);
  if (machine.memoryBytes !== undefined && memoryBytes > machine.memoryBytes) {
    const needed = `${maxConnections} connections with messages of ${MAX_MESSAGE_BYTES} bytes can take ${mebibytes(memoryBytes)}`;
    warnings.push(
      `${needed}, but the memory limit is ${mebibytes(machine.memoryBytes)}: lower MAX_CONNECTIONS or MAX_MESSAGE_BYTES`,
    );
  }
  return { maxConnections, memoryBytes, warnings };
}

/** Formats a size in bytes as whole mebibytes, rounded up. */
export function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
