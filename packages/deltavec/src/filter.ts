import { type DeltaError, describe, invalid } from "./errors.ts";
import type { MetadataFilter } from "./types.ts";

/** The most bytes of a filter as JSON in UTF-8. */
export const MAX_FILTER_BYTES = 65_536;
/** Filters within each other. */
const MAX_DEPTH = 32;
const KINDS = "one of equals, in, range, exists, and, or, not";
const BOUNDS: readonly string[] = ["gt", "gte", "lt", "lte"];

/**
 * Writes a filter as the core reads it: JSON, in which a filter is an object with one member, such as
 * `{"equals":[["author","name"],"Ada"]}`. O(length)
 *
 * @param filter - may be anything
 * @param place - what the filter is called in messages
 * @throws DeltaError INVALID_ARGUMENT that names the place within the filter
 */
export function filterText(filter: MetadataFilter, place: string): string {
  return new FilterText(place).write(filter, 1);
}

class FilterText {
  /** Where in the filter we are. */
  readonly #path: (string | number)[];
  /** Letters so far: of what refers to the same object many times, one that stops in time. */
  #length = 0;

  constructor(place: string) {
    this.#path = [place];
  }

  write(filter: unknown, depth: number): string {
    if (typeof filter !== "object" || filter === null || Array.isArray(filter)) {
      throw this.#wrong("must be a filter", filter);
    }
    if (depth > MAX_DEPTH) {
      throw this.#invalid(`lies within more than ${MAX_DEPTH - 1} filters`);
    }
    let kind: string | undefined;
    let hasField = false;
    for (const name of Object.keys(filter)) {
      if (name === "field") {
        hasField = true;
      } else if (kind === undefined) {
        kind = name;
      } else {
        throw this.#invalid(`must have ${KINDS}, not both ${kind} and ${describe(name)}`);
      }
    }
    const given = filter as Record<string, unknown> & { readonly field?: unknown };
    switch (kind) {
      case "and":
      case "or":
      case "not": {
        if (hasField) {
          throw this.#invalid(`must not have a field beside ${kind}`);
        }
        this.#count(10);
        this.#path.push(kind);
        const part = given[kind];
        const text = kind === "not" ? this.write(part, depth + 1) : this.#parts(part, depth + 1);
        this.#path.pop();
        return `{"${kind}":${text}}`;
      }
      case "equals":
      case "in":
      case "range":
      case "exists": {
        const path = this.#field(given.field);
        this.#path.push(kind);
        const text = this.#test(kind, path, given[kind]);
        this.#path.pop();
        this.#count(text.length);
        return text;
      }
      case undefined:
        throw this.#invalid(`must have ${KINDS}`);
      default:
        throw this.#invalid(`must have ${KINDS}, not ${describe(kind)}`);
    }
  }

  #parts(parts: unknown, depth: number): string {
    const list = this.#list("filters", parts);
    let text = "";
    for (let i = 0; i < list.length; i++) {
      this.#path.push(i);
      text += (i === 0 ? "" : ",") + this.write(list[i], depth);
      this.#path.pop();
    }
    return `[${text}]`;
  }

  #test(kind: "equals" | "in" | "range" | "exists", path: string, value: unknown): string {
    switch (kind) {
      case "equals":
        return `{"equals":[${path},${this.#scalar(value)}]}`;
      case "in":
        return `{"in":[${path},[${this.#scalars(value)}]]}`;
      case "range":
        return `{"range":[${path},{${this.#bounds(value)}}]}`;
      default:
        if (typeof value !== "boolean") {
          throw this.#wrong("must be a boolean", value);
        }
        return value ? `{"exists":[${path}]}` : `{"not":{"exists":[${path}]}}`;
    }
  }

  #field(field: unknown): string {
    if (typeof field === "string") {
      return `[${JSON.stringify(field)}]`;
    }
    this.#path.push("field");
    const names = Array.isArray(field) ? this.#list("names", field) : [];
    if (names.length === 0) {
      throw this.#wrong("must be a name, or a path of one or more names", field);
    }
    for (let i = 0; i < names.length; i++) {
      if (typeof names[i] !== "string") {
        this.#path.push(i);
        throw this.#wrong("must be a string", names[i]);
      }
    }
    this.#path.pop();
    return JSON.stringify(names);
  }

  #scalars(values: unknown): string {
    const list = this.#list("values", values);
    let text = "";
    for (let i = 0; i < list.length; i++) {
      this.#path.push(i);
      text += (i === 0 ? "" : ",") + this.#scalar(list[i]);
      this.#path.pop();
    }
    return text;
  }

  #scalar(value: unknown): string {
    if (typeof value === "string") {
      return JSON.stringify(value);
    }
    if (typeof value === "boolean" || value === null) {
      return String(value);
    }
    if (typeof value !== "number") {
      throw this.#wrong("must be a string, number, boolean or null", value);
    }
    return this.#number(value);
  }

  #bounds(range: unknown): string {
    if (typeof range !== "object" || range === null || Array.isArray(range)) {
      throw this.#wrong("must be an object of bounds", range);
    }
    let text = "";
    let type: string | undefined;
    for (const [name, bound] of Object.entries(range)) {
      if (!BOUNDS.includes(name)) {
        throw this.#invalid(`must have bounds ${BOUNDS.join(", ")}, not ${describe(name)}`);
      }
      if (bound === undefined) {
        continue;
      }
      this.#path.push(name);
      if (typeof bound !== "number" && typeof bound !== "string") {
        throw this.#wrong("must be a number or a string", bound);
      }
      type ??= typeof bound;
      if (typeof bound !== type) {
        throw this.#wrong(`must be a ${type} as the bound before it`, bound);
      }
      text += text === "" ? "" : ",";
      text += `"${name}":${typeof bound === "number" ? this.#number(bound) : JSON.stringify(bound)}`;
      this.#path.pop();
    }
    if (text === "") {
      throw this.#invalid(`must have at least one bound of ${BOUNDS.join(", ")}`);
    }
    return text;
  }

  #number(value: number): string {
    if (!Number.isFinite(value)) {
      throw this.#wrong("must be finite", value);
    }
    return String(value);
  }

  #list(what: string, list: unknown): readonly unknown[] {
    if (!Array.isArray(list)) {
      throw this.#wrong(`must be an array of ${what}`, list);
    }
    if (list.length > MAX_FILTER_BYTES) {
      throw tooLong(this.#path[0]);
    }
    return list;
  }

  #count(letters: number): void {
    this.#length += letters;
    if (this.#length > MAX_FILTER_BYTES) {
      throw tooLong(this.#path[0]);
    }
  }

  #wrong(must: string, value: unknown): DeltaError {
    return this.#invalid(`${must}, not ${describe(value)}`);
  }

  #invalid(what: string): DeltaError {
    const place = this.#path.reduce<string>(
      (path, step) =>
        path === "" ? `${step}` : typeof step === "number" ? `${path}[${step}]` : `${path}.${step}`,
      "",
    );
    return invalid(`${place} ${what}`);
  }
}

/** Returns what a filter is refused with that takes too many bytes. */
export function tooLong(place: string | number | undefined): DeltaError {
  return invalid(`${place} takes more than ${MAX_FILTER_BYTES} bytes as JSON`);
}
