/**
 * Auditor: write each dead-letter message to the audit table as one permanent item.
 *
 * The item's key is computed from the message alone, and the put is conditional. A message that is delivered again, by
 * the queue or by `replay-dlq`, is written once and does not overwrite the result of a replay.
 *
 * Messages are accepted in any form. AWS leaves fields out: `responseContext` when the records were discarded before an
 * invocation, the range when a tumbling window fails. Emulators use other names for conditions, and people send
 * messages by hand. A message that cannot be parsed is audited too, so that an operator sees it.
 *
 * The auditor in Python writes the same items. The tests compare the two.
 */

import { createHash } from "node:crypto";

import { DynamoDB } from "@aws-sdk/client-dynamodb";

const WRITERS = 10;
const FAILURE_TYPES = new Map([
  ["RetryAttemptsExhausted", "RetryAttemptsExhausted"],
  ["RecordAgeExceeded", "RecordAgeExceeded"],
  ["MaxRecordAgeExceeded", "RecordAgeExceeded"], // the name in emulators
  ["MaximumRecordAgeExceeded", "RecordAgeExceeded"],
]);
// DynamoDB's limit is 400 KB for an item, names and values together. A text counts its UTF-8 bytes. A map or list
// counts at most twice its JSON text. So 300 + 2 * 32 + 2 * 4 + 20 fields of 1 KB each stay below the limit.
const BODY_BYTES = 300 * 1024;
const MESSAGE_ATTRIBUTES_BYTES = 32 * 1024;
const ATTRIBUTES_BYTES = 4 * 1024;
const FIELD_BYTES = 1024;
const TOO_DEEP = "nested too deep to be written";
const ISO_TIME = new RegExp(
  "^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]((?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2})" +
    "(?:\\.([0-9]+))?(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?$",
);
const FIRST_MOMENT = Date.parse("0001-01-01T00:00:00.000Z");
const LONGEST_DELIVERY = 24 * 3600 * 1000;
const CLOCK_DIFFERENCE = 60 * 1000;
const LAST_MOMENT = Date.parse("9999-12-31T23:59:59.999Z");

/** Fail the invocation. The message names the queue message that failed. */
export class BatchError extends Error {
  name = "BatchError";
}

/** Write the messages of a batch to the audit table. */
export class Auditor {
  constructor(dynamodb, table) {
    Object.assign(this, { dynamodb, table });
  }

  /**
   * Audit every message of the batch, also when one fails. Returns Lambda's partial batch response.
   *
   * Throws BatchError when no message could be written, so that the function's `Errors` metric counts it. Then no
   * message of the batch was audited, so none is audited twice.
   */
  async audit(event, context) {
    const messages = exact(dig(event, "Records") ?? []);
    if (!Array.isArray(messages)) throw new BatchError(`Records must be a list, got ${cut(text(messages), 60)}`);
    const errors = await attemptEach((message) => this.write(message), messages);
    const failures = messages
      .map((message, position) => [text(dig(message, "messageId")), errors[position]])
      .filter(([, error]) => error)
      .map(([messageId, error]) => [messageId, `${error.name}: ${error.message}`]);
    for (const [messageId, reason] of failures) logFailure(messageId, reason, context);
    for (const [messageId, reason] of failures) {
      // The response can name a message by its id only.
      if (failures.length === messages.length || !messageId) {
        throw new BatchError(`message ${messageId || "without an id"} was not audited: ${reason}`);
      }
    }
    return { batchItemFailures: failures.map(([messageId]) => ({ itemIdentifier: messageId })) };
  }

  /** Write one message's item. Keep an item that exists. */
  async write(message) {
    const { M: item } = typed(auditItem(message));
    try {
      await this.dynamodb.putItem({
        TableName: this.table,
        Item: item,
        ConditionExpression: "attribute_not_exists(auditId)",
      });
    } catch (error) {
      if (error.name !== "ConditionalCheckFailedException") throw error;
    }
  }
}

/** Call `work` with every item, several at once. Return the error of each item, or null, in the order of the items. */
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

