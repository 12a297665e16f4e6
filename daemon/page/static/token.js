import { chart } from "./chart.js";
import { amount, ask, called, duration, grade, make, moment, percent, say, show, table, visible } from "./document.js";
import { feedback } from "./feedback.js";
import { follow } from "./news.js";

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

/** What kind of rug it would be, as far as the model or a finding tells. */
const kinds = (told) => (told.length ? [table(["kind", "likely"], told.map((each) => [
  visible(each.kind), each.shown ? "shown by a finding" : percent(each.probability)]))] : []);

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

/** The newest verdict and what carried it. */
function judged(token, verdict) {
  if (!verdict) return [make("p", { class: "panel" }, "Launched, and not judged yet.")];
  const because = (verdict.evidence ?? []).map((each) => [each.fact, each.value, `${each.weight >= 0 ? "+" : ""}${each.weight.toFixed(3)}`]);
  return [
    make("section", { class: "panel", "aria-label": "Verdict" },
      make("p", {}, make("span", { class: `big ${grade(token)}` }, percent(verdict.probability)), ` risk: of 100 such tokens about ${Math.round(100 * verdict.probability)} rug. An alert is raised from ${percent(verdict.threshold)}.`),
      make("p", {}, verdict.analysis ?? ""),
      make("p", { class: "key" }, `At an age of ${duration(verdict.age)}, on ${percent(verdict.coverage)} of the facts, by ${verdict.bundle}.`)),
    ...section("How it would rug", kinds(verdict.kinds ?? [])),
    ...section("Traps", traps(verdict.traps ?? [])),
    ...section("What carried it", because.length ? [table(["fact", "value", "moved the probability by"], because)] : []),
  ];
}

/** Risk, liquidity and price over the age, as lines and as numbers. */
function history(moments) {
  if (!moments.length) return [];
  return [chart(moments),
    make("p", { class: "key" }, make("span", { class: "high" }, "risk"), " (0 to 100 %), ", make("span", { class: "money" }, "liquidity"), " and ", make("span", { class: "low" }, "price"), " (each up to its peak), over age"),
    make("details", {}, make("summary", {}, "as numbers"),
      table(["age", "why then", "risk", "liquidity", "price to first"], moments.map((each) => [
        duration(each.age), each.trigger, each.probability === undefined ? "–" : percent(each.probability), amount(each.liquidity), amount(each.price)])))];
}

function told(alerts) {
  if (!alerts.length) return [];
  return [table(["when", "action", "why", "risk"], alerts.map((each) => [
    moment(each.at), each.action, each.reason, percent(each.verdict.probability)]))];
}

/** A heading and what stands below it; nothing without. */
const section = (title, parts) => (parts.length ? [make("h2", {}, title), ...parts] : []);

function parts({ summary: token, verdict, ...known }, asking) {
  return [
    make("h2", { class: "name" }, called(token)),
    make("p", { class: "address" }, `${token.chain} · ${token.venue} · pool ${token.pool}`, token.token ? ` · token ${token.token}` : ""),
    token.retracted ? make("p", { class: "tag mid" }, "its chain took back the blocks that it stood in") : "",
    ...judged(token, verdict),
    ...section("So far", history(known.history ?? [])),
    ...section("What was told", told(known.alerts ?? [])),
    ...section("What became of it?", asking ? [asking] : []),
    ...section("The dossier", known.facts ? [table(["fact", "value"], facts(known.facts))] : []),
    ...section("What was found", findings(known.facts?.findings ?? {})),
  ];
}

/** All about one token; it follows what is heard of it, and keeps what is open or being written. */
export async function one(view, chain, pool) {
  const path = `/v1/tokens/${encodeURIComponent(chain)}/${encodeURIComponent(pool)}`;
  let known = await ask(path);
  const { open } = await ask("/v1/labels");
  if (view.isLeft) return;
  const asking = open ? feedback(known.summary) : null;
  const refresh = () => {
    const unfolded = new Set([...document.querySelectorAll("details[open] summary")].map((each) => each.textContent));
    const focused = document.activeElement;
    show(called(known.summary), ...parts(known, asking));
    for (const each of document.querySelectorAll("details")) each.open = unfolded.has(each.firstChild.textContent);
    if (asking?.contains(focused)) focused.focus();
    say(`as of ${moment(known.summary.at)} UTC`);
  };
  refresh();
  follow(view, `/v1/stream?chain=${encodeURIComponent(chain)}`, async (news) => {
    if (news.pool !== known.summary.pool) return;
    known = await ask(path);
    if (!view.isLeft) refresh();
  });
}
