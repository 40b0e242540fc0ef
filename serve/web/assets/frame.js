// What every page has: a navigation that folds away where there is little room, and the
// time that is left to confirm changes.
const menu = document.getElementById("menu");
const nav = document.getElementById("pages");
if (menu && nav) {
  menu.hidden = false;
  nav.classList.add("folded");
  menu.addEventListener("click", () => {
    const open = nav.classList.toggle("folded") === false;
    menu.setAttribute("aria-expanded", String(open));
  });
}

const left = document.querySelector("[data-until]");
if (left) {
  // The clocks of browser and meter differ: what is left counts from when the page came.
  const [m, s] = left.textContent.split(":").map(Number);
  const end = performance.now() + 1000 * (60 * m + s);
  setInterval(() => {
    const seconds = Math.max(0, Math.round((end - performance.now()) / 1000));
    left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }, 1000);
}

// What is wider than the screen can be scrolled by keyboard, and says what it is.
function reach() {
  for (const part of document.querySelectorAll(".scroll")) {
    if (part.scrollWidth <= part.clientWidth) {
      part.removeAttribute("tabindex");
      part.removeAttribute("role");
      continue;
    }
    part.tabIndex = 0;
    part.setAttribute("role", "region");
    part.setAttribute("aria-label", part.querySelector("caption, title")?.textContent ?? document.title);
  }
}
reach();
addEventListener("resize", reach);
