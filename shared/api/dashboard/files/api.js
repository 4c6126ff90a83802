// Client of the API. Keys are sent only in headers.

import { key, operatorKey } from "./keys.js";
import { end, isSignedIn } from "./sign_in.js";

const base = new URL(".", location.href);

/** An error response; `code` and `message` are those of the API. */
export class ApiError extends Error {
  constructor(status, code, message, { retryAfter = null } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    /** Seconds, or null. */
    this.retryAfter = retryAfter;
  }
}

/** A blob name as a URL path: everything but slashes is encoded. */
export const path = (name) => name.split("/").map(encodeURIComponent).join("/");

export async function request(url, { method = "GET", headers = {}, body, accept = [], signal, seconds = 30 } = {}) {
  const signedIn = isSignedIn();
  // Another site's page cannot send this header with this site's cookie.
  if (signedIn) headers = { ...headers, "x-requested-with": "gifdrop" };
  else if (key()) headers = { ...headers, "x-functions-key": key() };
  if (operatorKey()) headers = { ...headers, "x-gifdrop-operator-key": operatorKey() };
  const timeout = AbortSignal.timeout(seconds * 1000);
  const response = await fetch(new URL(signedIn ? `user/${url}` : url, base), {
    method,
    headers: body ? { ...headers, "content-type": "application/json" } : headers,
    body: body && JSON.stringify(body),
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    credentials: signedIn ? "same-origin" : "omit",
    redirect: "error",
  });
  if (response.ok || accept.includes(response.status)) return response;
  if (signedIn && response.status === 401) end();
  const { code, detail } = (await response.json().catch(() => null)) ?? {};
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  throw new ApiError(response.status, code, detail ?? `The request failed with status ${response.status}.`, { retryAfter });
}

export const json = async (url, options) => (await request(url, options)).json();

/** The record of a video as it was stored last, or null: unlike `status/{video}`, never a 404 in the browser's console. */
export async function find(name) {
  const parameters = new URLSearchParams({ prefix: name, limit: 1, include: "videos" });
  const [first] = (await json(`status?${parameters}`)).videos;
  return first?.video === name ? first : null;
}

const TYPES = { jpg: "image/jpeg", webp: "image/webp" };
const CHUNK_BYTES = 4 * 1024 ** 2;

/** The first `maxBytes` bytes of a GIF, or of a file beside it, as a Blob, fetched in chunks because the size of a response is limited. */
export async function gif(name, { maxBytes = Infinity, signal } = {}) {
  const chunks = [];
  let received = 0;
  let size = Infinity;
  let firstEtag = null;
  while (received < Math.min(size, maxBytes)) {
    const last = Math.min(received + CHUNK_BYTES, maxBytes) - 1;
    const response = await request(`gifs/${path(name)}?via=app`, { headers: { Range: `bytes=${received}-${last}` }, signal });
    const etag = response.headers.get("ETag");
    if (firstEtag !== null && etag !== firstEtag) throw new Error("The GIF was replaced while it loaded. Try again.");
    firstEtag = etag;
    const chunk = await response.blob();
    size = Number(response.headers.get("Content-Range").split("/")[1]);
    received += chunk.size;
    chunks.push(chunk);
  }
  return new Blob(chunks, { type: TYPES[name.split(".").at(-1).toLowerCase()] ?? "image/gif" });
}
