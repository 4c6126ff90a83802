// Dims a panel whose data is old and says how old it is.

import { duration } from "./format.js";

/** A panel is old after so many seconds without an update, even if no request has failed yet. */
const MAX_AGE_SECONDS = { videos: 12, pool: 12, health: 75, stats: 75 };
const panels = new Map(
  Object.keys(MAX_AGE_SECONDS).map((name) => [name, { element: document.getElementById(`${name}-panel`), at: null }]),
);
let extraSeconds = 0;

/** The panel shows what was just read. */
export function updated(name) {
  Object.assign(panels.get(name), { at: Date.now(), failed: false });
  show(name);
}

/** The panel could not be read again: it shows what it had. */
export function failed(name) {
  panels.get(name).failed = true;
  show(name);
}

/** How much longer than usual the page waits between two updates of the list. */
export function expectInterval(seconds) {
  extraSeconds = seconds;
}

function show(name) {
  const { element, at, failed: isFailed } = panels.get(name);
  const seconds = at === null ? 0 : (Date.now() - at) / 1000;
  const isOld = isFailed || (at !== null && seconds > MAX_AGE_SECONDS[name] + extraSeconds);
  element.classList.toggle("old", isOld);
  const age = element.querySelector(".age");
  age.hidden = !isOld;
  const text = at === null ? "Not read yet" : `Last updated ${duration(seconds)} ago`;
  if (isOld && age.textContent !== text) age.textContent = text;
}

setInterval(() => {
  if (!document.hidden) for (const name of panels.keys()) show(name);
}, 1000);
