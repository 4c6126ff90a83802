// Loaded into Azurite before its own code: it ends when its starter is gone, however that died.
"use strict";
process.stdin.on("end", () => process.exit()).resume().unref();
// Written early, not only at a clean exit, so that the next start is quick even after a kill.
setTimeout(() => require("node:module").flushCompileCache(), 3000).unref();
