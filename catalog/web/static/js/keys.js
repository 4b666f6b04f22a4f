// @ts-check
/**
 * The table of keys. The handler, the help overlay, docs/gallery.md and the browser tests are made
 * from it, so that it cannot lie. It is JSON between the brackets: tests read it without a browser.
 *
 * `in`: the places where the key works: "any" page, a "grid", a "photo", a "review" by keyword, or
 * "one": a review by photo. `does`: the action that the page registers. `text`: a key of the texts.
 */

/** @typedef {{keys: string[], in: string[], does: string, text: string}} Key */

/** @type {Key[]} */
export const KEYS = [
  {"keys": ["/"], "in": ["any"], "does": "search", "text": "key.search"},
  {"keys": ["?"], "in": ["any"], "does": "help", "text": "key.help"},
  {"keys": ["z"], "in": ["any"], "does": "undo", "text": "key.undo"},
  {"keys": ["Shift+Z"], "in": ["any"], "does": "history", "text": "key.history"},
  {"keys": ["g g"], "in": ["any"], "does": "go-groups", "text": "key.go-groups"},
  {"keys": ["g r"], "in": ["any"], "does": "go-review", "text": "key.go-review"},
  {"keys": ["g k"], "in": ["any"], "does": "go-keywords", "text": "key.go-keywords"},
  {"keys": ["g s"], "in": ["any"], "does": "go-status", "text": "key.go-status"},
  {"keys": ["g h"], "in": ["any"], "does": "go-home", "text": "key.go-home"},

  {"keys": ["ArrowLeft", "h"], "in": ["grid", "review"], "does": "left", "text": "key.left"},
  {"keys": ["ArrowRight", "l"], "in": ["grid", "review"], "does": "right", "text": "key.right"},
  {"keys": ["ArrowUp", "k"], "in": ["grid"], "does": "up", "text": "key.up"},
  {"keys": ["ArrowDown", "j"], "in": ["grid"], "does": "down", "text": "key.down"},
  {"keys": ["Home"], "in": ["grid", "review"], "does": "first", "text": "key.first"},
  {"keys": ["End"], "in": ["grid", "review"], "does": "last", "text": "key.last"},
  {"keys": ["PageUp"], "in": ["grid"], "does": "page-up", "text": "key.page-up"},
  {"keys": ["PageDown"], "in": ["grid"], "does": "page-down", "text": "key.page-down"},
  {"keys": ["Enter"], "in": ["grid"], "does": "open", "text": "key.open"},
  {"keys": ["Space"], "in": ["grid"], "does": "toggle", "text": "key.toggle"},
  {"keys": ["Shift+ArrowLeft", "Shift+H"], "in": ["grid"], "does": "range-left", "text": "key.range-left"},
  {"keys": ["Shift+ArrowRight", "Shift+L"], "in": ["grid"], "does": "range-right", "text": "key.range-right"},
  {"keys": ["Shift+ArrowUp", "Shift+K"], "in": ["grid"], "does": "range-up", "text": "key.range-up"},
  {"keys": ["Shift+ArrowDown", "Shift+J"], "in": ["grid"], "does": "range-down", "text": "key.range-down"},
  {"keys": ["Control+a"], "in": ["grid"], "does": "all", "text": "key.all"},
  {"keys": ["Escape"], "in": ["grid"], "does": "clear", "text": "key.clear"},
  {"keys": ["a"], "in": ["grid"], "does": "add", "text": "key.add"},
  {"keys": ["r"], "in": ["grid"], "does": "remove", "text": "key.remove"},
  {"keys": ["s"], "in": ["grid"], "does": "similar", "text": "key.similar"},
  {"keys": ["f"], "in": ["grid"], "does": "fold", "text": "key.fold"},
  {"keys": ["i"], "in": ["grid"], "does": "details", "text": "key.details"},
  {"keys": ["+"], "in": ["grid"], "does": "larger", "text": "key.larger"},
  {"keys": ["-"], "in": ["grid"], "does": "smaller", "text": "key.smaller"},

  {"keys": ["Escape"], "in": ["photo"], "does": "back", "text": "key.back"},
  {"keys": ["ArrowLeft", "h"], "in": ["photo"], "does": "previous", "text": "key.previous"},
  {"keys": ["ArrowRight", "l"], "in": ["photo"], "does": "next", "text": "key.next"},
  {"keys": ["Home"], "in": ["photo"], "does": "first", "text": "key.first"},
  {"keys": ["End"], "in": ["photo"], "does": "last", "text": "key.last"},
  {"keys": ["ArrowUp", "k"], "in": ["photo", "one"], "does": "word-up", "text": "key.word-up"},
  {"keys": ["ArrowDown", "j"], "in": ["photo", "one"], "does": "word-down", "text": "key.word-down"},
  {"keys": ["Enter", "Space"], "in": ["photo"], "does": "zoom", "text": "key.zoom"},
  {"keys": ["y", "1"], "in": ["photo"], "does": "yes", "text": "key.yes"},
  {"keys": ["n", "2"], "in": ["photo"], "does": "no", "text": "key.no"},
  {"keys": ["u", "3"], "in": ["photo"], "does": "skip", "text": "key.skip"},
  {"keys": ["a"], "in": ["photo", "review", "one"], "does": "add", "text": "key.add-here"},
  {"keys": ["r"], "in": ["photo"], "does": "remove", "text": "key.remove-here"},
  {"keys": ["s"], "in": ["photo"], "does": "similar", "text": "key.similar"},
  {"keys": ["f"], "in": ["photo"], "does": "full", "text": "key.full"},
  {"keys": ["i"], "in": ["photo"], "does": "info", "text": "key.info"},

  {"keys": ["y", "1", "7"], "in": ["review", "one"], "does": "yes", "text": "key.yes"},
  {"keys": ["n", "2", "8"], "in": ["review", "one"], "does": "no", "text": "key.no"},
  {"keys": ["u", "3", "9"], "in": ["review", "one"], "does": "skip", "text": "key.skip"},
  {"keys": ["ArrowUp", "k"], "in": ["review"], "does": "cut-up", "text": "key.cut-up"},
  {"keys": ["ArrowDown", "j"], "in": ["review"], "does": "cut-down", "text": "key.cut-down"},
  {"keys": ["Space"], "in": ["review"], "does": "toggle", "text": "key.toggle-review"},
  {"keys": ["Enter"], "in": ["review"], "does": "apply", "text": "key.apply"},
  {"keys": ["Enter"], "in": ["one"], "does": "next", "text": "key.next"},
  {"keys": ["i"], "in": ["review", "one"], "does": "open", "text": "key.open"},
  {"keys": ["Escape"], "in": ["review", "one"], "does": "back", "text": "key.back-review"}
];
