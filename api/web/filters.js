/* The panel of filters, made of the page's facets: beside the results, or a sheet on a small screen. */

import { $, element, fill, removable } from "./dom.js";
import { colourOf, fieldName, number, plain } from "./format.js";
import { rangeSection, rangeText } from "./range.js";
import { current, go, isNarrowed, NO_FILTERS } from "./state.js";

const FEW = 8; // values that are shown before "show all"
const OPEN = 5; // sections that are open at first

const isOpen = new Map(); // by field, what people did
const showsAll = new Set();

/** Sheet, and the filter that is written. */
export function startFilters() {
  const sheet = $("sheet");
  $("filters-open").addEventListener("click", () => {
    $("sheet-body").append($("filters"));
    sheet.showModal();
  });
  sheet.addEventListener("close", () => $("side").append($("filters")));
  sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
  $("filter-form").addEventListener("submit", (event) => {
    event.preventDefault();
    go({ filter: $("filter").value.trim() });
  });
  $("filters-clear").addEventListener("click", () => go(NO_FILTERS));
}

/** What of the panel does not wait for results. @param {import("./state.js").View} view */
export function showFilters(view) {
  $("filter").value = view.filter;
  $("filter").removeAttribute("aria-invalid");
  fill($("filter-error"), "");
  $("filters-clear").hidden = !isNarrowed(view);
  const count = pills(view).length;
  $("filters-count").textContent = count ? ` · ${count}` : "";
  $("narrowed").replaceChildren(...pills(view));
  $("narrowed").hidden = !count;
}

/** @param {string} message about the filter that was written */
export function refuseFilter(message) {
  $("filter").setAttribute("aria-invalid", "true");
  fill($("filter-error"), message);
  $("written").open = true;
}

/**
 * @param {any[]} facets of the page @param {Object<string, string>} types by field
 * @param {number | null} total
 */
export function showFacets(facets, types, total) {
  const view = current();
  const focused = document.activeElement?.id;
  const useful = facets.filter((facet) => isUseful(facet, view));
  $("facets").replaceChildren(...useful.map((facet, place) => section(facet, place, types, view)));
  if (focused) $(focused)?.focus({ preventScroll: true });
  $("sheet-close").textContent = total === null ? "Show results" : `Show ${number(total)} results`;
}

/* One value says nothing, unless it is what was picked. */
function isUseful(facet, view) {
  if (view.picked[facet.field] || view.ranges[facet.field]) return true;
  return facet.ranges.length > 1 || (facet.values.length > 1 && facet.distinct > 1);
}

function section(facet, place, types, view) {
  const { field } = facet;
  const body = facet.values.length ? values(facet, types, view) : rangeSection(facet, types[field], view.ranges[field]);
  const chosen = view.picked[field]?.length;
  const details = element("details", {
    className: "facet", open: isOpen.get(field) ?? (place < OPEN || Boolean(chosen || view.ranges[field])),
    ontoggle: () => isOpen.set(field, details.open),
  }, element("summary", { textContent: fieldName(field) }), body);
  return details;
}

function values(facet, types, view) {
  const { field } = facet;
  const picked = view.picked[field] ?? [];
  // What is picked stays in sight, also where nothing has it.
  const missing = picked.filter((value) => !facet.values.some((each) => String(each.value) === value));
  const all = [...missing.map((value) => ({ value, count: 0 })), ...facet.values];
  const list = element("ul", { className: "values" });
  const show = () => {
    const some = showsAll.has(field) ? all : all.filter((each, at) => at < FEW || picked.includes(String(each.value)));
    list.replaceChildren(...some.map((each) => choice(facet, each, types[field], picked)));
  };
  show();
  const toggle = all.length <= FEW ? null : element("button", {
    type: "button", className: "link", textContent: showsAll.has(field) ? "Show fewer" : `Show all ${all.length}`,
    onclick: () => {
      showsAll[showsAll.has(field) ? "delete" : "add"](field);
      toggle.textContent = showsAll.has(field) ? "Show fewer" : `Show all ${all.length}`;
      show();
    },
  });
  return element("div", {}, list, toggle);
}

function choice(facet, { value, count }, type, picked) {
  const text = String(value);
  const box = element("input", {
    type: "checkbox", id: `f-${facet.field}-${text}`, checked: picked.includes(text),
    onchange: () => pick(facet.field, text, box.checked),
  });
  const colour = type === "string" && /colou?r/i.test(facet.field) ? colourOf(text) : null;
  const dot = colour && element("span", { className: "dot", "aria-hidden": "true" });
  if (dot) dot.style.backgroundColor = colour;
  return element("li", {},
    element("label", { className: "choice" }, box, dot,
      element("span", { className: "value", textContent: type === "boolean" ? plain(value === true || text === "true") : text }),
      element("span", { className: "count", textContent: number(count) })));
}

function pick(field, value, is) {
  const { picked } = current();
  const others = (picked[field] ?? []).filter((each) => each !== value);
  const values = is ? [...others, value] : others;
  const rest = Object.fromEntries(Object.entries(picked).filter(([name]) => name !== field));
  go({ picked: values.length ? { ...rest, [field]: values } : rest });
}

/* What is narrowed by, above the results: a click takes it off. */
function pills(view) {
  const picked = Object.entries(view.picked).flatMap(([field, values]) => values.map((value) => {
    const isYesNo = ["true", "false"].includes(value);
    const text = isYesNo ? `${fieldName(field)}: ${value === "true" ? "yes" : "no"}` : value;
    return removable(text, `Remove the filter ${fieldName(field)}: ${value}`, () => pick(field, value, false));
  }));
  const ranges = Object.entries(view.ranges).map(([field, range]) => {
    const text = `${fieldName(field)} ${rangeText(range)}`;
    const rest = Object.fromEntries(Object.entries(view.ranges).filter(([name]) => name !== field));
    return removable(text, `Remove the filter ${text}`, () => go({ ranges: rest }));
  });
  const written = view.filter
    ? [removable(view.filter, `Remove the filter ${view.filter}`, () => go({ filter: "" }))] : [];
  return [...picked, ...ranges, ...written];
}
