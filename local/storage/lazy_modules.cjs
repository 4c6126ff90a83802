// Preloaded into Azurite: loads two of its modules only if they are used, since they take a third of its start:
// telemetry, which is off, and metadata in an SQL database.
"use strict";
const Module = require("node:module");

const LAZY = new Set(["applicationinsights", "./SqlBlobServer"]);
const load = Module._load;
Module._load = function (request, ...rest) {
  if (!LAZY.has(request)) return load.call(this, request, ...rest);
  let loaded;
  // What a module that was compiled from TypeScript asks of each that it imports is answered without loading it.
  const get = (_, name) => name === "__esModule" || (loaded ??= load.call(this, request, ...rest))[name];
  return new Proxy({}, { get });
};
