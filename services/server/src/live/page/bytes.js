/**
 * Labels each byte: kind, length, payload … A stream has no messages of its own, so the parser keeps its state from one read
 * to the next.
 */

/** @typedef {'kind' | 'length' | 'payload' | 'text' | 'line end' | 'head' | 'body' | 'tls' | 'bytes'} Role */
/** @typedef {{ role: Role, bytes: number[] }} Part */

const HEADER_BYTES = 4;
const [LF, CR, TLS_HANDSHAKE] = [0x0a, 0x0d, 0x16];
const REQUEST_LINE = /^[A-Z-]+ \S+ HTTP\/1\.\d\r\n/;

/** One direction of one connection. */
export class Anatomy {
  /** How many bytes of the current frame have come, and its length with the header. */
  #seen = 0;
  #length = 0;
  /** What comes next in HTTP. @type {'head' | 'body'} */
  #section = 'head';
  /** Bytes were left out, so the start of the next frame is unknown. */
  #lost = false;

  /**
   * Splits a read into parts. `size`: how many bytes it had; `bytes` may hold only the first of them.
   * @param {string | undefined} protocol @param {number[]} bytes @param {number} size
   * @returns {Part[]}
   */
  parts(protocol, bytes, size) {
    if (bytes[0] === TLS_HANDSHAKE) return [{ role: 'tls', bytes }];
    if (protocol === 'frames') return this.#frames(bytes, size);
    if (protocol === 'text')
      return joined(bytes.map((byte) => [byte === LF || byte === CR ? 'line end' : 'text', byte]));
    if (protocol === 'http') return this.#http(bytes);
    return [{ role: 'bytes', bytes }];
  }

  /** @param {number[]} bytes @param {number} size */
  #frames(bytes, size) {
    const parts = joined(bytes.map((byte) => [this.#lost ? 'bytes' : this.#step(byte), byte]));
    const left = this.#length - this.#seen;
    const leftOut = size - bytes.length;
    if (leftOut > 0 && (this.#seen < HEADER_BYTES || leftOut > left)) this.#lost = true;
    this.#seen += leftOut;
    if (this.#seen >= HEADER_BYTES && this.#seen === this.#length) this.#seen = 0;
    return parts;
  }

  /** @param {number} byte @returns {Role} */
  #step(byte) {
    const place = this.#seen;
    this.#seen += 1;
    if (place === 0) this.#length = 0;
    else if (place < HEADER_BYTES)
      this.#length = this.#length * 256 + byte + (place === HEADER_BYTES - 1 ? HEADER_BYTES : 0);
    if (this.#seen >= HEADER_BYTES && this.#seen === this.#length) this.#seen = 0;
    if (place >= HEADER_BYTES) return 'payload';
    return place === 0 ? 'kind' : 'length';
  }

  /** @param {number[]} bytes @returns {Part[]} */
  #http(bytes) {
    const text = String.fromCharCode(...bytes);
    // Keep-alive: one request after another.
    if (REQUEST_LINE.test(text)) this.#section = 'head';
    if (this.#section === 'body') return [{ role: 'body', bytes }];
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return [{ role: 'head', bytes }];
    this.#section = 'body';
    const head = bytes.slice(0, end + 4);
    const body = bytes.slice(end + 4);
    return body.length > 0
      ? [
          { role: 'head', bytes: head },
          { role: 'body', bytes: body },
        ]
      : [{ role: 'head', bytes: head }];
  }
}

/** Joins neighbours of the same role. @param {[Role, number][]} roles @returns {Part[]} */
function joined(roles) {
  /** @type {Part[]} */
  const parts = [];
  for (const [role, byte] of roles) {
    const last = parts.at(-1);
    if (last?.role === role && role !== 'kind') last.bytes.push(byte);
    else parts.push({ role, bytes: [byte] });
  }
  return parts;
}

/** @param {string} hex */
export function fromHex(hex) {
  return Array.from(hex.matchAll(/../g), ([pair]) => Number.parseInt(pair, 16));
}

/** @param {number[]} bytes */
export function asHex(bytes) {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Printable ASCII, and a dot for every other byte. @param {number[]} bytes */
export function asText(bytes) {
  return bytes.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
}
