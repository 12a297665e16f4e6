// The page. Everything from outside enters the document as text, never as markup.

const main = document.getElementById("main");
const state = document.getElementById("state");
const SHOWN = 60;
const WORDS = { rug: "It rugged", "false-alarm": "False alarm", mute: "Mute: no more messages" };
const SVG = "http://www.w3.org/2000/svg";

/** Text without what nobody sees (control, bidi, zero width), and of a length that can be read. */
const visible = (text) => String(text).replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, "").slice(0, 2000);

/** An element with attributes and children; strings become visible text. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  const shown = children.filter((child) => child !== null && child !== undefined);
  node.append(...shown.map((child) => (child instanceof Node ? child : visible(child))));
  return node;
}

function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

async function ask(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? answer.statusText);
  return body;
}

const percent = (share) => `${(100 * share).toFixed(share > 0.995 || share < 0.1 ? 1 : 0)} %`;

function amount(value) {
  if (value === undefined || value === null) return "unknown";
  if (value > 0 && value < 1e-6) return "next to 0";
  return value >= 100 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3)).toString();
}

function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  const [large, small, size, part] = seconds < 86400 ? ["h", "min", 3600, 60] : ["d", "h", 86400, 3600];
  const rest = Math.floor((seconds % size) / part);
  return `${Math.floor(seconds / size)} ${large}${rest ? ` ${rest} ${small}` : ""}`;
}

function grade(token) {
  if (token.probability === undefined) return "";
  if (token.probability >= token.threshold) return "high";
  return token.probability >= token.threshold / 2 ? "mid" : "low";
}

const moment = (at) => new Date(at).toISOString().slice(0, 16).replace("T", " ");

/** Who it says it is, in quotes: the words are a stranger's. */
function called(token) {
  const words = [token.name, token.symbol].filter(Boolean).map((word) => `“${word}”`);
  return words.length ? words.join(" ") : "unnamed token";
}

const place = (token) => `#/t/${encodeURIComponent(token.chain)}/${encodeURIComponent(token.pool)}`;

function row(token) {
  const risk = token.probability === undefined ? "–" : percent(token.probability);
  const last = token.retracted ? "retracted" : token.alert;
  const told = last ? make("span", { class: token.retracted ? "tag mid" : "tag high" }, last) : null;
  const more = [token.chain, token.venue, `${amount(token.liquidity)} ${token.quote ?? ""}`];
  return make("li", {},
    make("a", { href: place(token) },
      make("span", { class: `risk ${grade(token)}`, title: "calibrated probability of a rug" }, risk),
      make("span", { class: "name" }, called(token), " ", told ?? ""),
      make("span", { class: "when" }, `age ${duration(token.age ?? 0)}`),
      make("span", { class: "more" }, more.join(" · "))));
}

/** A list that new rows enter at the top, one a token. */
class Live {
  constructor(node) {
    this.node = node;
    this.rows = new Map();
  }

  show(token, { atTop = true } = {}) {
    const key = `${token.chain}:${token.pool}`;
    const fresh = row(token);
    const old = this.rows.get(key);
    if (old?.contains(document.activeElement)) {
      old.replaceWith(fresh); // keep the reader's place
      fresh.firstChild.focus();
    } else {
      old?.remove();
      atTop ? this.node.prepend(fresh) : this.node.append(fresh);
    }
    this.rows.set(key, fresh);
    fresh.dataset.key = key;
    while (this.node.children.length > SHOWN) {
      this.rows.delete(this.node.lastChild.dataset.key);
      this.node.lastChild.remove();
    }
  }
}

/** The view that is wanted: one that was left while it waited for an answer shows nothing. */
let wanted = { leave() {} };

async function live(view, words = "") {
  const search = make("input", { type: "search", id: "search", value: words, autocomplete: "off" });
  const form = make("form", { role: "search" }, make("label", { for: "search" }, "Find a token"), search);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = search.value ? `#/find/${encodeURIComponent(search.value)}` : "#/";
  });
  const alerts = make("ol", { class: "list", "aria-labelledby": "alerts" });
  const launches = make("ol", { class: "list", "aria-labelledby": "launches" });
  const told = new Live(alerts), seen = new Live(launches);
  const load = async () => {
    const query = `/v1/tokens?limit=${SHOWN}&q=${encodeURIComponent(words)}`;
    const [heard, alerted] = await Promise.all([ask(query), ask(`${query}&alerted=true`)]);
    for (const token of heard.reverse()) seen.show(token);
    for (const token of alerted.reverse()) told.show(token);
  };
  await load();
  if (view !== wanted) return;
  main.replaceChildren(form,
    make("div", { class: "split" },
      make("section", {}, make("h2", { id: "alerts" }, "Alerts"), alerts),
      make("section", {}, make("h2", { id: "launches" }, words ? `Tokens with “${words}”` : "Tokens, as they are heard of"), launches)));
  const source = new EventSource("/v1/stream");
  let missed = false;
  source.onopen = () => {
    state.textContent = "live";
    if (missed) load().catch(() => {});
    missed = false;
  };
  source.onerror = () => {
    state.textContent = "connecting again";
    missed = true;
  };
  for (const kind of ["launch", "verdict", "retraction", "alert"]) {
    source.addEventListener(kind, (event) => {
      const token = JSON.parse(event.data);
      const text = [token.name, token.symbol, token.pool, token.token, token.venue].join(" ").toLowerCase();
      if (!words.toLowerCase().split(/\s+/).every((word) => text.includes(word))) return;
      seen.show(token);
      if (token.alert) told.show(token);
    });
  }
  view.leave = () => source.close();
}

