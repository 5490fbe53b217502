/** Makes text and bytes from clients safe to log and print (log injection): one line, no control characters, and short. */

/** The length of an excerpt, in bytes of UTF-8. */
const EXCERPT_BYTES = 128;

/**
 * Characters that a terminal could act on, or that could break or reorder a line: control and format characters
 * (including bidi controls), unassigned ones, lone surrogates, and every separator but the space. The two joiners,
 * which emoji and many scripts need, are harmless.
 */
const CONTROLS = /(?![\u{200c}\u{200d}])[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** Characters that would end the quotes around an excerpt, or look like an escape. */
const QUOTES = /["\\]/g;

const SHORT_ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text for a terminal: control characters become escapes, as in a JavaScript string. */
export function escapeControls(text: string): string {
  return text.replace(
    CONTROLS,
    (character) => SHORT_ESCAPES[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** The text for use between double quotes. */
export function escapeText(text: string): string {
  return escapeControls(text.replace(QUOTES, '\\$&'));
}

/** At most 128 bytes of the text, escaped, and `…` if there was more. */
export function excerpt(text: string): string {
  const head = firstBytes(text);
  return head.length < text.length ? `${escapeText(head)}…` : escapeText(head);
}

/** At most 128 bytes in hexadecimal, and `…` if there were more. */
export function hexBytes(bytes: Buffer): string {
  const hex = bytes.toString('hex', 0, EXCERPT_BYTES).replaceAll(/(..)(?=.)/g, '$1 ');
  return bytes.length > EXCERPT_BYTES ? `${hex} …` : hex;
}

/** `1 byte`, `17 bytes`. */
export function sizeOf({ length }: Buffer): string {
  return `${length} ${length === 1 ? 'byte' : 'bytes'}`;
}

function firstBytes(text: string): string {
  if (text.length * 3 <= EXCERPT_BYTES) return text;
  const room = new Uint8Array(EXCERPT_BYTES);
  const { read } = new TextEncoder().encodeInto(text, room);
  // Not a slice: that would keep the whole text in memory as long as the excerpt.
  return String.fromCharCode(...Array.from({ length: read }, (_, at) => text.charCodeAt(at)));
}
