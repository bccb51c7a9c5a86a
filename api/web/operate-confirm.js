/* Asks before something is done that others notice. */

import { $, element } from "./dom.js";

/**
 * @param {{title: string, lines: string[], yes: string, no: string}} words the consequences, and
 *   what the two buttons say
 * @returns {Promise<boolean>} whether it shall be done; Escape says no
 */
export function confirmed({ title, lines, yes, no }) {
  const dialog = $("confirm");
  $("confirm-title").textContent = title;
  $("confirm-text").replaceChildren(...lines.map((line) => element("p", { textContent: line })));
  $("confirm-yes").textContent = yes;
  $("confirm-no").textContent = no;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
