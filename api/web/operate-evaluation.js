/* What vitrine eval measured last, and how a new version did beside the one before. */

import { fetchJson } from "./api.js";
import { $, element } from "./dom.js";
import { number } from "./format.js";
import { checksTable } from "./operate-report.js";
import { capital, counted, measure, when } from "./operate-words.js";

const TILES = [["ndcg_10", "nDCG@10"], ["recall_10", "Recall@10"], ["mrr", "MRR"], ["map", "mAP"]];
const COLUMNS = [["ndcg_10", "nDCG@10"], ["recall_10", "R@10"], ["mrr", "MRR"]];
const WORST = 5;

/** @param {any} all as GET /v1/versions has it @param {any[]} jobs the newest, for their checks */
export async function showEvaluation(all, jobs) {
  const body = $("quality-body");
  const served = all.collections.find((each) => each.served);
  const found = served ? (await fetchJson(`v1/collections/${encodeURIComponent(served.alias)}/evaluations`)).evaluations : [];
  const checks = served && lastChecks(served, jobs);
  const live = served?.versions.find((version) => version.live);
  const shown = found.find((each) => each.live) ?? found[0];
  const parts = [shown ? evaluation(shown, found, live) : unmeasured(live), checks ? beside(checks) : null];
  body.removeAttribute("aria-busy");
  body.replaceChildren(...parts.filter(Boolean));
}

function evaluation(shown, found, live) {
  const { overall } = shown;
  const settings = Object.entries(shown.settings).map(([name, value]) => `${name}=${value}`).join(", ");
  return element("article", { className: "panel" },
    element("p", { className: "measured" }, element("strong", { textContent: shown.collection }),
      ` · ${shown.model} · measured ${when(shown.measured)}`),
    element("dl", { className: "tiles" }, ...TILES.map(([name, title]) => element("div", {},
      element("dt", { textContent: title }), element("dd", { textContent: measure(overall[name]) })))),
    element("p", { className: "note" },
      `Means over ${counted(overall.queries, "query", "queries")} of ${shown.queries}${settings && `, with ${settings}`}; 1 is best. `
      + (shown.unanswered
        ? `${counted(shown.unanswered, "query has", "queries have")} no right answer in the first ${number(shown.depth)} hits.`
        : `Every query has a right answer in the first ${number(shown.depth)} hits.`)),
    stale(shown, live),
    table("Version", found.map((each) => [each.collection, each.overall])),
    table("Kind of query", capitals(shown.by_kind)),
    table("Group of queries", capitals(shown.by_group)),
    worst(shown.slices));
}

/* Why the numbers may not be those of today; nothing where they are. */
function stale(shown, live) {
  const why = !live || shown.collection !== live.name
    ? live && `${live.name} is live, and was not measured.`
    : live.items !== shown.items
      ? `It had ${counted(shown.items, "item")} then, and has ${number(live.items)} now.`
      : live.indexed && live.indexed > shown.measured ? "It was indexed again since." : "";
  return why ? element("p", { className: "said warn", textContent: `${why} Measure again to be sure.` }) : null;
}

const capitals = (parts) => Object.entries(parts).map(([name, metrics]) => [capital(name), metrics]);

/* One part alone is the whole, and has been told. */
function table(what, parts) {
  if (parts.length < 2) return null;
  const head = (textContent, className) => element("th", { scope: "col", className, textContent });
  const figure = (textContent) => element("td", { className: "figure", textContent });
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": `By ${what.toLowerCase()}` },
    element("table", {},
      element("thead", {}, element("tr", {}, head(what, ""), head("Queries", "figure"),
        ...COLUMNS.map(([, title]) => head(title, "figure")))),
      element("tbody", {}, ...parts.map(([name, metrics]) => element("tr", {},
        element("th", { scope: "row", textContent: name }), figure(number(metrics.queries)),
        ...COLUMNS.map(([key]) => figure(measure(metrics[key]))))))));
}

function worst(slices) {
  if (!slices.length) return null;
  return element("div", {}, element("h3", { textContent: "Where they are worst" }),
    element("ul", { className: "slices" }, ...slices.slice(0, WORST).map((slice) => element("li", {},
      element("span", { className: "slice-name" }, `${capital(slice.column)} ${slice.value}`,
        slice.lags ? element("span", { className: "tag bad", textContent: "lags" }) : null),
      element("span", { className: "figure", textContent: measure(slice.ndcg_10) }),
      element("meter", { min: 0, max: 1, value: slice.ndcg_10, "aria-label": `nDCG@10 of ${slice.column} ${slice.value}` }),
      element("span", { className: "note", textContent: `${counted(slice.queries, "query", "queries")}${slice.rest === null ? "" : `, all others ${measure(slice.rest)}`}` })))));
}

/* The checks of the newest reindex that made one of the versions there are. */
function lastChecks(served, jobs) {
  const names = new Set(served.versions.map((version) => version.name));
  return jobs.find((job) => job.report?.rollout && names.has(job.report.rollout.new));
}

const beside = ({ report: { rollout }, ended }) => element("article", { className: "panel" },
  element("h3", { textContent: "Side by side, when it was built" }),
  element("p", { className: "note", textContent: `${rollout.new} beside ${rollout.live_before}, ${when(ended)}` }),
  checksTable(rollout, "Side by side"));

function unmeasured(live) {
  const more = !live || live.disk_bytes === null ? "" : " An embedded database is open in one process at a time: stop the service for it.";
  return element("div", { className: "nothing" },
    element("p", {}, element("strong", { textContent: "Nothing was measured yet. " }),
      `Two commands make queries of the catalogue's own columns and measure the answers; --save has them shown here.${more}`),
    element("pre", { tabIndex: 0, textContent: "vitrine make-queries\nvitrine eval --queries queries.jsonl \\\n  --qrels qrels.json --slice kind --save" }));
}
