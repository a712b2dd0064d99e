/**
 * Processor: store each new version of an order as one JSON object in the bucket.
 *
 * The key is `<prefix>/YYYY/MM/DD/<record id>.json`. Date and id come from the stream record, so a retry, a bisected
 * batch and a replay write the same object. The put is conditional, so the object is written once.
 *
 * A record that fails is logged and stored in the quarantine, because the stream keeps records for 24 hours only. Then
 * it is reported to Lambda, see `respond`. Your own rules belong into `enrich`.
 *
 * The processor in Python writes the same bytes. The tests compare the two.
 */

import { setTimeout } from "node:timers/promises";

import { S3 } from "@aws-sdk/client-s3";

import {
  InvalidRecordError,
  InvalidResultError,
  NumberValue,
  ascii,
  brief,
  isMap,
  isPlainMap,
  json,
  jsonObject,
  members,
  oneLine,
  rawJson,
  shallow,
  shown,
  toJson,
  toPlain,
  typeName,
  write,
} from "./order_values.mjs";

const WRITERS = 16;
const CONFLICT_PAUSES = [50, 100, 200, 400]; // milliseconds before each further attempt; then the record fails
const LONGEST_REASON = 1000;
const ISO_TIME = new RegExp(
  "^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]((?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2})" +
    "(?:\\.([0-9]+))?(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?$",
);
const FIRST_MOMENT = Date.parse("0001-01-01T00:00:00.000Z");
const LAST_MOMENT = Date.parse("9999-12-31T23:59:59.999Z");

/** An order that cannot be enriched. A retry fails again until this code or the order changes. */
export class InvalidOrderError extends Error {
  name = "InvalidOrderError";
}

/** Fail the invocation. The message names the record that failed. */
export class BatchError extends Error {
  name = "BatchError";
}

/**
 * A record that could not be processed, and the reason.
 *
 * `position` is the record's index in the batch. `record` can be any JSON value, because the record can be malformed.
 */
class Failure {
  constructor(position, record, reason) {
    this.position = position;
    this.record = record;
    this.reason = reason;
    this.keys = dig(record, "dynamodb", "Keys");
    this.eventId = dig(record, "eventID");
    this.sequenceNumber = textAt(record, "dynamodb", "SequenceNumber");
  }
}

/** A result of `enrich` that stores another order: `order` takes the place of the new image. */
export class Enriched {
  constructor({ order, metadata = {} }) {
    Object.assign(this, { order, metadata });
  }
}

/**
 * Return fields for the metadata of an order's object. Put your own rules here. The function can be async.
 *
 * `order` is the new image in plain values: numbers are of the class NumberValue, binary values are Uint8Arrays. It is
 * empty when the record has no new image. Return `Enriched` to store another order. Throw InvalidOrderError to refuse
 * the order.
 */
export function enrich(order) {
  if ("amount" in order && !(order.amount instanceof NumberValue)) {
    throw new InvalidOrderError(`amount must be a number, got ${shown(order.amount)}`);
  }
  return { status: "PROCESSED" };
}

/** Write the orders of a batch to the bucket. */
export class Processor {
  constructor(
    s3,
    bucket,
    prefix = "processed-data",
    failedPrefix = "failed-data",
    { owner, rules = (order) => enrich(order), now = () => new Date(), sleep = setTimeout } = {},
  ) {
    Object.assign(this, { s3, bucket, prefix, failedPrefix, owner, rules, now, sleep });
  }

  /**
   * Process every record of the batch, also when one fails.
   *
   * Returns Lambda's partial batch response. Throws BatchError when Lambda has to count the invocation as an error.
   */
  async process(event, context) {
    const records = dig(event, "Records") ?? [];
    if (!Array.isArray(records)) throw new BatchError(`Records must be a list, got ${brief(records)}`);
    const overwrite = dig(event, "overwrite") === true;
    const reasons = await attemptEach((record) => this.write(record, { context, overwrite }), records);
    const failures = reasons.map((reason, position) => new Failure(position, records[position], reason));
    const failed = failures.filter(({ reason }) => reason !== null);
    for (const failure of failed) log("record failed", failure, failure.reason, context);
    const notQuarantined = await attemptEach((failure) => this.quarantine(failure, context), failed);
    for (const [position, reason] of notQuarantined.entries()) {
      if (reason !== null) log("record not quarantined", failed[position], reason, context);
    }
    return respond(failed);
  }

  /** Write one record's object. A REMOVE writes nothing and keeps the objects of earlier versions. */
  async write(record, { context, overwrite }) {
    const eventName = dig(record, "eventName");
    if (eventName === "REMOVE") return;
    if (eventName !== "INSERT" && eventName !== "MODIFY") {
      throw new InvalidRecordError(`eventName must be INSERT, MODIFY or REMOVE, got ${brief(eventName)}`);
    }
    const created = createdAt(record).toISOString();
    const key = `${this.prefix}/${created.slice(0, 10).replaceAll("-", "/")}/${objectName(record)}`;
    await this.put(key, await this.document(record, created, context), { overwrite });
  }

