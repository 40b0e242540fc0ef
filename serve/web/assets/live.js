// Live values: one stream of events for a page, which begins again when it breaks off.

const status = document.getElementById("live");
let said = "";

// say tells people how the stream is; a screen reader hears changes only.
function say(state, text) {
  if (!status || said === state) return;
  said = state;
  status.className = "live " + state;
  status.textContent = text;
}

export function ended() {
  say("ended", "Session ended. ");
  const link = document.createElement("a");
  link.href = "/login?next=" + encodeURIComponent(location.pathname + location.search);
  link.textContent = "Log in";
  status?.append(link);
}
export const connected = () => say("on", "Live");
export const lost = () => say("lost", "Connection lost, trying again");
export const silent = () => say("silent", "No samples from the source");

// again calls attempt until it reports an end, waiting longer each time that it fails.
// attempt(up) calls up once it works, with what there is to say, and resolves to true when
// the session has ended.
export async function again(attempt) {
  for (let wait = 1000; ; wait = Math.min(2 * wait, 30000)) {
    const over = await attempt((tell = connected) => { wait = 500; tell(); });
    if (over) return ended();
    lost();
    await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
  }
}

// follow shows what the stream at url tells in the page's places, and calls draw(values)
// for what else there is. Where all values are of samples, a page without any is not live.
export function follow(url, draw, ofSamples = false) {
  return again((up) => new Promise((resolve) => {
    const stream = new EventSource(url);
    const leave = (over) => { stream.close(); resolve(over); };
    stream.onmessage = (event) => {
      const { time, values } = JSON.parse(event.data);
      up(ofSamples && Object.values(values).every((text) => text === null) ? silent : connected);
      show(time, values);
      draw?.(values);
      if (!performance.getEntriesByName("live").length) performance.mark("live");
    };
    stream.addEventListener("ended", () => leave(true));
    stream.onerror = async () => {
      stream.close();
      // A stream that the meter refuses is closed for good: ask why.
      resolve(await over(url));
    };
    addEventListener("pagehide", () => stream.close(), { once: true });
  }));
}

// over reports whether the meter says that a session has ended.
export async function over(url) {
  const asking = new AbortController();
  try {
    const answer = await fetch(url, { signal: asking.signal });
    return answer.status === 401;
  } catch {
    return false;
  } finally {
    asking.abort();
  }
}

// places are where readings stand, by label; they are looked for once.
const places = new Map();
for (const place of document.querySelectorAll("[data-reading]")) {
  const label = place.dataset.reading;
  places.set(label, [...(places.get(label) ?? []), place]);
}
const clock = document.getElementById("read-at");

function show(time, values) {
  if (clock) clock.textContent = time;
  for (const [label, text] of Object.entries(values)) {
    for (const place of places.get(label) ?? []) write(place, text);
  }
}

// write puts a value into its place. What is not available is never a number.
function write(place, text) {
  if (place.dataset.text === (text ?? "")) return;
  place.dataset.text = text ?? "";
  if (text !== null) {
    place.textContent = text;
    return;
  }
  const dash = document.createElement("span");
  dash.className = "na";
  dash.title = "not available";
  dash.setAttribute("aria-hidden", "true");
  dash.textContent = "—";
  const words = document.createElement("span");
  words.className = "unseen";
  words.textContent = "not available";
  place.replaceChildren(dash, words);
}

// number is a shown value as a number, null where it is not available.
export const number = (text) => (text === null || text === undefined || text === "" ? null : Number(text));

// initial collects the values that the page came with, for what draws them.
export function initial() {
  const values = {};
  for (const place of document.querySelectorAll("[data-reading]")) {
    values[place.dataset.reading] = place.querySelector(".na") ? null : place.textContent.trim();
  }
  return values;
}
