/* The part of a picture that counts. Drag a frame on the picture, move it, pull its corner; with the
   keyboard arrows move the frame, and with Shift its lower right corner; or say it in numbers. */

import { $ } from "./dom.js";
import { percent } from "./format.js";

const LEAST = 0.05; // of a side
const STEP = 0.02;
const EDGES = ["crop-left", "crop-top", "crop-right", "crop-bottom"];
const WHOLE = [0, 0, 1, 1];

/** Shows and changes one frame. Edges are x0, y0, x1, y1 in fractions; null is the whole. */
export class Crop {
  /** @param {HTMLElement} area around the image @param {(edges: number[] | null) => void} changed */
  constructor(area, changed) {
    this.area = area;
    this.frame = $("crop-frame");
    this.changed = changed;
    this.edges = null;
    this.drag = null;
    area.addEventListener("pointerdown", (event) => this.#begin(event));
    area.addEventListener("pointermove", (event) => this.#move(event));
    area.addEventListener("pointerup", (event) => this.#end(event));
    area.addEventListener("pointercancel", () => this.#cancel());
    area.addEventListener("dragstart", (event) => event.preventDefault());
    area.addEventListener("keydown", (event) => this.#onKey(event));
    $("crop-whole").addEventListener("click", () => this.#commit(null));
    for (const id of EDGES) $(id).addEventListener("change", () => this.#fromNumbers());
  }

  /** @param {number[] | null} edges */
  show(edges) {
    this.edges = edges;
    this.#draw();
  }

  #draw() {
    const [x0, y0, x1, y1] = this.edges ?? WHOLE;
    Object.assign(this.frame.style, {
      left: `${x0 * 100}%`, top: `${y0 * 100}%`, width: `${(x1 - x0) * 100}%`, height: `${(y1 - y0) * 100}%`,
    });
    this.frame.hidden = !this.edges;
    $("crop-whole").hidden = !this.edges;
    EDGES.forEach((id, place) => ($(id).value = Math.round((this.edges ?? WHOLE)[place] * 100)));
    $("crop-said").textContent = this.edges
      ? `The part from ${percent(x0)} to ${percent(x1)} across and ${percent(y0)} to ${percent(y1)} down counts.`
      : "The whole picture counts. Drag on it to choose a part.";
  }

  #commit(edges) {
    const isWhole = edges && edges.every((edge, place) => Math.abs(edge - WHOLE[place]) < 0.005);
    this.changed(edges && !isWhole ? edges : null);
  }

  /* ---- by hand ---- */

  #at(event) {
    const { left, top, width, height } = this.area.getBoundingClientRect();
    return [clamp((event.clientX - left) / width), clamp((event.clientY - top) / height)];
  }

  #begin(event) {
    if (event.button !== 0) return;
    const [x, y] = this.#at(event);
    const [x0, y0, x1, y1] = this.edges ?? [2, 2, 2, 2];
    const isCorner = event.target.id === "crop-corner";
    const isInside = this.edges && x0 < x && x < x1 && y0 < y && y < y1;
    this.drag = { kind: isCorner ? "corner" : isInside ? "move" : "draw", x, y, before: this.edges };
    this.area.setPointerCapture(event.pointerId);
    event.preventDefault();
    this.area.focus({ preventScroll: true });
  }

  #move(event) {
    if (!this.drag) return;
    const [x, y] = this.#at(event);
    const { kind, before } = this.drag;
    if (kind === "move") this.edges = moved(before, x - this.drag.x, y - this.drag.y);
    else {
      const [fromX, fromY] = kind === "corner" ? before : [this.drag.x, this.drag.y];
      this.edges = [Math.min(fromX, x), Math.min(fromY, y), Math.max(fromX, x), Math.max(fromY, y)];
    }
    this.#draw();
  }

  #end(event) {
    if (!this.drag) return;
    const { kind, before, x, y } = this.drag;
    this.drag = null;
    const [toX, toY] = this.#at(event);
    const isTap = Math.hypot(toX - x, toY - y) < 0.01;
    if (isTap || !this.edges) return this.#restore(before);
    const [x0, y0, x1, y1] = this.edges;
    if (kind !== "move" && (x1 - x0 < LEAST || y1 - y0 < LEAST)) return this.#restore(before);
    this.#commit(this.edges);
  }

  #cancel() {
    if (this.drag) this.#restore(this.drag.before);
    this.drag = null;
  }

  #restore(edges) {
    this.edges = edges;
    this.#draw();
  }

  /* ---- by keyboard and numbers ---- */

  #onKey(event) {
    const [dx, dy] = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key] ?? [];
    if (event.key === "Escape" && this.edges) return this.#commit(null);
    if (dx === undefined || event.target !== this.area) return;
    event.preventDefault();
    const edges = this.edges ?? [0.1, 0.1, 0.9, 0.9];
    this.#commit(event.shiftKey ? resized(edges, dx, dy) : moved(edges, dx, dy));
  }

  #fromNumbers() {
    const [x0, y0, x1, y1] = EDGES.map((id) => clamp(Number($(id).value) / 100));
    if (x1 - x0 >= LEAST && y1 - y0 >= LEAST) this.#commit([x0, y0, x1, y1]);
    else this.#draw(); // back to what was
  }
}

const clamp = (value) => Math.min(1, Math.max(0, value));

function moved([x0, y0, x1, y1], dx, dy) {
  const [left, top] = [clampTo(x0 + dx, 1 - (x1 - x0)), clampTo(y0 + dy, 1 - (y1 - y0))];
  return [left, top, left + x1 - x0, top + y1 - y0];
}

const clampTo = (value, most) => Math.min(most, Math.max(0, value));

const resized = ([x0, y0, x1, y1], dx, dy) =>
  [x0, y0, clamp(Math.max(x0 + LEAST, x1 + dx)), clamp(Math.max(y0 + LEAST, y1 + dy))];
