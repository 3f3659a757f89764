// The behaviour suite on a page. The page's fragment names the door.
import fc from "fast-check";
import { DIRECT, sharedDoor, workerDoor } from "../doors.ts";
import { listed, type TestPage } from "../support/listed.ts";

const start = (): Worker => new Worker("/worker.js", { type: "module" });
const doors = [DIRECT, workerDoor(start), sharedDoor(start)];
const door = doors.find(({ name }) => name === location.hash.slice(1)) ?? DIRECT;

declare global {
  var testPage: TestPage;
}

const scarce = door.name === "shared";
// A search for the smallest case takes more databases than there are, and would end with that.
fc.configureGlobal({ endOnFailure: scarce });

globalThis.testPage = listed(door, { runs: door === DIRECT ? 60 : 5, scarce });
