// The card of a video. Updates change only what differs; names are inserted as text, never as markup.

import { STATES, ago, bytes, dollars, duration, length, split } from "./format.js";
import * as line from "./line.js";
import * as thumbs from "./thumbs.js";

/** Width by height of a picture on a card: wider and narrower ones are cut at the edges. */
const MIN_ASPECT = 0.9;
const MAX_ASPECT = 2;
const template = document.getElementById("card");

export function create(video, { onRetry, onOpen, onSelect }) {
  const card = template.content.firstElementChild.cloneNode(true);
  const find = (selector) => card.querySelector(selector);
  card.parts = {
    thumb: find(".thumb"),
    state: find(".state"),
    facts: find(".facts"),
    bar: find(".bar"),
    figure: find(".figure"),
    box: find(".placeholder"),
    reason: find(".reason"),
    advice: find(".advice"),
    notes: find(".notes"),
    retry: find(".retry"),
    open: find(".open"),
    select: find(".select input"),
  };
  const [folder, file] = split(video.video);
  find(".folder").textContent = folder;
  find(".folder").hidden = !folder;
  find(".file").textContent = file;
  find("h3").title = video.video;
  const { thumb, retry, bar, open, select } = card.parts;
  retry.setAttribute("aria-label", `Try again: ${video.video}`);
  open.setAttribute("aria-label", `Details of ${video.video}`);
  select.setAttribute("aria-label", `Select ${video.video}`);
  bar.setAttribute("aria-label", `Progress of ${video.video}`);
  retry.addEventListener("click", () => onRetry(card.video, retry));
  open.addEventListener("click", () => onOpen(card.video));
  thumb.addEventListener("click", () => onOpen(card.video));
  select.addEventListener("change", () => onSelect(card.video.video, select.checked));
  for (const event of ["pointerenter", "focus"]) thumb.addEventListener(event, () => thumbs.play(thumb));
  for (const event of ["pointerleave", "blur"]) thumb.addEventListener(event, () => thumbs.stop(thumb));
  return card;
}

export function update(card, video) {
  const { thumb, box, state, bar, reason, retry } = card.parts;
  const previous = card.video;
  card.video = video;
  card.dataset.state = video.state;
  setText(state, STATES[video.state]);
  setText(card.parts.facts, facts(video));

  const running = video.state === "running";
  setText(card.parts.figure, figure(video));
  bar.hidden = !running;
  bar.classList.toggle("unknown", video.progress === null);
  if (running && video.progress !== null) {
    bar.setAttribute("aria-valuenow", String(Math.round(video.progress * 100)));
    bar.style.setProperty("--progress", video.progress);
  } else {
    bar.removeAttribute("aria-valuenow");
  }

  reason.hidden = !video.error;
  setText(reason, video.error?.message ?? "");
  const { advice } = card.parts;
  advice.hidden = !video.error?.advice;
  setText(advice, video.error?.advice ?? "");
  showNotes(card.parts.notes, [...video.warnings, ...video.notes]);
  retry.hidden = video.state !== "failed" || !video.error.retryable;

  thumb.hidden = !video.gif;
  box.hidden = Boolean(video.gif);
  card.parts.open.hidden = Boolean(video.gif);
  if (video.gif && (previous?.finished_at !== video.finished_at || !previous.gif)) {
    const aspect = Math.min(MAX_ASPECT, Math.max(MIN_ASPECT, video.gif.width / video.gif.height));
    card.style.setProperty("--aspect", aspect.toFixed(3));
    thumb.setAttribute("aria-label", `Watch ${video.gif.name}`);
    thumbs.show(thumb, video.gif);
  }
}

export function remove(card) {
  thumbs.remove(card.parts.thumb);
  card.remove();
}

/** What is seen from afar: how much is done, or the place in line. */
function figure({ video, state, progress }) {
  if (state === "running") return progress === null ? "" : `${Math.round(progress * 100)} %`;
  return state === "queued" ? line.place(video) : "";
}

function facts(video) {
  const { state, gif, progress, seconds_left: left, finished_at: finished, attempt, cost } = video;
  const texts = [];
  if (state === "running" && progress !== null) texts.push(`${Math.round(progress * 100)} %`);
  if (state === "running" && left !== null) texts.push(`${duration(left)} left`);
  if (state === "queued") texts.push(line.describe(video));
  if (gif) texts.push(length(video), bytes(gif.bytes));
  if (finished) texts.push(ago(finished));
  if (finished && cost) texts.push(dollars(cost));
  if (attempt > 1 && state !== "succeeded") texts.push(`attempt ${attempt}`);
  return texts.join(" · ");
}

function showNotes(list, texts) {
  list.hidden = !texts.length;
  if (list.dataset.shown === JSON.stringify(texts)) return;
  list.dataset.shown = JSON.stringify(texts);
  list.replaceChildren(
    ...texts.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      item.title = text;
      return item;
    }),
  );
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
