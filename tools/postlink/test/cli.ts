import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** Runs the command line; its exit code and all it printed. */
export function cli(...args: string[]): { code: number; text: string } {
  const main = join(import.meta.dirname, "../src/main.ts");
  try {
    return {
      code: 0,
      text: execFileSync(process.execPath, [main, ...args], { encoding: "utf8", stdio: "pipe" }),
    };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { code: status, text: stdout + stderr };
  }
}
