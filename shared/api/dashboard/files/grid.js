// The cards of one page of videos, kept in the API's order without moving those that stay.

import { make, remove, update } from "./card.js";
import { STATES } from "./words.js";

const grid = document.getElementById("grid");
const news = document.getElementById("news");
const cards = new Map();

/** Show these videos and no others; changes of those shown before are announced. */
export function show(videos, handlers) {
  const wanted = new Set(videos.map((video) => video.video));
  for (const [name, card] of cards) {
    if (!wanted.has(name)) {
      remove(card);
      cards.delete(name);
    }
  }
  const changed = [];
  videos.forEach((video, place) => {
    let card = cards.get(video.video);
    if (!card) {
      card = make(video, handlers);
      cards.set(video.video, card);
    }
    if (!older(video, card.video)) {
      if (card.video && card.video.state !== video.state) changed.push(video);
      update(card, video);
    }
    // A card in its place is not touched, or it would lose the focus.
    if (grid.children[place] !== card) grid.insertBefore(card, grid.children[place] ?? null);
  });
  announce(changed);
}

/** Bring one video's card up to date, if it is shown. */
export function refresh(video) {
  const card = cards.get(video.video);
  if (!card) return;
  const changed = card.video.state !== video.state;
  update(card, video);
  if (changed) announce([video]);
}

/** Up to `most` videos that have not ended and are in view, those that run first. */
export function live(most) {
  const order = { running: 0, queued: 1 };
  return [...cards.values()]
    .filter((card) => card.video.state in order && inView(card.getBoundingClientRect()))
    .sort((a, b) => order[a.video.state] - order[b.video.state])
    .slice(0, most)
    .map((card) => card.video.video);
}

const inView = ({ top, bottom }) => bottom > 0 && top < innerHeight;

const STEPS = { queued: 0, running: 1, succeeded: 2, failed: 2 };

/** Whether a list, which is as old as its scan, tells less than the card has been told since. */
function older(listed, known) {
  if (!known || listed.queued_at !== known.queued_at) return Boolean(known) && listed.queued_at < known.queued_at;
  if (listed.attempt !== known.attempt) return listed.attempt < known.attempt;
  if (listed.state !== known.state) return STEPS[listed.state] < STEPS[known.state];
  return listed.progress === null && known.progress !== null;
}

function announce(changed) {
  if (!changed.length) return;
  const words = { queued: "waits", running: "is running", succeeded: "is done", failed: "has failed" };
  news.textContent =
    changed.length < 4
      ? changed.map((video) => `${video.video} ${words[video.state]}.`).join(" ")
      : Object.keys(STATES)
          .map((state) => [state, changed.filter((video) => video.state === state).length])
          .filter(([, number]) => number)
          .map(([state, number]) => `${number} videos: ${STATES[state].toLowerCase()}.`)
          .join(" ");
}

export function say(text) {
  news.textContent = text;
}
