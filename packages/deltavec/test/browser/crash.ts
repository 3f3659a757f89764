// A page whose worker opens the database that the page's fragment names, obeys, and is killed.
declare global {
  /** Put here by the test: hears what the victim says. */
  var answer: (line: string) => Promise<void>;
  /** Tells the victim a line. */
  var tell: (line: string) => void;
}

const worker = new Worker(`/crash-worker.js${location.hash}`, { type: "module" });
worker.onmessage = ({ data }) => void globalThis.answer(data);
worker.onerror = ({ message }) => void globalThis.answer(`failed: ${message}`);
globalThis.tell = (line) => worker.postMessage(line);
