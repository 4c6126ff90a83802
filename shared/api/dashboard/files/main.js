// What is asked for, how often, and what becomes of the answers.

import { Refused, json, path, request, setKey } from "./api.js";
import * as grid from "./grid.js";
import * as pool from "./pool.js";
import * as viewer from "./viewer.js";
import { count } from "./words.js";

const LIMITS = [60, 300, 1000];
/** Seconds between two looks at the list, for each of the limits. */
const PAUSES = [2, 6, 15];
const HEALTH = 30;
/** Milliseconds without a keystroke after which a name has been typed. */
const TYPING = 300;
/** Videos whose progress is followed each second. */
const FOLLOWED = 8;

const at = (id) => document.getElementById(id);
const query = { state: "", prefix: "", sort: "newest" };
let size = 0;
let cursors = [""];
let page = { next: null };
let asked = 0;
let timer = null;
let checking = null;
let typing = null;

const handlers = {
  onOpen: viewer.open,
  async onRetry(video, button) {
    button.disabled = true;
    try {
      grid.refresh(await json(`retry/${path(video.video)}`, { method: "POST" }));
      grid.say(`${video.video} is tried again.`);
    } catch (error) {
      button.disabled = false;
      grid.say(error.message);
      trouble(error);
    }
  },
};

async function look() {
  clearTimeout(timer);
  const mine = ++asked;
  const limit = query.sort === "newest" ? LIMITS[size] : LIMITS[0];
  const given = { ...query, limit, cursor: cursors.at(-1) };
  const parameters = new URLSearchParams(Object.entries(given).filter(([, value]) => value));
  try {
    const answer = await json(`status?${parameters}`);
    // An answer to what is no longer asked is of no use.
    if (mine !== asked) return;
    page = answer;
    show();
  } catch (error) {
    if (mine !== asked) return;
    trouble(error);
  }
  timer = setTimeout(look, document.hidden ? 60_000 : PAUSES[size] * 1000);
}

function show() {
  const { videos, summary } = page;
  grid.show(videos, handlers);
  pool.show(page.pool, summary);
  for (const [state, number] of Object.entries(summary ?? {})) {
    if (state !== "as_of") at(`count-${state}`).textContent = count(number);
  }
  at("empty").hidden = videos.length > 0;
  at("empty").textContent = emptiness();
  const newest = query.sort === "newest";
  at("previous").hidden = newest || cursors.length < 2;
  at("next").hidden = newest || !page.next;
  at("more").hidden = !newest || size === LIMITS.length - 1 || videos.length < LIMITS[size];
  at("retry-all").hidden = query.state !== "failed" || query.prefix !== "" || !summary?.failed;
  at("connection").textContent = "Live";
  at("connection").classList.remove("lost");
  document.title = summary?.running ? `${summary.running} running · gifdrop` : "gifdrop";
}

function emptiness() {
  if (query.sort === "newest" && !page.summary) return "The videos are being counted. This takes a moment when there are many.";
  if (page.next) return "None on this page; there may be some on the next.";
  if (query.state || query.prefix) return "No video is like this.";
  return "Drop an MP4 into the container of videos, and it will show up here.";
}

/** Follow what runs more closely than the list does. */
async function follow() {
  if (!document.hidden) {
    await Promise.allSettled(grid.live(FOLLOWED).map(async (name) => grid.refresh(await json(`status/${path(name)}`))));
  }
  setTimeout(follow, 1000);
}

async function checkHealth() {
  try {
    if (!document.hidden) pool.showHealth(await (await request("health", { accept: [503] })).json());
  } catch (error) {
    trouble(error);
  }
  clearTimeout(checking);
  checking = setTimeout(checkHealth, HEALTH * 1000);
}

function trouble(error) {
  if (error instanceof Refused && error.status === 401 && !at("door").open) at("door").showModal();
  at("connection").textContent = error instanceof Refused ? error.message : "The connection is lost; trying again …";
  at("connection").classList.add("lost");
}

function ask(change) {
  Object.assign(query, change);
  cursors = [""];
  size = 0;
  look();
}

at("states").addEventListener("click", ({ target }) => {
  const chosen = target.closest("button");
  if (!chosen) return;
  for (const button of at("states").children) button.setAttribute("aria-pressed", String(button === chosen));
  ask({ state: chosen.dataset.state });
});
at("tools").addEventListener("submit", (event) => event.preventDefault());
// Each prefix costs a count of its videos, so after the first keystroke it is asked for once the typing pauses.
at("prefix").addEventListener("input", () => {
  const typed = () => at("prefix").value !== query.prefix && ask({ prefix: at("prefix").value });
  if (typing === null) typed();
  clearTimeout(typing);
  typing = setTimeout(() => {
    typing = null;
    typed();
  }, TYPING);
});
at("sort").addEventListener("change", () => ask({ sort: at("sort").value }));
at("next").addEventListener("click", () => turn(() => cursors.push(page.next)));
at("previous").addEventListener("click", () => turn(() => cursors.pop()));
at("more").addEventListener("click", () => {
  size += 1;
  look();
});

async function turn(change) {
  change();
  await look();
  at("videos").focus();
  scrollTo({ top: 0 });
}

at("retry-all").addEventListener("click", async ({ target }) => {
  if (!target.dataset.sure) {
    target.dataset.sure = "yes";
    target.textContent = `Really try ${count(page.summary.failed)} again?`;
    setTimeout(() => reset(target), 5000);
    return;
  }
  target.disabled = true;
  try {
    const { retried } = await json("retry", { method: "POST" });
    grid.say(`${retried} videos are tried again.`);
    await look();
  } catch (error) {
    trouble(error);
  }
  target.disabled = false;
  reset(target);
});

function reset(button) {
  delete button.dataset.sure;
  button.textContent = "Try all failed again";
}

at("door-form").addEventListener("submit", () => {
  setKey(at("door-key").value);
  at("door-key").value = "";
  look();
  checkHealth();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});

look();
follow();
checkHealth();
