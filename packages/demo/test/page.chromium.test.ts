// The page in Chromium. Each test has a server of its own, and so an origin and a storage.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { Page } from "playwright-core";
import { Browser } from "../../deltavec/test/support/chromium.ts";
import { hasModel, modelFolder, PAGE, type Served, serve } from "../server/index.ts";

const NO_MODEL = hasModel() ? false : "the embedding model is not in the cache";

let browser: Browser;
let site: Served | undefined;
let pages: Page[] = [];
/** What pages have complained of: errors, and what the policy forbade. */
let complaints: string[] = [];

before(async () => {
  browser = await Browser.launch();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
});

afterEach(async () => {
  await Promise.all(pages.map((page) => page.close()));
  await site?.[Symbol.asyncDispose]();
  const told = complaints;
  pages = [];
  site = undefined;
  complaints = [];
  assert.deepEqual(told, []);
});

/** Opens the page, and waits for the first result. */
async function open({ model = false, width = 1400, height = 900 } = {}): Promise<Page> {
  site ??= await serve({ page: PAGE, model: model ? modelFolder() : undefined, port: 0 });
  const page = await browser.context.newPage();
  pages.push(page);
  await page.setViewportSize({ width, height });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      complaints.push(message.text());
    }
  });
  await page.goto(site.url);
  await page.waitForSelector(".hit");
  return page;
}

/** Words of the results, best first. */
function words(page: Page): Promise<string[]> {
  return page.locator(".hit b").allTextContents();
}

/** Waits until a word is the best result. */
async function best(page: Page, word: string): Promise<void> {
  await page
    .locator(".hit")
    .first()
    .locator("b", { hasText: new RegExp(`^${word}$`) })
    .waitFor();
}

/** Applies the next edits of the stream by the key for it, each once the one before is shown. */
async function playNext(page: Page, count: number): Promise<void> {
  const begun = await changes(page);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  for (let i = 1; i <= count; i++) {
    await page.keyboard.press("n");
    await waitForChanges(page, begun + i);
  }
}

/** Asks another question, and waits for its results. */
async function ask(page: Page, question: string): Promise<void> {
  const before = await page.locator(".hits").textContent();
  await page.fill("#query", question);
  await page.waitForFunction((old) => document.querySelector(".hits")?.textContent !== old, before);
}

/** How many changes the page knows of. */
async function changes(page: Page): Promise<number> {
  return Number((await page.locator(".clock .number").textContent())?.split("/")[1]);
}

async function waitForChanges(page: Page, count: number): Promise<void> {
  await page.locator(".clock .number", { hasText: new RegExp(`/ ${count}$`) }).waitFor();
}

/** The question that the sixth edit of the stream answers. */
const QUESTION = "old paper and bottles that are used again";

test("shows results as soon as it is there", async () => {
  const page = await open();
  assert.equal((await words(page))[0], "giving");
  assert.equal(await page.locator(".hit").count(), 20);
});

test("is isolated, so that memory can be shared, and has a strict policy", async () => {
  const page = await open();
  assert.ok(await page.evaluate(() => crossOriginIsolated));
  const forbidden = await page.evaluate(async () => {
    const violation = new Promise<string>((resolve) => {
      document.addEventListener("securitypolicyviolation", (event) =>
        resolve(event.effectiveDirective),
      );
    });
    const script = document.createElement("script");
    script.textContent = "globalThis.ran = true";
    document.body.append(script);
    return [await violation, "ran" in globalThis];
  });
  assert.deepEqual(forbidden, ["script-src-elem", false]);
  complaints = complaints.filter((text) => !/inline script/.test(text));
});

test("an edit moves the results, and shows the bytes that it sent", async () => {
  const page = await open();
  await ask(page, QUESTION);
  const before = await words(page);
  await playNext(page, 6);
  await best(page, "salvage");
  assert.notEqual(before[0], "salvage");
  const sent = Number.parseInt((await page.textContent("[data-testid=last-bytes]")) ?? "", 10);
  assert.ok(sent > 50 && sent < 600, `${sent} bytes`);
  assert.match((await page.textContent(".ledger .last")) ?? "", /instead of 1,536 B/);
});

test("keys that come faster than edits are applied play one edit each", async () => {
  const page = await open();
  await page.evaluate(() => {
    for (let i = 0; i < 40; i++) {
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "n", bubbles: true }));
    }
  });
  await waitForChanges(page, 40);
  assert.equal(await page.textContent(".clock .sub"), "360 real edits to play");
});

