/** Run a Node.js handler with an event from stdin. Print median CPU seconds, peak bytes and calls. */

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , file, rounds] = process.argv;
const { Processor, Auditor, processor, auditor } = await import(pathToFileURL(file).href);
let calls = 0;
const put = async () => {
  calls += 1;
};
(processor ?? auditor)(); // the measured memory includes the SDK
const made = Processor ? new Processor({ putObject: put }, "bucket") : new Auditor({ putItem: put }, "table");
let event = readFileSync(0, "utf8");
const context = { functionName: "function", awsRequestId: "request", functionVersion: "1" };
const seconds = [];
for (let left = Number(rounds); left > 0; left -= 1) {
  const parsed = JSON.parse(event);
  if (left === 1) event = undefined; // like Lambda, which keeps no text of the event
  const start = process.cpuUsage();
  await (Processor ? made.process(parsed, context) : made.audit(parsed, context));
  const { user, system } = process.cpuUsage(start);
  seconds.push((user + system) / 1e6);
}
seconds.sort((one, other) => one - other);
// Not `resourceUsage`: its figure starts with the memory of the process that started this one.
const [, held] = /VmHWM:\s*(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
console.log(JSON.stringify([seconds[seconds.length >> 1], held * 1024, calls]));
