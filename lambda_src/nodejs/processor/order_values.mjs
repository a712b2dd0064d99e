/**
 * Values of an order: typed in a stream record, plain for `enrich`, JSON in an object. No digit of a number is lost.
 *
 * | typed | plain | JSON |
 * | --- | --- | --- |
 * | `{"S": "a"}`, `{"BOOL": true}`, `{"NULL": true}` | `"a"`, `true`, `null` | `"a"`, `true`, `null` |
 * | `{"N": "1.10"}` | `new NumberValue("1.10")` | `1.10` |
 * | `{"B": "aGk="}` | a `Uint8Array` | `"aGk="` |
 * | `{"M": {"a": {"S": "b"}}}`, `{"L": [{"S": "b"}]}` | `{a: "b"}`, `["b"]` | `{"a": "b"}`, `["b"]` |
 * | `{"SS": ["a"]}`, `{"NS": ["1"]}`, `{"BS": ["aGk="]}` | a `Set` | a list |
 *
 * The module in Python writes the same bytes.
 */

const LONGEST_SHOWN = 60;
const TOO_DEEP = "nested too deep to be written";
const NUMBER = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,9}))?$/;

/** A stream record that does not have the form of DynamoDB Streams. */
export class InvalidRecordError extends Error {
  name = "InvalidRecordError";
}

/** A result of `enrich` that cannot be stored. */
export class InvalidResultError extends Error {
  name = "InvalidResultError";
}

/** A number with all its digits, of which a number of JavaScript keeps 17. Comparisons use the nearest such number. */
export class NumberValue {
  constructor(text) {
    if (!NUMBER.test(text)) throw new TypeError(`not a number: ${text}`);
    this.value = String(text);
  }

  toString() {
    return this.value;
  }

  valueOf() {
    return Number(this.value);
  }
}

/**
 * Return a typed value as JSON text, with the attributes sorted by name.
 *
 * Numbers are copied as text: a double keeps 17 digits, DynamoDB's numbers have up to 38.
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
      if (typeof content === "string" && NUMBER.test(content)) return content;
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

/** Return a typed value, which `toJson` accepts, as a value of JavaScript. */
export function toPlain(value) {
  const [[kind, content]] = Object.entries(value);
  switch (kind) {
    case "N":
      return new NumberValue(content);
    case "B":
      return binary(content);
    case "NULL":
      return null;
    case "M":
      return Object.fromEntries(Object.entries(content).map(([name, member]) => [name, toPlain(member)]));
    case "L":
      return content.map(toPlain);
    case "SS":
    case "NS":
    case "BS":
      return new Set(content.map((member) => toPlain({ [kind[0]]: member })));
  }
  return content;
}

function binary(content) {
  const decoded = Buffer.from(content, "base64");
  if (decoded.toString("base64") !== content) {
    throw new InvalidRecordError(`not a DynamoDB value: ${brief({ B: content })}`);
  }
  return decoded;
}

/**
 * Return a plain value as JSON text. Names of a map are sorted, and so are the texts of a set's members.
 *
 * Throws InvalidResultError for a value that JSON cannot express.
 */
export function write(value) {
  if (value === null || typeof value === "string" || typeof value === "boolean") return JSON.stringify(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new InvalidResultError("a number must be finite");
    return normal(String(value));
  }
  if (value instanceof NumberValue) return normal(value.value);
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString("base64")}"`;
  if (Array.isArray(value)) return `[${Array.from(value, write).join(", ")}]`;
  if (value instanceof Set) return `[${inOrder(Array.from(value, write), (text) => text).join(", ")}]`;
  if (isPlainMap(value)) return jsonObject(members(value));
  throw new InvalidResultError(`a value of type ${typeName(value)} cannot be stored`);
}

/** Return the names of a plain map, sorted, each with the JSON text of its value. Like JSON, leave out `undefined`. */
export function members(map) {
  return byName(map).flatMap(([name, value]) => (value === undefined ? [] : [[name, write(value)]]));
}

/** Return a number's text spelled like a Decimal of Python: with an exponent when it has more than five zeros. */
function normal(text) {
  const [, sign, whole, fraction = "", exponent = "0"] = NUMBER.exec(text);
  const digits = `${whole}${fraction}`.replace(/^0+(?=[0-9])/, "");
  const power = Number(exponent) - fraction.length; // the number is `digits` times 10 to this power
  const left = power + digits.length; // its digits before the point
  const point = power <= 0 && left > -6 ? left : 1;
  const padded = digits.padStart(digits.length + Math.max(0, 1 - point), "0");
  const place = Math.max(point, 1);
  const after = padded.slice(place);
  const scale = left === point ? "" : `E${left > point ? "+" : ""}${left - point}`;
  return `${sign}${padded.slice(0, place)}${after && `.${after}`}${scale}`;
}

/** Return a map's members sorted by the UTF-8 bytes of their names. JavaScript puts names of digits first. */
function byName(map) {
  return inOrder(Object.entries(map), ([name]) => name);
}

function inOrder(items, text) {
  return items.sort((one, other) => Buffer.compare(Buffer.from(text(one)), Buffer.from(text(other))));
}

/** Return the text of a JSON object. The values of `members` are JSON text. */
export function jsonObject(members) {
  return `{${members.map(([name, text]) => `${JSON.stringify(name)}: ${text}`).join(", ")}}`;
}

/** Return a value of a stream record, which came as JSON, as JSON text. Throw for a number out of range. */
export function rawJson(value) {
  return json(value, finite);
}

/** Return the value as JSON, with the spaces that Python writes. */
export function json(value, number = asItCame) {
  if (Array.isArray(value)) return `[${value.map((member) => json(member, number)).join(", ")}]`;
  if (isMap(value)) return jsonObject(Object.entries(value).map(([name, member]) => [name, json(member, number)]));
  return typeof value === "number" ? number(value) : JSON.stringify(value);
}

/** Return a number's JSON. A number out of range was parsed as Infinity and is written out of range again. */
function asItCame(number) {
  return Number.isFinite(number) ? JSON.stringify(number) : `${number < 0 ? "-" : ""}1e999`;
}

/** Return a number's JSON. Throw InvalidRecordError when the number is out of range. */
function finite(number) {
  if (!Number.isFinite(number)) throw new InvalidRecordError(`${number} is not JSON`);
  return JSON.stringify(number);
}

/** Return `work(value)`; throw `error` when the value is nested too deep. */
export function shallow(work, value, error = InvalidRecordError) {
  try {
    return work(value);
  } catch (thrown) {
    throw thrown instanceof RangeError ? new error(TOO_DEEP) : thrown;
  }
}

/** Return the value as JSON in ASCII on one line. A value that JSON cannot express is described by a JSON string. */
export function oneLine(value) {
  try {
    return ascii(json(value));
  } catch (error) {
    if (error instanceof RangeError) return JSON.stringify(TOO_DEEP);
    throw error;
  }
}

/** Return the JSON text with every character outside ASCII escaped. */
export function ascii(text) {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Return the value as JSON, with its middle cut out when it is longer than 60 characters. */
export function brief(value) {
  return cut(oneLine(value));
}

/** Return a plain value as JSON, cut in the same way, for the message of an error. */
export function shown(value) {
  return cut(write(value));
}

function cut(text) {
  const signs = Array.from(text);
  return signs.length > LONGEST_SHOWN ? `${signs.slice(0, 28).join("")}...${signs.slice(-28).join("")}` : text;
}

export function isMap(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isPlainMap(value) {
  return isMap(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

/** Return the name of a value's type, for messages. */
export function typeName(value) {
  return value === null ? "null" : (value?.constructor?.name ?? typeof value);
}
