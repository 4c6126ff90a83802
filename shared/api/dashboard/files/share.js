// Links to a GIF, alone or as Markdown or HTML. Names are escaped: they may hold markup.

import { json, path } from "./api.js";
import { copy } from "./copy.js";
import { split } from "./format.js";
import { sentence } from "./session.js";
import { toast } from "./toast.js";

export const KINDS = ["link", "markdown", "html"];
const WORDS = { link: "Link", markdown: "Markdown", html: "HTML" };
const minutes = document.getElementById("detail-minutes");

const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const html = (text) => text.replace(/[&<>"']/g, (character) => entities[character]);
const markdown = (text) => text.replace(/[\\`*_{}[\]()<>#!|&~]/g, "\\$&");

const FORMATS = {
  link: (url) => url,
  markdown: (url, video) => `![${markdown(title(video))}](<${url}>)`,
  html: (url, video) =>
    `<img src="${html(url)}" alt="${html(title(video))}" width="${video.gif.width}" height="${video.gif.height}">`,
};
const title = ({ video }) => split(video)[1].replace(/\.(mp4|m4v|mov|webm|mkv)$/i, "");

/** Copies a link that works as long as was chosen. */
export async function copyAs(kind, video) {
  try {
    const url = minutes.value ? (await json(`links/${path(video.gif.name)}?minutes=${minutes.value}`)).url : video.gif.url;
    await copy(FORMATS[kind](url, video), WORDS[kind]);
  } catch (error) {
    toast(sentence(error), { bad: true });
  }
}
