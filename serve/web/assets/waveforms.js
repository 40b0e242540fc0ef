// Waveforms: pictures of the last window as they come over a WebSocket, drawn by uPlot.
import uPlot from "./uplot/uPlot.esm.js";
import { again, silent, connected, over } from "./live.js";

const missing = -32768;
const charts = document.getElementById("charts");
const counter = document.getElementById("rate");
const hold = document.getElementById("hold");
const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(name).trim();
const phaseOf = (name) => ({ 1: "a", 2: "b", 3: "c", 12: "a", 23: "b", 31: "c", 5: "5" })[name.slice(1)] ?? "n";
const dashOf = (name) => ({ n: [6, 4], 5: [2, 3] })[phaseOf(name)] ?? [];

let shape = "";
let plots = [];
let painted = 0;
let held = false;

// decode takes a picture apart (picture.go says what is in it).
function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const counts = new Int16Array(buffer, 4 + length);
  header.channels.forEach((channel, c) => {
    const ys = new Array(header.points);
    for (let i = 0, at = c * header.points; i < header.points; i++, at++) {
      ys[i] = counts[at] === missing ? null : counts[at] * channel.step;
    }
    channel.ys = ys;
  });
  return header;
}

// setUp makes a chart for each unit.
function setUp(header) {
  for (const { plot, figure } of plots) { plot.destroy(); figure.remove(); }
  plots = [];
  for (const [unit, title] of [["V", "Voltages"], ["A", "Currents"]]) {
    const channels = header.channels.flatMap((channel, i) => (channel.unit === unit ? [{ ...channel, i }] : []));
    if (!channels.length) continue;
    const figure = document.createElement("figure");
    figure.className = "panel chart";
    const caption = figure.appendChild(document.createElement("figcaption"));
    caption.textContent = `${title} (${unit})`;
    const place = figure.appendChild(document.createElement("div"));
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", `${title} of the last window: ${channels.map((channel) => channel.name).join(", ")}`);
    charts.append(figure);
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const plot = new uPlot({
      width: place.clientWidth, height: 260,
      scales: { x: { time: false }, y: { range: (u, low, high) => { const most = Math.max(Math.abs(low), Math.abs(high), 1e-9) * 1.08; return [-most, most]; } } },
      legend: { show: true, live: false },
      cursor: { show: false },
      axes: [{ ...axis, size: 30, values: (u, ticks) => ticks.map((t) => `${t} ms`) }, { ...axis, size: 56 }],
      series: [{}, ...channels.map((channel) => ({
        label: channel.name, stroke: colour(`--phase-${phaseOf(channel.name)}`), width: 1.5, dash: dashOf(channel.name), points: { show: false }, spanGaps: false,
      }))],
    }, [[], ...channels.map(() => [])], place);
    plots.push({ plot, figure, place, channels: channels.map((channel) => channel.i) });
  }
}

function paint(header) {
  if (!header.channels.length) return silent();
  connected();
  const now = header.channels.map((channel) => channel.name + channel.unit).join();
  if (now !== shape) {
    shape = now;
    setUp(header);
  }
  const xs = Array.from({ length: header.points }, (_, i) => 1000 * (header.start + i * header.step));
  const xEnd = 1000 * header.step * header.points;
  for (const { plot, channels } of plots) {
    plot.batch(() => {
      plot.setData([xs, ...channels.map((i) => header.channels[i].ys)], false);
      plot.setScale("x", { min: 0, max: xEnd });
    });
  }
  painted++;
}

// One picture is painted for each frame of the screen at most, the newest.
let next = null;
function arrived(buffer) {
  const waits = next !== null;
  next = buffer;
  if (!waits) requestAnimationFrame(() => { const picture = next; next = null; if (!held) paint(decode(picture)); });
}

addEventListener("resize", () => { for (const { plot, place } of plots) plot.setSize({ width: place.clientWidth, height: 260 }); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { shape = ""; });
hold.hidden = false;
hold.addEventListener("click", () => {
  held = !held;
  hold.setAttribute("aria-pressed", String(held));
});
setInterval(() => {
  if (counter) counter.textContent = held ? "held" : `${painted} pictures a second`;
  document.body.dataset.painted = String(painted);
  painted = 0;
}, 1000);

const path = "/live/waveforms";
again((up) => new Promise((resolve) => {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => up();
  socket.onmessage = (event) => arrived(event.data);
  socket.onclose = async (event) => resolve(event.code === 4001 || await over(path)); // 4001: the session has ended
  addEventListener("pagehide", () => socket.close(), { once: true });
}));
