// Videos that are selected together: retry, delete, or save their GIFs as one ZIP file.

import { gif, json, path, request } from "./api.js";
import { confirmed } from "./confirm.js";
import { count } from "./format.js";
import * as grid from "./grid.js";
import { asOperator, sentence } from "./session.js";
import { save } from "./save.js";
import { toast } from "./toast.js";
import { zip } from "./zip.js";

/** The page holds a ZIP file in memory whole. */
const MAX_ZIP_BYTES = 500e6;

const bar = document.getElementById("selection");
const selected = new Set();
let changedListener = () => {};

export function init({ onChanged }) {
  changedListener = onChanged;
}

export function toggle(name, isSelected) {
  if (isSelected) selected.add(name);
  else selected.delete(name);
  show();
}

export function clear() {
  selected.clear();
  show();
}

function show() {
  bar.hidden = !selected.size;
  grid.markSelected(selected);
  document.getElementById("selection-count").textContent = `${count(selected.size)} selected`;
  const videos = shown();
  button("retry").hidden = !videos.some(({ state, error }) => state === "failed" && error.retryable);
  button("zip").hidden = !videos.some((video) => video.gif);
}

const button = (action) => bar.querySelector(`[data-action="${action}"]`);
/** The selected videos, as far as the list still shows them. */
const shown = () => [...selected].map(grid.shown).filter(Boolean);

const ACTIONS = {
  async retry() {
    const failed = shown().filter(({ state, error }) => state === "failed" && error.retryable);
    await each(failed, "queued again", ({ video }) => asOperator(() => json(`retry/${path(video)}`, { method: "POST" })));
  },
  async delete() {
    const videos = shown();
    const question = videos.length === 1 ? `Delete ${videos[0].video}` : `Delete ${count(videos.length)} videos`;
    if (!(await confirmed(`${question} with what was made of them?`, "Delete"))) return;
    await each(videos, "deleted", ({ video }) => asOperator(() => request(`videos/${path(video)}`, { method: "DELETE" })));
  },
  async zip() {
    const gifs = shown().flatMap((video) => video.gif ?? []);
    if (gifs.reduce((sum, { bytes }) => sum + bytes, 0) > MAX_ZIP_BYTES) {
      return toast("The GIFs are too large together for one ZIP file (500 MB). Select fewer.", { bad: true });
    }
    const files = [];
    for (const { name } of gifs) files.push({ name, body: await gif(name) });
    save(await zip(files), "gifs.zip");
  },
  clear() {
    clear();
  },
};

/** Calls `act` for one video after another, and says how many succeeded and why the first of the others did not. */
async function each(videos, word, act) {
  let done = 0;
  let failure = null;
  for (const video of videos) {
    try {
      await act(video);
      done += 1;
    } catch (error) {
      failure ??= `${video.video}: ${sentence(error)}`;
      // The person has not given the key, so it is not asked for again.
      if (error.code === "OperatorKeyRequired") break;
    }
  }
  if (done) toast(`${count(done)} ${done === 1 ? "video is" : "videos are"} ${word}.`);
  if (failure) toast(failure, { bad: true });
  else clear();
  changedListener();
}

bar.addEventListener("click", async ({ target }) => {
  const action = ACTIONS[target.dataset.action];
  if (!action) return;
  target.disabled = true;
  try {
    await action();
  } catch (error) {
    toast(sentence(error), { bad: true });
  }
  target.disabled = false;
});
