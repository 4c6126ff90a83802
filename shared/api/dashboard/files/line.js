// The place of waiting videos in the line, as far as the list shows it, and how long that takes.

import { count, duration } from "./format.js";

let places = new Map();
let total = 0;
/** Conversions that ended in the last hour. */
let hourly = 0;

/** Takes the places from a list that has the newest first without gaps: the newest of 40 is the 40th. */
export function learn({ search, sort, state }, { videos, summary }) {
  total = summary?.queued ?? 0;
  places = new Map();
  if (search || sort !== "newest" || !["", "queued"].includes(state)) return;
  let place = total;
  for (const video of videos) if (video.state === "queued" && place > 0) places.set(video.video, place--);
}

export function learnRate(lastHour) {
  hourly = lastHour;
}

/** "3rd", or nothing where that is not known. */
export const place = (name) => (places.has(name) ? ordinal(places.get(name)) : "");

/** "3rd of 40 in line, about 2 min", as much of it as is known. */
export function describe(video) {
  const number = places.get(video.video);
  if (!number) return "in line";
  const text = total === 1 ? "next in line" : `${ordinal(number)} of ${count(total)} in line`;
  return hourly >= 10 ? `${text}, about ${duration((number / hourly) * 3600)}` : text;
}

const rules = new Intl.PluralRules("en", { type: "ordinal" });
const ENDINGS = { one: "st", two: "nd", few: "rd", other: "th" }; // codespell:ignore nd
const ordinal = (number) => `${count(number)}${ENDINGS[rules.select(number)]}`;
