/** What is wrong with a request, and the response that says so. Nothing may be decoded behind it: its end is not certain. */
import { CodecError } from '../codec.ts';

const TOO_LARGE = [413, 414, 431];

/** Its message is one line that says what was wrong and what to send. It holds no byte of the input. */
export class HttpError extends CodecError {
  readonly status: number;
  /** What the header Allow has to say, with status 405 (RFC 9110 section 15.5.6). */
  readonly allow: string | undefined;

  constructor(status: number, message: string, { allow }: { allow?: string } = {}) {
    super(TOO_LARGE.includes(status) ? 'too_large' : 'bad_frame', message, { fatal: true });
    this.status = status;
    this.allow = allow;
  }
}

export const badRequest = (message: string) => new HttpError(400, message);
