/**
 * Auditor: every dead-letter message becomes one permanent item of the audit table.
 *
 * The item's key is made of the message alone, and the put is conditional: however often a message comes, from the
 * queue or from a replay, it is written once, and never over what a replay has noted on it since.
 *
 * Messages are taken as they come. AWS leaves fields out (no `responseContext` when the records were discarded before
 * an invocation, no range when a tumbling window ends in failure), emulators spell conditions in their own way, and
 * people put things into queues by hand; a failure that cannot be read is still one that somebody has to look at.
 *
 * The auditor in Python writes the same; the tests hold both to it.
 */

import { createHash } from "node:crypto";

import { DynamoDB } from "@aws-sdk/client-dynamodb";

const WRITERS = 10;
const FAILURE_TYPES = new Map([
  ["RetryAttemptsExhausted", "RetryAttemptsExhausted"],
  ["RecordAgeExceeded", "RecordAgeExceeded"],
  ["MaxRecordAgeExceeded", "RecordAgeExceeded"], // as emulators have it
  ["MaximumRecordAgeExceeded", "RecordAgeExceeded"],
]);
// DynamoDB takes items below 400 KB, names and values together. A text counts its UTF-8 bytes; a map or list can count
// twice its JSON text. So 300 + 2 * 32 + 2 * 4 + fewer than 20 fields of 1 KB each are safe whatever comes.
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
const LAST_MOMENT = Date.parse("9999-12-31T23:59:59.999Z");

/** Makes the invocation an error; names the message to blame. */
export class BatchError extends Error {
  name = "BatchError";
}

/** Writes the messages of a batch to the audit table. */
export class Auditor {
  constructor(dynamodb, table) {
    Object.assign(this, { dynamodb, table });
  }

  /**
   * Attempt every message of the batch. Returns Lambda's partial batch response, or throws BatchError.
   *
   * A batch of which nothing could be written is an error, because that shows in the function's `Errors` metric,
   * and costs nothing: there is no good message that would be delivered again.
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
      // Lambda cannot be told of one without an id.
      if (failures.length === messages.length || !messageId) {
        throw new BatchError(`message ${messageId || "without an id"} is not in the audit trail: ${reason}`);
      }
    }
    return { batchItemFailures: failures.map(([messageId]) => ({ itemIdentifier: messageId })) };
  }

  /** Write one message's item unless it is there already. */
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

/** One line as it is: Lambda puts time, id and level in front of what goes through `console`. */
function logFailure(messageId, reason, { awsRequestId: requestId }) {
  const line = { level: "ERROR", message: "message not audited", messageId, reason, requestId };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** What the audit trail keeps of a queue message. Null stands for an attribute that the message does not have. */
function auditItem(message) {
  const failure = parsed(text(dig(message, "body")));
  const [request, batch] = [dig(failure, "requestContext"), dig(failure, "DDBStreamBatchInfo")];
  return {
    auditId: auditId(message, batch),
    timestamp: (moment(dig(failure, "timestamp")) ?? sentAt(message)).toISOString(),
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
  };
}

/** The failure's identity: the range of the stream that was given up; of the message where it names none. */
function auditId(message, batch) {
  const names = ["streamArn", "shardId", "startSequenceNumber", "endSequenceNumber"];
  const range = names.map((name) => dig(batch, name));
  const whole = range.every((part) => typeof part === "string" && part);
  return sha256(whole ? range.join("\n") : text(dig(message, "messageId")) || text(message)).slice(0, 32);
}

/** One of a closed list, so that asking the index for each of them finds every failure. */
function failureType(failure) {
  if (!isMap(failure)) return "UnparseableMessage";
  return FAILURE_TYPES.get(text(dig(failure, "requestContext", "condition"))) ?? "Other";
}

/** The message as the queue had it, but for the receipt handle, which is a new one at every delivery. */
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

/** JSON with its integers as BigInt, so that none loses a digit and a number is a fraction. */
function parse(body) {
  return JSON.parse(body, (_, value, { source }) => {
    if (typeof value !== "number") return value;
    return /^-?[0-9]+$/.test(source) ? BigInt(source) : value;
  });
}

/** What Lambda has parsed already, as `parse` would have, as far down as anything is ever written. */
function exact(value) {
  try {
    if (Array.isArray(value)) return value.map((member) => exact(member));
    if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, exact(member)]));
    return Number.isInteger(value) && Math.abs(value) < 1e21 ? BigInt(String(value)) : value;
  } catch (error) {
    return unlessTooDeep(error, value);
  }
}

/** `instead` of what is nested deeper than the stack; other errors are thrown again. */
function unlessTooDeep(error, instead) {
  if (!(error instanceof RangeError)) throw error;
  return instead;
}

/** The body's JSON, null where it is none. */
function parsed(body) {
  try {
    return parse(body);
  } catch {
    return null; // a megabyte of brackets, which nests too deeply, is a legal message, too
  }
}

