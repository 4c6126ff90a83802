// Takes files that are dropped anywhere, pasted or picked: a dropped file never replaces the page.

import { toast } from "./toast.js";

const picker = document.getElementById("picker");

const hasFiles = (transfer) => [...(transfer?.types ?? [])].includes("Files");

/** Calls `take` with the files that a person gives. */
export function onFiles(take) {
  const give = (files) => {
    if (files.length) take([...files].map((file) => ({ file, name: file.name })));
  };
  addEventListener("dragover", (event) => {
    if (!hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) document.body.classList.remove("dragging");
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    document.body.classList.remove("dragging");
    const isFolder = (item) => Boolean(item.webkitGetAsEntry?.()?.isDirectory);
    const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    if (items.some(isFolder)) toast("A folder cannot be dropped. Open it and drop the videos in it.", { bad: true });
    give(items.filter((item) => !isFolder(item)).map((item) => item.getAsFile()).filter(Boolean));
  });
  addEventListener("paste", ({ clipboardData }) => give(clipboardData?.files ?? []));
  picker.addEventListener("change", () => {
    give(picker.files);
    picker.value = "";
  });
  for (const button of document.querySelectorAll(".pick")) button.addEventListener("click", () => picker.click());
}
