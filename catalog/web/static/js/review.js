// @ts-check
/** The review of one keyword: its undecided photos by confidence, a cut line, one key a decision. */

import { get, post } from "./api.js";
import { combobox } from "./combobox.js";
import { decide, events, note, undo } from "./decide.js";
import { $, $$, el, icon, percent, say, t, toast } from "./dom.js";
import { on } from "./keyboard.js";
import { fetchPictures, picture } from "./tiles.js";

/** @typedef {"confirm" | "reject"} Action */

const BATCH = 20;
const WAIT_MS = 300;

export function start() {
  const host = $("#tiles");
  if (host) new Review(host);
  else if ($("#one")) one();
}

class Review {
  /** @param {HTMLElement} host */
  constructor(host) {
    this.host = host;
    this.data = host.dataset;
    this.word = host.dataset.word ?? "";
    this.tiles = $$(".tile", host);
    this.at = 0;
    this.next = host.dataset.next || null;
    /** @type {Map<Action, HTMLElement[]>} */
    this.waiting = new Map();
    this.sending = Promise.resolve();
    /** How many tiles lie above the cut line. */
    this.cut = this.tiles.filter((tile) => Number(tile.dataset.sure) >= 0.5).length;
    this.line = $("#cut");
    for (const tile of this.tiles) this._ready(tile);
    this._show();
    this._place();
    this.host.addEventListener("click", (event) => this._clicked(event));
    this.host.addEventListener("focusin", (event) => {
      const tile = /** @type {HTMLElement} */ (event.target).closest(".tile");
      if (tile) this.at = this.tiles.indexOf(tile);
    });
    new ResizeObserver(() => this._show()).observe(host);
    events.addEventListener("undone", (event) => this._undone(/** @type {CustomEvent} */ (event).detail));
    addEventListener("pagehide", () => this._send());
    $("#apply").addEventListener("click", () => this.apply());
    $("#below").addEventListener("change", () => this._show());
    $("#cut-up").addEventListener("click", () => this.move(-1));
    $("#cut-down").addEventListener("click", () => this.move(1));
    this._keys();
  }

  _keys() {
    const step = (/** @type {number} */ by) => () => this.focus(this.at + by);
    on("review", {
      left: step(-1), right: step(1), first: () => this.focus(0), last: () => this.focus(this.tiles.length - 1),
      "cut-up": () => this.move(-1), "cut-down": () => this.move(1),
      yes: () => this.say_of(this.at, "confirm", 1), no: () => this.say_of(this.at, "reject", 1), skip: () => this.skip(),
      toggle: () => this.toggle(), apply: () => { this.apply(); },
      add: () => this.add(),
      open: () => { const tile = this.tiles[this.at]; if (tile) location.assign($("a", tile).href); },
      back: () => location.assign("/review"),
    });
  }

  /** @param {HTMLElement} tile */
  _ready(tile) {
    const image = $("img", tile);
    image?.addEventListener("error", () => tile.classList.add("broken"));
  }

  get columns() {
    return getComputedStyle(this.host).gridTemplateColumns.split(" ").length;
  }

  /** @param {number} n */
  focus(n) {
    this.at = Math.min(Math.max(0, n), this.tiles.length - 1);
    this._place();
    const link = $("a", this.tiles[this.at]);
    link?.focus();
    if (this.at > this.tiles.length - 2 * this.columns) this.more();
  }

  _place() {
    this.tiles.forEach((tile, n) => $("a", tile).setAttribute("tabindex", n === this.at ? "0" : "-1"));
  }

  /** Move the cut line by a row. @param {1 | -1} by */
  move(by) {
    const columns = this.columns;
    const row = by > 0 ? Math.floor(this.cut / columns) + 1 : Math.ceil(this.cut / columns) - 1;
    this.cut = Math.min(this.tiles.length, Math.max(0, row * columns));
    this._show();
    this.line.scrollIntoView({ block: "nearest" });
    say(this.line.innerText);
  }

  /** Put the line between the tiles above and below it. */
  _show() {
    const before = this.tiles[this.cut] ?? null;
    const lowest = this.tiles[this.cut - 1];
    this.line.style.gridColumn = "1 / -1";
    if (this.line.nextElementSibling !== before || this.line.parentElement !== this.host) this.host.insertBefore(this.line, before);
    const [yes, no] = this._sides();
    $("#cut-text").textContent = lowest ? t("js.cut", { sure: percent(Number(lowest.dataset.sure)), n: yes.length }) : t("js.cut-none");
    const isReject = $("#below").value === "reject";
    $("#apply").textContent = t(isReject ? "js.apply-both" : "js.apply", { yes: yes.length, no: no.length, n: yes.length });
    $("#apply").disabled = !yes.length && !(isReject && no.length);
  }