/** An ISO 8601 text as a time, UTC where it names no zone; null for anything else. */
function moment(value) {
  const match = typeof value === "string" && ISO_TIME.exec(value);
  if (!match) return null;
  const [, day, time, fraction = "", zone = "Z"] = match;
  const local = new Date(`${day}T${time}Z`);
  const made = new Date(`${day}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}${zone}`);
  return isInRange(local) && local.toISOString().startsWith(day) && isInRange(made) ? made : null; // no 30 February
}

/** Whether a year of four digits can tell it. */
function isInRange(moment) {
  return moment >= FIRST_MOMENT && moment <= LAST_MOMENT;
}

/** When the message was sent; 1970 where it does not say, since the clock would make a repeat a second item. */
function sentAt(message) {
  const sent = text(dig(message, "attributes", "SentTimestamp"));
  return new Date(/^[0-9]+$/.test(sent) && Number(sent) <= LAST_MOMENT ? Number(sent) : 0);
}

/** The scalar at `path`, within its share of the item; null where there is none. */
function field(value, ...path) {
  const found = dig(value, ...path);
  return found === null || isNumber(found) ? found : cut(text(found), FIELD_BYTES);
}

/** A map or list as it is; as a cut JSON text where it is larger than any that SQS sends. */
function bounded(value, limit) {
  const asText = text(value);
  return asText !== TOO_DEEP && utf8(asText).length <= limit ? value : cut(asText, limit);
}

/** A value in DynamoDB's typed form. Below `depth` maps and lists become text: DynamoDB nests to 32 levels. */
function typed(value, depth = 7) {
  if (isMap(value) && depth) {
    const kept = Object.entries(value).filter(([name, member]) => name && member !== null);
    return { M: Object.fromEntries(kept.map(([name, member]) => [unicode(name), typed(member, depth - 1)])) };
  }
  if (Array.isArray(value) && depth) return { L: value.map((member) => typed(member, depth - 1)) };
  return isNumber(value) ? { N: String(value) } : { S: unicode(text(value)) };
}

/** Whether DynamoDB stores this exactly: its numbers have 38 digits, and a double has no exact decimal form. */
function isNumber(value) {
  return typeof value === "bigint" && value < 10n ** 38n && value > -(10n ** 38n);
}

/** Text as it is, anything else as JSON; nothing is the empty text. */
function text(value) {
  if (value === null || typeof value === "string") return value ?? "";
  try {
    return json(value);
  } catch (error) {
    return unlessTooDeep(error, TOO_DEEP); // what could just be read can be too deep to be written
  }
}

/** JSON as Python writes it, the members of a map sorted by the code points of their names. */
function json(value) {
  if (Array.isArray(value)) return `[${value.map(json).join(", ")}]`;
  if (isMap(value)) {
    const members = Object.entries(value).sort(([one], [other]) => byCodePoint(one, other));
    return `{${members.map(([name, member]) => `${json(name)}: ${json(member)}`).join(", ")}}`;
  }
  if (typeof value === "string") return JSON.stringify(unicode(value));
  return typeof value === "number" ? fraction(value) : String(value);
}

/** The order of texts in Python; JavaScript's own is that of UTF-16. */
function byCodePoint(one, other) {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** A double as Python spells it: the same digits, another exponent. */
function fraction(value) {
  const [digits, exponent] = value.toExponential().split("e");
  if (!Number.isFinite(value) || exponent < -4 || exponent >= 16) {
    return exponent ? `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}` : String(value);
  }
  const plain = Object.is(value, -0) ? "-0" : String(value);
  return Number.isInteger(value) ? `${plain}.0` : plain;
}

/** The text's beginning, at most `limit` bytes and no half character. */
function cut(value, limit) {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return decoder.decode(utf8(value).subarray(0, limit), { stream: true }); // a stream may end within a character
}

function utf8(value) {
  return Buffer.from(unicode(value));
}

/** Half a surrogate pair, which JSON can spell and UTF-8 cannot, becomes a question mark. */
function unicode(value) {
  return value.isWellFormed() ? value : value.replace(/\p{Surrogate}/gu, "?");
}

function sha256(value) {
  return createHash("sha256").update(utf8(value)).digest("hex");
}

function isMap(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What lies at `path`; null where anything on the way is missing or no map. */
function dig(value, ...path) {
  return path.reduce((found, name) => (isMap(found) ? found[name] : null), value) ?? null;
}

let made;

/** The one auditor of this execution environment. */
export function auditor() {
  const requestHandler = { connectionTimeout: 2_000, socketTimeout: 5_000 };
  made ??= new Auditor(new DynamoDB({ maxAttempts: 3, requestHandler }), process.env.AUDIT_TABLE_NAME);
  return made;
}

export async function handler(event, context) {
  return auditor().audit(event, context);
}

if ("AWS_LAMBDA_FUNCTION_NAME" in process.env) {
  auditor(); // while the environment starts, which Lambda does with a full processor whatever the memory
}
