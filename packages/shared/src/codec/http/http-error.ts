/** An error in a request, with the status to answer. Nothing may be decoded after it: where the request ends is unknown. */
import { CodecError } from '../codec.ts';

const TOO_LARGE = [413, 414, 431];

/** The message is one line: what was wrong, and what to send. It contains no input, so nothing can be injected. */
export class HttpError extends CodecError {
  readonly status: number;
  /** The value of Allow, with status 405 (RFC 9110 section 15.5.6). */
  readonly allow: string | undefined;

  constructor(status: number, message: string, { allow }: { allow?: string } = {}) {
    super(TOO_LARGE.includes(status) ? 'too_large' : 'bad_frame', message, { fatal: true });
    this.status = status;
    this.allow = allow;
  }
}

export const badRequest = (message: string) => new HttpError(400, message);
