// The first frame of each GIF that comes into view, a few at a time; the whole GIF while somebody points at it.

import { gif } from "./api.js";

const AT_ONCE = 4;
/** The first frame is nearly always in here; a GIF of usual size is ten times as large. */
const FIRST = 192 * 1024;
const PLAYABLE = 6e6;

const still = matchMedia("(prefers-reduced-motion: reduce)");
const waiting = new Map();
let busy = 0;

const seen = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) waiting.set(target, target.gif);
      else waiting.delete(target);
    }
    work();
  },
  { rootMargin: "300px" },
);

/** Let a thumb show a GIF: `{name, bytes}`. */
export function show(thumb, shown) {
  thumb.gif = shown;
  seen.unobserve(thumb);
  seen.observe(thumb);
}

export function forget(thumb) {
  seen.unobserve(thumb);
  waiting.delete(thumb);
  stop(thumb);
}

function work() {
  for (const [thumb, shown] of waiting) {
    if (busy >= AT_ONCE) return;
    waiting.delete(thumb);
    seen.unobserve(thumb);
    busy += 1;
    draw(thumb, shown).finally(() => {
      busy -= 1;
      work();
    });
  }
}

async function draw(thumb, { name, bytes }) {
  const canvas = thumb.querySelector("canvas");
  for (const most of bytes > FIRST ? [FIRST, Math.min(bytes, 4 * 1024 ** 2)] : [bytes]) {
    try {
      const frame = await createImageBitmap(await gif(name, { most }));
      canvas.width = frame.width;
      canvas.height = frame.height;
      canvas.getContext("2d").drawImage(frame, 0, 0);
      thumb.dataset.drawn = name;
      return;
    } catch {
      // Cut off in the middle of its first frame, or just replaced: the next try, or none, will do.
    }
  }
}

/** Play while pointed at or focused, unless it is large or motion is not wanted. */
export async function play(thumb) {
  if (still.matches || thumb.playing || !thumb.gif || thumb.gif.bytes > PLAYABLE) return;
  thumb.playing = new AbortController();
  const { signal } = thumb.playing;
  try {
    const whole = await gif(thumb.gif.name, { signal });
    if (signal.aborted) return;
    const image = thumb.querySelector("img");
    image.src = URL.createObjectURL(whole);
    image.hidden = false;
    thumb.classList.add("playing");
  } catch {
    thumb.playing = null;
  }
}

export function stop(thumb) {
  thumb.playing?.abort();
  thumb.playing = null;
  const image = thumb.querySelector("img");
  if (!image.hidden) URL.revokeObjectURL(image.src);
  image.hidden = true;
  image.removeAttribute("src");
  thumb.classList.remove("playing");
}
