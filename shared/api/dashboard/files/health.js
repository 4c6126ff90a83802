// The panel of health checks.

import { ApiError, request } from "./api.js";
import * as freshness from "./freshness.js";
import { isLocked, showError } from "./session.js";

const INTERVAL_SECONDS = 30;
const panel = document.getElementById("health-panel");
let timer = null;

export async function check() {
  if (isLocked()) return;
  try {
    if (!document.hidden) {
      const health = await (await request("health", { accept: [503] })).json();
      // Without settings, or with a service in the way, 503 has no checks.
      if (!health.checks) throw new ApiError(503, health.code, health.detail);
      show(health);
      freshness.updated("health");
    }
  } catch (error) {
    freshness.failed("health");
    showError(error);
  }
  clearTimeout(timer);
  timer = setTimeout(check, INTERVAL_SECONDS * 1000);
}

function show({ ok, checks }) {
  const failed = checks.filter((one) => !one.ok);
  panel.dataset.ok = ok;
  document.getElementById("health-headline").textContent = ok
    ? `All ${checks.length} checks passed.`
    : `${failed.length} of ${checks.length} checks failed.`;
  const items = failed.map(({ name, message, what_to_do: advice }) => {
    const item = document.createElement("li");
    item.className = "bad";
    const title = document.createElement("b");
    title.textContent = name;
    item.append(title, `${message} ${advice}`);
    return item;
  });
  document.getElementById("health-problems").replaceChildren(...items);
}
