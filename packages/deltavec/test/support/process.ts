import { execFile } from "node:child_process";
import { dirname } from "node:path";

/** The package's folder: there its own name leads to what it exports. */
export const PACKAGE: string = dirname(dirname(import.meta.dirname));

/**
 * Runs a module in a process of its own, so that nothing is loaded yet.
 *
 * @param script - the module's text; its `report(value)` gives the result
 * @returns what it reported, as JSON carries it
 */
export function inFreshProcess(script: string): Promise<unknown> {
  const text = `const report = (value) => console.log(JSON.stringify(value));\n${script}`;
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ["--input-type=module", "--eval", text],
      { cwd: PACKAGE, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => {
        if (error === null) {
          resolve(JSON.parse(stdout));
        } else {
          reject(new Error(`${error.message}\n${stderr}`));
        }
      },
    );
  });
}

/** Text of functions that scripts may use: `codeOf` gives what a DeltaError says, `works` tries a database. */
export const HELPERS = `
  const codeOf = async (run) => {
    try {
      await run();
      return "nothing was thrown";
    } catch (error) {
      return error.name === "DeltaError" ? [error.code, error.message] : String(error.stack);
    }
  };
  const works = (DeltaVectorDB) => {
    const db = new DeltaVectorDB({ dimensions: 2 });
    const vector = Float32Array.of(1, 0);
    db.applyDelta({ vectorId: "a", operation: { type: "create", vector } });
    return db.search(vector, 1)[0].id === "a";
  };
`;