/** Print the failure as one line of JSON: not with `console`, to whose text Lambda adds time, id and level. */
function logFailure(messageId, reason, { awsRequestId: requestId }) {
  const line = { level: "ERROR", message: "message not audited", messageId, reason, requestId };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Return the audit item of a queue message. An attribute that the message does not have is null. */
function auditItem(message) {
  const failure = parsed(text(dig(message, "body")));
  const [request, batch] = [dig(failure, "requestContext"), dig(failure, "DDBStreamBatchInfo")];
  return {
    auditId: auditId(message, batch),
    timestamp: failedAt(failure, message).toISOString(),
    failureType: failureType(failure),
    condition: field(request, "condition"),
    requestId: field(request, "requestId"),
    functionArn: field(request, "functionArn"),
    functionError: field(failure, "responseContext", "functionError"),
    approximateInvokeCount: field(request, "approximateInvokeCount"),
    stream: {
      arn: field(batch, "streamArn"),
      shardId: field(batch, "shardId"),
      startSequenceNumber: field(batch, "startSequenceNumber"),
      endSequenceNumber: field(batch, "endSequenceNumber"),
      batchSize: field(batch, "batchSize"),
      firstArrival: field(batch, "approximateArrivalOfFirstRecord"),
      lastArrival: field(batch, "approximateArrivalOfLastRecord"),
    },
    message: keptMessage(message),
    replayStatus: "OPEN",
    unresolved: "yes", // the key of a sparse index: the attribute is there while the failure is unresolved
  };
}

/** Return the failure's id: a hash of the stream range that failed, else of the message id. */
function auditId(message, batch) {
  const names = ["streamArn", "shardId", "startSequenceNumber", "endSequenceNumber"];
  const range = names.map((name) => dig(batch, name));
  const complete = range.every((part) => typeof part === "string" && part);
  return sha256(complete ? range.join("\n") : text(dig(message, "messageId")) || text(message)).slice(0, 32);
}

/** Return a value of a closed list, so that a query of the index for each value finds every failure. */
function failureType(failure) {
  if (!isMap(failure)) return "UnparseableMessage";
  return FAILURE_TYPES.get(text(dig(failure, "requestContext", "condition"))) ?? "Other";
}

/** Return the message without its receipt handle, which is new at every delivery. A long body is cut. */
function keptMessage(message) {
  const body = text(dig(message, "body"));
  const whole = cut(body, BODY_BYTES) === body;
  return {
    messageId: field(message, "messageId"),
    body: cut(body, BODY_BYTES),
    bodyLength: whole ? null : BigInt(utf8(body).length),
    bodySha256: whole ? null : sha256(body),
    md5OfBody: field(message, "md5OfBody"),
    sentTimestamp: sentAt(message).toISOString(),
    attributes: bounded(dig(message, "attributes"), ATTRIBUTES_BYTES),
    messageAttributes: bounded(dig(message, "messageAttributes"), MESSAGE_ATTRIBUTES_BYTES),
    eventSource: field(message, "eventSource"),
    eventSourceARN: field(message, "eventSourceARN"),
    awsRegion: field(message, "awsRegion"),
  };
}

/** Parse JSON. An integer becomes a BigInt, which keeps all digits; a number with a fraction stays a number. */
function parse(body) {
  return JSON.parse(body, (_, value, { source }) => {
    if (typeof value !== "number") return value;
    return /^-?[0-9]+$/.test(source) ? BigInt(source) : value;
  });
}

/** Return a value that Lambda has parsed with its integers as BigInt, like `parse`. */
function exact(value) {
  try {
    if (Array.isArray(value)) return value.map((member) => exact(member));
    if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, exact(member)]));
    return Number.isInteger(value) && Math.abs(value) < 1e21 ? BigInt(String(value)) : value;
  } catch (error) {
    return unlessTooDeep(error, value);
  }
}

/** Return `instead` when the value is nested deeper than the stack allows. Throw any other error again. */
function unlessTooDeep(error, instead) {
  if (!(error instanceof RangeError)) throw error;
  return instead;
}

/** Return the body's JSON value; null when the body is not JSON. */
function parsed(body) {
  try {
    return parse(body);
  } catch {
    return null; // a message can consist of a megabyte of brackets
  }
}

/** Return an ISO 8601 text as a time, in UTC when it has no time zone; null for any other value. */
function moment(value) {
  const match = typeof value === "string" && ISO_TIME.exec(value);
  if (!match) return null;
  const [, day, time, fraction = "", zone = "Z"] = match;
  const local = new Date(`${day}T${time}Z`);
  const found = new Date(`${day}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}${zone}`);
  return isInRange(local) && local.toISOString().startsWith(day) && isInRange(found) ? found : null; // no 30 February
}

/** Report whether the year has four digits. */
function isInRange(moment) {
  return moment >= FIRST_MOMENT && moment <= LAST_MOMENT;
}

/**
 * Return the time of the failure as the body names it; the queue's own time when that cannot be right.
 *
 * A time far from the queue's would hide the failure from everybody who looks for recent ones.
 */
function failedAt(failure, message) {
  const [named, sent] = [moment(dig(failure, "timestamp")), sentAt(message)];
  if (named === null || sent.getTime() === 0) return named ?? sent;
  return named >= sent.getTime() - LONGEST_DELIVERY && named <= sent.getTime() + CLOCK_DIFFERENCE ? named : sent;
}

