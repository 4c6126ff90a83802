// Polls the API, renders its responses, and handles input.

import { ApiError, json, path, request, setKey, setOperatorKey } from "./api.js";
import { count, time } from "./format.js";
import * as grid from "./grid.js";
import * as pool from "./pool.js";
import * as viewer from "./viewer.js";

const LIST_LIMITS = [60, 300, 1000];
/** The polling interval of the list for each of LIST_LIMITS. */
const LIST_INTERVALS_SECONDS = [2, 6, 15];
const HEALTH_INTERVAL_SECONDS = 30;
const TYPING_PAUSE_MS = 300;
/** How many videos are polled every second. */
const MAX_FOLLOWED_VIDEOS = 8;

const byId = (id) => document.getElementById(id);
const query = { state: "", prefix: "", sort: "newest" };
let limitIndex = 0;
let cursors = [""];
let page = { next: null };
let lastRequest = 0;
let listTimer = null;
let healthTimer = null;
let typingTimer = null;

const handlers = {
  onOpen: viewer.open,
  async onRetry(video, button) {
    button.disabled = true;
    try {
      grid.refresh(await asOperator(() => json(`retry/${path(video.video)}`, { method: "POST" })));
      grid.announce(`${video.video} will be retried.`);
    } catch (error) {
      button.disabled = false;
      grid.announce(error.message);
      showError(error);
    }
  },
};

async function refreshList() {
  clearTimeout(listTimer);
  const thisRequest = ++lastRequest;
  const limit = query.sort === "newest" ? LIST_LIMITS[limitIndex] : LIST_LIMITS[0];
  const options = { ...query, limit, cursor: cursors.at(-1) };
  const parameters = new URLSearchParams(Object.entries(options).filter(([, value]) => value));
  try {
    const response = await json(`status?${parameters}`);
    // A newer request has replaced this one.
    if (thisRequest !== lastRequest) return;
    page = response;
    render();
  } catch (error) {
    if (thisRequest !== lastRequest) return;
    showError(error);
  }
  listTimer = setTimeout(refreshList, document.hidden ? 60_000 : LIST_INTERVALS_SECONDS[limitIndex] * 1000);
}

function render() {
  const { videos, summary } = page;
  grid.show(videos, handlers);
  pool.show(page.pool, summary);
  for (const state of ["total", "queued", "running", "succeeded", "failed"]) {
    // Too many videos have the prefix to be counted.
    byId(`count-${state}`).textContent = summary ? count(summary[state]) : "–";
  }
  byId("empty").hidden = videos.length > 0;
  byId("empty").textContent = emptyMessage();
  const newest = query.sort === "newest";
  byId("previous").hidden = newest || cursors.length < 2;
  byId("next").hidden = newest || !page.next;
  byId("more").hidden = !newest || limitIndex === LIST_LIMITS.length - 1 || videos.length < LIST_LIMITS[limitIndex];
  byId("retry-all").hidden = query.state !== "failed" || query.prefix !== "" || !summary?.failed;
  byId("counted").textContent = summary ? `Counted at ${time(summary.as_of)}` : "Too many videos to count.";
  byId("connection").textContent = "Live";
  byId("connection").classList.remove("lost");
  document.title = summary?.running ? `${summary.running} running · gifdrop` : "gifdrop";
}

function emptyMessage() {
  if (page.next) return "No matches on this page. There may be some on the next page.";
  if (query.state || query.prefix) return "No videos match these filters.";
  return "Upload an MP4 to the videos container and it appears here.";
}

/** Polls unfinished videos more often than the list. */
async function followVideos() {
  if (!document.hidden) {
    const names = grid.unfinishedInView(MAX_FOLLOWED_VIDEOS);
    await Promise.allSettled(names.map(async (name) => grid.refresh(await json(`status/${path(name)}`))));
  }
  setTimeout(followVideos, 1000);
}

async function checkHealth() {
  try {
    if (!document.hidden) pool.showHealth(await (await request("health", { accept: [503] })).json());
  } catch (error) {
    showError(error);
  }
  clearTimeout(healthTimer);
  healthTimer = setTimeout(checkHealth, HEALTH_INTERVAL_SECONDS * 1000);
}

function showError(error) {
  if (error instanceof ApiError && error.status === 401 && !byId("key-dialog").open) byId("key-dialog").showModal();
  byId("connection").textContent = error instanceof ApiError ? error.message : "Connection lost. Retrying …";
  byId("connection").classList.add("lost");
}

function changeQuery(change) {
  Object.assign(query, change);
  cursors = [""];
  limitIndex = 0;
  refreshList();
}

byId("states").addEventListener("click", ({ target }) => {
  const chosen = target.closest("button");
  if (!chosen) return;
  for (const button of byId("states").children) button.setAttribute("aria-pressed", String(button === chosen));
  changeQuery({ state: chosen.dataset.state });
});
byId("tools").addEventListener("submit", (event) => event.preventDefault());
// Each prefix makes the server count its videos, so after the first keystroke the query waits for a pause in typing.
byId("prefix").addEventListener("input", () => {
  const applyPrefix = () => byId("prefix").value !== query.prefix && changeQuery({ prefix: byId("prefix").value });
  if (typingTimer === null) applyPrefix();
  clearTimeout(typingTimer);
  typingTimer = setTimeout(() => {
    typingTimer = null;
    applyPrefix();
  }, TYPING_PAUSE_MS);
});
byId("sort").addEventListener("change", () => changeQuery({ sort: byId("sort").value }));
byId("next").addEventListener("click", () => turnPage(() => cursors.push(page.next)));
byId("previous").addEventListener("click", () => turnPage(() => cursors.pop()));
byId("more").addEventListener("click", () => {
  limitIndex += 1;
  refreshList();
});

async function turnPage(change) {
  change();
  await refreshList();
  byId("videos").focus();
  scrollTo({ top: 0 });
}

byId("retry-all").addEventListener("click", async ({ target }) => {
  if (!target.dataset.confirming) {
    target.dataset.confirming = "yes";
    target.textContent = `Retry ${count(page.summary.failed)} videos?`;
    setTimeout(() => reset(target), 5000);
    return;
  }
  target.disabled = true;
  try {
    const { retried } = await asOperator(() => json("retry", { method: "POST" }));
    grid.announce(`${retried} videos will be retried.`);
    await refreshList();
  } catch (error) {
    showError(error);
  }
  target.disabled = false;
  reset(target);
});

/** Calls again with the operator's key, which is asked for, if the API requires it. */
async function asOperator(call) {
  try {
    return await call();
  } catch (error) {
    if (error.code !== "OperatorKeyRequired") throw error;
    const operatorKey = prompt("Operator's key:");
    if (!operatorKey) throw error;
    setOperatorKey(operatorKey);
    return call();
  }
}

function reset(button) {
  delete button.dataset.confirming;
  button.textContent = "Retry all failed";
}

byId("key-form").addEventListener("submit", () => {
  setKey(byId("key-input").value);
  byId("key-input").value = "";
  refreshList();
  checkHealth();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refreshList();
});

refreshList();
followVideos();
checkHealth();
