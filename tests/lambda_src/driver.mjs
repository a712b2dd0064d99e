/**
 * Runs the handlers in Node.js for the tests: a scenario as one line of JSON in, what came of it as one line out.
 *
 * node driver.mjs FOLDER, where FOLDER holds the handlers' folders.
 */

import readline from "node:readline";
import { pathToFileURL } from "node:url";

const load = (name) => import(pathToFileURL(`${process.argv[2]}/${name}/handler.mjs`).href);
const [{ Processor }, { Auditor }] = [await load("processor"), await load("auditor")];

/** As the SDK throws it. */
function serviceError(code) {
  return Object.assign(new Error(`${code} it is`), { name: code });
}

/** A versioned bucket that knows conditional puts; see FakeS3 in fakes.py. */
class FakeS3 {
  constructor({ failing, together }) {
    Object.assign(this, { failing, versions: {}, requests: [], waiting: [], together });
  }

  async putObject(request) {
    this.requests.push(request);
    await this.#company();
    const code = this.failing[request.Key]?.shift();
    if (code) throw serviceError(code);
    if (request.IfNoneMatch === "*" && Object.hasOwn(this.versions, request.Key)) {
      throw serviceError("PreconditionFailed");
    }
    (this.versions[request.Key] ??= []).push(request.Body);
  }

  /** Until as many puts are under way as there have to be. */
  async #company() {
    await new Promise((go) => {
      this.waiting.push(go);
      if (this.waiting.length >= this.together) this.waiting.splice(0).forEach((each) => each());
    });
  }
}

/** A table that knows the one condition used; see FakeDynamoDB in fakes.py. */
class FakeDynamoDB {
  constructor({ failing }) {
    Object.assign(this, { failing, items: new Map() });
  }

  async putItem({ Item, ConditionExpression }) {
    const code = this.failing[Item.message.M.messageId?.S ?? ""]?.[0];
    if (code) throw serviceError(code);
    const key = JSON.stringify([Item.auditId.S, Item.timestamp.S]);
    if (this.items.has(key)) {
      if (ConditionExpression !== "attribute_not_exists(auditId)") throw new Error(ConditionExpression);
      throw serviceError("ConditionalCheckFailedException");
    }
    this.items.set(key, Item);
  }
}

async function run(scenario) {
  const [s3, dynamodb, pauses] = [new FakeS3(scenario), new FakeDynamoDB(scenario), []];
  const context = { functionName: scenario.functionName, awsRequestId: scenario.requestId };
  const now = () => new Date(scenario.now);
  const sleep = async (milliseconds) => pauses.push(milliseconds / 1000);
  const { owner } = scenario;
  const processor = new Processor(s3, "orders", undefined, undefined, { owner, now, sleep });
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
