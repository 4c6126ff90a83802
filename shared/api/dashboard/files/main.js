// Connects the parts of the page, and handles filters and keys.

import * as address from "./address.js";
import { json, path } from "./api.js";
import { copy } from "./copy.js";
import * as detail from "./detail.js";
import { onFiles } from "./drop.js";
import { count } from "./format.js";
import * as grid from "./grid.js";
import * as health from "./health.js";
import { key } from "./keys.js";
import * as list from "./list.js";
import * as options from "./options.js";
import * as pool from "./pool.js";
import * as selection from "./selection.js";
import { asOperator, onUnlock, sentence, showError } from "./session.js";
import { start } from "./sign_in.js";
import * as stats from "./stats.js";
import { toast } from "./toast.js";
import * as uploadList from "./upload_list.js";
import * as uploads from "./uploads.js";

const TYPING_PAUSE_MS = 300;
const CONFIRMATION_MS = 5000;

const byId = (id) => document.getElementById(id);
let typingTimer = null;
/** Names of videos that were retried here. */
const retried = new Set();

async function retry(video, button, body) {
  button.disabled = true;
  try {
    const started = await asOperator(() => json(`retry/${path(video.video)}`, { method: "POST", body }));
    retried.add(video.video);
    toast(`${video.video}: attempt ${started.attempt} is queued.`);
    grid.refresh(started);
    if (started.state === "failed") sayFailedAgain(started);
    return true;
  } catch (error) {
    toast(`${video.video}: ${sentence(error)}`, { bad: true });
    if (error.status === 401) showError(error);
    return false;
  } finally {
    button.disabled = false;
  }
}

grid.onStates((videos) => {
  for (const video of videos) if (video.state === "failed") sayFailedAgain(video);
});

function sayFailedAgain(video) {
  if (retried.delete(video.video)) toast(`${video.video} has failed again: ${video.error.message}`, { bad: true });
}

list.init({
  cards: { onRetry: retry, onOpen: ({ video }) => detail.open(video), onSelect: selection.toggle },
  onPool: pool.show,
});
detail.init({ onRetry: retry, onDeleted: list.refresh });
selection.init({ onChanged: list.refresh });

// Uploads.

const form = byId("upload-options");
options.build(form);
form.addEventListener("submit", (event) => event.preventDefault());
function take(files) {
  if (form.reportValidity()) uploads.add(files, options.read(form));
  else byId("options").open = true;
}
onFiles(take);
uploadList.onDone(list.refresh);
byId("sample").addEventListener("click", async ({ target }) => {
  target.disabled = true;
  try {
    const body = await (await fetch(new URL("dashboard/sample.m4v", location.href))).blob();
    take([{ file: body, name: "sample.mp4" }]);
  } catch (error) {
    toast(sentence(error), { bad: true });
  }
  target.disabled = false;
});
byId("copy-command").addEventListener("click", () => copy(byId("command").textContent, "Command"));

// Filters.

function showAddress() {
  const { state, search, sort, video } = address.read();
  for (const button of byId("states").children) button.setAttribute("aria-pressed", String(button.dataset.state === state));
  byId("search").value = search;
  byId("sort").value = sort;
  list.show({ state, search, sort });
  detail.show(video);
}

function changeQuery(change) {
  address.write(change);
  selection.clear();
  list.show(change);
}

address.onChange(showAddress);
byId("states").addEventListener("click", ({ target }) => {
  const chosen = target.closest("button");
  if (!chosen) return;
  for (const button of byId("states").children) button.setAttribute("aria-pressed", String(button === chosen));
  changeQuery({ state: chosen.dataset.state });
});
byId("tools").addEventListener("submit", (event) => event.preventDefault());
// Each prefix makes the server count its videos, so after the first keystroke the query waits for a pause in typing.
byId("search").addEventListener("input", () => {
  const apply = () => byId("search").value !== address.read().search && changeQuery({ search: byId("search").value });
  if (typingTimer === null) apply();
  clearTimeout(typingTimer);
  typingTimer = setTimeout(() => {
    typingTimer = null;
    apply();
  }, TYPING_PAUSE_MS);
});
byId("sort").addEventListener("change", () => changeQuery({ sort: byId("sort").value }));

addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, select, textarea, dialog");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  byId("search").focus();
});
// The address after # has the filters: a link within the page would delete them.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("videos").focus();
});

byId("retry-all").addEventListener("click", async ({ target }) => {
  if (!target.dataset.confirming) {
    target.dataset.confirming = "yes";
    target.textContent = `Retry ${count(list.current().summary.failed)} videos?`;
    setTimeout(() => reset(target), CONFIRMATION_MS);
    return;
  }
  target.disabled = true;
  try {
    const { retried: number } = await asOperator(() => json("retry", { method: "POST" }));
    toast(number === 1 ? "1 video is queued again." : `${count(number)} videos are queued again.`);
    await list.refresh();
  } catch (error) {
    toast(sentence(error), { bad: true });
  }
  target.disabled = false;
  reset(target);
});

function reset(button) {
  delete button.dataset.confirming;
  button.textContent = "Retry all failed";
}

onUnlock(list.refresh);
onUnlock(health.check);
onUnlock(stats.check);
const started = start();
// Nobody with a key waits for it.
if (!key()) await started;
showAddress();
list.follow();
health.check();
stats.check();
