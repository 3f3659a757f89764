import { defineConfig } from "vitepress";
import { CHAPTERS } from "../src/pages.ts";

/** The site: documents as pages, listed by chapters; a link that leads nowhere fails the build. */
export default defineConfig({
  title: "deltavec",
  description: "A delta-first vector database for the browser, the edge and the JVM.",
  srcDir: "target/pages",
  outDir: "target/site",
  cacheDir: "target/cache",
  cleanUrls: false,
  themeConfig: {
    search: { provider: "local" },
    nav: [{ text: "Reference", link: "/api/index.html", target: "_self" }],
    outline: [2, 3],
    sidebar: CHAPTERS.map(({ title, pages }) => ({
      text: title,
      items: pages.map((page) => ({
        text: page.title,
        link: page.address === "index" ? "/" : `/${page.address}`,
      })),
    })),
  },
});
