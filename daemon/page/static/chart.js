import { draw, duration } from "./document.js";

/** Lines over the age of the pool, each on a scale of its own. */
export function chart(history) {
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
