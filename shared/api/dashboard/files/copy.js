// Copies text, and says so.

import { toast } from "./toast.js";

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied.`);
  } catch {
    toast(`The browser does not let the page copy. ${what}: ${text}`, { bad: true });
  }
}
