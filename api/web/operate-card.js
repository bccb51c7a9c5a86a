/* One job in the list: what it does now, or what became of it. */

import { element, fill } from "./dom.js";
import { number } from "./format.js";
import { report } from "./operate-report.js";
import { counted, duration, outcome, stateOf, titleOf, when } from "./operate-words.js";

const STAGES = [["read", "Read"], ["fetch", "Fetched"], ["decode", "Decoded"], ["encode", "Embedded"], ["stage", "Written"], ["store", "Stored"]];
const RATE_OVER_S = 5;

/** A job's place in the list. It stays the same while the job goes on, so that focus does. */
export class Card {
  /**
   * @param {any} job
   * @param {{cancel: (card: Card) => void, resume: (card: Card) => void, toggle: (card: Card) => void}} acts
   */
  constructor(job, acts) {
    this.samples = [];
    this.isStopping = false;
    this.build(acts);
    this.update(job);
  }

  build(acts) {
    const button = (textContent, onclick) => element("button", { type: "button", className: "small quiet", textContent, onclick });
    this.tag = element("span", { className: "tag" });
    this.title = element("h3", {});
    this.sub = element("p", { className: "note" });
    this.cancel = button("Cancel", () => acts.cancel(this));
    this.resume = button("Resume", () => acts.resume(this));
    this.more = button("Details", () => acts.toggle(this));
    this.more.setAttribute("aria-expanded", "false");
    this.doing = element("p", { className: "doing" });
    this.bar = element("progress", {});
    this.line = element("p", { className: "line" });
    this.stages = element("ol", { className: "stages", "aria-label": "Rows by stage" });
    this.now = element("div", { className: "now" }, this.doing, this.bar, this.line, this.stages);
    this.outcome = element("p", { className: "outcome" });
    this.details = element("div", { className: "job-details", hidden: true });
    this.node = element("li", { className: "panel job" },
      element("div", { className: "job-head" },
        element("div", { className: "job-names" }, this.tag, this.title, this.sub),
        element("div", { className: "job-acts" }, this.cancel, this.resume, this.more)),
      this.now, this.outcome, this.details);
  }

  /** @param {any} job as it is now */
  update(job) {
    const before = this.job;
    this.job = job;
    const isRunning = job.state === "running";
    if (!isRunning) this.isStopping = false;
    const [word, kind] = this.isStopping ? ["Stopping", "warn"] : stateOf(job);
    this.node.dataset.state = job.state;
    fill(this.tag, word);
    this.tag.className = `tag ${kind}`;
    fill(this.title, titleOf(job));
    fill(this.sub, this.about());
    this.cancel.hidden = !isRunning || job.kind === "run" || this.isStopping;
    this.resume.hidden = !job.can_resume;
    this.now.hidden = !isRunning;
    fill(this.outcome, isRunning ? "" : outcome(job));
    this.outcome.classList.toggle("bad-text", Boolean(job.error));
    for (const [name, each] of [["Cancel", this.cancel], ["Resume", this.resume], ["Details", this.more]]) {
      each.setAttribute("aria-label", `${name}: ${titleOf(job)}, ${when(job.started)}`);
    }
    if (isRunning) this.showProgress();
    // Not with each event: what somebody reads, or has come to with the keyboard, stays.
    if (this.isOpen && before && before.state !== job.state) this.open();
  }

  about() {
    const { job } = this;
    const took = job.ended ? (new Date(job.ended) - new Date(job.started)) / 1000 : null;
    return [
      `into ${job.report?.collection ?? job.collection}`, when(job.started),
      took === null || took < 0.1 || job.state === "running" ? "" : `took ${duration(took)}`,
      job.kind === "run" && job.state === "running" ? "started by the command line: stop it there, with Ctrl-C" : "",
    ].filter(Boolean).join(" · ");
  }

  showProgress() {
    const { job, bar } = this;
    const { total, failed, seconds, stages } = job.progress;
    // Rows are done once they are stored, in large lots: what is embedded shows that it goes on.
    const done = Math.max(job.progress.done, stages.encode + failed);
    const rate = done > failed && seconds ? done / seconds : 0;
    fill(this.doing, this.isStopping ? "Stopping at the next batch …" : job.doing);
    if (total) {
      bar.max = total;
      bar.value = Math.min(done, total);
    } else bar.removeAttribute("value");
    bar.setAttribute("aria-label", `Rows done: ${titleOf(job)}`);
    fill(this.line, [
      total ? `${number(done)} of ${counted(total, "row")}` : done ? counted(done, "row") : "",
      rate ? `${number(Math.round(rate * 10) / 10)} a second` : "",
      rate && done < total ? `about ${duration(Math.max(1, Math.round((total - done) / rate)))} left` : "",
      done ? `${number(failed)} left out` : "",
    ].filter(Boolean).join(" · "));
    this.stages.hidden = !stages.read;
    const rates = this.rates();
    if (stages.read) this.stages.replaceChildren(...STAGES.map(([name, title]) => this.stage(name, title, rates[name])));
  }

  stage(name, title, rate) {
    const rows = this.job.progress.stages[name];
    return element("li", {}, element("span", { className: "stage-name", textContent: title }),
      element("strong", { textContent: number(rows) }),
      element("span", { className: "note", textContent: rate === null ? "" : `${number(Math.round(rate))}/s` }));
  }

  /* Rows a second by stage, of the last few seconds; null as long as there is nothing to go by. */
  rates() {
    const { seconds, stages } = this.job.progress;
    if (seconds < (this.samples.at(-1)?.seconds ?? 0)) this.samples = [];
    this.samples.push({ seconds, stages });
    while (this.samples.length > 2 && seconds - this.samples[1].seconds >= RATE_OVER_S) this.samples.shift();
    const [first] = this.samples;
    const passed = seconds - first.seconds;
    return Object.fromEntries(STAGES.map(([name]) =>
      [name, passed >= 0.5 ? (stages[name] - first.stages[name]) / passed : null]));
  }

  get isOpen() {
    return !this.details.hidden;
  }

  open() {
    this.details.replaceChildren(report(this.job));
    this.details.hidden = false;
    this.more.setAttribute("aria-expanded", "true");
  }

  close() {
    this.details.replaceChildren();
    this.details.hidden = true;
    this.more.setAttribute("aria-expanded", "false");
  }

  /** The job stops soon: it has been told to. */
  stop() {
    this.isStopping = true;
    this.update(this.job);
  }

  /** @param {boolean} isLost whether nothing is heard of it for now */
  lose(isLost) {
    this.node.classList.toggle("lost", isLost);
    if (isLost && this.job.state === "running") fill(this.doing, "The connection is lost; trying again …");
  }
}
