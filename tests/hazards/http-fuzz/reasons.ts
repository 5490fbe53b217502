/** The codec's reasons to refuse a request, read out of its source: none can be added that is not in this list. */
import { readFileSync } from 'node:fs';

/** The decoder; what it imports from its own folder is part of it. */
const DECODER = new URL(import.meta.resolve('@knock/shared/codec/http/request-codec'));

const IMPORT = /from '(\.\/[^']+)'/g;
/** It is no reason itself; those who call it have one. */
const DEFINITION = 'badRequest = (message: string) => new HttpError(400, message)';
const CALL = /\b(?:badRequest|new HttpError)\(/g;
const LITERAL_CALL =
  /\b(?:badRequest\(|new HttpError\(\s*(?<status>\d{3}),)\s*(?<quote>['"`])(?<text>(?:\\.|(?!\k<quote>).)*)\k<quote>/g;
/** What may come once, and is named in the reason. */
const SINGLE_FIELD = /\.single\('(?<name>[^']+)'\)/g;

export interface Reason {
  /** Status and message as in the source, in which `${…}` is any text. */
  text: string;
  pattern: RegExp;
}

/** Throws an Error where the source makes an error with a message that is no literal, since that could be any. */
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

/** The file and all that it imports from its folder, each once. */
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
