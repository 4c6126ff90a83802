// What happened to a video, as a timeline and as facts.

import { bytes, dollars, duration, moment } from "./format.js";

/** Items of the timeline: when it was queued, started and finished, and how long each took. */
export function steps({ state, queued_at: queued, started_at: started, finished_at: finished, attempt }) {
  const since = (from, to) => (from && to ? ` (${duration((Date.parse(to) - Date.parse(from)) / 1000)} later)` : "");
  const rows = [
    ["Queued", queued, ""],
    [attempt > 1 ? `Started, attempt ${attempt}` : "Started", started, since(queued, started)],
    [state === "failed" ? "Failed" : "Finished", finished, since(started ?? queued, finished)],
  ];
  return rows.map(([word, at, text]) => {
    const item = element("li", "");
    item.classList.toggle("done", Boolean(at));
    const label = element("b", word);
    const when = element("span", at ? `${moment(at)}${text}` : word === "Started" && finished ? "no task was needed" : "not yet");
    item.append(label, when);
    return item;
  });
}

/** Terms and values of a description list. */
export function facts(video) {
  const { source, options, compute_seconds: seconds, cost, error, task } = video;
  const size = source?.width ? `${source.width} × ${source.height}` : null;
  const length = source?.duration_seconds ? `${source.duration_seconds.toFixed(1)} s` : null;
  const original = [size, length, source?.fps && `${Math.round(source.fps)} fps`, source?.codec, source?.bytes && bytes(source.bytes)];
  const rows = [
    ["Original", original.filter(Boolean).join(", ")],
    ["Options", options && describe(options)],
    ["Attempt", video.attempt > 1 ? String(video.attempt) : null],
    ["Time on nodes", seconds === null ? null : duration(seconds)],
    ["Cost", cost ? dollars(cost) : null],
    ["Error code", error?.code],
    ["Task", task?.task_id],
    ["Node", task?.node_id],
  ];
  return rows.filter(([, value]) => value).flatMap(([term, value]) => [element("dt", term), element("dd", value)]);
}

function describe(options) {
  const said = Object.entries(options).filter(([name, value]) => !(["start", "loop"].includes(name) && value === 0));
  return said.map(([name, value]) => `${name.replace("_", " ")} ${value}`).join(", ");
}

function element(name, text) {
  const created = document.createElement(name);
  created.textContent = text;
  return created;
}
