// Logs as charts: one for each unit; what is selected with the pointer becomes the range.
import uPlot from "./uplot/uPlot.esm.js";
const charts = document.getElementById("charts");
const note = document.getElementById("chart-note");
const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(name).trim();
const colours = ["a", "b", "c", "n", "5", "6"].map((name) => colour(`--phase-${name}`));

// colourOf keeps phases in their colours where a register's name tells one.
function colourOf(register, i) {
  const m = /(?:^|[ /])(?:Vln |Vll |I|kW |kVAR |kVA |PF )?(ab|bc|ca|a|b|c)(?:\b| )/.exec(register.split("/")[0]);
  if (m && /^(V|I|k|P)/.test(register)) return colours[{ a: 0, ab: 0, b: 1, bc: 1, c: 2, ca: 2 }[m[1]]];
  return colours[3 + (i % 3)];
}

// times writes the ticks of the time axis in UTC: the time, and the date under the first
// of each day.
function times(u, ticks) {
  let day = "";
  const seconds = ticks.length > 1 && (ticks[1] - ticks[0]) % 60 !== 0;
  return ticks.map((tick) => {
    const [date, time] = new Date(tick * 1000).toISOString().split("T");
    const text = time.slice(0, seconds ? 8 : 5);
    if (date === day) return text;
    day = date;
    return `${text}\n${date}`;
  });
}

// ask sends the range back to the server as the form would.
function ask(fromS, toS) {
  const form = document.getElementById("range");
  const text = (s) => new Date(s * 1000).toISOString().slice(0, 19);
  form.elements.from.value = text(fromS);
  form.elements.to.value = text(toS);
  form.requestSubmit();
}

async function load() {
  const answer = await fetch(charts.dataset.source, { headers: { Accept: "application/json" } });
  if (!answer.ok) { note.textContent = "The chart could not be loaded."; return; }
  const { times: xs, columns, thinned } = await answer.json();
  if (!xs.length) { note.textContent = "No records in this range."; return; }
  note.textContent = thinned > 1 ? `One record of ${thinned} is drawn; CSV has all. ` : "";
  const units = new Map();
  for (const column of columns) units.set(column.unit, [...(units.get(column.unit) ?? []), column]);
  for (const [unit, of] of units) {
    const figure = document.createElement("figure");
    figure.className = "panel chart half";
    figure.append(Object.assign(document.createElement("figcaption"), { textContent: unit || "no unit" }));
    const place = figure.appendChild(document.createElement("div"));
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", `Chart of ${of.map((column) => column.register).join(", ")}; the table below has the values`);
    charts.append(figure);
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const plot = new uPlot({
      width: place.clientWidth, height: 220,
      tzDate: (s) => uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
      scales: { x: { time: true } },
      cursor: { drag: { x: true, y: false, setScale: false }, sync: { key: "logs" } },
      hooks: { setSelect: [(u) => { if (u.select.width > 4) ask(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")); }] },
      axes: [{ ...axis, size: 44, space: 70, values: times }, { ...axis, size: 68, values: (u, ticks) => ticks.map((v) => String(+v.toPrecision(7))) }],
      series: [{ label: "UTC", value: (u, s) => (s == null ? "—" : new Date(s * 1000).toISOString().slice(0, 19).replace("T", " ")) },
        ...of.map((column, i) => ({
          label: column.register.replace(/\/(SWinDemand|Maximum|Minimum|Result)( \d)?$/, "$2"), stroke: colourOf(column.register, i), width: 1.5,
          dash: / mean|high|low/.test(column.register) && colourOf(column.register, i) === colours[3] ? [4, 3] : [],
          points: { show: xs.length < 60, size: 5 }, spanGaps: false,
          value: (u, v) => (v == null ? "—" : v.toFixed(3)),
        }))],
    }, [xs, ...of.map((column) => column.values)], place);
    addEventListener("resize", () => plot.setSize({ width: place.clientWidth, height: 220 }));
  }
}
if (charts?.dataset.source) load();
