/** The codec's rejection reasons, extracted from its source: a new one is in this list automatically. */
import { readFileSync } from 'node:fs';

/** The decoder, with its imports from the same folder. */
const DECODER = new URL(import.meta.resolve('@knock/shared/codec/http/request-codec'));

const IMPORT = /from '(\.\/[^']+)'/g;
/** Not a reason itself: each call passes one. */
const DEFINITION = 'badRequest = (message: string) => new HttpError(400, message)';
const CALL = /\b(?:badRequest|new HttpError)\(/g;
const LITERAL_CALL =
  /\b(?:badRequest\(|new HttpError\(\s*(?<status>\d{3}),)\s*(?<quote>['"`])(?<text>(?:\\.|(?!\k<quote>).)*)\k<quote>/g;
/** Fields that may occur once, which the reason names. */
const SINGLE_FIELD = /\.single\('(?<name>[^']+)'\)/g;

export interface Reason {
  /** Status and message from the source; `${…}` matches any text. */
  text: string;
  pattern: RegExp;
}

/** Throws if the source creates an error whose message is not a literal. */
export function reasonsToRefuse(): Reason[] {
  const sources = sourcesOf(DECODER);
  const singles = sources.flatMap((source) =>
    Array.from(source.matchAll(SINGLE_FIELD), ({ groups }) => groups!['name']!),
  );
  return sources.flatMap(textsIn).flatMap((text) => {
    const texts = text.includes('${name}') ? singles.map((name) => text.replace('${name}', name)) : [text];
    return texts.map((one) => ({ text: one, pattern: patternOf(one) }));
  });
}

/** The file and its imports from the same folder, each once. */
function sourcesOf(file: URL, seen = new Set<string>()): string[] {
  if (seen.has(file.href)) return [];
  seen.add(file.href);
  const source = readFileSync(file, 'utf8').replace(DEFINITION, '');
  const imports = Array.from(source.matchAll(IMPORT), ([, path]) => new URL(path!, file));
  return [source, ...imports.flatMap((path) => sourcesOf(path, seen))];
}

function textsIn(source: string): string[] {
  const texts = Array.from(source.matchAll(LITERAL_CALL), ({ groups }) => {
    const { status = '400', text } = groups as { status?: string; text: string };
    return `${status} ${text.replaceAll(/\\(.)/g, '$1')}`;
  });
  const calls = Array.from(source.matchAll(CALL));
  if (calls.length === texts.length) return texts;
  throw new Error(`of ${calls.length} errors only ${texts.length} have a literal message: ${texts.join('; ')}`);
}

function patternOf(text: string): RegExp {
  const literals = text.split(/\$\{[^}]+\}/).map((part) => RegExp.escape(part));
  return new RegExp(`^${literals.join('.+')}$`);
}
