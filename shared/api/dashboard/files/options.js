// The fields for the options of a GIF, in the upload panel and in the detail view.

const PRESETS = { "": "As the app is set", small: "Small (320 px)", balanced: "Balanced (480 px)", best: "Best (640 px)" };
const PLACES = {
  "": "Anywhere",
  github: "GitHub (10 MB)",
  discord: "Discord (20 MiB)",
  "discord-emoji": "Discord emoji (256 KB)",
  "slack-emoji": "Slack emoji (128 KB)",
  x: "X (15 MB)",
  email: "E-mail (1 MB)",
};
const FITS = { "": "Inside both", cover: "Cover both, cut the rest", exact: "Exactly both" };
const FIELDS = [
  { name: "preset", label: "Quality", choices: PRESETS },
  { name: "for", label: "Made for", choices: PLACES },
  { name: "width", label: "Width, pixels", number: { min: 16, max: 1920, step: 1 } },
  { name: "fps", label: "Frames a second", number: { min: 1, max: 50, step: "any" } },
  { name: "start", label: "Start, seconds", number: { min: 0, max: 86400, step: "any" } },
  { name: "duration", label: "Duration, seconds", number: { min: 0.1, step: "any" } },
  { name: "speed", label: "Speed (2 is double)", number: { min: 0.25, max: 8, step: "any" } },
  { name: "loop", label: "Repeats (0 is for ever)", number: { min: 0, max: 65535, step: 1 } },
  { name: "max_bytes", label: "Largest size", text: "2 MB" },
  { name: "crop", label: "Crop", text: "1:1" },
  { name: "height", label: "Height, pixels", number: { min: 16, max: 1920, step: 1 } },
  { name: "fit", label: "With width and height", choices: FITS },
];
const SWITCHES = [
  { name: "reverse", value: "true", label: "Backwards" },
  { name: "boomerang", value: "true", label: "Forwards, then backwards" },
  { name: "also", value: "poster", label: "Poster beside it" },
  { name: "also", value: "webp", label: "WebP beside it" },
];

/** Puts the fields into a form. */
export function build(form) {
  form.append(...FIELDS.map((field) => labelled(field.label, control(field))));
  const switches = document.createElement("div");
  switches.className = "switches";
  switches.append(
    ...SWITCHES.map(({ name, value, label }) => {
      const box = Object.assign(document.createElement("input"), { type: "checkbox", name, value });
      const element = document.createElement("label");
      element.append(box, label);
      return element;
    }),
  );
  form.append(switches);
}

function labelled(text, input) {
  const label = document.createElement("label");
  const span = document.createElement("span");
  span.textContent = text;
  label.append(span, input);
  return label;
}

function control({ name, choices, number, text }) {
  if (choices) {
    const select = Object.assign(document.createElement("select"), { name });
    select.append(...Object.entries(choices).map(([value, label]) => new Option(label, value)));
    return select;
  }
  const input = Object.assign(document.createElement("input"), { name, autocomplete: "off" });
  if (number) Object.assign(input, { type: "number", ...number });
  else Object.assign(input, { placeholder: text, maxLength: 100 });
  return input;
}

/** The options that are set, as the API takes them. */
export function read(form) {
  const options = {};
  for (const [name, value] of new FormData(form)) {
    const text = value.trim();
    if (text) options[name] = name in options ? `${options[name]},${text}` : text;
  }
  return options;
}

/** Sets the fields from the options of a video. */
export function fill(form, options) {
  form.reset();
  const { target, also = [], ...others } = options ?? {};
  for (const [name, value] of Object.entries({ ...others, for: target ?? "" })) {
    const field = form.elements.namedItem(name);
    if (!field) continue;
    if (field.type === "checkbox") field.checked = value === true;
    // 0 is what both are without the option.
    else field.value = (name === "start" || name === "loop") && value === 0 ? "" : String(value);
  }
  for (const box of form.querySelectorAll("[name=also]")) box.checked = also.includes(box.value);
}
