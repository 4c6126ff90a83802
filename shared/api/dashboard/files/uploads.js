// The queue of uploads: a few at a time, each by a link of its own, until its video is in the list.

import { find, json } from "./api.js";
import { bytes } from "./format.js";
import { asOperator, sentence } from "./session.js";
import { send } from "./transfer.js";

const MAX_CONCURRENT_UPLOADS = 3;
const APPEARANCE_INTERVAL_MS = 1000;
const APPEARANCE_TIMEOUT_MS = 120_000;
const DEFAULT_RETRY_SECONDS = 10;

/** Original files of this tab by video name: the page can show them without reading storage. */
export const originals = new Map();
const uploads = new Set();
let listener = () => {};

/** Calls `changed(upload)` whenever one changes; its state is null when it has left the queue. */
export function onChange(changed) {
  listener = changed;
}

/** Queues files, `{file, name}`, with the same options. */
export function add(files, options) {
  for (const { file, name } of files) {
    const upload = { file, name, options, overwrite: false, state: null, sent: 0, message: "", abort: null };
    uploads.add(upload);
    if (file.size) set(upload, "waiting");
    else set(upload, "failed", "The file is empty.");
  }
  next();
}

export const isBusy = () => [...uploads].some(({ state }) => ["waiting", "sending", "paused"].includes(state));

/** Sends it, from the beginning: storage takes a video in one request. */
export function start(upload, { name = upload.name, overwrite = upload.overwrite } = {}) {
  Object.assign(upload, { name, overwrite });
  set(upload, "waiting");
  next();
}

export function pause(upload) {
  set(upload, "paused");
  upload.abort?.abort();
  next();
}

export function cancel(upload) {
  upload.abort?.abort();
  uploads.delete(upload);
  set(upload, null);
  next();
}

function set(upload, state, message = "") {
  Object.assign(upload, { state, message, sent: state === "sending" ? upload.sent : 0 });
  listener(upload);
}

function next() {
  const active = [...uploads].filter(({ state }) => state === "sending").length;
  const waiting = [...uploads].filter(({ state }) => state === "waiting");
  for (const upload of waiting.slice(0, Math.max(0, MAX_CONCURRENT_UPLOADS - active))) run(upload);
}

async function run(upload) {
  const abort = new AbortController();
  const { signal } = abort;
  upload.abort = abort;
  set(upload, "sending");
  try {
    const before = await find(upload.name);
    const { name, file, options, overwrite } = upload;
    const body = { name, bytes: file.size, options, overwrite };
    const link = await asOperator(() => json("uploads", { method: "POST", body, signal }));
    const onProgress = (sent) => {
      upload.sent = sent;
      if (!signal.aborted) listener(upload);
    };
    await send(link, file, { signal, onProgress });
    originals.set(name, file);
    set(upload, "sent");
    next();
    if (await appears(upload, before?.queued_at, signal)) cancel(upload);
    else if (!signal.aborted) set(upload, "late", "Uploaded. gifdrop finds it within some minutes.");
  } catch (error) {
    if (!signal.aborted) failed(upload, error);
  }
  next();
}

function failed(upload, error) {
  if (error.code === "NameTaken") return set(upload, "taken", "There is a video of this name.");
  if (error.code !== "TooManyUploads") return set(upload, "failed", sentence(error));
  const seconds = error.retryAfter ?? DEFAULT_RETRY_SECONDS;
  set(upload, "held", `${error.message} It continues by itself.`);
  setTimeout(() => upload.state === "held" && start(upload), seconds * 1000);
}

/** Whether the list has the video as it was just uploaded, rather than one of this name from before. */
async function appears(upload, before, signal) {
  const deadline = Date.now() + APPEARANCE_TIMEOUT_MS;
  while (Date.now() < deadline && !signal.aborted) {
    const found = await find(upload.name).catch(() => null);
    if (found && found.queued_at !== before) return true;
    await new Promise((resolve) => setTimeout(resolve, APPEARANCE_INTERVAL_MS));
  }
  return false;
}

/** A name that no upload and, as far as is known, no video has: "tom 2.mp4". */
export function otherName(name) {
  const end = name.lastIndexOf(".");
  const [, stem, number] = name.slice(0, end).match(/^(.*?)(?: (\d{1,4}))?$/s);
  return `${stem} ${Number(number ?? 1) + 1}${name.slice(end)}`;
}

/** "2.1 of 5.3 MB" */
export const progressText = ({ sent, file }) => `${bytes(sent)} of ${bytes(file.size)}`;

addEventListener("beforeunload", (event) => {
  if (isBusy()) event.preventDefault();
});
