/** How a parser reads a stream, in terms that the codec and Node's parser share. */

/** What two servers must agree on, or one of them sees a request that the other does not. */
export interface ReadRequest {
  method: string;
  target: string;
  version: string;
  /** Names in lower case and values, alternately. */
  fields: string[];
  keepAlive: boolean;
  /** In Latin-1; undefined: it has not come as a whole. */
  body: string | undefined;
}

export interface Reading {
  requests: ReadRequest[];
  /** Why nothing more is read; undefined: the parser waits for more bytes, or reads no more because the connection closes. */
  rejection: string | undefined;
}
