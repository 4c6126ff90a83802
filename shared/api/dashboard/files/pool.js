// The panels: the pool with a chart since the page was opened, and health.

import { ago, count } from "./format.js";

const MAX_SAMPLES = 150;
const WIDTH = 300;
const HEIGHT = 72;
const SVG = "http://www.w3.org/2000/svg";

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
  list(document.getElementById("pool-notes"), others);
  facts(pool);
  if (!summary || !pool.nodes) return;
  history.push({ machines: pool.nodes.dedicated + pool.nodes.low_priority, videos: summary.queued + summary.running });
  history.splice(0, history.length - MAX_SAMPLES);
  draw();
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

function draw() {
  const peak = Math.max(1, ...history.flatMap(({ machines, videos }) => [machines, videos]));
  // The axis spans the whole history, but at least a fifth of MAX_SAMPLES: a minute at one sample every 2 s.
  const x = (index) => WIDTH - ((history.length - 1 - index) * WIDTH) / (Math.max(history.length, MAX_SAMPLES / 5) - 1);
  const y = (value) => HEIGHT - 2 - (value / peak) * (HEIGHT - 6);
  const points = (name) => history.map((sample, index) => `${x(index).toFixed(1)},${y(sample[name]).toFixed(1)}`);
  const svg = svgElement("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  const { machines, videos } = history.at(-1);
  const now = `${videos} ${videos === 1 ? "video" : "videos"} waiting or running, ${machines} ${machines === 1 ? "machine" : "machines"}`;
  svg.setAttribute("aria-label", `Now ${now}; the maximum since this page was opened: ${peak}.`);
  svg.append(svgElement("line", { x1: 0, x2: WIDTH, y1: HEIGHT - 1, y2: HEIGHT - 1 }));
  const area = [`${x(0).toFixed(1)},${HEIGHT}`, ...points("machines"), `${WIDTH},${HEIGHT}`];
  svg.append(svgElement("polygon", { class: "machines", points: area.join(" ") }));
  svg.append(svgElement("polyline", { class: "videos", points: points("videos").join(" ") }));
  chart.replaceChildren(svg, element("p", `Line: waiting or running, now ${videos}. Area: machines, now ${machines}.`));
}

export function showHealth({ ok, checks }) {
  const failed = checks.filter((check) => !check.ok);
  document.getElementById("health-headline").textContent = ok
    ? `All ${checks.length} checks passed.`
    : `${failed.length} of ${checks.length} checks failed.`;
  const items = failed.map((check) => {
    const item = element("li", "");
    item.className = "bad";
    item.append(element("b", check.name), `${check.message} ${check.what_to_do}`);
    return item;
  });
  document.getElementById("health-problems").replaceChildren(...items);
}

function list(parent, texts) {
  parent.replaceChildren(...texts.map((text) => element("li", text)));
}

function element(name, text) {
  const created = document.createElement(name);
  created.textContent = text;
  return created;
}

function svgElement(name, attributes) {
  const created = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  return created;
}
