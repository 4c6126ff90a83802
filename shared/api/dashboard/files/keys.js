// The keys: where they are kept, and the dialog that asks for them.

const KEY = "gifdrop-key";
const OPERATOR_KEY = "gifdrop-operator-key";
const dialog = document.getElementById("key-dialog");
const form = document.getElementById("key-form");
const input = document.getElementById("key-input");

takeFromAddress();

/** The function key of this tab, or null. */
export const key = () => sessionStorage.getItem(KEY);
export const operatorKey = () => sessionStorage.getItem(OPERATOR_KEY);

/** Moves the key out of the address, and so out of the history and of what is copied from the address bar. */
function takeFromAddress() {
  const { location } = window;
  const query = new URLSearchParams(location.search);
  const hash = new URLSearchParams(location.hash.slice(1));
  const given = hash.get("code") ?? query.get("code");
  if (given === null) return;
  sessionStorage.setItem(KEY, given);
  hash.delete("code");
  query.delete("code");
  const search = query.size ? `?${query}` : "";
  history.replaceState(null, "", `${location.pathname}${search}${hash.size ? `#${hash}` : ""}`);
}

/** Asks for the function key and keeps it until the tab is closed; false if none was given. */
export const askKey = () =>
  ask(KEY, {
    title: "Function key",
    text: "This page shows videos to holders of a function key. The key is kept until the tab is closed.",
    wrong: "This key is not valid. Check it and try again.",
  });

export const askOperatorKey = () =>
  ask(OPERATOR_KEY, {
    title: "Operator's key",
    text: "Changes need the operator's key, too. It is kept until the tab is closed.",
    wrong: "This is not the operator's key. Check it and try again.",
  });

let asking = null;

/** Asks once, however many callers want the key; a key that is stored already counts as wrong. */
function ask(name, texts) {
  asking ??= show(name, texts).finally(() => {
    asking = null;
  });
  return asking;
}

function show(name, { title, text, wrong }) {
  document.getElementById("key-title").textContent = title;
  document.getElementById("key-text").textContent = text;
  const error = document.getElementById("key-error");
  error.hidden = !sessionStorage.getItem(name);
  error.textContent = error.hidden ? "" : wrong;
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const given = dialog.returnValue === "given" ? input.value.trim() : "";
        input.value = "";
        if (given) sessionStorage.setItem(name, given);
        else sessionStorage.removeItem(name);
        resolve(Boolean(given));
      },
      { once: true },
    );
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  dialog.close("given");
});
document.getElementById("key-cancel").addEventListener("click", () => dialog.close(""));
