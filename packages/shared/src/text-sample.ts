/** Text and bytes from a stranger, made fit to be shown: one line, no control characters, and not too long. */

/** How much of a text is shown, in bytes of UTF-8. */
const SAMPLE_BYTES = 128;

/**
 * Everything that a terminal could act on or that could break or reorder a line: control and format characters
 * (bidi controls among them), unassigned ones, lone surrogates, and every separator but the space.
 */
const UNFIT = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}|["\\]/gu;

const SHORT_ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', '\\': '\\\\' };

/** The text with each character that is not fit to be shown as an escape, as in a JavaScript string. */
export function escapeText(text: string): string {
  return text.replace(
    UNFIT,
    (character) => SHORT_ESCAPES[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** At most 128 bytes of the text, escaped; `…` behind them says that there was more. */
export function sampleText(text: string): string {
  const head = firstBytes(text);
  return head.length < text.length ? `${escapeText(head)}…` : escapeText(head);
}

/** At most 128 bytes in hexadecimal; `…` behind them says that there were more. */
export function hexBytes(bytes: Buffer): string {
  const hex = bytes.toString('hex', 0, SAMPLE_BYTES).replaceAll(/(..)(?=.)/g, '$1 ');
  return bytes.length > SAMPLE_BYTES ? `${hex} …` : hex;
}

function firstBytes(text: string): string {
  if (text.length * 3 <= SAMPLE_BYTES) return text;
  const room = new Uint8Array(SAMPLE_BYTES);
  const { read } = new TextEncoder().encodeInto(text, room);
  return text.slice(0, read);
}
