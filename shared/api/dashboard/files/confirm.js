// A dialog that asks before something is lost.

const dialog = document.getElementById("confirm");

/** Whether the person agrees. */
export function confirmed(question, verb) {
  document.getElementById("confirm-text").textContent = question;
  document.getElementById("confirm-yes").textContent = verb;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