/**
 * Return the time at which the message was sent; 1970 when that is missing.
 *
 * The current time would differ at the next delivery, and the message would be audited twice.
 */
function sentAt(message) {
  const sent = text(dig(message, "attributes", "SentTimestamp"));
  return new Date(/^[0-9]+$/.test(sent) && Number(sent) <= LAST_MOMENT ? Number(sent) : 0);
}

/** Return the value at `path` as an integer or as a text of at most 1 KB; null when it is missing. */
function field(value, ...path) {
  const found = dig(value, ...path);
  return found === null || isNumber(found) ? found : cut(text(found), FIELD_BYTES);
}

/** Return the value, or the beginning of its JSON text when that is longer than `limit` bytes. */
function bounded(value, limit) {
  const asText = text(value);
  return asText !== TOO_DEEP && utf8(asText).length <= limit ? value : cut(asText, limit);
}

/** Return a value in DynamoDB's typed form. Maps and lists below `depth` become text: DynamoDB allows 32 levels. */
function typed(value, depth = 7) {
  if (isMap(value) && depth) {
    const kept = Object.entries(value).filter(([name, member]) => name && member !== null);
    return { M: Object.fromEntries(kept.map(([name, member]) => [unicode(name), typed(member, depth - 1)])) };
  }
  if (Array.isArray(value) && depth) return { L: value.map((member) => typed(member, depth - 1)) };
  return isNumber(value) ? { N: String(value) } : { S: unicode(text(value)) };
}

/** Report whether DynamoDB can store the number exactly: an integer of at most 38 digits. */
function isNumber(value) {
  return typeof value === "bigint" && value < 10n ** 38n && value > -(10n ** 38n);
}

/** Return a text unchanged, null as the empty text, and any other value as JSON. */
function text(value) {
  if (value === null || typeof value === "string") return value ?? "";
  try {
    return json(value);
  } catch (error) {
    return unlessTooDeep(error, TOO_DEEP); // a value that could be parsed can still be too deep to be written
  }
}

/** Return the JSON text that Python writes, with the members of a map sorted by the code points of their names. */
function json(value) {
  if (Array.isArray(value)) return `[${value.map(json).join(", ")}]`;
  if (isMap(value)) {
    const members = Object.entries(value).sort(([one], [other]) => byCodePoint(one, other));
    return `{${members.map(([name, member]) => `${json(name)}: ${json(member)}`).join(", ")}}`;
  }
  if (typeof value === "string") return JSON.stringify(unicode(value));
  return typeof value === "number" ? fraction(value) : String(value);
}

/** Compare two texts by code points, as Python does. JavaScript compares UTF-16 units. */
function byCodePoint(one, other) {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** Return a double in Python's notation, which has the same digits and another form of exponent. */
function fraction(value) {
  const [digits, exponent] = value.toExponential().split("e");
  if (!Number.isFinite(value) || exponent < -4 || exponent >= 16) {
    return exponent ? `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}` : String(value);
  }
  const plain = Object.is(value, -0) ? "-0" : String(value);
  return Number.isInteger(value) ? `${plain}.0` : plain;
}

/** Return the beginning of the text: at most `limit` bytes, and whole characters only. */
function cut(value, limit) {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return decoder.decode(utf8(value).subarray(0, limit), { stream: true }); // drops a character that is cut in half
}

/** Return the text in UTF-8. */
function utf8(value) {
  return Buffer.from(unicode(value));
}

/** Return the text with each lone surrogate, which UTF-8 cannot encode, replaced by a question mark. */
function unicode(value) {
  return value.isWellFormed() ? value : value.replace(/\p{Surrogate}/gu, "?");
}

/** Return the SHA-256 hash of the text, as hexadecimal digits. */
function sha256(value) {
  return createHash("sha256").update(utf8(value)).digest("hex");
}

function isMap(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Return the value at `path`; null when a part of the path is missing or is not a map. */
function dig(value, ...path) {
  return path.reduce((found, name) => (isMap(found) ? found[name] : null), value) ?? null;
}

let created;

/** Return the auditor of this execution environment. */
export function auditor() {
  const requestHandler = { connectionTimeout: 2_000, socketTimeout: 5_000 };
  created ??= new Auditor(new DynamoDB({ maxAttempts: 3, requestHandler }), process.env.AUDIT_TABLE_NAME);
  return created;
}

/** Audit one batch of queue messages. */
export async function handler(event, context) {
  return auditor().audit(event, context);
}

if ("AWS_LAMBDA_FUNCTION_NAME" in process.env) {
  auditor(); // make the client during the init phase, which has a full CPU for every memory size
}
