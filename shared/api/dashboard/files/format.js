// Formats numbers, sizes, times and states for people.

export const STATES = { queued: "Waiting", running: "Converting", succeeded: "Done", failed: "Failed" };

const number = new Intl.NumberFormat();
const currency = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", maximumSignificantDigits: 2 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

export const count = (value) => (value < 100_000 ? number.format(value) : compact.format(value));

export function bytes(value) {
  if (value < 1000) return `${value} B`;
  if (value < 1e6) return `${Math.round(value / 1000)} kB`;
  return `${(value / 1e6).toFixed(1)} MB`;
}

/** A price in USD with two digits that count: a video costs a fraction of a cent. */
export const dollars = (value) => currency.format(value);

/** A rounded duration, from seconds. */
export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export function ago(timestamp) {
  const seconds = (Date.now() - Date.parse(timestamp)) / 1000;
  return seconds < 5 ? "just now" : `${duration(seconds)} ago`;
}

/** The time of day, to the second. */
export const time = (timestamp) => new Date(timestamp).toLocaleTimeString();

/** "cats/tom.mp4" -> ["cats/", "tom.mp4"] */
export function split(name) {
  const end = name.lastIndexOf("/") + 1;
  return [name.slice(0, end), name.slice(end)];
}

/** "4.0 s", or "first 60 of 70 s" where the GIF has only a part of the video. */
export function length({ gif, source, options }) {
  const seconds = gif.duration_seconds;
  const available = (source?.duration_seconds ?? 0) - (options?.start ?? 0);
  const sameSpeed = !options?.speed && !options?.boomerang;
  if (!sameSpeed || available - seconds < 0.5) return `${seconds.toFixed(1)} s`;
  return `${options?.start ? "" : "first "}${Math.round(seconds)} of ${Math.round(source.duration_seconds)} s`;
}

/** A date and the time of day. */
export const moment = (timestamp) =>
  new Date(timestamp).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
