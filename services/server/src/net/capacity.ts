/** How many clients there is room for, by arithmetic: each limit is known at the start, so nothing is budgeted later. */
import { WRITE_BUFFER_BYTES } from '@knock/shared/codec/write-buffer';

import type { ServerSettings } from '../settings.ts';

/** Descriptors that are not clients: the listener, the log, look-ups, clients that are being turned away. */
const RESERVED_DESCRIPTORS = 128;

/** What a client inside TLS takes besides: OpenSSL's own, as it was seen. */
const TLS_BYTES = 49_152;

export interface HostLimits {
  /** How many descriptors this process may open; undefined: not known. */
  descriptors: number | undefined;
  /** How much memory this process may use, in bytes; undefined: no limit. */
  memoryBytes: number | undefined;
}

export interface Capacity {
  maxConnections: number;
  /**
   * What the clients can make the server hold, in bytes, if no reply is larger than a message may be. What was read and
   * not yet looked at, and the server itself, come on top.
   */
  memoryBytes: number;
  warnings: string[];
}

type CapacitySettings = Pick<ServerSettings, 'MAX_CONNECTIONS' | 'MAX_MESSAGE_BYTES'> & { TLS_CERT_FILE?: unknown };

/**
 * What these settings come to on this machine. `MAX_CONNECTIONS` is lowered to what the descriptors allow; where the
 * memory may not suffice there is only a warning, since clients seldom do their worst all at once.
 */
export function capacity(settings: CapacitySettings, machine: HostLimits): Capacity {
  const { MAX_CONNECTIONS, MAX_MESSAGE_BYTES, TLS_CERT_FILE } = settings;
  const warnings: string[] = [];
  let maxConnections = MAX_CONNECTIONS;
  const room = Math.max(1, (machine.descriptors ?? Infinity) - RESERVED_DESCRIPTORS);
  if (room < maxConnections) {
    maxConnections = room;
    warnings.push(
      `MAX_CONNECTIONS=${MAX_CONNECTIONS} is lowered to ${room}: this process may open ${machine.descriptors} descriptors (ulimit -n)`,
    );
  }
  // One message that is not complete, the replies that were not read, and the reply that is being written.
  const plainBytes = MAX_MESSAGE_BYTES + WRITE_BUFFER_BYTES + MAX_MESSAGE_BYTES;
  // Inside TLS a reply that waits is there once more, encrypted.
  const tlsBytes = TLS_CERT_FILE === undefined ? 0 : MAX_MESSAGE_BYTES + TLS_BYTES;
  const memoryBytes = maxConnections * (plainBytes + tlsBytes);
  if (machine.memoryBytes !== undefined && memoryBytes > machine.memoryBytes) {
    const needed = `${maxConnections} connections with messages of ${MAX_MESSAGE_BYTES} bytes can take ${mebibytes(memoryBytes)}`;
    warnings.push(
      `${needed}, but the limit is ${mebibytes(machine.memoryBytes)}: lower MAX_CONNECTIONS or MAX_MESSAGE_BYTES`,
    );
  }
  return { maxConnections, memoryBytes, warnings };
}

/** A size in bytes, in words: in whole mebibytes, rounded up. */
export function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
