// A page under a strict Content-Security-Policy: what works there, and what the policy reported.
import { DeltaVectorDB, init } from "deltavec";
import { init as initComponent } from "deltavec/component";
import { init as initSlim, DeltaVectorDB as SlimDB } from "deltavec/slim";

/** What happened on the page. */
export interface Report {
  /** Hits of a search, or the error. */
  readonly outcome: unknown;
  /** Directives that were violated. */
  readonly violations: string[];
}

const violations: string[] = [];
document.addEventListener("securitypolicyviolation", (event) => {
  violations.push(`${event.effectiveDirective}: ${event.blockedURI}`);
});

async function search(slim: boolean): Promise<unknown> {
  try {
    await (slim ? initSlim() : init());
    const db = new (slim ? SlimDB : DeltaVectorDB)({ dimensions: 2 });
    const vector = Float32Array.of(1, 0);
    db.onDelta(() => {});
    db.applyDelta({ vectorId: "a", operation: { type: "create", vector }, metadata: { n: 1 } });
    const hits = db.search(vector, 1);
    db.close();
    return hits;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { code, message };
  }
}

async function searchComponent(): Promise<unknown> {
  const { Database } = await initComponent();
  const db = Database.open({ dimensions: 2 });
  const vector = Float32Array.of(1, 0);
  db.apply([{ vectorId: "a", operation: { tag: "create", val: vector }, metadata: '{"n":1}' }]);
  const hits = db.search(vector, 1, {});
  db[Symbol.dispose]();
  return hits;
}

async function run(what: string): Promise<Report> {
  let outcome: unknown;
  if (what === "eval") {
    // The control: what deltavec must not do.
    try {
      outcome = new Function("return 1")();
    } catch (error) {
      outcome = (error as Error).name;
    }
  } else {
    outcome = await (what === "component" ? searchComponent() : search(what === "slim"));
  }
  // Violations are reported by events, which come later.
  await new Promise((resolve) => setTimeout(resolve, 50));
  return { outcome, violations };
}

declare global {
  var cspReport: Promise<Report>;
}

// Begun by the page itself: what a debugger evaluates is exempt from the policy.
globalThis.cspReport = run(location.hash.slice(1));
