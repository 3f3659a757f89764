// What tests of tabs need of the package's inside, bundled by support/tabs.ts.
export { DeltaError } from "../../src/errors.ts";
export { init } from "../../src/index.ts";
export { MemoryStorage } from "../../src/storage/memory-storage.ts";
export { StoredDatabase } from "../../src/storage/stored.ts";
export { openTabs } from "../../src/storage/tabs.ts";
