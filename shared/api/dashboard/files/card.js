// One video's card: made once, then changed only where the video has changed. Names are text, never markup.

import * as thumbs from "./thumbs.js";
import { STATES, ago, bytes, split, stretch } from "./words.js";

const template = document.getElementById("card");

export function make(video, { onRetry, onOpen }) {
  const card = template.content.firstElementChild.cloneNode(true);
  const part = (selector) => card.querySelector(selector);
  card.parts = {
    thumb: part(".thumb"),
    blank: part(".blank"),
    state: part(".state"),
    facts: part(".facts"),
    bar: part(".bar"),
    why: part(".why"),
    retry: part(".retry"),
  };
  const [folder, file] = split(video.video);
  part(".folder").textContent = folder;
  part(".folder").hidden = !folder;
  part(".file").textContent = file;
  part("h3").title = video.video;
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
  const { thumb, blank, state, bar, why, retry } = card.parts;
  const known = card.video;
  card.video = video;
  card.dataset.state = video.state;
  set(state, STATES[video.state]);
  set(card.parts.facts, facts(video));

  const running = video.state === "running";
  bar.hidden = !running;
  bar.classList.toggle("unknown", video.progress === null);
  if (running && video.progress !== null) {
    bar.setAttribute("aria-valuenow", String(Math.round(video.progress * 100)));
    bar.style.setProperty("--part", video.progress);
  } else {
    bar.removeAttribute("aria-valuenow");
  }

  const reason = video.error?.message ?? (video.waiting_for && `Waiting for ${video.waiting_for}.`);
  why.hidden = !reason;
  set(why, reason ?? "");
  retry.hidden = video.state !== "failed";
  if (known?.state !== video.state) retry.disabled = false;

  thumb.hidden = !video.gif;
  blank.hidden = Boolean(video.gif);
  if (video.gif && (known?.finished_at !== video.finished_at || !known.gif)) {
    thumb.setAttribute("aria-label", `Watch ${video.gif.name}`);
    thumbs.show(thumb, video.gif);
  }
}

export function remove(card) {
  thumbs.forget(card.parts.thumb);
  card.remove();
}

function facts({ state, gif, progress, seconds_left: left, queued_at: queued, finished_at: finished, attempt }) {
  const said = [];
  if (state === "running" && progress !== null) said.push(`${Math.round(progress * 100)} %`);
  if (state === "running" && left !== null) said.push(`${stretch(left)} left`);
  if (state === "queued" && queued) said.push(`for ${stretch((Date.now() - Date.parse(queued)) / 1000)}`);
  if (gif) said.push(`${gif.width} × ${gif.height}`, `${gif.duration_seconds.toFixed(1)} s`, bytes(gif.bytes));
  if (finished) said.push(ago(finished));
  if (attempt > 1 && state !== "succeeded") said.push(`attempt ${attempt}`);
  return said.join(" · ");
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
