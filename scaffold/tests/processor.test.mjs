// Tests of the processor. Run `node --test` in the project's folder: they need Node.js 22.15 or later, and no AWS.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { test } from "node:test";

// Lambda's runtime has the AWS SDK. The tests use a bucket in memory, so the SDK need not be installed.
registerHooks({
  resolve: (name, context, next) =>
    name.startsWith("@aws-sdk/") ? { url: "data:text/javascript,export class S3 {}", shortCircuit: true } : next(name, context),
});
const { BatchError, InvalidOrderError, Processor, enrich } = await import("../lambda_src/nodejs/processor/handler.mjs");
const { NumberValue } = await import("../lambda_src/nodejs/processor/order_values.mjs");

const FIRST = "processed-data/2026/03/01/c4ca4238a0b923820dcc509a6f75849b.json";
const SECOND = "processed-data/2026/03/01/c81e728d9d4c2f636f067f89cc14862c.json";
const QUARANTINED = "failed-data/2026-03-01T10:00:00.000/0000000000000000000100000000000000000004.json";

/** A bucket in memory. Like S3, it refuses a conditional put of an object that exists. */
class FakeS3 {
  objects = {};

  async putObject({ Key, Body, IfNoneMatch }) {
    if (IfNoneMatch === "*" && Key in this.objects) {
      throw Object.assign(new Error("it exists"), { name: "PreconditionFailed" });
    }
    this.objects[Key] = JSON.parse(Body);
  }
}

/** Return an event of the folder `events`. */
function read(name, reviver) {
  return JSON.parse(readFileSync(new URL(`../events/${name}`, import.meta.url), "utf8"), reviver);
}

/** Return an order as `enrich` gets it: its numbers keep all their digits. */
function order(name) {
  return read(name, (_, value, { source }) => (typeof value === "number" ? new NumberValue(source) : value));
}

/** Return a batch as Lambda passes it: INSERT, MODIFY, REMOVE, and an order that is invalid. */
function records() {
  return read("stream-event.json").Records;
}

function process(s3, ...batch) {
  const context = { functionName: "processor", awsRequestId: "request-1", functionVersion: "1" };
  return new Processor(s3, "bucket").process({ Records: batch }, context);
}

test("a good order is accepted", () => {
  assert.deepEqual(enrich(order("order.json")), { status: "PROCESSED" });
});

test("an invalid order is refused", () => {
  assert.throws(() => enrich(order("invalid-order.json")), InvalidOrderError);
});

test("each version of an order is stored once", async () => {
  const s3 = new FakeS3();
  const [inserted, modified, removed] = records();
  for (const _ of ["first attempt", "retry"]) {
    assert.deepEqual(await process(s3, inserted, modified, removed), { batchItemFailures: [] });
  }
  assert.deepEqual(Object.keys(s3.objects).sort(), [FIRST, SECOND]);
  assert.equal(s3.objects[FIRST].newImage.amount, 12.5);
  assert.equal(s3.objects[SECOND].metadata.status, "PROCESSED");
});

test("the first record that fails fails the invocation", async () => {
  const s3 = new FakeS3();
  const [inserted, , , invalid] = records();
  await assert.rejects(process(s3, invalid, inserted), BatchError);
  assert.deepEqual(Object.keys(s3.objects).sort(), [QUARANTINED, FIRST]);
  assert.match(s3.objects[QUARANTINED].failure.reason, /^InvalidOrderError: amount/);
});

test("a later record that fails is reported", async () => {
  const s3 = new FakeS3();
  const answer = await process(s3, ...records());
  assert.deepEqual(answer, { batchItemFailures: [{ itemIdentifier: "100000000000000000004" }] });
  assert.deepEqual(Object.keys(s3.objects).sort(), [QUARANTINED, FIRST, SECOND]);
});
