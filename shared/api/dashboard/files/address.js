// The filters and the open video, kept in the address after its #, which browsers do not send to the server.

const DEFAULTS = { state: "", search: "", sort: "newest", video: "" };
const ALLOWED = { state: ["", "queued", "running", "succeeded", "failed"], sort: ["newest", "name"] };

/** What the address asks for; values that it cannot have count as absent. */
export function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(
    Object.entries(DEFAULTS).map(([name, standard]) => {
      const value = given.get(name) ?? standard;
      return [name, ALLOWED[name]?.includes(value) === false ? standard : value];
    }),
  );
}

/** Changes the address; with `push` the browser's Back button returns to the one before. */
export function write(change, { push = false } = {}) {
  const values = Object.entries({ ...read(), ...change }).filter(([name, value]) => value !== DEFAULTS[name]);
  const hash = new URLSearchParams(values).toString();
  const address = `${location.pathname}${location.search}${hash && `#${hash}`}`;
  if (push) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

/** Calls `changed` when a person goes back or edits the address. */
export const onChange = (changed) => addEventListener("popstate", changed);
