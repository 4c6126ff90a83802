// The cards of uploads, which are there before the first byte has been sent.

import { announce } from "./grid.js";
import { bytes, split } from "./format.js";
import * as uploads from "./uploads.js";

const WORDS = {
  waiting: "Waiting to upload",
  sending: "Uploading",
  sent: "Uploaded",
  paused: "Paused",
  held: "Waiting to upload",
  late: "Uploaded",
  taken: "Name taken",
  failed: "Upload failed",
};
const BUTTONS = {
  pause: ["Pause", uploads.pause],
  continue: ["Continue", uploads.start],
  retry: ["Try again", uploads.start],
  overwrite: ["Overwrite", (upload) => uploads.start(upload, { overwrite: true })],
  keep: ["Keep both", (upload) => uploads.start(upload, { name: uploads.otherName(upload.name) })],
  cancel: ["Cancel", uploads.cancel],
  close: ["Close", uploads.cancel],
};
const CHOICES = {
  waiting: ["pause", "cancel"],
  sending: ["pause", "cancel"],
  paused: ["continue", "cancel"],
  held: ["cancel"],
  late: ["close"],
  taken: ["overwrite", "keep", "cancel"],
  failed: ["retry", "cancel"],
};

const list = document.getElementById("uploads");
const template = document.getElementById("upload");
const cards = new Map();
let doneListener = () => {};

/** Calls `done` when a video has left the queue. */
export function onDone(done) {
  doneListener = done;
}

uploads.onChange((upload) => {
  if (upload.state === null) {
    cards.get(upload)?.remove();
    cards.delete(upload);
    doneListener();
    return;
  }
  const card = cards.get(upload) ?? create(upload);
  const find = (selector) => card.querySelector(selector);
  const [folder, file] = split(upload.name);
  find(".folder").textContent = folder;
  find(".file").textContent = file;
  find("h3").title = upload.name;
  find(".facts").textContent = upload.state === "sending" ? uploads.progressText(upload) : bytes(upload.file.size);
  const part = upload.state === "sent" ? 1 : upload.sent / upload.file.size || 0;
  const bar = find(".bar");
  bar.hidden = !["sending", "sent"].includes(upload.state);
  bar.setAttribute("aria-label", `Upload of ${upload.name}`);
  bar.setAttribute("aria-valuenow", String(Math.round(part * 100)));
  bar.style.setProperty("--progress", part);
  if (card.dataset.state === upload.state) return;
  card.dataset.state = upload.state;
  find(".state").textContent = WORDS[upload.state];
  find(".reason").hidden = !upload.message;
  find(".reason").textContent = upload.message;
  if (upload.message) announce(`${upload.name}: ${upload.message}`);
  const hadFocus = card.contains(document.activeElement);
  find(".choices").replaceChildren(...(CHOICES[upload.state] ?? []).map((name) => button(name, upload)));
  if (hadFocus) find(".choices button")?.focus();
});

function create(upload) {
  const card = template.content.firstElementChild.cloneNode(true);
  cards.set(upload, card);
  list.append(card);
  return card;
}

function button(name, upload) {
  const [text, act] = BUTTONS[name];
  const created = document.createElement("button");
  created.type = "button";
  created.textContent = text;
  created.setAttribute("aria-label", `${text}: ${upload.name}`);
  created.addEventListener("click", () => act(upload));
  return created;
}
