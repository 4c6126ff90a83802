// The operator's figures of the last day.

import { json } from "./api.js";
import { count, dollars, duration } from "./format.js";
import * as freshness from "./freshness.js";
import * as line from "./line.js";
import { isLocked } from "./session.js";

const INTERVAL_SECONDS = 30;
const MAX_CODES = 5;
let timer = null;

export async function check() {
  if (isLocked()) return;
  try {
    if (!document.hidden) {
      show(await json("stats"));
      freshness.updated("stats");
    }
  } catch {
    // The list says what is wrong.
    freshness.failed("stats");
  }
  clearTimeout(timer);
  timer = setTimeout(check, INTERVAL_SECONDS * 1000);
}

function show(stats) {
  line.learnRate(stats.last_hour);
  const least = stats.complete ? "" : "at least ";
  const { succeeded, failed, wait_seconds: wait, compute_seconds: compute, cost } = stats;
  const rows = [
    ["Last hour", videos(stats.last_hour)],
    ["Done", least + count(succeeded)],
    ["Failed", least + count(failed)],
    ["Wait until started, 95 % within", wait ? duration(wait.p95) : "–"],
    ["Time on a machine, 95 % within", compute ? duration(compute.p95) : "–"],
    ["Cost of the time on machines", cost === null ? "no price is set" : least + dollars(cost)],
    ["Backlog ends, at this hour's rate", backlogEnd(stats)],
  ];
  document.getElementById("stats-title").textContent = `Last ${stats.hours} hours`;
  document
    .getElementById("stats-facts")
    .replaceChildren(...rows.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  document.getElementById("stats-errors-title").hidden = !stats.errors.length;
  const most = Math.max(...stats.errors.map((error) => error.count));
  document.getElementById("stats-errors").replaceChildren(...stats.errors.slice(0, MAX_CODES).map((error) => bar(error, most)));
}

function backlogEnd({ backlog, backlog_ends_at: end }) {
  if (!backlog) return "–";
  return end ? `in ${duration(Math.max(0, Date.parse(end) - Date.now()) / 1000)}` : "not known";
}

const videos = (number) => `${count(number)} ${number === 1 ? "video" : "videos"}`;

function bar({ code, count: number }, most) {
  const item = element("li", "");
  item.style.setProperty("--part", number / most);
  item.append(element("span", code), element("b", count(number)));
  return item;
}

function element(name, text) {
  const created = document.createElement(name);
  created.textContent = text;
  return created;
}
