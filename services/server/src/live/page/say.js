/** The box: sends a message to the server, as any other client does. */
import { byId, show } from './elements.js';

export function listenToBox() {
  const form = byId('say-form');
  const text = /** @type {HTMLInputElement} */ (byId('say-text'));
  const reply = byId('say-reply');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    show(reply, '…');
    reply.className = '';
    try {
      const headers = { 'Content-Type': 'text/plain; charset=utf-8' };
      const response = await fetch('/', { method: 'POST', headers, body: text.value });
      const answer = (await response.text()).trimEnd();
      reply.className = response.ok ? 'reply' : 'error';
      show(reply, response.ok ? answer : `${response.status}: ${answer}`);
    } catch {
      reply.className = 'error';
      show(reply, 'Connection lost: the message may have been handled.');
    }
  });
}
