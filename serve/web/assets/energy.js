// Energy and demand: live values.
import { follow } from "./live.js";
follow("/live/energy");
