/** Header fields and trailers (RFC 9110 section 5, RFC 9112 section 5). */
import { badRequest } from './http-error.ts';
import { TOKEN } from './line.ts';

/** RFC 9110 section 5.5. */
const CONTROL = /[^\t\x20-\x7e\x80-\xff]/;
const isWhiteSpace = (character: string | undefined) => character === ' ' || character === '\t';

/** The fields of one head, in their order. */
export class Fields {
  /** In lower case: names are case-insensitive (RFC 9110 section 5.1). */
  readonly names: string[] = [];
  readonly values: string[] = [];

  /** Adds the field in `text` from `at` to `end`. Returns its name. Throws an {@link HttpError}. */
  addLine(text: string, at: number, end: number): string {
    const colon = text.indexOf(':', at);
    const token = text.slice(at, colon);
    // RFC 9112 sections 5.1 (no white space before the colon) and 5.2 (no folding).
    if (colon < 0 || !TOKEN.test(token)) throw badRequest('a field name must be followed at once by a colon');
    let start = colon + 1;
    let stop = end;
    while (isWhiteSpace(text[start])) start += 1;
    while (stop > start && isWhiteSpace(text[stop - 1])) stop -= 1;
    const name = token.toLowerCase();
    const value = text.slice(start, stop);
    if (CONTROL.test(value)) throw badRequest('a field value contains a control character');
    // RFC 9112 section 6.1: some parsers take this for another coding, with another end of the body (request smuggling).
    if (stop < end && name === 'transfer-encoding')
      throw badRequest('white space after the value of Transfer-Encoding');
    this.names.push(name);
    this.values.push(value);
    return name;
  }

  /** The value. Several fields with this name are combined into one list (RFC 9110 section 5.2). */
  get(name: string): string | undefined {
    const first = this.names.indexOf(name);
    if (first < 0) return undefined;
    if (!this.names.includes(name, first + 1)) return this.values[first];
    return this.values.filter((_, place) => this.names[place] === name).join(', ');
  }

  /** The members of a list, in lower case (RFC 9110 section 5.6.1). Empty if there is no such field. */
  list(name: string): string[] {
    return (
      this.get(name)
        ?.toLowerCase()
        .split(/[\t ]*,[\t ]*/) ?? []
    );
  }

  /** The value of a field that may come only once (RFC 9110 section 5.3). Throws an {@link HttpError} for a second one. */
  single(name: string): string | undefined {
    const first = this.names.indexOf(name);
    if (first >= 0 && this.names.includes(name, first + 1)) throw badRequest(`the request has more than one ${name}`);
    return first < 0 ? undefined : this.values[first];
  }
}

/** Whether these options of Connection keep it alive (RFC 9112 section 9.3). */
export function persists(version: '1.0' | '1.1', options: readonly string[]): boolean {
  return !options.includes('close') && (version === '1.1' || options.includes('keep-alive'));
}
