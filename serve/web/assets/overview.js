// The overview: live values, and the power since the page was opened.
import { follow, initial, number } from "./live.js";
import { svg, set } from "./svg.js";

const total = "Power Meter/kW tot";
const keep = 300; // seconds
const figure = document.getElementById("trend");
const powers = [];
let line, area, high, low;

function setUp() {
  const drawing = figure.querySelector("svg");
  area = drawing.appendChild(svg("path", { class: "trend-area" }));
  line = drawing.appendChild(svg("path", { class: "trend-line", "vector-effect": "non-scaling-stroke" }));
  [low, high] = figure.querySelectorAll("[data-bound]");
}

function draw(values) {
  powers.push(number(values[total]));
  if (powers.length > keep) powers.shift();
  const there = powers.filter((p) => p !== null);
  if (there.length < 2) return;
  figure.hidden = false;
  let top = Math.max(...there), bottom = Math.min(...there);
  const least = Math.max(Math.abs(top), Math.abs(bottom)) * 0.02 || 1; // a steady power is a calm line
  if (top - bottom < least) [top, bottom] = [(top + bottom + least) / 2, (top + bottom - least) / 2];
  const shown = Math.max(60, powers.length); // the line grows to the left before it moves
  const x = (i) => 600 - (powers.length - 1 - i) * (600 / (shown - 1));
  const y = (p) => 4 + 72 * (top - p) / (top - bottom);
  let d = "", pen = "M", first = null, last = null;
  powers.forEach((p, i) => {
    if (p === null) { pen = "M"; return; } // a hole stays a hole
    d += `${pen}${x(i).toFixed(1)} ${y(p).toFixed(1)}`;
    pen = "L";
    first ??= x(i);
    last = x(i);
  });
  set(line, { d });
  set(area, { d: there.length === powers.length ? `${d}L${last.toFixed(1)} 80L${first.toFixed(1)} 80Z` : "" });
  high.textContent = top.toFixed(3) + " kW";
  low.textContent = bottom.toFixed(3) + " kW";
}

setUp();
draw(initial());
follow("/live/overview", draw, true);
