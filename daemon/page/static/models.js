import { amount, ask, draw, make, moment, say, show, table } from "./document.js";

const AGES = ["1h", "6h", "24h"];
const HEADINGS = ["version", "role", "made", "taught on launches until", "pools", "rugs", "AUC 1 h", "AUC 6 h", "AUC 24 h", "calibration error"];

/** AUC of each version by when it was made; 0.5 is chance, and the bottom. */
function overTime(versions) {
  const [width, height, low] = [600, 160, 0.5];
  const made = [...versions].sort((a, b) => a.created.localeCompare(b.created));
  const x = (at) => 30 + (width - 60) * (made.length > 1 ? at / (made.length - 1) : 0.5);
  const y = (auc) => height - 20 - (height - 40) * (Math.max(auc, low) - low) / (1 - low);
  const lines = AGES.flatMap((age, which) => {
    const points = made.map((each, at) => [x(at), y(each.metrics[`auc_${age}`] ?? NaN)]).filter(([, auc]) => !Number.isNaN(auc));
    const name = ["risk-line", "money-line", "price-line"][which];
    return [draw("polyline", { class: `line ${name}`, points: points.map((each) => each.map((part) => part.toFixed(1)).join(",")).join(" ") }),
      ...points.map(([cx, cy]) => draw("circle", { class: name, cx, cy, r: 3 }))];
  });
  const ticks = [0.5, 0.75, 1].flatMap((auc) => [
    draw("line", { class: "axis", x1: 0, x2: width, y1: y(auc), y2: y(auc) }), draw("text", { x: 2, y: y(auc) - 3 }, auc.toFixed(2))]);
  return draw("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "AUC of each version, oldest first; the table has the numbers" }, ...ticks, ...lines);
}

/** The version that serves, and the others. */
export async function models(view) {
  const [versions, { bundle }] = await Promise.all([ask("/v1/models"), ask("/v1/health").catch(() => ({}))]);
  if (view.isLeft) return;
  const rows = versions.map((each, at) => [each.id, at ? "challenger" : "champion", moment(each.created), moment(each.window.last_launch_at), amount(each.window.pools),
    amount(each.window.rugs), ...AGES.map((age) => amount(each.metrics[`auc_${age}`])), amount(each.metrics.calibration_error)]);
  show("Models", make("h2", {}, "Models"),
    make("p", {}, `New verdicts are by ${bundle ?? versions[0]?.id ?? "no version"}. Each figure is of launches later than any that the version had learnt from.`),
    overTime(versions), make("p", { class: "key" }, make("span", { class: "high" }, "1 h"), ", ", make("span", { class: "money" }, "6 h"), " and ", make("span", { class: "low" }, "24 h"), " after the launch, by version, oldest first"),
    table(HEADINGS, rows));
  say("");
}
