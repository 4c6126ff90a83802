// Preloaded into Azurite: verifies what it only decodes, and keeps signatures out of its access log.
// IDENTITY_TOKEN_KEY: the key that signs the stack's tokens. AZURITE_ACCOUNTS: the account with a key of its own.
"use strict";
const { createHmac } = require("node:crypto");
const { createRequire } = require("node:module");

const key = process.env.IDENTITY_TOKEN_KEY;
if (!key || !process.env.AZURITE_ACCOUNTS) {
  throw new Error("IDENTITY_TOKEN_KEY or AZURITE_ACCOUNTS is not set");
}
// The modules that Azurite itself gets, wherever npm has put them.
const azurite = createRequire(require.resolve("azurite/package.json"));

// `--oauth basic` checks all claims of a token, but not its signature.
const jsonwebtoken = azurite("jsonwebtoken");
const decode = jsonwebtoken.decode;
const verified = new Set();
jsonwebtoken.decode = (token) => {
  if (!verified.has(token)) {
    // Azurite checks the times and has its own errors for them.
    jsonwebtoken.verify(token, key, { algorithms: ["HS256"], ignoreExpiration: true, ignoreNotBefore: true });
    if (verified.size === 100) verified.clear();
    verified.add(token);
  }
  return decode(token);
};

// Azurite derives user delegation keys from a constant in its source: anybody could sign a SAS.
const constants = azurite("./dist/src/blob/utils/constants");
if (typeof constants.USERDELEGATIONKEY_SIGNING_SEED !== "string") {
  throw new Error("this version of Azurite derives user delegation keys in another way: adapt authentication.cjs");
}
constants.USERDELEGATIONKEY_SIGNING_SEED = createHmac("sha256", key).update("user delegation key").digest("hex");

const morgan = azurite("morgan");
morgan.token("url", (request) => (request.originalUrl || request.url).replace(/([?&]sig=)[^&]*/gi, "$1REDACTED"));
