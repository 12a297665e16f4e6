import { amount, ask, duration, make, moment, percent, say, show, table } from "./document.js";

const AGAIN_MS = 5_000;
const LATE_S = 120;

const titled = (title, headings, rows, none) => [make("h2", {}, title), rows.length ? table(headings, rows) : make("p", { class: "key" }, none)];

const graded = (text, isWell) => make("span", { class: isWell ? "low" : "high" }, text);

function parts(now) {
  const silent = now.processes.filter((each) => !each.answers).length;
  const late = now.sources.filter((each) => each.behind_seconds > LATE_S).length;
  const well = !silent && !late;
  return [
    make("h2", {}, "Health"),
    make("p", { class: "panel" }, graded(well ? "All is well" : `${late} sources late, ${silent} processes silent`, well), `, as of ${moment(now.at)} UTC.`),
    ...titled("Sources", ["source", "has told all until", "behind"], now.sources.map((each) => [
      each.source, `${moment(each.head)} UTC`, graded(duration(each.behind_seconds), each.behind_seconds <= LATE_S)]), "No chain is followed by these processes."),
    ...titled("Stages", ["stage", "records behind", "handled since its start", "waits for others"], now.stages.map((each) => [
      each.stage, amount(each.behind), amount(each.handled), amount(each.waits)]), "No stage has started yet."),
    ...titled("Nodes", ["chain", "node", "answers in", "failing"], now.nodes.map((each) => [
      each.chain, each.endpoint, `${Math.round(1000 * each.latency_seconds)} ms`, graded(percent(each.failing), each.failing < 0.5)]), "No node was asked yet."),
    ...titled("Processes", ["process", "answers", "restarts of a part", "dead letters"], now.processes.map((each) => [
      each.name, graded(each.answers ? "yes" : "no", each.answers), amount(each.restarts), amount(each.dead_letters)]), ""),
  ];
}

/** How the service is, asked again every few seconds. */
export async function health(view) {
  const now = await ask("/v1/health");
  if (view.isLeft) return;
  show("Health", ...parts(now));
  say("");
  const again = setTimeout(() => health(view).catch((error) => say(`not answered: ${error.message}`)), AGAIN_MS);
  view.leave = () => clearTimeout(again);
}
