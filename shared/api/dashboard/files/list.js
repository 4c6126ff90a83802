// The list of videos: which ones are asked for, how often, and what is said about them.

import { json, path } from "./api.js";
import { count, time } from "./format.js";
import * as freshness from "./freshness.js";
import * as grid from "./grid.js";
import * as line from "./line.js";
import * as search from "./search.js";
import { isLocked, showError, showLive } from "./session.js";

const LIMITS = [60, 300, 1000];
/** The polling interval for each of LIMITS. */
const INTERVALS_SECONDS = [2, 6, 15];
const SEARCH_INTERVAL_SECONDS = 6;
/** The API answers within 5 s; a service that accepts requests and is silent must not stop the page for longer. */
const TIMEOUT_SECONDS = 10;
/** How many videos are polled every second. */
const MAX_FOLLOWED_VIDEOS = 8;

const byId = (id) => document.getElementById(id);
let query = { state: "", search: "", sort: "newest" };
let limitIndex = 0;
let cursors = [""];
let page = { videos: [], next: null };
let lastRequest = 0;
let timer = null;
let handlers = {};
let poolListener = () => {};

export function init({ cards, onPool }) {
  handlers = cards;
  poolListener = onPool;
}

/** The videos shown and the counts, as they were read last. */
export const current = () => page;

export function show(change) {
  // Going back from a detail view changes nothing here: what was loaded stays.
  if (lastRequest && Object.entries(change).every(([name, value]) => query[name] === value)) return undefined;
  query = { ...query, ...change };
  cursors = [""];
  limitIndex = 0;
  return refresh();
}

export async function refresh() {
  clearTimeout(timer);
  if (isLocked()) return;
  const thisRequest = ++lastRequest;
  try {
    const response = await read();
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
  const seconds = query.search ? Math.max(SEARCH_INTERVAL_SECONDS, INTERVALS_SECONDS[limitIndex]) : INTERVALS_SECONDS[limitIndex];
  freshness.expectInterval(seconds);
  timer = setTimeout(refresh, document.hidden ? 60_000 : seconds * 1000);
}

/** By name: a page of the names that begin with the search. Newest first: also names that contain it. */
async function read() {
  const limit = query.sort === "newest" ? LIMITS[limitIndex] : LIMITS[0];
  const first = get({ state: query.state, prefix: query.search, sort: query.sort, limit, cursor: cursors.at(-1) });
  if (!query.search || query.sort !== "newest") return first;
  const newest = get({ state: query.state, sort: "newest", limit: search.MAX_SEARCHED, include: "videos" });
  return search.merge(query.search, await first, await newest);
}

function get(options) {
  const parameters = new URLSearchParams(Object.entries(options).filter(([, value]) => value));
  return json(`status?${parameters}`, { seconds: TIMEOUT_SECONDS });
}

function render() {
  const { videos, summary } = page;
  byId("skeletons")?.remove();
  line.learn(query, page);
  grid.show(videos, handlers);
  freshness.updated("videos");
  if (page.pool.error) freshness.failed("pool");
  else freshness.updated("pool");
  poolListener(page.pool, summary);
  for (const state of ["total", "queued", "running", "succeeded", "failed"]) {
    // Too many videos have the prefix to be counted.
    byId(`count-${state}`).textContent = summary ? count(summary[state]) : "–";
  }
  const isEmpty = summary?.total === 0 && !query.search;
  document.body.classList.toggle("no-videos", isEmpty);
  byId("empty").hidden = videos.length > 0 || isEmpty;
  byId("empty").textContent = page.next
    ? "No matches on this page. There may be some on the next page."
    : "No videos match these filters.";
  const newest = query.sort === "newest";
  byId("previous").hidden = newest || cursors.length < 2;
  byId("next").hidden = newest || !page.next;
  byId("more").hidden = !newest || limitIndex === LIMITS.length - 1 || (page.found ?? videos.length) < LIMITS[limitIndex];
  byId("retry-all").hidden = query.state !== "failed" || query.search !== "" || !summary?.failed;
  byId("counted").textContent = summary ? `Counted at ${time(summary.as_of)}` : "Too many videos to count.";
  byId("found").textContent = search.explain(query, page);
  showLive();
  document.title = summary?.running ? `${summary.running} converting · gifdrop` : "gifdrop";
}

/** Polls unfinished videos more often than the list. */
export async function follow() {
  if (!document.hidden && !isLocked()) {
    const names = grid.unfinishedInView(MAX_FOLLOWED_VIDEOS);
    await Promise.allSettled(names.map(async (name) => grid.refresh(await json(`status/${path(name)}`, { seconds: TIMEOUT_SECONDS }))));
  }
  setTimeout(follow, 1000);
}

byId("next").addEventListener("click", () => turnPage(() => cursors.push(page.next)));
byId("previous").addEventListener("click", () => turnPage(() => cursors.pop()));
byId("more").addEventListener("click", () => {
  limitIndex += 1;
  refresh();
});

async function turnPage(change) {
  change();
  await refresh();
  byId("videos").focus();
  scrollTo({ top: 0 });
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
