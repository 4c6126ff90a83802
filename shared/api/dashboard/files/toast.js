// Short messages at the edge of the window, which go away by themselves.

const MAX_TOASTS = 3;
const SHOWN_MS = 8000;
const toasts = document.getElementById("toasts");

/** Shows a sentence; screen readers read it, too. */
export function toast(text, { bad = false } = {}) {
  const element = document.createElement("li");
  element.textContent = text;
  element.classList.toggle("bad", bad);
  toasts.append(element);
  while (toasts.children.length > MAX_TOASTS) toasts.firstElementChild.remove();
  setTimeout(() => element.remove(), SHOWN_MS);
}
