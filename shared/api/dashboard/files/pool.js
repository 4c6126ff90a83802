// The pool in words, and what it and the videos have been doing since this page was opened.

import { ago, count } from "./words.js";

const KEPT = 150;
const WIDTH = 300;
const HEIGHT = 72;
const SVG = "http://www.w3.org/2000/svg";

const history = [];
const chart = document.getElementById("chart");

export function show(pool, summary) {
  const [first, ...others] = pool.notes;
  document.getElementById("pool-headline").textContent = first ?? "–";
  list(document.getElementById("pool-notes"), others);
  facts(pool);
  if (!summary || !pool.nodes) return;
  history.push({ machines: pool.nodes.dedicated + pool.nodes.low_priority, videos: summary.queued + summary.running });
  history.splice(0, history.length - KEPT);
  draw();
}

function facts(pool) {
  const rows = [];
  if (pool.targets) rows.push(["Machines wanted", count(pool.targets.dedicated + pool.targets.low_priority)]);
  if (pool.nodes?.low_priority) rows.push(["of them spot", count(pool.nodes.low_priority)]);
  if (pool.task_slots_per_node) rows.push(["Videos at once on each", count(pool.task_slots_per_node)]);
  rows.push(["Last scaled", pool.autoscale ? ago(pool.autoscale.at) : "not yet"]);
  const terms = rows.flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
  document.getElementById("pool-facts").replaceChildren(...terms);
}

function draw() {
  const most = Math.max(1, ...history.flatMap(({ machines, videos }) => [machines, videos]));
  // A short history fills the width too, but a minute at least.
  const x = (index) => WIDTH - ((history.length - 1 - index) * WIDTH) / (Math.max(history.length, KEPT / 5) - 1);
  const y = (value) => HEIGHT - 2 - (value / most) * (HEIGHT - 6);
  const points = (name) => history.map((sample, index) => `${x(index).toFixed(1)},${y(sample[name]).toFixed(1)}`);
  const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  const { machines, videos } = history.at(-1);
  const now = `${videos} ${videos === 1 ? "video" : "videos"} waiting or running, ${machines} ${machines === 1 ? "machine" : "machines"}`;
  svg.setAttribute("aria-label", `Now ${now}; the most of either since this page was opened: ${most}.`);
  svg.append(node("line", { x1: 0, x2: WIDTH, y1: HEIGHT - 1, y2: HEIGHT - 1 }));
  const area = [`${x(0).toFixed(1)},${HEIGHT}`, ...points("machines"), `${WIDTH},${HEIGHT}`];
  svg.append(node("polygon", { class: "machines", points: area.join(" ") }));
  svg.append(node("polyline", { class: "videos", points: points("videos").join(" ") }));
  chart.replaceChildren(svg, element("p", `Line: waiting or running, now ${videos}. Area: machines, now ${machines}.`));
}

export function showHealth({ ok, checks }) {
  const bad = checks.filter((check) => !check.ok);
  document.getElementById("health-headline").textContent = ok
    ? `All ${checks.length} checks are fine.`
    : `${bad.length} of ${checks.length} checks ${bad.length === 1 ? "needs" : "need"} attention.`;
  const items = bad.map((check) => {
    const item = element("li", "");
    item.className = "bad";
    item.append(element("b", check.name), `${check.message} ${check.what_to_do}`);
    return item;
  });
  document.getElementById("health-troubles").replaceChildren(...items);
}

function list(parent, texts) {
  parent.replaceChildren(...texts.map((text) => element("li", text)));
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function node(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
