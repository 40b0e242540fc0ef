// Phasors: an arrow for each voltage and current, with V1 at 0°.
import { follow, initial, number } from "./live.js";
import { svg, set, nice } from "./svg.js";

const figure = document.getElementById("phasors");
const drawing = figure.querySelector("svg");
const radius = 160;
const arrows = [...document.querySelectorAll("tr[data-input]")].map((row) => ({
  input: row.dataset.input, unit: row.dataset.unit, phase: row.dataset.phase,
}));
const scaleTexts = {};

function setUp() {
  figure.hidden = false;
  for (const part of [1, 0.5]) drawing.append(svg("circle", { class: "dial", r: radius * part }));
  for (let degrees = 0; degrees < 360; degrees += 30) {
    const [x, y] = at(degrees, 1), [u, v] = at(degrees, degrees % 90 ? 0.96 : 0);
    drawing.append(svg("line", { class: degrees % 90 ? "tick" : "dial", x1: u, y1: v, x2: x, y2: y }));
    const [tx, ty] = at(degrees, 1.1);
    drawing.append(svg("text", { class: "degrees", x: tx, y: ty, "text-anchor": "middle", "dominant-baseline": "central" }, `${degrees > 180 ? degrees - 360 : degrees}°`));
  }
  for (const arrow of arrows) {
    arrow.line = svg("line", { class: `arrow ${arrow.unit === "A" ? "current" : "voltage"} phase-${arrow.phase}`, x1: 0, y1: 0 });
    arrow.tip = svg("path", { class: `tip phase-${arrow.phase}` });
    arrow.name = svg("text", { class: `arrow-name phase-${arrow.phase}`, "text-anchor": "middle", "dominant-baseline": "central" }, arrow.input);
    drawing.append(arrow.line, arrow.tip, arrow.name);
  }
  for (const text of figure.querySelectorAll("[data-scale]")) scaleTexts[text.dataset.scale] = text;
}

// at is a place on the dial: angles grow against the clock, 0° points to the right.
function at(degrees, part) {
  const a = degrees * Math.PI / 180;
  return [radius * part * Math.cos(a), -radius * part * Math.sin(a)].map((n) => n.toFixed(1));
}

function draw(values) {
  for (const unit of ["V", "A"]) {
    const of = arrows.filter((arrow) => arrow.unit === unit);
    const full = nice(Math.max(0, ...of.map((arrow) => number(values[`${arrow.input} Harmonics/Mag 1`]) ?? 0)));
    if (scaleTexts[unit]) scaleTexts[unit].textContent = `${full} ${unit}`;
    for (const arrow of of) {
      const size = number(values[`${arrow.input} Harmonics/Mag 1`]), degrees = number(values[`${arrow.input} Harmonics/Phs 1`]);
      const there = size !== null && degrees !== null && size > full * 0.005;
      for (const part of [arrow.line, arrow.tip, arrow.name]) set(part, { visibility: there ? "visible" : "hidden" });
      if (!there) continue;
      const part = size / full * (unit === "A" ? 0.8 : 1); // currents are drawn within the voltages
      const [x, y] = at(degrees, part), [lx, ly] = at(degrees, part + 0.055), [ex, ey] = at(degrees, Math.max(0, part - 0.05));
      set(arrow.line, { x2: ex, y2: ey });
      const [px, py] = at(degrees + 90, 0.022);
      set(arrow.tip, { d: `M${x} ${y}L${+ex + +px} ${+ey + +py}L${ex - px} ${ey - py}Z` });
      set(arrow.name, { x: lx, y: ly });
    }
  }
}

setUp();
draw(initial());
follow("/live/phasors", draw, true);
