// Harmonics: a bar for each order, in % of the fundamental.
import { follow, initial, number } from "./live.js";
import { svg, set, nice } from "./svg.js";

const figure = document.getElementById("bars");
const drawing = figure.querySelector("svg");
const { input } = figure.dataset;
const orders = [...document.querySelectorAll("tr[data-order]")].map((row) => Number(row.dataset.order)).filter((n) => n > 1);
const width = 960, height = 260, left = 44, bottom = 24, top = 8;
const step = (width - left) / orders.length;
const bars = new Map();
const lines = [];

function setUp() {
  figure.hidden = false;
  for (let i = 0; i <= 4; i++) {
    const y = (top + (height - top - bottom) * i / 4).toFixed(1);
    drawing.append(svg("line", { class: "grid", x1: left, x2: width, y1: y, y2: y }));
    const text = svg("text", { class: "axis", x: left - 6, y, "text-anchor": "end", "dominant-baseline": "central" });
    drawing.append(text);
    lines.push(text);
  }
  orders.forEach((order, i) => {
    const x = left + i * step;
    const bar = svg("rect", { class: order % 2 ? "bar" : "bar even", x: (x + step * 0.15).toFixed(1), width: (step * 0.7).toFixed(1), y: height - bottom, height: 0 });
    bar.append(svg("title"));
    bars.set(order, bar);
    drawing.append(bar);
    if (order % 2 && (order < 26 || order % 10 === 5 || order === 63)) {
      drawing.append(svg("text", { class: "axis", x: (x + step / 2).toFixed(1), y: height - 8, "text-anchor": "middle" }, order));
    }
  });
}

function draw(values) {
  const fundamental = number(values[`${input} Harmonics/Mag 1`]);
  const part = (order) => {
    const size = number(values[`${input} Harmonics/Mag ${order}`]);
    return size === null || !(fundamental > 0) ? null : 100 * size / fundamental;
  };
  const parts = new Map(orders.map((order) => [order, part(order)]));
  const full = 4 * nice(Math.max(1, ...[...parts.values()].map((p) => p ?? 0)) / 4);
  lines.forEach((text, i) => { text.textContent = `${+(full * (4 - i) / 4).toPrecision(3)} %`; });
  for (const [order, bar] of bars) {
    const p = parts.get(order);
    const h = p === null ? 0 : (height - top - bottom) * Math.min(1, p / full);
    set(bar, { y: (height - bottom - h).toFixed(1), height: h.toFixed(1) });
    bar.firstChild.textContent = `order ${order}: ${p === null ? "not available" : p.toFixed(2) + " %"}`;
  }
}

setUp();
draw(initial());
follow(`/live/harmonics?input=${encodeURIComponent(input)}`, draw, true);
