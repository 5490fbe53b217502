/** Creates elements. Text stays text: nothing here parses HTML. */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {{ class?: string, text?: string, title?: string }} [options] @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, { class: name, text, title } = {}, children = []) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  if (title) made.title = title;
  made.append(...children);
  return made;
}

/** @param {string} tag @param {Record<string, string | number>} attributes */
export function svg(tag, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

/** An element of `index.html`. @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found;
}

/** Sets an element's text, if it differs. @param {Element} shown @param {string} text */
export function show(shown, text) {
  if (shown.textContent !== text) shown.textContent = text;
}
