// The pictures of the detail view: the original, the GIF, and the files beside it.

import { gif, json, path } from "./api.js";
import { bytes } from "./format.js";
import { save } from "./save.js";
import { sentence } from "./session.js";
import { toast } from "./toast.js";
import { originals } from "./uploads.js";

const byId = (id) => document.getElementById(`detail-${id}`);
const image = byId("gif");
const player = byId("original");
/** The GIF shown, as a Blob, its name, and the conversion that made it. */
let shown = { key: "", name: "", body: null };

export function clear() {
  shown = { key: "", name: "", body: null };
  player.pause();
  release(image);
  release(player);
}

function release(media) {
  if (media.src.startsWith("blob:")) URL.revokeObjectURL(media.src);
  media.removeAttribute("src");
}

/** Shows the GIF of a video, unless it is shown already. */
export async function showGif({ video, gif: made, finished_at: finished }, signal) {
  const key = `${made.name} ${finished}`;
  if (shown.key === key) return;
  shown = { key, name: made.name, body: null };
  byId("gif-box").hidden = false;
  byId("gif-facts").textContent = "Loading …";
  // The box has its size before the GIF is there.
  image.width = made.width;
  image.height = made.height;
  try {
    const body = await gif(made.name, { signal });
    if (signal.aborted || shown.key !== key) return;
    shown.body = body;
    release(image);
    image.src = URL.createObjectURL(body);
    image.alt = `GIF of ${video}`;
    const length = `${made.frames} frames, ${made.duration_seconds.toFixed(1)} s`;
    byId("gif-facts").textContent = `${made.width} × ${made.height}, ${length}, ${bytes(made.bytes)}`;
  } catch (error) {
    if (!signal.aborted) byId("gif-facts").textContent = sentence(error);
  }
}

/** Shows the video itself: the file that was uploaded here, or by a link to storage. */
export async function showOriginal(name, signal) {
  try {
    const file = originals.get(name);
    const source = file ? URL.createObjectURL(file) : (await json(`videos/${path(name)}`, { signal })).url;
    if (signal.aborted) return;
    byId("original-facts").textContent = "Original";
    player.src = source;
    byId("original-box").hidden = false;
  } catch (error) {
    // The rest of the view does not need it.
    if (!signal.aborted && error.status !== 404) toast(`The original cannot be shown: ${sentence(error)}`, { bad: true });
  }
}

/** A button for each file beside the GIF. */
export function showAlso({ gif: made }) {
  const also = made?.also ?? [];
  byId("also").hidden = !also.length;
  byId("also").replaceChildren(
    ...also.map(({ kind, name, bytes: size }) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.textContent = `${kind === "webp" ? "WebP" : "Poster"}, ${bytes(size)}`;
      button.addEventListener("click", async () => {
        try {
          save(await gif(name), base(name));
        } catch (error) {
          toast(sentence(error), { bad: true });
        }
      });
      return button;
    }),
  );
}

const base = (path) => path.split("/").at(-1);

player.addEventListener("error", () => {
  if (player.hasAttribute("src")) byId("original-facts").textContent = "This browser cannot play the original.";
});
byId("download").addEventListener("click", () => {
  if (shown.body) save(shown.body, base(shown.name));
});
