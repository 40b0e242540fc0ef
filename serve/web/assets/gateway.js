// Gateway: live values. A unit that is asked for the first time has no line yet.
import { follow } from "./live.js";
const known = new Set([...document.querySelectorAll("tr[data-unit]")].map((row) => row.dataset.unit));
follow("/live/gateway", (values) => {
  for (const label of Object.keys(values)) {
    const unit = /^unit (\d+)\//.exec(label)?.[1];
    if (unit && !known.has(unit)) return location.reload();
  }
});
