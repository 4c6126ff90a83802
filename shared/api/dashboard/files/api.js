// The API beside this page. The key comes from the page's own address, or from the person; it leaves in a header only.

const STORED = "gifdrop-key";
const base = new URL(".", location.href);
let key = new URLSearchParams(location.search).get("code") ?? sessionStorage.getItem(STORED);

/** An answer that says no: `code` and `message` are the API's own. */
export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function setKey(value) {
  key = value;
  sessionStorage.setItem(STORED, value);
}

/** A blob's name as a path: slashes stay, all else that matters in an address is encoded. */
export const path = (name) => name.split("/").map(encodeURIComponent).join("/");

export async function request(where, { method = "GET", headers = {}, accept = [], signal } = {}) {
  if (key) headers = { ...headers, "x-functions-key": key };
  const timeout = AbortSignal.timeout(30_000);
  const response = await fetch(new URL(where, base), {
    method,
    headers,
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    credentials: "omit",
    redirect: "error",
  });
  if (response.ok || accept.includes(response.status)) return response;
  const { code, message } = (await response.json().catch(() => ({})))?.error ?? {};
  throw new Refused(response.status, code, message ?? `The answer was ${response.status}.`);
}

export const json = async (where, options) => (await request(where, options)).json();

const PART = 4 * 1024 ** 2;

/** The first `most` bytes of a GIF, as a blob; in parts, for an answer carries only so much. */
export async function gif(name, { most = Infinity, signal } = {}) {
  const parts = [];
  let have = 0;
  let size = Infinity;
  let version = null;
  while (have < Math.min(size, most)) {
    const last = Math.min(have + PART, most) - 1;
    const response = await request(`gifs/${path(name)}?via=app`, { headers: { Range: `bytes=${have}-${last}` }, signal });
    const etag = response.headers.get("ETag");
    if (version !== null && etag !== version) throw new Error("The GIF has just been replaced; try again.");
    version = etag;
    const part = await response.blob();
    size = Number(response.headers.get("Content-Range").split("/")[1]);
    have += part.size;
    parts.push(part);
  }
  return new Blob(parts, { type: "image/gif" });
}
