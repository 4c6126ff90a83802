// Thumbnails: draw the first frame of each GIF in view, a few at a time, and play the GIF on hover or focus.

import { gif } from "./api.js";

const MAX_CONCURRENT_LOADS = 4;
/** Enough for nearly every first frame; a typical GIF is ten times as large. */
const FIRST_FRAME_BYTES = 192 * 1024;
const RETRY_BYTES = 4 * 1024 ** 2;
const MAX_PLAYED_BYTES = 6e6;

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
const waiting = new Map();
let loading = 0;

const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) waiting.set(target, target.gif);
      else waiting.delete(target);
    }
    loadNext();
  },
  { rootMargin: "300px" },
);

/** Shows a GIF, `{name, bytes}`, once the thumbnail is in view. */
export function show(thumb, { name, bytes }) {
  thumb.gif = { name, bytes };
  observer.unobserve(thumb);
  observer.observe(thumb);
}

export function remove(thumb) {
  observer.unobserve(thumb);
  waiting.delete(thumb);
  stop(thumb);
}

function loadNext() {
  for (const [thumb, source] of waiting) {
    if (loading >= MAX_CONCURRENT_LOADS) return;
    waiting.delete(thumb);
    observer.unobserve(thumb);
    loading += 1;
    draw(thumb, source).finally(() => {
      loading -= 1;
      loadNext();
    });
  }
}

async function draw(thumb, { name, bytes }) {
  const canvas = thumb.querySelector("canvas");
  for (const maxBytes of bytes > FIRST_FRAME_BYTES ? [FIRST_FRAME_BYTES, Math.min(bytes, RETRY_BYTES)] : [bytes]) {
    try {
      const frame = await createImageBitmap(await gif(name, { maxBytes }));
      canvas.width = frame.width;
      canvas.height = frame.height;
      canvas.getContext("2d").drawImage(frame, 0, 0);
      thumb.dataset.drawn = name;
      return;
    } catch {
      // The first frame was larger, or the GIF was replaced: retry with more bytes, then keep an empty thumbnail.
    }
  }
}

/** Plays the GIF unless it is large or reduced motion is preferred. */
export async function play(thumb) {
  if (reducedMotion.matches || thumb.playing || !thumb.gif || thumb.gif.bytes > MAX_PLAYED_BYTES) return;
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