  /** Return the text of a record's object. */
  async document(record, created, context) {
    const [keys, newImage, oldImage] = ["Keys", "NewImage", "OldImage"].map((name) => dig(record, "dynamodb", name));
    const texts = [keys, newImage, oldImage].map(imageToJson);
    const { order, added } = stored(await this.rules(shallow(toPlain, { M: newImage ?? {} })));
    const own = {
      recordId: recordId(record),
      processedAt: this.now().toISOString(),
      eventName: dig(record, "eventName"),
      sequenceNumber: dig(record, "dynamodb", "SequenceNumber"),
      createdAt: created,
      source: dig(record, "eventSourceARN"),
      functionName: context.functionName,
      requestId: context.awsRequestId,
    };
    const fields = Object.entries(own).map(([name, value]) => [name, shallow(rawJson, value)]);
    const others = added.filter(([name]) => !Object.hasOwn(own, name));
    return jsonObject([
      ["metadata", jsonObject([...fields.slice(0, 2), ...others, ...fields.slice(2)])],
      ["keys", texts[0]],
      ["newImage", order ?? texts[1]],
      ["oldImage", texts[2]],
    ]);
  }

  /** Store the raw record with the reason, so that it can be replayed after the stream's 24 hours. */
  async quarantine(failure, { awsRequestId: requestId = null, functionVersion = null }) {
    const [, label] = /\/stream\/(.+)/s.exec(textAt(failure.record, "eventSourceARN")) ?? [];
    if (!label || failure.sequenceNumber === null) {
      throw new InvalidRecordError("the quarantine key needs a stream label and a sequence number");
    }
    // Padded, so that a listing has the stream's order and can be limited to a range of sequence numbers.
    const name = quote(failure.sequenceNumber.padStart(40, "0"));
    const folder = quote(label).replaceAll("%3A", ":");
    const cause = { reason: failure.reason, failedAt: this.now().toISOString(), requestId, functionVersion };
    const content = [failure.record, cause].map((value) => ascii(shallow(json, value)));
    await this.put(
      `${this.failedPrefix}/${folder}/${name}.json`,
      jsonObject([
        ["record", content[0]],
        ["failure", content[1]],
      ]),
    );
  }

  /** Write an object. Without `overwrite`, keep an object that exists. */
  async put(key, body, { overwrite = false } = {}) {
    const request = { Bucket: this.bucket, Key: key, Body: body, ContentType: "application/json" };
    // The bucket can be deleted, and its name taken by another account.
    if (this.owner) request.ExpectedBucketOwner = this.owner;
    if (!overwrite) request.IfNoneMatch = "*";
    for (const pause of [...CONFLICT_PAUSES, null]) {
      try {
        await this.s3.putObject(request);
        return;
      } catch (error) {
        if (error.name === "PreconditionFailed") return; // an earlier attempt wrote it
        if (error.name !== "ConditionalRequestConflict" || pause === null) throw error;
        await this.sleep(pause);
      }
    }
  }
}

