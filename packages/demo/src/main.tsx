import { render } from "preact";
import { App } from "./app.tsx";
import { Session } from "./session.ts";

const root = document.getElementById("app")!;

function tell(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  const message = document.createElement("p");
  message.className = "boot failed";
  message.setAttribute("role", "alert");
  message.textContent = `The page cannot start: ${text}`;
  root.replaceChildren(message);
}

Session.open().then((session) => {
  root.replaceChildren();
  render(<App session={session} />, root);
  performance.mark("shown");
  navigator.serviceWorker
    ?.register("/service-worker.js")
    .then(() => navigator.serviceWorker.ready)
    .then(({ active }) => active && session.keep(active))
    .catch(() => undefined); // a private window may have none: the page works, with its server
}, tell);
