/* What a job did: rows, checks of a new version, and the rows that were left out, with pictures. */

import { fetchJson } from "./api.js";
import { element } from "./dom.js";
import { number } from "./format.js";
import { jobPath } from "./operate-follow.js";
import { capital, counted, duration, failedRows } from "./operate-words.js";

const PAGE = 20;
const STAGES = { read: "reading", fetch: "fetching", decode: "decoding", encode: "embedding", stage: "writing down", store: "storing" };

/** @param {any} job @returns {any} an element; failed rows come a moment later */
export function report(job) {
  const node = element("div", { className: "report" });
  if (job.report) node.append(...did(job.report));
  node.append(facts(job));
  if (failedRows(job) || (job.kind === "run" && job.state !== "running")) node.append(failures(job));
  return node;
}

function did({ notices, rollout }) {
  return [
    rollout ? element("div", {}, element("h4", { textContent: "Checks of the new version" }), checksTable(rollout, "Checks of the new version")) : null,
    notices.length ? element("ul", { className: "notices" }, ...notices.map((textContent) => element("li", { textContent }))) : null,
  ].filter(Boolean);
}

function facts(job) {
  const { report: done } = job;
  const slowest = done && Object.entries(done.stage_seconds).sort((a, b) => b[1] - a[1])[0];
  const rows = [
    ["Source", job.source ?? "what the last run read"],
    ["Version", done?.collection],
    ["Model", done?.model],
    ["Embeddings taken over", done?.reused ? counted(done.reused, "row") : null],
    ["Not in the catalogue any more", done?.missing ? counted(done.missing, "item") : null],
    ["Slowest stage", slowest?.[1] > 0 ? `${STAGES[slowest[0]] ?? slowest[0]}, busy for ${duration(slowest[1])}` : null],
    ["Folder", done?.folder],
    ["Job", job.id],
  ].filter(([, text]) => text);
  return element("dl", { className: "facts" },
    ...rows.flatMap(([name, text]) => [element("dt", { textContent: name }), element("dd", { textContent: text })]));
}

/** @param {any} rollout @param {string} label @returns {any} the checks of a new version, as a table */
export function checksTable(rollout, label) {
  const value = (each) => (each === null ? "–" : new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 }).format(each));
  const short = (name) => name.replace(/^.*__(?=v\d+$)/, "");
  const head = ["Check", short(rollout.live_before), short(rollout.new), "Result"];
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": label },
    element("table", {},
      element("thead", {}, element("tr", {}, ...head.map((textContent, place) =>
        element("th", { scope: "col", className: place === 1 || place === 2 ? "figure" : "", textContent })))),
      element("tbody", {}, ...rollout.checks.map((check) => element("tr", {},
        element("th", { scope: "row", textContent: capital(check.name) }),
        element("td", { className: "figure", textContent: value(check.live) }),
        element("td", { className: "figure", textContent: value(check.new) }),
        element("td", {}, element("span", { className: check.passed ? "tag good" : "tag bad", textContent: check.passed ? "passed" : "failed" }),
          check.reason ? element("span", { className: "note", textContent: ` ${check.reason}` }) : null))))));
}

function failures(job) {
  const title = element("h4", { textContent: "Rows that were left out" });
  const list = element("ol", { className: "failures" });
  const note = element("p", { className: "note", role: "status", textContent: "Looking …" });
  const more = element("button", { type: "button", className: "small quiet", hidden: true, textContent: "Show more" });
  const node = element("div", { className: "left-out" }, title, note, list, more);
  let isPictured = false;
  let areOwn = false;
  const load = async () => {
    more.disabled = true;
    try {
      const page = await fetchJson(`${jobPath(job.id)}/failures?limit=${PAGE}&offset=${list.children.length}`);
      const first = list.children.length;
      list.append(...page.failures.map(failure));
      isPictured ||= page.failures.some((each) => each.thumbnail_url && !isOwn(each));
      areOwn ||= page.failures.some(isOwn);
      if (first) list.children[first].focus();
      more.hidden = list.children.length >= page.total || !page.failures.length;
      note.textContent = !page.total ? "None, or none of its last run."
        : `${number(list.children.length)} of ${counted(page.total, "row")}.${whose(isPictured, areOwn)}`;
      node.hidden = job.kind === "run" && !page.total;
    } catch (error) {
      note.textContent = error.message;
      more.hidden = false;
      more.textContent = "Try again";
    }
    more.disabled = false;
  };
  more.addEventListener("click", load);
  load();
  return node;
}

/* Whether the picture is of the image that the row names, and not of the item from before. */
const isOwn = (each) => Boolean(each.thumbnail_url?.startsWith("/v1/jobs/"));

function whose(ofItems, ofRows) {
  const before = "those that the collection has from before";
  if (ofItems && ofRows) return ` Pictures are ${before}, else the rows' own.`;
  if (ofItems || ofRows) return ` Pictures are ${ofItems ? before : "the rows' own"}.`;
  return "";
}

function failure(each) {
  const name = each.id ?? "without an id";
  return element("li", { className: "failed-row", tabIndex: -1 },
    picture(each),
    element("div", { className: "failed-words" },
      element("p", {}, element("strong", { textContent: name }),
        element("span", { className: "note", textContent: ` row ${number(each.row)}${each.times > 1 ? `, counts ${number(each.times)} times` : ""}` })),
      element("p", { textContent: each.reason }),
      each.hint ? element("p", { className: "cure", textContent: each.hint }) : null,
      element("p", { className: "note place" }, element("code", { textContent: each.code }), each.image ? ` ${each.image}` : "")));
}

function picture(each) {
  const none = () => element("span", { className: "picture none", textContent: "no picture" });
  if (!each.thumbnail_url) return none();
  const image = element("img", {
    className: "picture", src: each.thumbnail_url.replace(/^\//, ""), alt: isOwn(each) ? `Row ${each.row}, as the catalogue has it` : `${each.id}, as the collection has it`, loading: "lazy", decoding: "async", width: 72, height: 72,
  });
  image.addEventListener("error", () => image.replaceWith(none()));
  return image;
}