/** Lines over the age of the pool, each on a scale of its own. */
function chart(history) {
  const [width, height] = [600, 160];
  const last = Math.max(...history.map((each) => each.age), 1);
  const x = (age) => 4 + (width - 8) * Math.log1p(age) / Math.log1p(last);
  const lines = [
    ["risk-line", (each) => each.probability, 1],
    ["money-line", (each) => each.liquidity, Math.max(...history.map((each) => each.liquidity), 1e-9)],
    ["price-line", (each) => each.price, Math.max(...history.map((each) => each.price ?? 0), 1e-9)],
  ];
  const paths = lines.map(([name, value, most]) => {
    const points = history.filter((each) => value(each) !== undefined)
      .map((each) => `${x(each.age).toFixed(1)},${(height - 8 - (height - 16) * value(each) / most).toFixed(1)}`);
    return draw("polyline", { class: `line ${name}`, points: points.join(" ") });
  });
  const ticks = [300, 3600, 21600, 86400].filter((age) => age < last).flatMap((age) => [
    draw("line", { class: "axis", x1: x(age), x2: x(age), y1: 0, y2: height }),
    draw("text", { x: x(age) + 3, y: 11 }, duration(age)),
  ]);
  return draw("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": "Risk, liquidity and price over the age of the pool; the table below has the numbers" }, ...ticks, ...paths);
}

