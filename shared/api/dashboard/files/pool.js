// The pool's panel, with a chart since the page was opened.

import { draw } from "./chart.js";
import { ago, count } from "./format.js";

const MAX_SAMPLES = 600;
const history = [];
const chart = document.getElementById("chart");

export function show(pool, summary) {
  const problem = document.getElementById("pool-problem");
  problem.hidden = !pool.error;
  problem.textContent = pool.error?.message ?? "";
  // What the panel had stays there, dimmed.
  if (pool.error) return;
  const [first, ...others] = pool.notes;
  document.getElementById("pool-headline").textContent = first ?? "–";
  document.getElementById("pool-notes").replaceChildren(...others.map((text) => element("li", text)));
  facts(pool);
  if (!summary || !pool.nodes) return;
  const machines = pool.nodes.dedicated + pool.nodes.low_priority;
  history.push({ at: Date.now(), machines, videos: summary.queued + summary.running });
  history.splice(0, history.length - MAX_SAMPLES);
  const { videos } = history.at(-1);
  const now = `${videos} ${videos === 1 ? "video" : "videos"} waiting or converting, ${machines} ${machines === 1 ? "machine" : "machines"}`;
  const peak = Math.max(...history.map((sample) => sample.videos));
  chart.replaceChildren(draw(history, `Now ${now}; the maximum since this page was opened: ${peak} videos.`));
}

function facts(pool) {
  const rows = [];
  if (pool.targets) rows.push(["Target machines", count(pool.targets.dedicated + pool.targets.low_priority)]);
  if (pool.nodes?.low_priority) rows.push(["of which spot", count(pool.nodes.low_priority)]);
  if (pool.task_slots_per_node) rows.push(["Videos at once per machine", count(pool.task_slots_per_node)]);
  rows.push(["Last scaled", pool.autoscale ? ago(pool.autoscale.at) : "not yet"]);
  const terms = rows.flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
  document.getElementById("pool-facts").replaceChildren(...terms);
}

function element(name, text) {
  const created = document.createElement(name);
  created.textContent = text;
  return created;
}
