// The cards of the videos shown, kept in the API's order without moving cards that stay in place.

import { create, remove, update } from "./card.js";
import { STATES } from "./format.js";

const grid = document.getElementById("grid");
const announcements = document.getElementById("announcements");
const cards = new Map();
let stateListener = () => {};

/** Calls `listener` with the videos shown whose states have changed. */
export function onStates(listener) {
  stateListener = listener;
}

/** Shows exactly these videos and announces state changes of those already shown. */
export function show(videos, handlers) {
  const wanted = new Set(videos.map((video) => video.video));
  for (const [name, card] of cards) {
    if (!wanted.has(name)) {
      remove(card);
      cards.delete(name);
    }
  }
  const changed = [];
  videos.forEach((video, index) => {
    let card = cards.get(video.video);
    if (!card) {
      card = create(video, handlers);
      cards.set(video.video, card);
    }
    if (!isStale(video, card.video)) {
      if (card.video && card.video.state !== video.state) changed.push(video);
      update(card, video);
    }
    // Moving a card would take the focus away from it.
    if (grid.children[index] !== card) grid.insertBefore(card, grid.children[index] ?? null);
  });
  announceStates(changed);
}

/** Updates the card of a video, if it is shown. */
export function refresh(video) {
  const card = cards.get(video.video);
  if (!card) return;
  const changed = card.video.state !== video.state;
  update(card, video);
  if (changed) announceStates([video]);
}

/** Names of up to `limit` unfinished videos in view, running ones first. */
export function unfinishedInView(limit) {
  const order = { running: 0, queued: 1 };
  return [...cards.values()]
    .filter((card) => card.video.state in order && inView(card.getBoundingClientRect()))
    .sort((a, b) => order[a.video.state] - order[b.video.state])
    .slice(0, limit)
    .map((card) => card.video.video);
}

/** The videos shown, by name. */
export const shown = (name) => cards.get(name)?.video;

/** Marks the cards of the selected videos. */
export function markSelected(names) {
  for (const [name, card] of cards) card.parts.select.checked = names.has(name);
}

/** Moves the focus from one card to another: arrow keys, Home and End. */
grid.addEventListener("keydown", (event) => {
  const all = [...grid.children];
  const from = all.indexOf(event.target.closest(".card"));
  const to = { ArrowRight: from + 1, ArrowLeft: from - 1, Home: 0, End: all.length - 1 }[event.key] ?? vertical(event.key, all, from);
  if (from < 0 || to === null || !all[to] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const { thumb, open } = all[to].parts;
  (thumb.hidden ? open : thumb).focus();
});

/** The nearest card in the next row; rows hold different numbers of cards. */
function vertical(key, all, from) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  if (!step || from < 0) return null;
  const { top, left, width } = all[from].getBoundingClientRect();
  const distance = (box) => Math.abs(box.left + box.width / 2 - left - width / 2);
  let best = null;
  let row = null;
  for (let index = from + step; all[index]; index += step) {
    const box = all[index].getBoundingClientRect();
    if ((box.top - top) * step <= 1) continue;
    row ??= box.top;
    if (Math.abs(box.top - row) > 1) break;
    if (best === null || distance(box) < distance(all[best].getBoundingClientRect())) best = index;
  }
  return best;
}

const inView = ({ top, bottom }) => bottom > 0 && top < innerHeight;

const STATE_ORDER = { queued: 0, running: 1, succeeded: 2, failed: 2 };

/** Whether a video in a list, which may come from an older scan, is behind what its card already shows. */
function isStale(listed, known) {
  if (!known || listed.queued_at !== known.queued_at) return Boolean(known) && listed.queued_at < known.queued_at;
  if (listed.attempt !== known.attempt) return listed.attempt < known.attempt;
  if (listed.state !== known.state) return STATE_ORDER[listed.state] < STATE_ORDER[known.state];
  return listed.progress === null && known.progress !== null;
}

function announceStates(changed) {
  if (!changed.length) return;
  stateListener(changed);
  const phrases = { queued: "is waiting", running: "is converting", succeeded: "is done", failed: "has failed" };
  announcements.textContent =
    changed.length < 4
      ? changed.map((video) => `${video.video} ${phrases[video.state]}.`).join(" ")
      : Object.keys(STATES)
          .map((state) => [state, changed.filter((video) => video.state === state).length])
          .filter(([, number]) => number)
          .map(([state, number]) => `${number} videos: ${STATES[state].toLowerCase()}.`)
          .join(" ");
}

export function announce(text) {
  announcements.textContent = text;
}
