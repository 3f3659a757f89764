// URLs of storages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStorageUrl } from "../../src/storage/url.ts";

for (const [url, kind, name] of [
  ["idb://notes", "idb", "notes"],
  ["idb://my notes, größer", "idb", "my notes, größer"],
  ["opfs://notes.v2", "opfs", "notes.v2"],
  ["file:notes", "file", "notes"],
  ["file:../notes", "file", "../notes"],
  ["file:/var/notes", "file", "/var/notes"],
  ["file:C:\\notes", "file", "C:\\notes"],
  ["file:///var/my%20notes", "file", "///var/my%20notes"],
  ["memory:", "memory", ""],
  ["memory:notes", "memory", "notes"],
] as const) {
  test(`${url} is understood`, () => {
    assert.deepEqual(parseStorageUrl(url), { kind, name, url });
  });
}

for (const url of [
  "",
  "notes",
  "./notes",
  "/var/notes",
  "C:\\notes",
  "idb:notes",
  "idb:/notes",
  "IDB://notes",
  " idb://notes",
  "https://example.org/notes",
  "sqlite:notes",
]) {
  test(`${JSON.stringify(url)} is none of the forms there are, which the message names`, () => {
    assert.throws(() => parseStorageUrl(url), {
      code: "INVALID_ARGUMENT",
      message: /is none of idb:\/\/NAME, opfs:\/\/NAME, file:PATH or memory:NAME/,
    });
  });
}

for (const url of [
  "idb://",
  "opfs://",
  "opfs://..",
  "opfs://.",
  "idb://a/b",
  "idb://a?b",
  "idb://a#b",
  "opfs://a\\b",
  "idb://a\nb",
  "memory:a/b",
  `idb://${"a".repeat(129)}`,
]) {
  test(`${JSON.stringify(url)} has no name that can be used`, () => {
    assert.throws(() => parseStorageUrl(url), {
      code: "INVALID_ARGUMENT",
      message: /needs a name of 1 to 128 characters/,
    });
  });
}

for (const url of ["file:", "file://host/notes", "file:a\0b"]) {
  test(`${JSON.stringify(url)} is no path`, () => {
    assert.throws(() => parseStorageUrl(url), {
      code: "INVALID_ARGUMENT",
      message: /needs the path of a directory/,
    });
  });
}

for (const url of [undefined, null, 1, {}, "idb://\ud800"]) {
  test(`${String(JSON.stringify(url))} is no URL`, () => {
    assert.throws(() => parseStorageUrl(url), {
      code: "INVALID_ARGUMENT",
      message: /must be a URL .* or a Storage/,
    });
  });
}
