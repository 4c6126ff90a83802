// The dialog that shows a GIF at full size.

import { gif } from "./api.js";
import { bytes } from "./format.js";

const dialog = document.getElementById("viewer");
const image = document.getElementById("viewer-gif");
const facts = document.getElementById("viewer-facts");
const save = document.getElementById("viewer-save");
let loading = null;

document.getElementById("viewer-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
dialog.addEventListener("close", () => {
  loading?.abort();
  if (image.src) URL.revokeObjectURL(image.src);
  image.removeAttribute("src");
  save.removeAttribute("href");
});

export async function open(video) {
  const shown = video.gif;
  document.getElementById("viewer-name").textContent = shown.name;
  facts.textContent = "Loading …";
  save.hidden = true;
  dialog.showModal();
  loading = new AbortController();
  const { signal } = loading;
  try {
    const whole = await gif(shown.name, { signal });
    if (signal.aborted) return;
    const address = URL.createObjectURL(whole);
    image.src = address;
    image.alt = `GIF of ${video.video}`;
    save.href = address;
    save.download = shown.name.split("/").at(-1);
    save.hidden = false;
    facts.textContent = `${shown.width} × ${shown.height}, ${shown.frames} frames, ${shown.duration_seconds.toFixed(1)} s, ${bytes(shown.bytes)}`;
  } catch (error) {
    if (!signal.aborted) facts.textContent = error.message;
  }
}
