/** A document as its reader follows it: commands to type and output to expect, in order. */
import { readFileSync } from 'node:fs';

export interface Block extends Fence {
  /** `sh`: commands. `text`: expected output. */
  kind: 'sh' | 'text';
}

export interface Chapter {
  title: string;
  blocks: Block[];
}

/** A block between fences. */
interface Fence {
  /** The language after the fence, or nothing. */
  kind: string;
  /** The terminal in which a command keeps running; none: the command ends by itself. */
  terminal: string | undefined;
  body: string;
}

/** `path`: from the root of the repository. */
export function readDoc(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

const FENCES = /^```(\S*)(?: ([^\n]*))?\n(.*?)^```$/gms;

export function fencesOf(text: string): Fence[] {
  return Array.from(text.matchAll(FENCES), ([, kind, terminal, body]) => ({ kind: kind!, terminal, body: body! }));
}

/** Commands that a document names inline, in a sentence. */
export function commandsInSentencesOf(path: string): string[] {
  const sentences = readDoc(path).replaceAll(FENCES, '');
  const commands = sentences.matchAll(/`((?:[A-Z_]+=\S+ )*(?:curl|docker|nc|node|npx|printf|python3) [^`]+)`/g);
  return Array.from(commands, ([, command]) => command!);
}

/** The chapters of a document that have commands or output. */
export function chaptersOf(path: string): Chapter[] {
  return readDoc(path)
    .split(/^## /m)
    .map((chapter) => ({ title: chapter.split('\n', 1)[0]!, blocks: fencesOf(chapter).filter(isBlock) }))
    .filter(({ blocks }) => blocks.length > 0);
}

function isBlock(fence: Fence): fence is Block {
  return fence.kind === 'sh' || fence.kind === 'text';
}
