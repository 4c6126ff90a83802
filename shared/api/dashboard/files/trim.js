// The form that converts a video again: sliders over the original, the other options, and how large the GIF will be.

import { bytes } from "./format.js";
import { build, fill, read } from "./options.js";

const byId = (id) => document.getElementById(`detail-${id}`);
const form = byId("again-form");
const player = byId("original");
const from = byId("trim-start");
const to = byId("trim-end");
let video = null;
let shown = "";

build(byId("options"));
const field = (name) => form.elements.namedItem(name);

/** Shows the options of a video's last attempt, once for each attempt: what a person has changed stays. */
export function show(given) {
  video = given;
  const key = `${video.video} ${video.finished_at}`;
  if (key === shown) return;
  shown = key;
  fill(form, video.options);
  byId("trim").hidden = true;
  setLength(video.source?.duration_seconds);
  estimate();
}

function setLength(seconds) {
  if (!(seconds > 0) || !Number.isFinite(seconds)) return;
  byId("trim").hidden = false;
  const start = Number(field("start").value) || 0;
  const duration = Number(field("duration").value) || video.gif?.duration_seconds || seconds;
  for (const slider of [from, to]) slider.max = seconds;
  from.value = start;
  to.value = Math.min(seconds, start + duration);
  say();
}

function say() {
  const length = to.value - from.value;
  byId("trim-text").textContent = `From ${Number(from.value).toFixed(1)} to ${Number(to.value).toFixed(1)} s: ${length.toFixed(1)} s of the video`;
}

/** Keeps a tenth of a second between the sliders and shows where the moved one is. */
function move(moved) {
  const least = 0.1;
  if (moved === from) from.value = Math.min(from.value, to.value - least);
  else to.value = Math.max(to.value, Number(from.value) + least);
  field("start").value = Number(from.value).toFixed(1);
  field("duration").value = (to.value - from.value).toFixed(1);
  if (player.readyState) player.currentTime = Number(moved.value);
  say();
  estimate();
}

/** From the last GIF: bytes grow with pixels, frames and seconds. No more than a guess, so it is rounded. */
function estimate() {
  const { gif, options: last } = video;
  byId("estimate").textContent = "";
  if (!gif) return;
  const options = read(form);
  const seconds = (Number(options.duration) || gif.duration_seconds) / (Number(options.speed) || 1);
  const scale = options.width ? (Number(options.width) / gif.width) ** 2 : 1;
  const rate = options.fps ? Number(options.fps) / (last?.fps ?? gif.frames / gif.duration_seconds) : 1;
  const guess = gif.bytes * (seconds / gif.duration_seconds) * Math.min(scale, 16) * rate;
  byId("estimate").textContent = `About ${bytes(Number(guess.toPrecision(1)))}; the GIF now has ${bytes(gif.bytes)}.`;
}

/** The options of the next attempt. */
export const options = () => read(form);

for (const slider of [from, to]) slider.addEventListener("input", () => move(slider));
form.addEventListener("input", ({ target }) => {
  if (target !== from && target !== to) {
    if (["start", "duration"].includes(target.name)) setLength(Number(from.max));
    estimate();
  }
});
player.addEventListener("loadedmetadata", () => {
  if (video && byId("trim").hidden) setLength(player.duration);
});
