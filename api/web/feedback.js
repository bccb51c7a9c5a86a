/* Which results were chosen, told to the service where it keeps a query log: evaluations are made of
   it. What is told is the item, its rank and the search that showed it; of who it was, nothing. */

import { $ } from "./dom.js";
import { placeOf } from "./results.js";

let isWanted = false;
const told = new Set(); // by search and item: what is chosen twice is chosen

/** @param {Promise<any>} session what the service says of itself and the page */
export function startFeedback(session) {
  session.then((known) => (isWanted = Boolean(known?.keeps_feedback)));
  for (const kind of ["click", "auxclick"]) {
    $("grid").addEventListener(kind, (event) => {
      // "Why?" asks what it has to do with the query, which is no praise of it.
      const card = event.button < 2 && event.target.closest?.(".open, .like")?.closest(".card");
      if (card) chose(card.dataset.id);
    });
  }
}

/** @param {string} id of an item that somebody chose among the results */
export function chose(id) {
  const place = isWanted ? placeOf(id) : null;
  if (!place?.request || told.has(`${place.request} ${id}`)) return;
  told.add(`${place.request} ${id}`);
  const body = { request_id: place.request, item: id, kind: "click", rank: place.rank };
  // Whatever becomes of it, nobody waits for it: not even the page, if it is left meanwhile.
  fetch("v1/feedback", {
    method: "POST", keepalive: true, body: JSON.stringify(body), headers: { "Content-Type": "application/json" },
  }).catch(() => {});
}
