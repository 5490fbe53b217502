/** A paper as its reader follows it: the commands to type, and what is to be seen then, in the paper's order. */
import { readFileSync } from 'node:fs';

export interface Block {
  /** `sh`: to be typed. `text`: to be seen. */
  kind: 'sh' | 'text';
  /** The terminal in which a command stays; none: the command ends by itself. */
  terminal: string | undefined;
  body: string;
}

export interface Chapter {
  title: string;
  blocks: Block[];
}

/** The chapters of a paper that have something to type. */
export function chaptersOf(paper: string): Chapter[] {
  const text = readFileSync(new URL(`../${paper}`, import.meta.url), 'utf8');
  return text
    .split(/^## /m)
    .map((chapter) => ({ title: chapter.split('\n', 1)[0]!, blocks: blocksOf(chapter) }))
    .filter(({ blocks }) => blocks.length > 0);
}

function blocksOf(chapter: string): Block[] {
  const fences = chapter.matchAll(/^```(sh|text)(?: (\w+))?\n(.*?)^```$/gms);
  return Array.from(fences, ([, kind, terminal, body]) => ({ kind: kind as Block['kind'], terminal, body: body! }));
}
