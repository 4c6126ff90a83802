// Sends one file to storage by a signed link, with progress: fetch has none for uploads.

import { ApiError } from "./api.js";

/** Storage that takes no byte for so long does not respond. */
const STALLED_MS = 60_000;
const REASONS = {
  403: "The link to storage has expired.",
  409: "There is a video of this name.",
  412: "There is a video of this name.",
  413: "The video is too large for storage.",
};

/**
 * Sends `file` as the link asks for. `onProgress` is called with the bytes sent.
 * Rejects with an `ApiError`, whose code is `NameTaken` where the link may not overwrite a video.
 */
export function send({ url, method, headers }, file, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let stalled = null;
    const fail = (code, text) => reject(new ApiError(request.status, code, text));
    const watch = () => {
      clearTimeout(stalled);
      stalled = setTimeout(() => {
        fail("Stalled", "Storage does not respond.");
        request.abort();
      }, STALLED_MS);
    };
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded }) => {
      watch();
      onProgress(loaded);
    });
    request.addEventListener("load", () => {
      if (request.status === 201) return resolve();
      const code = [409, 412].includes(request.status) ? "NameTaken" : "Refused";
      fail(code, REASONS[request.status] ?? `Storage refused the video with status ${request.status}.`);
    });
    request.addEventListener("error", () => fail("Lost", "The connection to storage was lost, or the file has changed."));
    request.addEventListener("abort", () => fail("Aborted", "The upload was stopped."));
    request.addEventListener("loadend", () => clearTimeout(stalled));
    signal.addEventListener("abort", () => request.abort());
    watch();
    request.send(file);
  });
}
