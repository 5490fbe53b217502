/** Generates requests by the grammar of RFC 9112 from forms of their parts. */
import type { Random } from '../../support/random.ts';
import { CHUNK_EXTENSIONS, CHUNK_SIZE_PREFIXES, CHUNKED, LENGTH_PREFIXES, TRAILERS } from './body-forms.ts';
import { FIELDS, HOSTS } from './field-forms.ts';
import type { Forms } from './forms.ts';
import { EMPTY_LINES, LINE_END, METHODS, SPACE, TARGETS, VERSIONS } from './line-forms.ts';

/** A request in parts, as written. */
export interface Parts {
  before: string;
  method: string;
  target: string;
  version: string;
  host: string;
  fields: readonly string[];
  /** The framing field, and the body. */
  framing: { field: string | undefined; body: string };
}

const MAX_FIELDS = 3;
const MAX_CHUNKS = 3;
const MAX_BODY_LENGTH = 40;
/** One in this many requests has hostile parts. */
const ONE_HOSTILE_REQUEST_IN = 4;
/** One in this many parts of a hostile request is hostile. */
const ONE_HOSTILE_PART_IN = 8;

export class Grammar {
  readonly #random: Random;
  #isHostile = false;

  constructor(random: Random) {
    this.#random = random;
  }

  /** One to three consecutive requests, most of them valid. */
  pipeline(): string {
    const make = () => {
      this.#isHostile = this.#random.oneIn(ONE_HOSTILE_REQUEST_IN);
      return this.#write(this.#parts());
    };
    return make() + this.#random.list(2, make).join('');
  }

  /** A valid request that the codec accepts, or one with `others` as replacements of its parts. */
  validRequest(others: Partial<Parts> = {}): string {
    this.#isHostile = false;
    return this.#write({ ...this.#parts(), ...others });
  }

  #form({ valid, hostile }: Forms, oneHostileIn = ONE_HOSTILE_PART_IN): string {
    return this.#random.oneOf(this.#isHostile && this.#random.oneIn(oneHostileIn) ? hostile : valid);
  }

  #parts(): Parts {
    const version = this.#form(VERSIONS);
    return {
      before: this.#form(EMPTY_LINES),
      method: this.#form(METHODS),
      target: this.#form(TARGETS),
      version,
      host: this.#form(HOSTS),
      fields: this.#fields(),
      framing: this.#framing(version),
    };
  }

  #fields(): string[] {
    const fields = new Set(this.#random.list(MAX_FIELDS, () => this.#form(FIELDS, 4)));
    return [...fields];
  }

  #framing(version: string): Parts['framing'] {
    const kinds = ['none', 'length', 'length', 'chunked', 'chunked'] as const;
    // HTTP/1.0 has no Transfer-Encoding (RFC 9112 section 6.1).
    const kind = version === 'HTTP/1.0' && !this.#isHostile ? 'length' : this.#random.oneOf(kinds);
    if (kind === 'none') return { field: undefined, body: '' };
    if (kind === 'chunked') return { field: this.#form(CHUNKED), body: this.#chunks() };
    const body = this.#data();
    return { field: `Content-Length:${this.#form(LENGTH_PREFIXES)}${body.length}`, body };
  }

  #data(): string {
    if (this.#isHostile && this.#random.oneIn(4)) return this.#random.oneOf(['\r\n', '0\r\n\r\n', 'x'.repeat(400)]);
    return 'ab\r\n0\r\n\r\ncd'.repeat(4).slice(0, this.#random.below(MAX_BODY_LENGTH));
  }

  #chunks(): string {
    const chunks = this.#random.list(MAX_CHUNKS, () => this.#chunk());
    const last = `${this.#form(CHUNK_SIZE_PREFIXES)}0${this.#form(CHUNK_EXTENSIONS)}${this.#form(LINE_END)}`;
    return chunks.join('') + last + this.#form(TRAILERS) + this.#form(LINE_END);
  }

  #chunk(): string {
    const data = `${this.#data()}.`;
    const wrong = this.#isHostile && this.#random.oneIn(20) ? 1 : 0;
    const digits = (data.length + wrong).toString(16);
    const size = this.#random.oneIn(4) ? digits.toUpperCase() : digits;
    const line = `${this.#form(CHUNK_SIZE_PREFIXES)}${size}${this.#form(CHUNK_EXTENSIONS)}`;
    return line + this.#form(LINE_END, 40) + data + this.#form(LINE_END, 40);
  }

  #write({ before, method, target, version, host, fields, framing }: Parts): string {
    const space = () => this.#form(SPACE, 60);
    const lines = [host, ...fields, ...(framing.field === undefined ? [] : [framing.field])];
    if (this.#random.oneIn(3)) lines.reverse();
    const line = method + space() + target + space() + version;
    return before + [line, ...lines, ''].map((text) => text + this.#form(LINE_END, 100)).join('') + framing.body;
  }
}
