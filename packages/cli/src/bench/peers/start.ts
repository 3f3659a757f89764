import { say } from "../../terminal.ts";
import { BrowserRunner } from "./browser.ts";
import { buildJvm, installPackages } from "./install.ts";
import { jvmRunner, nodeRunner } from "./processes.ts";
import type { Group } from "./protocol.ts";
import type { Runner } from "./run.ts";

/**
 * Installs what a group needs, and starts what measures it.
 *
 * @throws UsageError if that fails
 */
export async function startGroup(group: Group): Promise<Runner> {
  if (group === "jvm") {
    await buildJvm(say);
    return jvmRunner();
  }
  await installPackages(say);
  return group === "browser" ? new BrowserRunner() : nodeRunner();
}