  /** Undecided tiles above and below the line. @returns {HTMLElement[][]} */
  _sides() {
    const open = (/** @type {HTMLElement} */ tile) => !tile.dataset.said;
    return [this.tiles.slice(0, this.cut).filter(open), this.tiles.slice(this.cut).filter(open)];
  }

  /** @param {number} n @param {Action} action @param {number} [by] where the focus goes */
  say_of(n, action, by = 0) {
    const tile = this.tiles[n];
    if (!tile) return;
    if (!tile.dataset.said || tile.dataset.said === "skip") {
      this._mark(tile, action);
      this.waiting.set(action, [...(this.waiting.get(action) ?? []), tile]);
      const size = [...this.waiting.values()].reduce((sum, tiles) => sum + tiles.length, 0);
      clearTimeout(this.timer);
      if (size >= BATCH) this._send();
      else this.timer = setTimeout(() => this._send(), WAIT_MS);
      this._show();
    }
    if (by) this.focus(n + by);
  }

  skip() {
    const tile = this.tiles[this.at];
    if (tile && !tile.dataset.said) this._mark(tile, "skip");
    this._show();
    this.focus(this.at + 1);
  }

  toggle() {
    const tile = this.tiles[this.at];
    if (!tile) return;
    const flip = tile.dataset.said === "confirm" ? "reject" : "confirm";
    if (tile.dataset.said && tile.dataset.said !== "skip" && tile.dataset.change) {
      undo(tile.dataset.change).then(() => this.say_of(this.tiles.indexOf(tile), flip));
    } else if (!tile.dataset.said || tile.dataset.said === "skip") {
      this.say_of(this.at, flip);
    }
  }

  /** @param {HTMLElement} tile @param {string} said */
  _mark(tile, said) {
    if (said) tile.dataset.said = said;
    else delete tile.dataset.said;
    const place = $(".verdict", tile);
    place.replaceChildren(...(said ? [icon({ confirm: "check", reject: "x", skip: "skip" }[said] ?? "skip")] : []));
    $("a", tile).setAttribute("aria-label", `${tile.dataset.label}${said ? `; ${t(`js.said.${said}`)}` : ""}`);
  }

  /** Send what waits, one request for each action; tiles whose request fails come back. */
  _send() {
    clearTimeout(this.timer);
    const batch = [...this.waiting];
    this.waiting = new Map();
    for (const [action, tiles] of batch) {
      this.sending = this.sending.then(async () => {
        try {
          const answer = await decide(action, [this.word], { photos: tiles.map((tile) => Number(tile.dataset.id)) }, { quiet: true });
          for (const tile of tiles) tile.dataset.change = answer.change_id;
          this._progress();
        } catch (error) {
          for (const tile of tiles) this._mark(tile, "");
          this._show();
          toast(/** @type {Error} */ (error).message);
        }
      });
    }
    return this.sending;
  }

  /** Confirm what is above the line, and reject what is below it if that is chosen. */
  async apply() {
    const [above, below] = this._sides();
    const pairs = /** @type {[Action, HTMLElement[]][]} */ ([["confirm", above], ["reject", $("#below").value === "reject" ? below : []]]);
    await this._send();
    const ids = [];
    for (const [action, tiles] of pairs) {
      if (!tiles.length) continue;
      for (const tile of tiles) this._mark(tile, action);
      try {
        const answer = await post("/decisions", { action, words: [this.word], photos: tiles.map((tile) => Number(tile.dataset.id)) });
        for (const tile of tiles) tile.dataset.change = answer.change_id;
        if (answer.change_id) ids.push(answer.change_id);
      } catch (error) {
        for (const tile of tiles) this._mark(tile, "");
        toast(/** @type {Error} */ (error).message);
      }
    }
    if (!ids.length) return;
    const text = t("js.applied", { yes: above.length, no: pairs[1][1].length, words: this.word });
    const change = { id: ids.join(","), text };
    note(change);
    toast(text, { label: t("js.undo"), act: () => undo(change.id) });
    this._show();
    this._progress();
    this.more();
  }

  /** @param {{id: string}} change */
  _undone(change) {
    const ids = change.id.split(",");
    for (const tile of this.tiles) {
      if (!ids.includes(tile.dataset.change ?? "")) continue;
      delete tile.dataset.change;
      this._mark(tile, "");
    }
    this._show();
    this._progress();
  }

  /** How far the review is, and how often the word was right. */
  async _progress() {
    const found = await get("/review", { word: this.word, limit: 1, bands: true }).catch(() => null);
    if (!found) return;
    $("#progress").max = Math.max(1, found.progress.photos);
    $("#progress").value = found.progress.decided;
    $("#progress-text").textContent = t("js.progress", { n: found.progress.photos, decided: found.progress.decided });
    $("#precision").textContent = found.progress.precision == null ? "" : t("js.precision", { share: percent(found.progress.precision) });
    $("#bands").hidden = !found.bands.length;
    $("#bands .number").textContent = found.bands.map((/** @type {any} */ each) => (
      t("js.band", { low: percent(each.low), high: percent(each.high), share: percent(each.precision), n: each.decided }))).join(" · ");
  }

