/** For packages without types. */
declare module 'length-prefixed-stream' {
  import type { Transform } from 'node:stream';

  export function encode(): Transform;
  export function decode(): Transform;
}
