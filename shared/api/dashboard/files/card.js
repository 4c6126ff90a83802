// The card of a video. Updates change only what differs; names are inserted as text, never as markup.

import { STATES, ago, bytes, dollars, duration, split } from "./format.js";
import * as thumbs from "./thumbs.js";

const template = document.getElementById("card");

export function create(video, { onRetry, onOpen }) {
  const card = template.content.firstElementChild.cloneNode(true);
  const find = (selector) => card.querySelector(selector);
  card.parts = {
    thumb: find(".thumb"),
    placeholder: find(".placeholder"),
    state: find(".state"),
    facts: find(".facts"),
    bar: find(".bar"),
    reason: find(".reason"),
    advice: find(".advice"),
    notes: find(".notes"),
    retry: find(".retry"),
  };
  const [folder, file] = split(video.video);
  find(".folder").textContent = folder;
  find(".folder").hidden = !folder;
  find(".file").textContent = file;
  find("h3").title = video.video;
  const { thumb, retry, bar } = card.parts;
  retry.setAttribute("aria-label", `Try again: ${video.video}`);
  bar.setAttribute("aria-label", `Progress of ${video.video}`);
  retry.addEventListener("click", () => onRetry(card.video, retry));
  thumb.addEventListener("click", () => onOpen(card.video));
  for (const event of ["pointerenter", "focus"]) thumb.addEventListener(event, () => thumbs.play(thumb));
  for (const event of ["pointerleave", "blur"]) thumb.addEventListener(event, () => thumbs.stop(thumb));
  return card;
}

export function update(card, video) {
  const { thumb, placeholder, state, bar, reason, retry } = card.parts;
  const previous = card.video;
  card.video = video;
  card.dataset.state = video.state;
  setText(state, STATES[video.state]);
  setText(card.parts.facts, facts(video));

  const running = video.state === "running";
  bar.hidden = !running;
  bar.classList.toggle("unknown", video.progress === null);
  if (running && video.progress !== null) {
    bar.setAttribute("aria-valuenow", String(Math.round(video.progress * 100)));
    bar.style.setProperty("--progress", video.progress);
  } else {
    bar.removeAttribute("aria-valuenow");
  }

  const message = video.error?.message ?? (video.waiting_for && `Waiting for ${video.waiting_for}.`);
  reason.hidden = !message;
  setText(reason, message ?? "");
  const { advice } = card.parts;
  advice.hidden = !video.error?.advice;
  setText(advice, video.error?.advice ?? "");
  showNotes(card.parts.notes, [...video.warnings, ...video.notes]);
  retry.hidden = video.state !== "failed" || !video.error.retryable;

  thumb.hidden = !video.gif;
  placeholder.hidden = Boolean(video.gif);
  if (video.gif && (previous?.finished_at !== video.finished_at || !previous.gif)) {
    thumb.setAttribute("aria-label", `Watch ${video.gif.name}`);
    thumbs.show(thumb, video.gif);
  }
}

export function remove(card) {
  thumbs.remove(card.parts.thumb);
  card.remove();
}

function facts(video) {
  const { state, gif, progress, seconds_left: left, queued_at: queued, finished_at: finished, attempt, cost } = video;
  const texts = [];
  if (state === "running" && progress !== null) texts.push(`${Math.round(progress * 100)} %`);
  if (state === "running" && left !== null) texts.push(`${duration(left)} left`);
  if (state === "queued" && queued) texts.push(`for ${duration((Date.now() - Date.parse(queued)) / 1000)}`);
  if (gif) texts.push(`${gif.width} × ${gif.height}`, length(video), bytes(gif.bytes));
  if (finished) texts.push(ago(finished));
  if (finished && cost) texts.push(dollars(cost));
  if (attempt > 1 && state !== "succeeded") texts.push(`attempt ${attempt}`);
  return texts.join(" · ");
}

/** "4.0 s", or "first 60 of 70 s" where the GIF has only a part of the video. */
function length({ gif, source, options }) {
  const seconds = gif.duration_seconds;
  const available = (source?.duration_seconds ?? 0) - (options?.start ?? 0);
  const sameSpeed = !options?.speed && !options?.boomerang;
  if (!sameSpeed || available - seconds < 0.5) return `${seconds.toFixed(1)} s`;
  return `${options?.start ? "" : "first "}${Math.round(seconds)} of ${Math.round(source.duration_seconds)} s`;
}

function showNotes(list, texts) {
  list.hidden = !texts.length;
  if (list.dataset.shown === JSON.stringify(texts)) return;
  list.dataset.shown = JSON.stringify(texts);
  list.replaceChildren(
    ...texts.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }),
  );
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
