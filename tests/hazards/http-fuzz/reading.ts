/** The result of parsing a stream, in a form common to the codec and Node's parser. */

/** What two servers must agree on, or one sees a request that the other does not. */
export interface ReadRequest {
  method: string;
  target: string;
  version: string;
  /** Lower-case names and values alternate. */
  fields: string[];
  keepAlive: boolean;
  /** In Latin-1; undefined: incomplete. */
  body: string | undefined;
}

export interface Reading {
  requests: ReadRequest[];
  /** The parse error; undefined: the parser waits for more bytes, or the connection closes. */
  rejection: string | undefined;
}
