/** The numbers: totals over all clients, and a graph. */
import { byId, element, show, svg } from './elements.js';
import { inBytes, REASONS } from './words.js';

/** @typedef {import('../../telemetry/metrics.ts').MetricsSummary} MetricsSummary */

const GRAPH = { seconds: 60, width: 600, height: 100 };

export class Totals {
  /** @type {MetricsSummary | undefined} */
  #totals;
  /** The count of messages at the start of this second. */
  #counted = 0;
  /** @type {number[]} */
  #rates = [];

  /** Resets for another server, or the same one restarted. */
  forget() {
    this.#totals = undefined;
  }

  /** @param {MetricsSummary} totals */
  hear(totals) {
    if (!this.#totals) this.#counted = totals.messages;
    this.#totals = totals;
    const { open, accepted, messages, bytes } = totals;
    list(byId('totals'), {
      'open sockets': String(open),
      'sockets so far': String(accepted),
      messages: messages.toLocaleString('en'),
      'messages a second': String(this.#rates.at(-1) ?? 0),
      'bytes in': inBytes(bytes.in),
      'bytes out': inBytes(bytes.out),
    });
    reasons(byId('closes'), totals.closes, 'none yet');
    reasons(byId('errors'), totals.errorReplies, 'none yet');
  }

  /** Called every second. */
  tick() {
    const messages = this.#totals?.messages ?? this.#counted;
    this.#rates = [...this.#rates, Math.max(0, messages - this.#counted)].slice(-GRAPH.seconds);
    this.#counted = messages;
    const most = Math.max(5, ...this.#rates);
    const points = this.#rates.map((rate, place) => {
      const x = ((place + GRAPH.seconds - this.#rates.length) / (GRAPH.seconds - 1)) * GRAPH.width;
      return `${x.toFixed(1)},${(GRAPH.height - 4 - (rate / most) * (GRAPH.height - 12)).toFixed(1)}`;
    });
    byId('graph').replaceChildren(svg('polyline', { points: points.join(' ') }));
    const now = this.#rates.at(-1) ?? 0;
    show(
      byId('graph-caption'),
      `messages a second, over the last minute: ${now} now, ${Math.max(...this.#rates)} at most`,
    );
    if (this.#totals) this.hear(this.#totals);
  }
}

/** @param {HTMLElement} place @param {Record<string, string>} entries */
function list(place, entries) {
  for (const [name, value] of Object.entries(entries)) {
    const known = place.querySelector(`[data-name="${CSS.escape(name)}"] dd`);
    if (known) show(known, value);
    else {
      const means = REASONS[name] ? [element('dd', { class: 'means', text: REASONS[name] })] : [];
      const entry = element('div', {}, [element('dt', { text: name }), element('dd', { text: value }), ...means]);
      entry.dataset['name'] = name;
      place.append(entry);
    }
  }
}

/** @param {HTMLElement} place @param {Record<string, number>} counts @param {string} none shown if there are none */
function reasons(place, counts, none) {
  const counted = Object.entries(counts).map(([name, count]) => [name, String(count)]);
  /** @type {Record<string, string>} */
  const entries = counted.length > 0 ? Object.fromEntries(counted) : { [none]: '' };
  for (const entry of place.querySelectorAll('div')) {
    if (!((entry.dataset['name'] ?? '') in entries)) entry.remove();
  }
  list(place, entries);
}