test("an edit that the user has made impossible is left out", async () => {
  const page = await open();
  await ask(page, QUESTION);
  await page.locator(".hit", { hasText: "salvage" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await waitForChanges(page, 1);
  await playNext(page, 6);
  // Seven of the stream are done with: the sixth was to edit what is not there any more.
  assert.equal(await page.textContent(".clock .sub"), "393 real edits to play");
});

test("a second tab shows what the first one did, and the other way round", async () => {
  const first = await open();
  await playNext(first, 2);
  const second = await open();
  await waitForChanges(second, 2);
  assert.equal(
    await second.textContent("[data-testid=sum-delta]"),
    await first.textContent("[data-testid=sum-delta]"),
  );
  await playNext(second, 1);
  await waitForChanges(first, 3);
  assert.equal(await first.textContent(".ledger .remote"), "by another tab");
  assert.equal(await second.locator(".ledger .remote").count(), 0);
  await second.getByText("follows another tab").waitFor();
});

test("the other tab goes on when the first one is closed", async () => {
  const first = await open();
  const second = await open();
  await playNext(first, 1);
  await waitForChanges(second, 1);
  await first.close();
  await playNext(second, 2);
  await second.getByText("this tab leads").waitFor();
});

test("the slider shows what was, and the way back", async () => {
  const page = await open();
  await ask(page, QUESTION);
  const before = await words(page);
  await playNext(page, 6);
  await best(page, "salvage");
  await page.locator("input[type=range]").fill("0");
  await best(page, before[0]!);
  // The past is searched exactly, the present by the graph, which may miss far ones.
  assert.deepEqual((await words(page)).slice(0, 10), before.slice(0, 10));
  await page.getByRole("button", { name: "back to now" }).click();
  await best(page, "salvage");
});

test("a reload keeps everything", async () => {
  const page = await open();
  await playNext(page, 4);
  const sums = await page.textContent("[data-testid=sum-delta]");
  await page.reload();
  await waitForChanges(page, 4);
  assert.equal(await page.textContent("[data-testid=sum-delta]"), sums);
  await playNext(page, 1);
});

test("works without its server once it was there", async () => {
  const page = await open();
  await page.getByText("works offline").waitFor();
  await playNext(page, 1);
  await site?.[Symbol.asyncDispose]();
  site = undefined;
  complaints = [];
  await page.reload();
  await waitForChanges(page, 1);
  assert.equal((await words(page))[0], "giving");
  await playNext(page, 1);
  // The browser itself tells of what the service worker could not fetch.
  complaints = complaints.filter((text) => !/ERR_CONNECTION_REFUSED|Failed to fetch/.test(text));
});

test("reset makes all tabs as they were at the start", async () => {
  const first = await open();
  const second = await open();
  await playNext(first, 2);
  await waitForChanges(second, 2);
  await first.getByRole("button", { name: "Reset" }).click();
  await waitForChanges(first, 0);
  await waitForChanges(second, 0);
  await playNext(second, 1);
  await waitForChanges(first, 1);
});

test("can be used by keys alone", async () => {
  const page = await open();
  await page.keyboard.press("/");
  const focused = (): Promise<string | undefined> =>
    page.evaluate(() => document.activeElement?.id);
  assert.equal(await focused(), "query");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  const [selected] = await page.locator(".hit[aria-selected=true]").all();
  assert.equal(await selected?.locator(".rank").textContent(), "2");
  assert.equal(
    await page.getAttribute("#query", "aria-activedescendant"),
    await selected?.getAttribute("id"),
  );
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "draft");
  await page.keyboard.press("Escape");
  assert.equal(await focused(), "query");
});

test("says that it has no model, and works with the texts that it knows", async () => {
  const page = await open();
  await page.getByText("The embedding model is not on this machine").waitFor();
  await ask(page, "a mountain in Washington state");
  assert.match((await page.textContent(".hit .what")) ?? "", /Washington/);
  assert.equal(await page.locator("datalist option").count(), 212);
  await page.locator(".hit").first().click();
  assert.ok(await page.getByRole("button", { name: "Save" }).isDisabled());
});

test("nothing is wider than the screen", async () => {
  const page = await open({ width: 400, height: 850 });
  await playNext(page, 2);
  for (const view of ["Search", "Map", "Text", "Engine"]) {
    await page.locator(".views button", { hasText: view }).click();
    const [width, visible] = await page.evaluate(() => {
      const widest = Math.max(
        ...Array.from(
          document.querySelectorAll("main, main > *, .panel > *, .top"),
          (each) => each.getBoundingClientRect().right,
        ),
      );
      return [Math.max(widest, document.documentElement.scrollWidth), innerWidth];
    });
    assert.ok(width! <= visible!, `${view}: ${width} of ${visible}`);
  }
});

test("finds what is typed, by the model", { skip: NO_MODEL }, async () => {
  const page = await open({ model: true });
  await page.getByText("model ready").waitFor();
  await page.fill("#query", "a small bird that sings in the morning");
  await page
    .locator(".hits:not(.pending) .hit .what", { hasText: /bird|thrush|songster/i })
    .first()
    .waitFor();
  const measures = (): Promise<number> =>
    page.evaluate(() => performance.getEntriesByName("typing to results").length);
  await page.waitForFunction(() => performance.getEntriesByName("typing to results").length > 0);
  assert.ok((await measures()) > 0);
});

test("the model is kept, too, for when the server is gone", { skip: NO_MODEL }, async () => {
  const page = await open({ model: true });
  await page.getByText("works offline").waitFor();
  await site?.[Symbol.asyncDispose]();
  site = undefined;
  await page.reload();
  await page.getByText("model ready").waitFor();
  await page.fill("#query", "a fish that lives in deep water");
  await page.locator(".hits:not(.pending) .hit .what", { hasText: /fish/ }).first().waitFor();
  complaints = complaints.filter((text) => !/ERR_CONNECTION_REFUSED|Failed to fetch/.test(text));
});

test("an edit of one's own is a small delta, found at once, and can be undone", {
  skip: NO_MODEL,
}, async () => {
  const page = await open({ model: true });
  await page.getByText("model ready").waitFor();
  await page.locator(".hit").nth(4).click();
  const draft = page.locator("#draft");
  const text = await draft.inputValue();
  await draft.fill("regift: give away a present that you have received");
  await page.locator(".forecast b").waitFor();
  await draft.press("Control+Enter");
  await best(page, "regift");
  assert.equal(await page.locator(".chain li").count(), 2);
  const forecast = Number.parseInt((await page.textContent("[data-testid=last-bytes]")) ?? "", 10);
  assert.ok(forecast < 600, `${forecast} bytes`);
  await page.getByRole("button", { name: "Restore" }).click();
  await waitForChanges(page, 2);
  await page.waitForFunction(
    (old) => (document.getElementById("draft") as HTMLTextAreaElement | null)?.value === old,
    text,
  );
});
