// Search in names. The API finds names by how they begin; names that contain the text are found among the newest.

import { count } from "./format.js";

/** As many as the API returns at once. */
export const MAX_SEARCHED = 1000;

/** Videos whose names begin with the text, and those of the newest that contain it in any case; newest first. */
export function merge(text, beginning, newest) {
  const wanted = text.toLowerCase();
  const found = new Map(beginning.videos.map((video) => [video.video, video]));
  for (const video of newest.videos) {
    // The first list is read from the records, the second from the index, which may be behind.
    if (video.video.toLowerCase().includes(wanted) && !found.has(video.video)) found.set(video.video, video);
  }
  const videos = [...found.values()].sort((a, b) => ((a.queued_at ?? "") < (b.queued_at ?? "") ? 1 : -1));
  return { ...beginning, videos, found: beginning.videos.length, searched: newest.videos.length };
}

/** What was searched, in a sentence: a search that does not find a video must not deny that it exists. */
export function explain({ search, sort }, { videos, searched }) {
  if (!search) return "";
  if (sort === "name") return `All names that begin with “${search}”.`;
  const among = searched < MAX_SEARCHED ? "" : ` among the ${count(searched)} newest, or begin with it`;
  return `${count(videos.length)} ${videos.length === 1 ? "name contains" : "names contain"} “${search}”${among}.`;
}
