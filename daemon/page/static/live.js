import { amount, ask, called, duration, grade, make, percent, show } from "./document.js";
import { follow } from "./news.js";

const SHOWN = 60;

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

/** Alerts and tokens as they come, or those with some words in them. */
export async function live(view, words = "") {
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
  if (view.isLeft) return;
  show("Live", form,
    make("div", { class: "split" },
      make("section", {}, make("h2", { id: "alerts" }, "Alerts"), alerts),
      make("section", {}, make("h2", { id: "launches" }, words ? `Tokens with “${words}”` : "Tokens, as they are heard of"), launches)));
  follow(view, "/v1/stream?kind=launch,verdict,retraction,alert", (token) => {
    const text = [token.name, token.symbol, token.pool, token.token, token.venue].join(" ").toLowerCase();
    if (!words.toLowerCase().split(/\s+/).every((word) => text.includes(word))) return;
    seen.show(token);
    if (token.alert) told.show(token);
  }, { caughtUp: () => load().catch(() => {}) });
}
