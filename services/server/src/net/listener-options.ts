/** How the server's sockets behave: the options of `net.createServer`. */
export const LISTENER_OPTIONS = {
  /** Half-close: a client that has ended its side still gets its replies. */
  allowHalfOpen: true,
  /** A paused stream stops after one more read. With a larger mark Node would read on until its buffer is full. */
  highWaterMark: 1,
  noDelay: true,
  /** After 15 s of silence the kernel begins to probe whether the client's machine still answers. */
  keepAlive: true,
  keepAliveInitialDelay: 15_000,
};
