// Diagnostics: live values.
import { follow } from "./live.js";
follow("/live/diagnostics");
