/* Making elements. Whatever people or catalogues wrote becomes text here, never markup. */

/** @param {string} id @returns {any} the element of the page with that id */
export const $ = (id) => document.getElementById(id);

/**
 * @param {string} name of the tag
 * @param {Object<string, any>} [properties] `onclick` and the like are listened for; `aria-*`,
 *   `data-*` and `role` become attributes; the rest are properties. Nothing where null.
 * @param {...(Node | string | null | false)} children texts stay texts; null and false are left out
 * @returns {any}
 */
export function element(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (/^(aria-|data-|role$)/.test(key)) node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== false));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** @param {string} name one of the symbols in index.html @returns {SVGElement} */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Text into an element, which hides where there is none. @param {any} node @param {string} text */
export function fill(node, text) {
  node.textContent = text;
  node.hidden = !text;
}

/** @param {MouseEvent} event @returns {boolean} whether a link is to open right here */
export const isPlainClick = (event) =>
  event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;

/**
 * A button with a cross behind a text, in a list of such.
 * @param {string} text @param {string} label what it does, for those who do not see the cross
 * @param {() => void} remove @param {string} [kind] class of its own
 */
export function removable(text, label, remove, kind = "") {
  return element("li", {},
    element("button", { type: "button", className: `pill ${kind}`, onclick: remove, "aria-label": label },
      element("span", { textContent: text }), icon("cross")));
}
