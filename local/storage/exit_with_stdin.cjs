// Preloaded into Azurite: exits when standard input ends, even if the parent process was killed.
"use strict";
process.stdin.on("end", () => process.exit()).resume().unref();
// Flushed before exit, so that the next start is fast even after a kill.
setTimeout(() => require("node:module").flushCompileCache(), 3000).unref();
