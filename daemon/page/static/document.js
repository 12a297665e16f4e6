// What every view is made with. All from outside enters the document as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Text without what nobody sees (control, bidi, zero width), and of a length that can be read. */
export const visible = (text) => String(text).replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, "").slice(0, 2000);

/** An element with attributes and children; strings become visible text. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  const shown = children.filter((child) => child !== null && child !== undefined);
  node.append(...shown.map((child) => (child instanceof Node ? child : visible(child))));
  return node;
}

export function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export async function ask(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? answer.statusText);
  return body;
}

export const percent = (share) => `${(100 * share).toFixed(share > 0.995 || share < 0.1 ? 1 : 0)} %`;

export function amount(value) {
  if (value === undefined || value === null) return "unknown";
  if (value > 0 && value < 1e-6) return "next to 0";
  return value >= 100 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3)).toString();
}

export function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  const [large, small, size, part] = seconds < 86400 ? ["h", "min", 3600, 60] : ["d", "h", 86400, 3600];
  const rest = Math.floor((seconds % size) / part);
  return `${Math.floor(seconds / size)} ${large}${rest ? ` ${rest} ${small}` : ""}`;
}

export function grade(token) {
  if (token.probability === undefined) return "";
  if (token.probability >= token.threshold) return "high";
  return token.probability >= token.threshold / 2 ? "mid" : "low";
}

export const moment = (at) => new Date(at).toISOString().slice(0, 16).replace("T", " ");

/** Who it says it is, in quotes: the words are a stranger's. */
export function called(token) {
  const words = [token.name, token.symbol].filter(Boolean).map((word) => `“${word}”`);
  return words.length ? words.join(" ") : "unnamed token";
}

export function table(headings, rows) {
  return make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": headings.join(", ") },
    make("table", {},
      make("thead", {}, make("tr", {}, ...headings.map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", { class: "number" }, cell)))))));
}


/** Show the parts of a view; the title tells a screen reader and the browser's history where one is. */
export function show(title, ...parts) {
  document.title = `${visible(title)} · HEFT rug monitor`;
  document.getElementById("main").replaceChildren(...parts);
}

/** One line on how fresh it is, said aloud when it changes. */
export function say(text) {
  const state = document.getElementById("state");
  if (state.textContent !== text) state.textContent = text;
}
