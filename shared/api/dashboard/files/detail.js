// The detail view of a video, with an address of its own: its original beside its GIF, what happened, and what to do.

import * as address from "./address.js";
import { json, path, request } from "./api.js";
import { confirmed } from "./confirm.js";
import * as media from "./detail_media.js";
import { STATES } from "./format.js";
import { facts, steps } from "./history.js";
import { asOperator, isLocked, sentence, showError } from "./session.js";
import * as share from "./share.js";
import { toast } from "./toast.js";
import * as trim from "./trim.js";
import { originals } from "./uploads.js";

const FOLLOW_MS = 1000;
const byId = (id) => document.getElementById(`detail-${id}`);
const dialog = document.getElementById("detail");
let handlers = {};
let name = "";
let video = null;
let loading = new AbortController();

export function init(given) {
  handlers = given;
}

/** Opens it and puts it into the address. */
export function open(wanted) {
  address.write({ video: wanted }, { push: true });
  show(wanted);
}

/** Shows what the address asks for: a video's name, or "" for none. */
export function show(wanted) {
  if (wanted === name) return;
  loading.abort();
  loading = new AbortController();
  name = wanted;
  video = null;
  if (!wanted) return dialog.close();
  reset();
  if (!dialog.open) dialog.showModal();
  follow(loading.signal);
}

function reset() {
  media.clear();
  dialog.querySelector(".detail").scrollTop = 0;
  byId("name").textContent = name;
  byId("state").textContent = "Loading …";
  dialog.dataset.state = "";
  for (const id of ["gif-box", "original-box", "problem", "share", "again", "log-box", "delete", "also"]) byId(id).hidden = true;
  for (const id of ["steps", "facts", "notes", "also"]) byId(id).replaceChildren();
  byId("log-box").open = false;
}

/** Reads the status until it is final, and again after a retry. */
async function follow(signal) {
  while (!signal.aborted) {
    if (!isLocked() && !document.hidden && !["succeeded", "failed"].includes(video?.state)) {
      try {
        const found = await json(`status/${path(name)}`, { signal });
        if (signal.aborted) return;
        render(found, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error.status === 401) showError(error);
        byId("state").textContent = sentence(error);
        if (error.status === 404) return;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
  }
}

function render(found, signal) {
  const first = video === null;
  video = found;
  const percent = video.state === "running" && video.progress !== null ? `, ${Math.round(video.progress * 100)} %` : "";
  dialog.dataset.state = video.state;
  byId("state").textContent = STATES[video.state] + percent;
  const isFinal = ["succeeded", "failed"].includes(video.state);
  byId("problem").hidden = !video.error && !video.waiting_for;
  byId("problem").textContent = video.error
    ? [video.error.message, video.error.advice].filter(Boolean).join(" ")
    : `Waiting for ${video.waiting_for}.`;
  items(byId("notes"), [...video.warnings, ...video.notes]);
  byId("steps").replaceChildren(...steps(video));
  byId("facts").replaceChildren(...facts(video));
  byId("share").hidden = !video.gif;
  byId("log-box").hidden = !video.links.log;
  byId("delete").hidden = !isFinal;
  byId("again").hidden = !isFinal;
  if (isFinal) trim.show(video);
  media.showAlso(video);
  if (first) media.showOriginal(name, signal);
  if (video.gif) media.showGif(video, signal);
}

function items(list, texts) {
  list.replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}

for (const kind of share.KINDS) byId(`copy-${kind}`).addEventListener("click", () => share.copyAs(kind, video));

byId("log-box").addEventListener("toggle", async () => {
  if (!byId("log-box").open) return;
  byId("log").textContent = "Loading …";
  try {
    byId("log").textContent = await (await request(`logs/${path(name)}`)).text();
  } catch (error) {
    byId("log").textContent = sentence(error);
  }
});

byId("delete").addEventListener("click", async ({ target }) => {
  const wanted = name;
  if (!(await confirmed(`Delete ${wanted} with what was made of it?`, "Delete"))) return;
  target.disabled = true;
  try {
    await asOperator(() => request(`videos/${path(wanted)}`, { method: "DELETE" }));
    originals.delete(wanted);
    toast(`${wanted} is deleted.`);
    dialog.close();
    handlers.onDeleted();
  } catch (error) {
    toast(`${wanted}: ${sentence(error)}`, { bad: true });
  }
  target.disabled = false;
});

byId("again-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const options = trim.options();
  const isQueued = await handlers.onRetry(video, byId("convert"), { options });
  if (isQueued && video) video = { ...video, state: "queued" };
});

byId("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
dialog.addEventListener("close", () => {
  // It was opened again before this event.
  if (dialog.open) return;
  loading.abort();
  media.clear();
  name = "";
  if (address.read().video) address.write({ video: "" });
});
