/** One conversation as a sequence diagram: who sends what, and the bytes of it. */
import { Anatomy, asHex, asText, fromHex } from './bytes.js';
import { byId, element, show } from './elements.js';
import { inBytes, plural, REASONS, ROLES } from './words.js';

/** @typedef {import('../connection-sampler.ts').ConnectionUpdate} ConnectionUpdate */
/** @typedef {import('../connection-sampler.ts').Step} Step */
/** @typedef {{ client: ConnectionUpdate, steps: Step[], missed: number }} Conversation */

/** The newest steps are kept; more would be unreadable. */
const MAX_STEPS = 60;

export class Sequence {
  #server = 'server';
  #port = '';
  #address = '';
  #name = '';
  #held = false;
  /** @type {Conversation | undefined} */
  #conversation;

  constructor() {
    byId('hold').addEventListener('click', () => {
      this.#held = !this.#held;
      byId('hold').setAttribute('aria-pressed', String(this.#held));
    });
  }

  /** @param {{ server: string, port: string }} server */
  meet({ server, port }) {
    this.#server = server;
    this.#port = port;
  }

  /** Shows the calls from this address from now on. @param {{ address: string, name: string }} house */
  follow({ address, name }) {
    this.#address = address;
    this.#name = name;
    this.#conversation = undefined;
    this.#held = false;
    byId('hold').setAttribute('aria-pressed', 'false');
    for (const id of ['lifelines', 'steps', 'conversation-summary', 'hold']) byId(id).hidden = true;
    byId('conversation-hint').hidden = false;
    show(byId('conversation-hint'), `Waiting for the next call of ${name}…`);
  }

  /** @param {ConnectionUpdate} client */
  hear(client) {
    if (client.address !== this.#address) return;
    const isOther = client.id !== this.#conversation?.client.id;
    // Conversations are shown from their first byte, so one without steps is skipped.
    if (isOther && (this.#held || !client.steps)) return;
    const before = isOther || !this.#conversation ? { steps: [], missed: 0 } : this.#conversation;
    const steps = [...before.steps, ...(client.steps ?? [])];
    const missed = before.missed + (client.missed ?? 0) + Math.max(0, steps.length - MAX_STEPS);
    this.#conversation = { client, steps: steps.slice(-MAX_STEPS), missed };
    this.#draw(this.#conversation);
  }

  /** @param {Conversation} conversation */
  #draw({ client, steps, missed }) {
    for (const id of ['lifelines', 'steps', 'conversation-summary', 'hold']) byId(id).hidden = false;
    byId('conversation-hint').hidden = true;
    show(byId('client-name'), `${client.name ?? this.#name} : ${client.port}`);
    show(byId('callee-name'), `${this.#server} : ${this.#port}`);
    const list = byId('steps');
    const isAtEnd = list.scrollTop + list.clientHeight > list.scrollHeight - 40;
    list.replaceChildren(...this.#items(client, steps, missed));
    if (isAtEnd) list.scrollTop = list.scrollHeight;
    show(byId('conversation-summary'), summary(client));
  }

  /** @param {ConnectionUpdate} client @param {Step[]} steps @param {number} missed */
  #items(client, steps, missed) {
    const anatomies = { read: new Anatomy(), write: new Anatomy() };
    const opened = `opens a socket from its port ${client.port}`;
    const items = [item('open', 0, 'right', [element('b', { text: 'connect' }), ` ${opened}`])];
    if (missed > 0) items.push(item('missed', undefined, 'none', [`${plural(missed, 'step')} left out`]));
    for (const [place, step] of steps.entries()) {
      if ('hex' in step) {
        items.push(crossing(step, anatomies[step.kind], client.protocol));
      } else items.push(said(step, relation(steps, place)));
    }
    if (client.state === 'closed') items.push(...closing(client));
    return items;
  }
}

/** Which side closed first, and why. @param {ConnectionUpdate} client */
function closing({ reason, protocol, ms }) {
  const why = reason ? `${reason}: ${REASONS[reason] ?? ''}` : 'reason not seen';
  /** @param {string} arrow @param {string} sentence */
  const close = (arrow, sentence) => item('close', ms, arrow, [element('b', { text: 'close' }), ` ${sentence}`]);
  if (reason === 'completed' && protocol === 'frames') {
    return [
      close('right', 'the client has sent everything, and closes its side (half-close)'),
      close('left', `the server has answered everything, and closes its side: the socket is gone (${reason})`),
    ];
  }
  if (reason === undefined || reason === 'completed' || reason === 'error') return [close('both', why)];
  return [close(CLIENT_ENDS.includes(reason) ? 'right' : 'left', why)];
}

/** Ended by the client; all others, except `completed` and `error`, by the server. */
const CLIENT_ENDS = ['client_closed', 'truncated'];

/** A read or write, with its parts labelled. @param {import('../connection-sampler.ts').WireStep} step @param {Anatomy} anatomy @param {string | undefined} protocol */
function crossing({ kind, ms, size, hex }, anatomy, protocol) {
  const bytes = fromHex(hex);
  const parts = anatomy.parts(protocol, bytes, size);
  const shown = parts.map(({ role, bytes: own }) => {
    const part = element('span', { class: 'part', title: ROLES[role] ?? role }, [
      element('span', { class: 'hex', text: asHex(own) }),
      element('span', { class: 'text', text: NUMBERS.includes(role) ? '' : asText(own) }),
      element('span', { class: 'role', text: meaning(role, own) }),
    ]);
    part.dataset['role'] = role;
    return part;
  });
  if (size > bytes.length)
    shown.push(element('span', { class: 'more', text: `and ${inBytes(size - bytes.length)} more` }));
  const what = kind === 'read' ? 'the server reads' : 'the server writes';
  const label = element('p', {}, [element('b', { text: what }), ` ${inBytes(size)}`]);
  return item(kind, ms, kind === 'read' ? 'right' : 'left', [label, element('div', { class: 'bytes' }, shown)]);
}

/** Parts that hold numbers, not letters. */
const NUMBERS = ['kind', 'length'];
const KINDS = ['message', 'error', 'goaway'];

/** What a complete part means. @param {import('./bytes.js').Role} role @param {number[]} bytes */
function meaning(role, bytes) {
  if (role === 'kind') return `kind: ${KINDS[bytes[0] ?? -1] ?? 'none'}`;
  if (role === 'length' && bytes.length === 3) return `length: ${bytes.reduce((sum, byte) => sum * 256 + byte, 0)}`;
  return role;
}

/** @param {import('../connection-sampler.ts').MessageStep} step @param {string} note */
function said({ kind, ms, text }, note) {
  const label = kind === 'message' ? 'message' : kind === 'reply' ? 'the handler replies' : 'error reply';
  const quoted = kind === 'error' ? text : `“${text}”`;
  return item(kind, ms, 'inside', [
    element('p', {}, [element('b', { text: label }), ` ${quoted}`]),
    ...(note ? [element('p', { class: 'note', text: note })] : []),
  ]);
}

/**
 * How many reads made how many messages, noted at the first message after a read: “3 reads → 1 message”.
 * @param {Step[]} steps @param {number} place
 */
export function relation(steps, place) {
  if (steps[place]?.kind !== 'message') return '';
  let reads = 0;
  for (let at = place - 1; at >= 0 && steps[at]?.kind !== 'message'; at -= 1)
    if (steps[at]?.kind === 'read') reads += 1;
  if (reads === 0) return '';
  let messages = 1;
  for (let at = place + 1; at < steps.length && steps[at]?.kind !== 'read'; at += 1) {
    if (steps[at]?.kind === 'message') messages += 1;
  }
  return `${plural(reads, 'read')} → ${plural(messages, 'message')}`;
}

/** @param {string} kind @param {number | undefined} ms @param {string} arrow @param {(Node | string)[]} children */
function item(kind, ms, arrow, children) {
  const body = element('div', { class: 'body' });
  body.append(...children);
  const time = element('span', { class: 'time', text: ms === undefined ? '' : `${ms} ms` });
  const made = element('li', { class: kind }, [time, body]);
  made.dataset['arrow'] = arrow;
  return made;
}

/** @param {ConnectionUpdate} client */
function summary({ reads, messages, bytesIn, bytesOut, state, ms }) {
  const span = state === 'closed' ? `It lasted ${plural(ms, 'millisecond')}` : 'So far';
  return `${span}: ${inBytes(bytesIn)} in ${plural(reads, 'read')} made ${plural(messages, 'message')}, and ${inBytes(bytesOut)} went back.`;
}