  /** Load tiles that follow. */
  async more() {
    if (!this.next || this.loading) return;
    this.loading = true;
    try {
      const page = await get("/review", { word: this.word, from: this.data.from, to: this.data.to, after: this.next });
      this.next = page.next;
      for (const hit of page.items) this._add(hit);
      this._show();
    } catch (error) {
      toast(/** @type {Error} */ (error).message);
    } finally {
      this.loading = false;
    }
  }

  /** @param {any} hit */
  _add(hit) {
    const item = { id: hit.id, sha: hit.sha256, ratio: 1, hash: hit.thumbhash ?? "" };
    const label = `${hit.file ?? ""}, ${percent(hit.confidence)}`;
    const button = (/** @type {Action} */ action, /** @type {string} */ name) => el("button", { type: "button", tabindex: "-1", class: action === "confirm" ? "yes" : "no", "data-act": action, "aria-label": t(`js.${action}`) }, icon(name));
    const tile = el("div", { class: "tile", role: "listitem", "data-id": hit.id, "data-sure": hit.confidence, "data-label": label },
      el("a", { href: `/photo/${hit.id}`, tabindex: "-1", "aria-label": label }, picture(item, { width: 240, height: 240 })),
      el("span", { class: "sure", text: percent(hit.confidence) }), el("span", { class: "verdict" }),
      el("span", { class: "acts" }, button("reject", "x"), button("confirm", "check")));
    this.tiles.push(tile);
    this.host.append(tile);
    fetchPictures(tile);
  }

  /** @param {Event} event */
  _clicked(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("[data-act]");
    const tile = button?.closest(".tile");
    if (!button || !tile) return;
    event.preventDefault();
    this.at = this.tiles.indexOf(tile);
    this._place();
    const action = /** @type {Action} */ (/** @type {HTMLElement} */ (button).dataset.act);
    if (/** @type {HTMLElement} */ (tile).dataset.said === action) this.toggle();
    else this.say_of(this.at, action);
  }

  /** Add a word that is missing on the photo. */
  add() {
    const tile = this.tiles[this.at];
    if (!tile) return;
    const input = $("#missing input");
    $("#missing").hidden = false;
    if (!input.getAttribute("role")) {
      combobox(input, { whole: true });
      $("#missing").addEventListener("submit", async (/** @type {Event} */ event) => {
        event.preventDefault();
        if (!input.value.trim()) return;
        await decide("add", [input.value.trim()], { photos: [Number(this.tiles[this.at].dataset.id)] }).catch((error) => toast(error.message));
        input.value = "";
        $("#missing").hidden = true;
        this.focus(this.at);
      });
    }
    input.focus();
  }
}

/* By photo: one photo large, its undecided words as a list */

function one() {
  const id = Number($("#one").dataset.id);
  let at = 0;
  const rows = $$("#undecided li");
  const focus = (/** @type {number} */ n) => {
    if (n >= rows.length) return next();
    at = Math.max(0, n);
    rows.forEach((row, index) => row.classList.toggle("at", index === at));
    rows[at]?.scrollIntoView({ block: "nearest" });
    say(rows[at]?.dataset.label ?? "");
    return undefined;
  };
  const next = () => location.assign($("#onward").href);
  const act = async (/** @type {any} */ row, /** @type {Action} */ action) => {
    row.classList.remove("confirmed", "rejected");
    row.classList.add(`${action}ed`);
    try {
      await decide(action, [row.dataset.word], { photos: [id] }, { quiet: true });
    } catch (error) {
      row.classList.remove(`${action}ed`);
      toast(/** @type {Error} */ (error).message);
    }
  };
  const here = (/** @type {Action} */ action) => {
    const done = act(rows[at], action);
    if (at + 1 < rows.length) focus(at + 1);
    else done.then(next);
  };
  $("#undecided").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    act(/** @type {HTMLElement} */ (event.target).closest("li"), /** @type {any} */ (event.submitter)?.value);
  });
  events.addEventListener("undone", () => location.reload());
  const input = $("#addword [type=text]");
  combobox(input, { whole: true });
  $("#addword").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    if (input.value.trim()) decide("add", [input.value.trim()], { photos: [id] }).then(() => { input.value = ""; input.blur(); }, (error) => toast(error.message));
  });
  on("one", {
    "word-up": () => focus(at - 1), "word-down": () => focus(Math.min(at + 1, rows.length - 1)),
    yes: () => here("confirm"), no: () => here("reject"), skip: () => focus(at + 1),
    add: () => { input.focus(); }, next, open: () => location.assign(`/photo/${id}`), back: () => location.assign("/review"),
  });
  focus(0);
}
