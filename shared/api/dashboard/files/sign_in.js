// Sign-in with Entra ID, if the deployment has it: who has signed in, and the links to sign in and out.

const byId = (id) => document.getElementById(id);
let roles = [];

/** Whether requests go below `user/`, with the session's cookie in place of a key. */
export const isSignedIn = () => roles.length > 0;

/** The session has ended. */
export function end() {
  roles = [];
  byId("account").hidden = true;
}

/** Asks the API who has signed in. Without an answer, the page works with keys only. */
export async function start() {
  const response = await fetch(new URL("user/me", location.href), { signal: AbortSignal.timeout(5000) }).catch(() => null);
  const me = response?.ok ? await response.json().catch(() => null) : null;
  if (!me?.sign_in) return;
  roles = me.roles;
  byId("account").hidden = me.name === null;
  byId("account-name").textContent = isSignedIn() ? me.name : `${me.name} (no role)`;
  byId("key-sign-in").hidden = false;
}