function table(headings, rows) {
  return make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": headings.join(", ") },
    make("table", {},
      make("thead", {}, make("tr", {}, ...headings.map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", { class: "number" }, cell)))))));
}

/** Every fact of the dossier as a path and a value; what is unknown, with the reason. */
function facts(dossier) {
  const rows = [];
  const walk = (value, path) => {
    if (value !== null && typeof value === "object") {
      for (const [name, inner] of Object.entries(value)) walk(inner, path ? `${path}.${name}` : name);
    } else rows.push([path, typeof value === "number" ? amount(value) : String(value)]);
  };
  const { token, liquidity, trading, holders, checks, missing } = dossier;
  walk({ token, liquidity, trading, ...(holders && { holders }), ...(checks && { checks }) }, "");
  for (const [name, why] of Object.entries(missing ?? {})) rows.push([name, `unknown: ${why}`]);
  return rows;
}

/** What one check answered, or why it could not. */
const answered = (finding) => {
  if (finding.value === undefined) return `unknown: ${finding.why}`;
  if (typeof finding.value === "boolean") return finding.value ? "yes" : "no";
  return typeof finding.value === "number" ? amount(finding.value) : `“${visible(finding.value)}”`;
};

const says = ([name, finding]) => [name, answered(finding), finding.source, String(finding.block)];

/** Traps, each with the findings that it follows from; the proven ones stand first. */
function traps(found) {
  return found.flatMap((trap) => [
    make("p", {}, make("span", { class: `tag ${trap.proven ? "high" : "mid"}` }, trap.proven ? "proven" : "possible"), ` ${visible(trap.says)}`),
    table(["finding", "answer", "source", "block"], Object.entries(trap.evidence ?? {}).map(says)),
  ]);
}

/** Every finding, grouped by what its name begins with: one fold a group, closed. */
function findings(found) {
  const groups = new Map();
  for (const entry of Object.entries(found).sort()) {
    const group = entry[0].split(".")[0];
    groups.set(group, [...(groups.get(group) ?? []), entry]);
  }
  return [...groups].map(([group, entries]) => {
    const known = entries.filter(([, finding]) => finding.value !== undefined).length;
    return make("details", {}, make("summary", {}, `${group}: ${known} of ${entries.length} known`),
      table(["finding", "answer", "source", "block"], entries.map(says)));
  });
}

async function one(view, chain, pool) {
  const known = await ask(`/v1/tokens/${encodeURIComponent(chain)}/${encodeURIComponent(pool)}`);
  const { summary: token, verdict } = known;
  const parts = [make("h2", { class: "name" }, called(token))];
  parts.push(make("p", { class: "address" }, `${token.chain} · ${token.venue} · pool ${token.pool}`, token.token ? ` · token ${token.token}` : ""));
  if (verdict) {
    const because = (verdict.evidence ?? []).map((each) => [each.fact, each.value, `${each.weight >= 0 ? "+" : ""}${each.weight.toFixed(3)}`]);
    parts.push(make("section", { class: "panel" },
      make("p", {}, make("span", { class: `big ${grade(token)}` }, percent(verdict.probability)), ` risk: of 100 such tokens about ${Math.round(100 * verdict.probability)} rug. An alert is raised from ${percent(verdict.threshold)}.`),
      make("p", {}, verdict.analysis ?? ""),
      make("p", { class: "key" }, `At an age of ${duration(verdict.age)}, on ${percent(verdict.coverage)} of the facts, by ${verdict.bundle}.`)));
    if (because.length) parts.push(make("h2", {}, "What carried it"), table(["fact", "value", "moved the probability by"], because));
  }
  if (verdict?.kinds?.length) parts.push(make("h2", {}, "How it would rug"), table(["kind", "likely"], verdict.kinds.map((each) => [
    visible(each.kind), each.shown ? "shown by a finding" : percent(each.probability)])));
  if (verdict?.traps?.length) parts.push(make("h2", {}, "Traps"), ...traps(verdict.traps));
  if (known.history?.length) {
    parts.push(make("h2", {}, "So far"), chart(known.history),
      make("p", { class: "key" }, make("span", { class: "high" }, "risk"), " (0 to 100 %), liquidity and price (each up to its peak), over age"),
      table(["age", "why then", "risk", "liquidity", "price to first"], known.history.map((each) => [
        duration(each.age), each.trigger, each.probability === undefined ? "–" : percent(each.probability), amount(each.liquidity), amount(each.price)])));
  }
  if (known.alerts?.length) {
    parts.push(make("h2", {}, "What was told"), table(["when", "action", "why", "risk"], known.alerts.map((each) => [
      moment(each.at), each.action, each.reason, percent(each.verdict.probability)])));
  }
  if ((await ask("/v1/labels")).open) parts.push(make("h2", {}, "What became of it?"), feedback(token));
  if (known.facts) parts.push(make("h2", {}, "The dossier"), table(["fact", "value"], facts(known.facts)));
  const found = known.facts?.findings ?? {};
  if (Object.keys(found).length) parts.push(make("h2", {}, "What was found"), ...findings(found));
  if (view !== wanted) return;
  main.replaceChildren(...parts);
  state.textContent = `as of ${moment(token.at)} UTC`;
}

/** A labelled input; what is in it stays for this tab. */
function kept(key, text, attributes = {}) {
  const input = make("input", { id: key, autocomplete: "off", ...attributes });
  input.value = sessionStorage.getItem(`heft-${key}`) ?? "";
  input.addEventListener("input", () => sessionStorage.setItem(`heft-${key}`, input.value));
  return [make("label", { for: key }, text), input];
}

/** Buttons that write a label; the token is asked for once a tab, and again when it is wrong. */
function feedback(token) {
  const told = make("p", { class: "key", role: "status" });
  const who = kept("who", "Your name", { maxlength: "100" });
  const why = [make("label", { for: "why" }, "Why"), make("input", { id: "why", maxlength: "1000", autocomplete: "off" })];
  const secret = make("p", { class: "fields" }, ...kept("token", "Token (page.token)", { type: "password" }));
  secret.hidden = Boolean(sessionStorage.getItem("heft-token"));
  const say = async (what) => {
    told.textContent = "writing";
    const answer = await fetch("/v1/labels", {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${sessionStorage.getItem("heft-token") ?? ""}` },
      body: JSON.stringify({ chain: token.chain, pool: token.pool, what, who: who[1].value, why: why[1].value }),
    });
    if (answer.status === 401) sessionStorage.removeItem("heft-token");
    secret.hidden = Boolean(sessionStorage.getItem("heft-token"));

    told.textContent = answer.ok ? `Noted: ${what}. Thank you.` : `Not noted: ${(await answer.json()).detail}.`;
  };
  const buttons = Object.entries(WORDS).map(([what, text]) => {
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", () => say(what).catch((error) => { told.textContent = `Not noted: ${error.message}.`; }));
    return button;
  });
  return make("section", { class: "panel", "aria-label": "Feedback" },
    make("p", { class: "fields" }, ...who, ...why), secret, make("p", { class: "fields" }, ...buttons), told);
}

async function models(view) {
  const versions = await ask("/v1/models");
  if (view !== wanted) return;
  main.replaceChildren(make("h2", {}, "Models, the one that serves first"),
    table(["version", "made", "taught on launches until", "pools", "rugs", "AUC 1 h", "AUC 6 h", "AUC 24 h", "calibration error"],
      versions.map((each) => [each.id, moment(each.created), moment(each.window.last_launch_at), amount(each.window.pools), amount(each.window.rugs),
        amount(each.metrics.auc_1h), amount(each.metrics.auc_6h), amount(each.metrics.auc_24h), amount(each.metrics.calibration_error)])));
  state.textContent = "";
}

async function show() {
  wanted.leave();
  const view = { leave() {} };
  wanted = view;
  try {
    const [name, ...rest] = location.hash.slice(2).split("/").map(decodeURIComponent);
    if (name === "t") await one(view, ...rest);
    else if (name === "models") await models(view);
    else await live(view, name === "find" ? rest.join("/") : "");
  } catch (error) {
    if (view !== wanted) return;
    main.replaceChildren(make("p", { role: "alert" }, `That did not work: ${error.message}.`), make("p", {}, make("a", { href: "#/" }, "Back to the live view")));
  }
}

addEventListener("hashchange", () => { show().then(() => main.focus()); });
show();
