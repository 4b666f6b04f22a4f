// @ts-check
/** The page of one photo: decisions about its keywords, its neighbours in the search, zoom. */

import { combobox } from "./combobox.js";
import { changes, decide, events, undo } from "./decide.js";
import { $, $$, percent, remember, say, t, toast } from "./dom.js";
import { on } from "./keyboard.js";

export function start() {
  const id = Number($("#photo").dataset.id);
  pictures();
  words(id);
  const turn = neighbours(id);
  const stage = $("#stage");
  on("photo", {
    back: () => { if ($("#stage.zoomed")) zoom(stage); else location.assign(turn.back); },
    previous: () => turn.go(turn.previous), next: () => turn.go(turn.next),
    first: () => turn.go(turn.first), last: () => turn.go(turn.last),
    zoom: () => zoom(stage),
    similar: () => location.assign(`/photo/${id}/similar`),
    full: () => { (document.fullscreenElement ? document.exitFullscreen() : stage.requestFullscreen()).catch(() => {}); },
    info: () => {
      const off = document.documentElement.classList.toggle("no-info");
      remember("info", off ? "off" : "on");
    },
  });
  $("#zoomer")?.addEventListener("click", () => zoom(stage));
}

/** The preview, sharp from the start, and a note where there is none. */
function pictures() {
  for (const image of $$("img[data-note]")) {
    const broken = () => {
      image.hidden = true;
      const note = document.createElement("p");
      note.className = "note";
      note.textContent = image.dataset.note;
      image.after(note);
    };
    if (image.complete && !image.naturalWidth) broken();
    else image.addEventListener("error", broken);
  }
}

/** @param {HTMLElement} stage */
function zoom(stage) {
  const image = /** @type {HTMLImageElement | null} */ ($(".picture", stage));
  if (!image || image.hidden) return;
  const on_now = stage.classList.toggle("zoomed");
  const original = image.dataset.original;
  if (on_now && original && !image.dataset.small) {
    image.dataset.small = image.src;
    const full = new Image();
    full.addEventListener("load", () => { if (stage.classList.contains("zoomed")) image.src = full.src; middle(stage); });
    full.src = original;
  }
  if (on_now) middle(stage);
  say(t(on_now ? "js.zoomed" : "js.fitted"));
}

/** @param {HTMLElement} stage */
function middle(stage) {
  const scroller = $("#zoomer", stage);
  scroller.scrollTo((scroller.scrollWidth - scroller.clientWidth) / 2, (scroller.scrollHeight - scroller.clientHeight) / 2);
}

/** Previous and next: as the grid had them, else as the server found them. @param {number} id */
function neighbours(id) {
  const links = { previous: $("#previous")?.href, next: $("#next")?.href, first: $("#first")?.href, last: $("#last")?.href, back: $("#back").href };
  let list;
  try {
    list = JSON.parse(sessionStorage.getItem("kadr.list") ?? "null");
  } catch {
    list = null;
  }
  const at = list?.search === location.search ? list.ids.indexOf(id) : -1;
  const of = (/** @type {number | undefined} */ other) => (other ? `/photo/${other}${location.search}` : undefined);
  if (at >= 0) {
    links.back = list.back;
    if (at > 0 || list.starts) links.previous = of(list.ids[at - 1]);
    if (at < list.ids.length - 1 || list.ends) links.next = of(list.ids[at + 1]);
    if (list.starts) links.first = of(list.ids[0]);
    if (list.ends) links.last = of(list.ids[list.ids.length - 1]);
    $("#back").href = list.back;
    for (const name of /** @type {const} */ (["previous", "next"])) {
      const link = $(`#${name}`);
      link.hidden = !links[name];
      if (links[name]) link.href = links[name];
    }
  }
  for (const url of [links.next, links.previous]) {
    if (!url) continue;
    const hint = document.createElement("link");
    hint.rel = "prefetch";
    hint.href = url;
    document.head.append(hint);
  }
  const go = (/** @type {string | undefined} */ url) => {
    if (url && url !== location.href) location.replace(url);
    else say(t("js.no-more"));
  };
  return { ...links, go };
}

/** @param {number} id */
export function words(id) {
  const list = $("#words");
  let at = 0;
  const rows = () => $$("li", list);
  const focus = (/** @type {number} */ n) => {
    at = Math.min(Math.max(0, n), rows().length - 1);
    rows().forEach((row, index) => row.classList.toggle("at", index === at));
    const row = rows()[at];
    if (!row) return;
    row.scrollIntoView({ block: "nearest" });
    say(`${row.dataset.label}, ${row.dataset.said}`);
  };
  const act = async (/** @type {any} */ row, /** @type {"confirm" | "reject"} */ action) => {
    if (!row) return;
    const before = row.className;
    const taken = row.classList.contains(`${action}ed`);
    show(row, taken ? "" : action);
    try {
      if (taken) {
        const change = [...changes()].reverse().find((each) => each.id === row.dataset.change);
        if (change) await undo(change.id);
        else if (action === "reject") await decide("confirm", [row.dataset.word], { photos: [id] }).then(() => show(row, "confirm"));
        else await decide("reject", [row.dataset.word], { photos: [id] }).then(() => show(row, "reject"));
        return;
      }
      const answer = await decide(action, [row.dataset.word], { photos: [id] });
      row.dataset.change = answer.change_id;
    } catch (error) {
      row.className = before;
      toast(/** @type {Error} */ (error).message);
    }
  };
  const here = (/** @type {"confirm" | "reject"} */ action) => {
    const row = rows()[at];
    act(row, action);
    focus(at + 1);
  };
  list.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const action = /** @type {any} */ (event.submitter)?.value;
    const row = /** @type {HTMLElement} */ (event.target).closest("li");
    act(row, action);
  });
  events.addEventListener("undone", () => location.reload());
  adding(id);
  on("photo", {
    "word-up": () => focus(at - 1), "word-down": () => focus(rows()[at]?.classList.contains("at") ? at + 1 : at),
    yes: () => here("confirm"), no: () => here("reject"), skip: () => focus(at + 1),
    add: () => { $("#addword [type=text]").focus(); },
    remove: () => { decide("remove", [rows()[at]?.dataset.word], { photos: [id] }).then(() => location.reload(), (error) => toast(error.message)); },
  });
}

/** @param {HTMLElement} row @param {string} action */
function show(row, action) {
  row.classList.remove("confirmed", "rejected");
  if (action) row.classList.add(`${action}ed`);
  const said = action ? t(`js.said.${action}`) : t("js.said.none");
  row.dataset.said = said;
  $(".said", row).textContent = said;
  for (const button of $$("button", row)) button.setAttribute("aria-pressed", String(button.value === action));
  const bar = $("progress", row);
  if (bar && action === "confirm") bar.value = 1;
  const sure = $(".sure", row);
  if (sure && action === "confirm") sure.textContent = percent(1);
}

/** @param {number} id */
function adding(id) {
  const form = $("#addword");
  const input = $("[type=text]", form);
  combobox(input, { whole: true });
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    const found = input.value.split(",").map((/** @type {string} */ word) => word.trim()).filter(Boolean);
    if (!found.length) return;
    try {
      await decide("add", found, { photos: [id] }, { quiet: true });
      location.reload();
    } catch (error) {
      toast(/** @type {Error} */ (error).message);
    }
  });
}
