/**
 * Processor: every new version of an order becomes one JSON object in the bucket.
 *
 * `<prefix>/YYYY/MM/DD/<record id>.json`, with date and id taken from the stream record, so that a retry, a bisected
 * batch and a replay all write the same object, and the conditional put writes it only once.
 *
 * A stream record that fails is logged, put to the quarantine (the stream forgets it after 24 hours) and then told to
 * Lambda in one of two ways, see `verdict`.
 *
 * The processor in Python writes the same, byte for byte; the tests hold both to it.
 */

import { setTimeout } from "node:timers/promises";

import { S3 } from "@aws-sdk/client-s3";

const WRITERS = 16;
const CONFLICT_PAUSES = [50, 100, 200, 400]; // milliseconds before each further attempt; then the record fails
const TOO_DEEP = "nested too deep to be written";
const JSON_NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;
const ISO_TIME = new RegExp(
  "^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]((?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2})" +
    "(?:\\.([0-9]+))?(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?$",
);
const FIRST_MOMENT = Date.parse("0001-01-01T00:00:00.000Z");
const LAST_MOMENT = Date.parse("9999-12-31T23:59:59.999Z");

/** An order that cannot be enriched: no retry will help, until this code or the order changes. */
export class InvalidOrderError extends Error {
  name = "InvalidOrderError";
}

/** A stream record that is not shaped as DynamoDB Streams shape it. */
export class InvalidRecordError extends Error {
  name = "InvalidRecordError";
}

/** Makes the invocation an error; names the record to blame. */
export class BatchError extends Error {
  name = "BatchError";
}

/** A record that could not be processed, and why. It may hold anything: that can be why it failed. */
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

/**
 * What is added to the metadata of an order's object: the place for a pipeline's own rules.
 *
 * `order` is the new image in DynamoDB's typed form, empty where the stream carries none.
 * Throws InvalidOrderError when the order makes no sense.
 */
function enrich(order) {
  const { amount } = order;
  if (amount !== undefined && !("N" in amount)) {
    const [[kind, value]] = Object.entries(amount);
    throw new InvalidOrderError(`amount must be a number, got ${kind} ${brief(value)}`);
  }
  return { status: "PROCESSED" };
}

/** Writes the orders of a batch to the bucket. */
export class Processor {
  constructor(
    s3,
    bucket,
    prefix = "processed-data",
    failedPrefix = "failed-data",
    { owner, now = () => new Date(), sleep = setTimeout } = {},
  ) {
    Object.assign(this, { s3, bucket, prefix, failedPrefix, owner, now, sleep });
  }

  /** Attempt every record of the batch. Returns Lambda's partial batch response, or throws BatchError. */
  async process(event, context) {
    const records = dig(event, "Records") ?? [];
    if (!Array.isArray(records)) throw new BatchError(`Records must be a list, got ${brief(records)}`);
    const overwrite = dig(event, "overwrite") === true;
    const errors = await attemptEach((record) => this.write(record, { context, overwrite }), records);
    const failures = records
      .map((record, position) => errors[position] && new Failure(position, record, reasonOf(errors[position])))
      .filter(Boolean);
    for (const failure of failures) log("record failed", failure, failure.reason, context);
    const unkept = await attemptEach((failure) => this.quarantine(failure), failures);
    for (const [position, error] of unkept.entries()) {
      if (error) log("record not quarantined", failures[position], reasonOf(error), context);
    }
    return verdict(failures);
  }

  /** Write one record's object; a REMOVE leaves the objects of the order's earlier versions alone. */
  async write(record, { context, overwrite }) {
    const eventName = dig(record, "eventName");
    if (eventName === "REMOVE") return;
    if (eventName !== "INSERT" && eventName !== "MODIFY") {
      throw new InvalidRecordError(`eventName must be INSERT, MODIFY or REMOVE, got ${brief(eventName)}`);
    }
    const body = document(record, context, this.now());
    const day = createdAt(record).toISOString().slice(0, 10).replaceAll("-", "/");
    await this.put(`${this.prefix}/${day}/${objectName(record)}`, body, { overwrite });
  }

  /** Keep the raw record where neither a retry nor the stream's 24 hours reach it. */
  async quarantine(failure) {
    const [, label] = /\/stream\/(.+)/s.exec(textAt(failure.record, "eventSourceARN")) ?? [];
    if (!label || failure.sequenceNumber === null) {
      throw new InvalidRecordError("no stream label or no sequence number to keep it under");
    }
    // Padded, so that a listing is in the stream's order and a range of it can be asked for.
    const name = quote(failure.sequenceNumber.padStart(40, "0"));
    const folder = quote(label).replaceAll("%3A", ":");
    await this.put(`${this.failedPrefix}/${folder}/${name}.json`, ascii(json(failure.record)));
  }