/** Call `work` with every item, several at once. Return the reason why each failed, or null, in their order. */
async function attemptEach(work, items) {
  const reasons = Array(items.length).fill(null);
  const rest = items.entries();
  const writer = async () => {
    for (const [position, item] of rest) {
      try {
        await work(item);
      } catch (error) {
        reasons[position] = reasonOf(error);
      }
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  return reasons;
}

/**
 * Return the partial batch response. Throw BatchError when the first record of the batch failed.
 *
 * Lambda counts a partial batch response as a success: a record that is only reported there never appears in the
 * function's `Errors` metric, and never fires its alarm. Lambda retries from the lowest sequence number reported, so
 * at the next attempt the failing record is the first of its batch, and the invocation counts as an error.
 *
 * A record without a sequence number cannot be named in the response, so it throws at any position.
 */
function respond(failures) {
  for (const { position, keys, sequenceNumber, reason } of failures) {
    if (position === 0 || sequenceNumber === null) {
      const others = failures.length > 1 ? ` (${failures.length - 1} more of the batch failed)` : "";
      const record = `record with keys ${oneLine(keys)} and sequence number ${sequenceNumber ?? "unknown"}`;
      throw new BatchError(`${record} failed: ${reason}${others}`);
    }
  }
  return { batchItemFailures: failures.map(({ sequenceNumber }) => ({ itemIdentifier: sequenceNumber })) };
}

/** Return the error's name and message, whatever was thrown. */
function reasonOf(error) {
  let reason;
  try {
    reason = error instanceof Error ? `${error.name}: ${error.message}` : `Error: ${String(error)}`;
  } catch {
    reason = `${typeName(error)}: its message cannot be read`; // a message can be a method of the user's own class
  }
  const signs = reason.length > LONGEST_REASON ? Array.from(reason) : [];
  return signs.length > LONGEST_REASON ? `${signs.slice(0, LONGEST_REASON).join("")}...` : reason;
}

/** Print the failure as one line of JSON: not with `console`, to whose text Lambda adds time, id and level. */
function log(message, { keys, eventId, sequenceNumber }, reason, { awsRequestId: requestId }) {
  const line = { level: "ERROR", message, keys, eventId, sequenceNumber, reason, requestId };
  process.stdout.write(`${jsonObject(Object.entries(line).map(([name, value]) => [name, oneLine(value)]))}\n`);
}

/** Return a result of `enrich` as JSON text: the order that is stored instead, if any, and the metadata's fields. */
function stored(result) {
  const replaced = result instanceof Enriched;
  const { order, metadata } = replaced ? result : { order: {}, metadata: result };
  for (const map of [order, metadata]) {
    if (!isPlainMap(map)) {
      throw new InvalidResultError(`enrich must return an object or Enriched of objects, got ${typeName(map)}`);
    }
  }
  const added = shallow(members, { status: "PROCESSED", ...metadata }, InvalidResultError);
  return { order: replaced ? shallow(write, order, InvalidResultError) : null, added };
}

/** Return the record's event id, else its sequence number. Both stay equal at every retry and replay. */
function recordId(record) {
  const identity = textAt(record, "eventID") ?? textAt(record, "dynamodb", "SequenceNumber");
  if (identity === null) throw new InvalidRecordError("the record has no eventID and no SequenceNumber");
  return identity;
}

/**
 * Return the last part of the object's key: the record id, quoted, so that it stays in its folder.
 *
 * `quote` escapes `=`, so the name made of a sequence number differs from every name made of an event id.
 */
function objectName(record) {
  const kind = textAt(record, "eventID") ? "" : "sequence=";
  return `${kind}${quote(recordId(record))}.json`;
}

/** Return the time of the change. The current time would differ at the next attempt, so it is not used. */
function createdAt(record) {
  const found = dig(record, "dynamodb", "ApproximateCreationDateTime");
  const moment = typeof found === "string" ? fromText(found) : fromEpoch(found);
  if (moment === null) {
    throw new InvalidRecordError(
      `ApproximateCreationDateTime must be epoch seconds or an ISO 8601 time, got ${brief(found)}`,
    );
  }
  return moment;
}

/** Return the time of epoch seconds; null for any other value. */
function fromEpoch(seconds) {
  if (typeof seconds !== "number") return null;
  // Rounded to microseconds first: the double 1767225599.123 is slightly below its millisecond.
  const whole = Math.floor(seconds);
  const moment = new Date(whole * 1000 + Math.floor(Math.round((seconds - whole) * 1e6) / 1000));
  return isInRange(moment) ? moment : null;
}

/** Return an ISO 8601 text as a time, in UTC when it has no time zone; null for any other text. */
function fromText(text) {
  const match = ISO_TIME.exec(text);
  if (!match) return null;
  const [, day, time, fraction = "", zone = "Z"] = match;
  const local = new Date(`${day}T${time}Z`);
  const moment = new Date(`${day}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}${zone}`);
  return isInRange(local) && local.toISOString().startsWith(day) && isInRange(moment) ? moment : null; // no 30 February
}

/** Report whether the year has four digits. */
function isInRange(moment) {
  return moment >= FIRST_MOMENT && moment <= LAST_MOMENT;
}

/** Return keys or an image as JSON text; null when the stream's view type leaves it out. */
function imageToJson(image) {
  return image === null ? "null" : shallow(toJson, { M: image });
}

/** Return the text quoted as one part of a key. */
function quote(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Return the value at `path`; null when a part of the path is missing or is not a map. */
function dig(value, ...path) {
  return path.reduce((found, name) => (isMap(found) ? found[name] : null), value) ?? null;
}

/** Return the text at `path`; null when there is no text or it is empty. */
function textAt(value, ...path) {
  const found = dig(value, ...path);
  return typeof found === "string" && found ? found : null;
}

let created;

/** Return the processor of this execution environment. */
export function processor() {
  const { BUCKET_NAME, PROCESSED_PREFIX, FAILED_PREFIX, BUCKET_OWNER } = process.env;
  const requestHandler = { connectionTimeout: 2_000, socketTimeout: 10_000 };
  created ??= new Processor(new S3({ maxAttempts: 3, requestHandler }), BUCKET_NAME, PROCESSED_PREFIX, FAILED_PREFIX, {
    owner: BUCKET_OWNER,
  });
  return created;
}

/** Process one invocation of Lambda. */
export async function handler(event, context) {
  return processor().process(event, context);
}

if ("AWS_LAMBDA_FUNCTION_NAME" in process.env) {
  processor(); // make the client during the init phase, which has a full CPU for every memory size
}
