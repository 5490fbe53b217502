/** The protocols that have a session, one of each for all connections. */
import type { Routes } from '../http/routes.ts';
import type { ServerSettings } from '../settings.ts';
import { framesProtocol } from './frames.ts';
import { httpProtocol } from './http.ts';
import { textProtocol } from './text.ts';

type ProtocolSettings = Pick<ServerSettings, 'MAX_MESSAGE_BYTES' | 'ALLOWED_HOSTS'>;

export function createProtocols({ MAX_MESSAGE_BYTES, ALLOWED_HOSTS }: ProtocolSettings, routes: Routes) {
  return {
    frames: framesProtocol(MAX_MESSAGE_BYTES),
    text: textProtocol(MAX_MESSAGE_BYTES),
    http: httpProtocol({ maxBodyBytes: MAX_MESSAGE_BYTES, allowedHosts: ALLOWED_HOSTS, routes }),
  };
}
