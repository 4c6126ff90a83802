// Polls the API, renders its responses, and handles input.

import { ApiError, json, path, request } from "./api.js";
import { count, time } from "./format.js";
import * as freshness from "./freshness.js";
import * as grid from "./grid.js";
import { askKey, askOperatorKey, key } from "./keys.js";
import * as pool from "./pool.js";
import { start } from "./sign_in.js";
import { toast } from "./toast.js";
import * as viewer from "./viewer.js";

const LIST_LIMITS = [60, 300, 1000];
/** The polling interval of the list for each of LIST_LIMITS. */
const LIST_INTERVALS_SECONDS = [2, 6, 15];
const HEALTH_INTERVAL_SECONDS = 30;
/** The API answers within 5 s; a service that accepts requests and is silent must not stop the page for longer. */
const STATUS_TIMEOUT_SECONDS = 10;
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
/** Whether the page waits for a key, and sends nothing. */
let locked = false;
/** Names of videos that were retried here. */
const retried = new Set();

const handlers = {
  onOpen: viewer.open,
  async onRetry(video, button) {
    button.disabled = true;
    try {
      const started = await asOperator(() => json(`retry/${path(video.video)}`, { method: "POST" }));
      retried.add(video.video);
      toast(`${video.video}: attempt ${started.attempt} is queued.`);
      grid.refresh(started);
      if (started.state === "failed") sayFailedAgain(started);
    } catch (error) {
      toast(`${video.video}: ${error.message}`, { bad: true });
      showError(error);
    } finally {
      button.disabled = false;
    }
  },
};

grid.onStates((videos) => {
  for (const video of videos) if (video.state === "failed") sayFailedAgain(video);
});

function sayFailedAgain(video) {
  if (retried.delete(video.video)) toast(`${video.video} has failed again: ${video.error.message}`, { bad: true });
}

async function refreshList() {
  clearTimeout(listTimer);
  if (locked) return;
  const thisRequest = ++lastRequest;
  const limit = query.sort === "newest" ? LIST_LIMITS[limitIndex] : LIST_LIMITS[0];
  const options = { ...query, limit, cursor: cursors.at(-1) };
  const parameters = new URLSearchParams(Object.entries(options).filter(([, value]) => value));
  try {
    const response = await json(`status?${parameters}`, { seconds: STATUS_TIMEOUT_SECONDS });
    // A newer request has replaced this one.
    if (thisRequest !== lastRequest) return;
    page = response;
    render();
  } catch (error) {
    if (thisRequest !== lastRequest) return;
    freshness.failed("videos");
    freshness.failed("pool");
    showError(error);
  }
  freshness.expectInterval(LIST_INTERVALS_SECONDS[limitIndex]);
  listTimer = setTimeout(refreshList, document.hidden ? 60_000 : LIST_INTERVALS_SECONDS[limitIndex] * 1000);
}

function render() {
  const { videos, summary } = page;
  grid.show(videos, handlers);
  freshness.updated("videos");
  if (page.pool.error) freshness.failed("pool");
  else freshness.updated("pool");
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
  return "Upload a video (MP4, MOV, WebM or MKV) to the videos container and it appears here.";
}

/** Polls unfinished videos more often than the list. */
async function followVideos() {
  if (!document.hidden && !locked) {
    const names = grid.unfinishedInView(MAX_FOLLOWED_VIDEOS);
    await Promise.allSettled(names.map(async (name) => grid.refresh(await json(`status/${path(name)}`, { seconds: STATUS_TIMEOUT_SECONDS }))));
  }
  setTimeout(followVideos, 1000);
}

async function checkHealth() {
  if (locked) return;
  try {
    if (!document.hidden) {
      const health = await (await request("health", { accept: [503] })).json();
      // Without settings, or with a service in the way, 503 has no checks.
      if (!health.checks) throw new ApiError(503, health.code, health.detail);
      pool.showHealth(health);
      freshness.updated("health");
    }
  } catch (error) {
    freshness.failed("health");
    showError(error);
  }
  clearTimeout(healthTimer);
  healthTimer = setTimeout(checkHealth, HEALTH_INTERVAL_SECONDS * 1000);
}

function showError(error) {
  byId("connection").classList.add("lost");
  if (error instanceof ApiError && error.status === 401) {
    if (!locked) lock();
    return;
  }
  byId("connection").textContent = error instanceof ApiError ? error.message : "Connection lost. Retrying …";
}

/** Sends nothing until a key is given. */
async function lock() {
  locked = true;
  byId("connection").textContent = "A function key is needed.";
  byId("key-open").hidden = false;
  if (!(await askKey())) return;
  locked = false;
  byId("key-open").hidden = true;
  byId("connection").textContent = "Connecting …";
  refreshList();
  checkHealth();
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
    const { retried: number } = await asOperator(() => json("retry", { method: "POST" }));
    toast(number === 1 ? "1 video is queued again." : `${count(number)} videos are queued again.`);
    await refreshList();
  } catch (error) {
    toast(error.message, { bad: true });
    showError(error);
  }
  target.disabled = false;
  reset(target);
});

/** Calls again with the operator's key, which is asked for until the API accepts it or the person gives up. */
async function asOperator(call) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (error.code !== "OperatorKeyRequired" || !(await askOperatorKey())) throw error;
    }
  }
}

function reset(button) {
  delete button.dataset.confirming;
  button.textContent = "Retry all failed";
}

byId("key-open").addEventListener("click", lock);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refreshList();
});

const started = start();
// Nobody with a key waits for it.
if (!key()) await started;
refreshList();
followVideos();
checkHealth();