  /** Write an object unless it is there already. */
  async put(key, body, { overwrite = false } = {}) {
    const request = { Bucket: this.bucket, Key: key, Body: body, ContentType: "application/json" };
    if (this.owner) request.ExpectedBucketOwner = this.owner; // a bucket of that name may have become somebody else's
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

/** Do `work` on every item, several at once, whatever the others do; what each of them threw, in order. */
async function attemptEach(work, items) {
  const errors = Array(items.length).fill(null);
  const rest = items.entries();
  const writer = async () => {
    for (const [position, item] of rest) {
      try {
        await work(item);
      } catch (error) {
        errors[position] = error;
      }
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  return errors;
}

/**
 * Tell Lambda what failed: as an error when the batch's first record did, else as a partial batch response.
 *
 * Lambda counts a partial batch response as a success, so the function's `Errors` metric, and the alarm on it, would
 * never see a record that is always reported politely. Lambda retries from the lowest sequence number reported, so
 * at the next attempt the poison record stands first, and then it is an error. REMOVE records in front of it make no
 * difference: they are done at the first attempt, like every good record in front.
 *
 * A record without a sequence number cannot be reported at all, so it is an error wherever it stands.
 */
function verdict(failures) {
  for (const { position, keys, sequenceNumber, reason } of failures) {
    if (position === 0 || sequenceNumber === null) {
      const others = failures.length > 1 ? ` (${failures.length - 1} more of the batch failed)` : "";
      const record = `record with keys ${oneLine(keys)} and sequence number ${sequenceNumber ?? "unknown"}`;
      throw new BatchError(`${record} failed: ${reason}${others}`);
    }
  }
  return { batchItemFailures: failures.map(({ sequenceNumber }) => ({ itemIdentifier: sequenceNumber })) };
}

/** What an operator reads: of the record, not of the stack that it was too deep for. */
function reasonOf(error) {
  const { name, message } = error instanceof RangeError ? new InvalidRecordError(TOO_DEEP) : error;
  return `${name}: ${message}`;
}

/** One line as it is: Lambda puts time, id and level in front of what goes through `console`. */
function log(message, { keys, eventId, sequenceNumber }, reason, { awsRequestId: requestId }) {
  const line = { level: "ERROR", message, keys, eventId, sequenceNumber, reason, requestId };
  process.stdout.write(`${jsonObject(Object.entries(line).map(([name, value]) => [name, oneLine(value)]))}\n`);
}

/** JSON text in ASCII; what has none is told as a text. */
function oneLine(value) {
  try {
    return ascii(json(value));
  } catch (error) {
    if (error instanceof RangeError) return JSON.stringify(TOO_DEEP);
    throw error;
  }
}

/** The object's text. */
function document(record, context, processedAt) {
  const content = ["Keys", "NewImage", "OldImage"].map((name) => imageToJson(dig(record, "dynamodb", name)));
  const order = dig(record, "dynamodb", "NewImage");
  const metadata = {
    recordId: recordId(record),
    processedAt: processedAt.toISOString(),
    ...enrich(isMap(order) ? order : {}),
    eventName: dig(record, "eventName"),
    sequenceNumber: dig(record, "dynamodb", "SequenceNumber"),
    createdAt: createdAt(record).toISOString(),
    source: dig(record, "eventSourceARN"),
    functionName: context.functionName,
    requestId: context.awsRequestId,
  };
  const [keys, newImage, oldImage] = content;
  return jsonObject(Object.entries({ metadata: json(metadata, finite), keys, newImage, oldImage }));
}

/** The stream's own id of the record, else its sequence number: the same at every retry and replay. */
function recordId(record) {
  const identity = textAt(record, "eventID") ?? textAt(record, "dynamodb", "SequenceNumber");
  if (identity === null) throw new InvalidRecordError("neither an eventID nor a SequenceNumber");
  return identity;
}

/**
 * The record id as the last part of a key: no id leaves its folder, and no two share a name.
 *
 * `=` is never left bare by `quote`, so a sequence number cannot take the name of another record's event id.
 */
function objectName(record) {
  const kind = textAt(record, "eventID") ? "" : "sequence=";
  return `${kind}${quote(recordId(record))}.json`;
}

/** When the order changed: never the clock's time, which is another one at the next attempt. */
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

function fromEpoch(seconds) {
  if (typeof seconds !== "number") return null;
  // By way of microseconds: 1767225599.123 lies just below its millisecond, as most fractions do.
  const whole = Math.floor(seconds);
  const moment = new Date(whole * 1000 + Math.floor(Math.round((seconds - whole) * 1e6) / 1000));
  return isInRange(moment) ? moment : null;
}

/** The time in UTC where the text names no zone; null where it is none. */
function fromText(text) {
  const match = ISO_TIME.exec(text);
  if (!match) return null;
  const [, day, time, fraction = "", zone = "Z"] = match;
  const local = new Date(`${day}T${time}Z`);
  const moment = new Date(`${day}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}${zone}`);
  return isInRange(local) && local.toISOString().startsWith(day) && isInRange(moment) ? moment : null; // no 30 February
}

/** Whether a year of four digits can tell it. */
function isInRange(moment) {
  return moment >= FIRST_MOMENT && moment <= LAST_MOMENT;
}

/** Keys or an image as JSON text; null where the stream's view type leaves it out. */
function imageToJson(image) {
  return image === null ? "null" : toJson({ M: image });
}

/**
 * A value in DynamoDB's typed form as plain JSON text, the attributes sorted by name: DynamoDB gives them no order.
 *
 * Text, and not an object for `JSON.stringify`, because a number has up to 38 digits and goes in as DynamoDB sent it:
 * a double keeps 17 of them.
 */
export function toJson(value) {
  const [[kind, content] = [], ...others] = isMap(value) ? Object.entries(value) : [];
  const list = Array.isArray(content) && ((member) => `[${content.map(member).join(", ")}]`);
  switch (others.length ? null : kind) {
    case "S":
    case "B":
      if (typeof content === "string") return JSON.stringify(content);
      break;
    case "N":
      if (typeof content === "string" && JSON_NUMBER.test(content)) return content;
      break;
    case "BOOL":
      if (typeof content === "boolean") return String(content);
      break;
    case "NULL":
      return "null";
    case "M":
      if (isMap(content)) return jsonObject(byName(content).map(([name, member]) => [name, toJson(member)]));
      break;
    case "L":
      if (list) return list(toJson);
      break;
    case "SS":
    case "NS":
    case "BS":
      if (list) return list((member) => toJson({ [kind[0]]: member }));
  }
  throw new InvalidRecordError(`not a DynamoDB value: ${brief(value)}`);
}

/** A map's members by the code points of their names; of its own accord JavaScript would put "10" before "9". */
function byName(map) {
  return Object.entries(map).sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}

/** The text of a JSON object whose values are JSON text already. */
function jsonObject(members) {
  return `{${members.map(([name, text]) => `${JSON.stringify(name)}: ${text}`).join(", ")}}`;
}

/** A value as JSON, spaced as Python spaces it. */
function json(value, number = asItCame) {
  if (Array.isArray(value)) return `[${value.map((member) => json(member, number)).join(", ")}]`;
  if (isMap(value)) return jsonObject(Object.entries(value).map(([name, member]) => [name, json(member, number)]));
  return typeof value === "number" ? number(value) : JSON.stringify(value);
}

/** A number's JSON; what came as Infinity was spelled beyond all bounds, and is so again. */
function asItCame(number) {
  return Number.isFinite(number) ? JSON.stringify(number) : `${number < 0 ? "-" : ""}1e999`;
}

/** A number's JSON, where a reader is to get it as it is. */
function finite(number) {
  if (!Number.isFinite(number)) throw new InvalidRecordError(`${number} is no JSON`);
  return JSON.stringify(number);
}

/** JSON text with everything but ASCII escaped. */
function ascii(text) {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A value as JSON, by its ends where it is long. */
function brief(value) {
  const text = oneLine(value);
  return text.length > 60 ? `${text.slice(0, 28)}...${text.slice(-28)}` : text;
}

/** A text as one part of a key. */
function quote(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

function isMap(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What lies at `path`; null where anything on the way is missing or no map. */
function dig(value, ...path) {
  return path.reduce((found, name) => (isMap(found) ? found[name] : null), value) ?? null;
}

/** The text at `path`; null where there is none, or an empty one. */
function textAt(value, ...path) {
  const found = dig(value, ...path);
  return typeof found === "string" && found ? found : null;
}

let made;

/** The one processor of this execution environment. */
export function processor() {
  const { BUCKET_NAME, PROCESSED_PREFIX, FAILED_PREFIX, BUCKET_OWNER } = process.env;
  const requestHandler = { connectionTimeout: 2_000, socketTimeout: 10_000 };
  made ??= new Processor(new S3({ maxAttempts: 3, requestHandler }), BUCKET_NAME, PROCESSED_PREFIX, FAILED_PREFIX, {
    owner: BUCKET_OWNER,
  });
  return made;
}

export async function handler(event, context) {
  return processor().process(event, context);
}

if ("AWS_LAMBDA_FUNCTION_NAME" in process.env) {
  processor(); // while the environment starts, which Lambda does with a full processor whatever the memory
}
