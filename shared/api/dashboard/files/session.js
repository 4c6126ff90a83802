// Whether the page may send requests: asks for the keys that the API wants, and says whether the app responds.

import { ApiError } from "./api.js";
import { askKey, askOperatorKey } from "./keys.js";

const connection = document.getElementById("connection");
const keyButton = document.getElementById("key-open");
const resumers = [];
let locked = false;

/** Whether the page waits for a key, and sends nothing. */
export const isLocked = () => locked;

/** Calls `resume` when a key has been given. */
export const onUnlock = (resume) => resumers.push(resume);

export function showLive() {
  connection.textContent = "Live";
  connection.classList.remove("lost");
}

export function showError(error) {
  connection.classList.add("lost");
  if (error instanceof ApiError && error.status === 401) {
    if (!locked) lock();
    return;
  }
  connection.textContent = error instanceof ApiError ? error.message : "Connection lost. Retrying …";
}

/** A sentence for people about what was thrown. */
export const sentence = (error) =>
  error instanceof ApiError ? error.message : "The app does not respond. Check the connection and try again.";

/** Sends nothing until a key is given. */
async function lock() {
  locked = true;
  connection.textContent = "A function key is needed.";
  keyButton.hidden = false;
  if (!(await askKey())) return;
  locked = false;
  keyButton.hidden = true;
  connection.textContent = "Connecting …";
  for (const resume of resumers) resume();
}

/** Calls again with the operator's key, which is asked for until the API accepts it or the person gives up. */
export async function asOperator(call) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (error.status === 401) showError(error);
      if (error.code !== "OperatorKeyRequired" || !(await askOperatorKey())) throw error;
    }
  }
}

keyButton.addEventListener("click", lock);
