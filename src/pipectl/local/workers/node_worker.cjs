// Run a function in Node.js: read invocations from standard input, one JSON document a line, and answer on standard
// output. MiniStack sends the lines and reads the answers. What the function prints goes to standard error, which is
// its log. A function that cannot be imported fails each invocation with its error.

"use strict";

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { pathToFileURL } = require("node:url");
const { Console } = require("node:console");
const { format } = require("node:util");

const TASK_ROOT = "/var/task";
const MOST_CHECKED = 20;
const LEVELS = { log: "INFO", debug: "DEBUG", info: "INFO", warn: "WARN", error: "ERROR" };

const answerOn = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);
for (const name of ["write", "writeSync"]) {
  const write = fs[name];
  fs[name] = (file, ...rest) => write(file === 1 ? 2 : file, ...rest);
}
globalThis.console = new Console(process.stderr, process.stderr);

for (const [method, level] of Object.entries(LEVELS)) {
  console[method] = (...words) =>
    process.stderr.write(`${new Date().toISOString()}\t${requestId}\t${level}\t${format(...words)}\n`);
}

let root;
let handler;
let requestId;
let isRunning = false;

class Fault extends Error {
  constructor(kind, message, cause) {
    super(message);
    this.name = `Runtime.${kind}`;
    this.stack = [`${this.name}: ${message}`, ...frames(cause)].join("\n");
  }
}

function frames(error) {
  return String(error?.stack ?? "")
    .split("\n")
    .filter((line) => line.startsWith("    at "));
}

/** Return type, message and stack of anything that was thrown, with the paths as on Lambda. */
function described(error) {
  const isError = error instanceof Error;
  const url = pathToFileURL(root).href;
  const shown = (text) => String(text).replaceAll(url, `file://${TASK_ROOT}`).replaceAll(root, TASK_ROOT);
  return {
    type: shown(isError ? error.name : typeof error),
    message: shown(isError ? error.message : error),
    stack: (isError ? shown(error.stack ?? "").split("\n") : []).filter((line) => !line.includes(__filename)),
  };
}

function isModule(folder) {
  for (let at = folder; at.startsWith(root); at = path.dirname(at)) {
    const file = path.join(at, "package.json");
    if (fs.existsSync(file)) return JSON.parse(fs.readFileSync(file, "utf8")).type === "module";
  }
  return false;
}

async function loaded(name) {
  const file = path.resolve(root, name);
  const esm = isModule(path.dirname(file));
  for (const ending of ["", ".js", ".mjs", ".cjs"]) {
    if (!fs.statSync(file + ending, { throwIfNoEntry: false })?.isFile()) continue;
    return ending === ".mjs" || (ending === ".js" && esm)
      ? await import(pathToFileURL(file + ending).href)
      : require(file + ending);
  }
  throw new Fault("ImportModuleError", `Error: Cannot find module '${name}'`);
}

/** Return file and line, which the error of an ES module does not name; Lambda leaves them out. */
function placeOfSyntaxError() {
  const files = fs.readdirSync(root, { recursive: true }).filter((name) => /\.[cm]?js$/.test(name));
  for (const name of files.filter((name) => !name.includes("node_modules")).slice(0, MOST_CHECKED)) {
    const file = path.join(root, name);
    const { stderr } = spawnSync(process.execPath, ["--check", file], { encoding: "utf8" });
    const [, line] = stderr.match(/^.*:(\d+)$/m) ?? [];
    if (line) return ` (${name}, line ${line})`;
  }
  return "";
}

async function load(start) {
  const { module, handler: name } = start;
  let found;
  try {
    found = await loaded(module);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault("UserCodeSyntaxError", `${error}${placeOfSyntaxError()}`, error);
    if (error?.code === "MODULE_NOT_FOUND") throw new Fault("ImportModuleError", String(error), error);
    throw error;
  }
  const value = name.split(".").reduce((nested, key) => nested?.[key], found);
  if (!value) throw new Fault("HandlerNotFound", `${module}.${name} is undefined or not exported`);
  if (typeof value !== "function") throw new Fault("HandlerNotFound", `${module}.${name} is not a function`);
  return value;
}

function contextOf(invocation) {
  const endsAt = Date.now() + invocation.timeout_ms;
  const { env } = process;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: invocation.invoked_function_arn,
    awsRequestId: invocation.request_id,
    getRemainingTimeInMillis: () => Math.max(0, endsAt - Date.now()),
  };
}

/** Call a handler of either kind: one that returns its answer, and one that passes it to a callback. */
function called(event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, value) => (error === undefined || error === null ? resolve(value) : reject(error));
    const result = handler(event, context, callback);
    if (typeof result?.then === "function") result.then(resolve, reject);
    else if (handler.length < 3) resolve(result);
  });
}

function send(answer) {
  answerOn(`${JSON.stringify(answer)}\n`);
}

/** Answer an invocation. With the status "error" MiniStack would end this process. */
function answer(members) {
  const text = JSON.stringify({ status: "ok", ...members });
  isRunning = false;
  process.stderr.write("\0\n"); // `END_OF_OUTPUT`
  answerOn(`${text}\n`);
}

/** Report an error outside of the handler's promise, which ends the process as on Lambda. */
function end(error) {
  if (isRunning) answer({ fault: described(error), ends: true });
  else console.error(error);
  process.exit(1);
}

process.on("uncaughtException", end);
process.on("unhandledRejection", (reason) => end(new Fault("UnhandledPromiseRejection", String(reason), reason)));

async function main() {
  const lines = readline.createInterface({ input: process.stdin, terminal: false })[Symbol.asyncIterator]();
  const start = JSON.parse((await lines.next()).value);
  root = start.code_dir;
  let fault;
  try {
    handler = await load(start);
  } catch (error) {
    const isFixed = error instanceof Fault || error?.code === "ERR_MODULE_NOT_FOUND";
    if (!isFixed) {
      send({ status: "error", error: JSON.stringify(described(error)) });
      return process.exit(1);
    }
    fault = error;
  }
  send({ status: "ready" });
  for (let next = await lines.next(); !next.done; next = await lines.next()) {
    const { event, ctx } = JSON.parse(next.value);
    requestId = ctx.request_id;
    isRunning = true;
    try {
      if (fault) throw fault;
      answer({ result: (await called(event, contextOf(ctx))) ?? null });
    } catch (error) {
      answer({ fault: described(error), init: Boolean(fault) });
    }
  }
}

main();
