"use strict";
// Runs tasks through @azure/batch and prints what it saw: node client.cjs URL ACCOUNT KEY

const { BatchServiceClient, BatchSharedKeyCredentials } = require("@azure/batch");

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function text(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function main([url, account, key]) {
  const client = new BatchServiceClient(new BatchSharedKeyCredentials(account, key), url);
  await client.pool.add({
    id: "node-pool",
    vmSize: "standard_d2s_v3",
    virtualMachineConfiguration: {
      imageReference: { publisher: "canonical", offer: "ubuntu-24_04-lts", sku: "server" },
      nodeAgentSKUId: "batch.node.ubuntu 24.04",
    },
    targetDedicatedNodes: 1,
  });
  await client.job.add({ id: "node-job", poolInfo: { poolId: "node-pool" } });
  const tasks = [0, 3].map((code) => ({ id: `exit-${code}`, commandLine: `/bin/sh -c 'echo from node; exit ${code}'` }));
  const added = await client.task.addCollection("node-job", tasks);
  let counts;
  do {
    await sleep(50);
    counts = (await client.job.getTaskCounts("node-job")).taskCounts;
  } while (counts.completed < tasks.length);
  const failed = await client.task.list("node-job", { taskListOptions: { filter: "executionInfo/exitCode eq 3" } });
  const file = await client.file.getFromTask("node-job", "exit-0", "stdout.txt");
  const missing = await client.job.get("none").catch((error) => [error.statusCode, error.code]);
  const seen = {
    added: added.value.map((each) => each.status),
    counts: [counts.succeeded, counts.failed],
    failed: failed.map((each) => each.id),
    stdout: await text(file.readableStreamBody),
    missing,
  };
  await client.job.deleteMethod("node-job");
  await client.pool.deleteMethod("node-pool");
  console.log(JSON.stringify(seen));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
