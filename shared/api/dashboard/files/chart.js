// A chart of two series over time, each with a scale of its own: videos at the left, machines at the right.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 132;
const LEFT = 30;
const RIGHT = 270;
const TOP = 18;
const BOTTOM = 110;
const MIN_SPAN_MS = 60_000;

/** An SVG of samples, `{at, videos, machines}`, the oldest first; `at` in milliseconds. */
export function draw(samples, label) {
  const end = samples.at(-1).at;
  const span = Math.max(MIN_SPAN_MS, end - samples[0].at);
  const x = ({ at }) => RIGHT - ((end - at) / span) * (RIGHT - LEFT);
  const videos = scale(samples.map((sample) => sample.videos));
  const machines = scale(samples.map((sample) => sample.machines));
  const y = (value, top) => BOTTOM - (value / top) * (BOTTOM - TOP);
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const part of [0, 0.5, 1]) {
    const height = y(part, 1);
    svg.append(element("line", { x1: LEFT, x2: RIGHT, y1: height, y2: height }));
    svg.append(text(short(videos * part), { x: LEFT - 5, y: height + 3.5, "text-anchor": "end", class: "videos" }));
    svg.append(text(short(machines * part), { x: RIGHT + 5, y: height + 3.5, class: "machines" }));
  }
  svg.append(text("videos", { x: 0, y: 9, class: "videos" }));
  svg.append(text("machines", { x: WIDTH, y: 9, "text-anchor": "end", class: "machines" }));
  svg.append(text(`${minutes(span)} ago`, { x: LEFT, y: HEIGHT - 6 }));
  svg.append(text("now", { x: RIGHT, y: HEIGHT - 6, "text-anchor": "end" }));
  svg.append(element("path", { class: "machines", d: steps(samples, x, (sample) => y(sample.machines, machines)) }));
  const points = samples.map((sample) => `${x(sample).toFixed(1)},${y(sample.videos, videos).toFixed(1)}`);
  svg.append(element("polyline", { class: "videos", points: points.join(" ") }));
  return svg;
}

/** The top of an axis: an even number, so that its middle is whole, of one digit that counts. */
function scale(values) {
  const peak = Math.max(...values);
  for (let power = 1; ; power *= 10) for (const digit of [2, 4, 6, 10]) if (peak <= digit * power) return digit * power;
}

/** An area whose height changes at once, as the number of machines does. */
function steps(samples, x, y) {
  const path = samples.map((sample, index) => `${index ? `H${x(sample).toFixed(1)}` : `M${x(sample).toFixed(1)},${BOTTOM}`}V${y(sample).toFixed(1)}`);
  return `${path.join("")}V${BOTTOM}Z`;
}

const compact = new Intl.NumberFormat("en", { notation: "compact" });
const short = (value) => compact.format(value);
const minutes = (milliseconds) => `${Math.round(milliseconds / 60_000)} min`;

function text(content, attributes) {
  const created = element("text", attributes);
  created.textContent = content;
  return created;
}

function element(name, attributes) {
  const created = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  return created;
}
