// Setup: the clock can be taken from this computer.
const button = document.getElementById("this-computer");
if (button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    document.getElementById("clock-time").value = new Date().toISOString().slice(0, 19);
  });
}
