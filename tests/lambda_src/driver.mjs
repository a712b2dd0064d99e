/**
 * Run the handlers in Node.js for the tests. Each line of input is a scenario in JSON, each line of output its result.
 *
 * node driver.mjs FOLDER, where FOLDER holds the handlers' folders.
 */

import readline from "node:readline";
import { pathToFileURL } from "node:url";

const load = (name) => import(pathToFileURL(`${process.argv[2]}/${name}/handler.mjs`).href);
const [{ Processor, Enriched, InvalidOrderError }, { Auditor }] = [await load("processor"), await load("auditor")];
const { toPlain } = await import(pathToFileURL(`${process.argv[2]}/processor/order_values.mjs`).href);

/** Return an error like those that the SDK throws. */
function serviceError(code) {
  return Object.assign(new Error(`${code} it is`), { name: code });
}

/** A versioned bucket with conditional puts, like FakeS3 in fakes.py. */
class FakeS3 {
  constructor({ failing, together }) {
    Object.assign(this, { failing, versions: {}, requests: [], waiting: [], together });
  }

  async putObject(request) {
    this.requests.push(request);
    await this.#others();
    const code = this.failing[request.Key]?.shift();
    if (code) throw serviceError(code);
    if (request.IfNoneMatch === "*" && Object.hasOwn(this.versions, request.Key)) {
      throw serviceError("PreconditionFailed");
    }
    (this.versions[request.Key] ??= []).push(request.Body);
  }

  /** Wait until `together` puts are running. */
  async #others() {
    await new Promise((resume) => {
      this.waiting.push(resume);
      if (this.waiting.length >= this.together) this.waiting.splice(0).forEach((each) => each());
    });
  }
}

/** A table that evaluates the auditor's condition, like FakeDynamoDB in fakes.py. */
class FakeDynamoDB {
  constructor({ failing }) {
    Object.assign(this, { failing, items: new Map() });
  }

  async putItem({ Item, ConditionExpression }) {
    const code = this.failing[Item.message.M.messageId?.S ?? ""]?.shift();
    if (code) throw serviceError(code);
    const key = JSON.stringify([Item.auditId.S, Item.timestamp.S]);
    if (this.items.has(key)) {
      if (ConditionExpression !== "attribute_not_exists(auditId)") throw new Error(ConditionExpression);
      throw serviceError("ConditionalCheckFailedException");
    }
    this.items.set(key, Item);
  }
}

const endless = {};
endless.endless = endless;

/** Functions `enrich` that only JavaScript has. */
const ODD = {
  "throws null": () => {
    throw null;
  },
  "throws text": () => {
    throw "just text";
  },
  "throws an odd error": () => {
    throw new (class OddError extends Error {
      get message() {
        throw new Error("no");
      }
    })();
  },
  "throws a range error": () => (1).toFixed(101),
  "returns a date": () => ({ x: new Date(0) }),
  "returns nothing": () => undefined,
  "returns NaN": () => ({ x: NaN }),
  "returns itself": () => endless,
  "is async": async () => ({ status: "LATER" }),
  calculates: ({ amount }) => ({ double: amount * 2, large: amount > 2, text: `${amount}` }),
};

/** Return the rules that a scenario describes, like `_rules` in languages.py; undefined for those of the handler. */
function rules(description) {
  if (!description) return undefined;
  const { returns, order, metadata, native, raises, message, odd } = description;
  if (odd) return ODD[odd];
  return (given) => {
    if (raises === "InvalidOrderError") throw new InvalidOrderError(message);
    if (raises) throw Object.assign(new Error(message), { name: raises });
    if (returns) return toPlain(returns);
    if (order) return new Enriched({ order: toPlain(order), metadata: metadata && toPlain(metadata) });
    return native === undefined ? new Enriched({ order: given }) : native;
  };
}

async function run(scenario) {
  const [s3, dynamodb, pauses] = [new FakeS3(scenario), new FakeDynamoDB(scenario), []];
  const { functionName, requestId: awsRequestId, functionVersion } = scenario;
  const context = { functionName, awsRequestId, functionVersion };
  const now = () => new Date(scenario.now);
  const sleep = async (milliseconds) => pauses.push(milliseconds / 1000);
  const options = { owner: scenario.owner, rules: rules(scenario.rules), now, sleep };
  const processor = new Processor(s3, "orders", undefined, undefined, options);
  const auditor = new Auditor(dynamodb, "audit");
  const give = {
    processor: (event) => processor.process(event, context),
    auditor: (event) => auditor.audit(event, context),
  };
  const answers = [];
  for (const event of scenario.events) {
    answers.push(
      await give[scenario.handler](event).then(
        (response) => ({ response }),
        (error) => ({ error: error.name, message: error.message }),
      ),
    );
  }
  return { answers, versions: s3.versions, requests: s3.requests, items: [...dynamodb.items.values()], pauses };
}

const write = process.stdout.write.bind(process.stdout);
for await (const line of readline.createInterface({ input: process.stdin })) {
  let output = "";
  process.stdout.write = (text) => (output += text);
  const ran = await run(JSON.parse(line));
  write(`${JSON.stringify({ ...ran, lines: output.split("\n").slice(0, -1) })}\n`);
}
