/** A document of the repository that is a page of the site. */
export interface Page {
  /** Where it lies, from the root of the repository. */
  readonly source: string;
  /** Its address on the site, without an ending; "index" is the front page. */
  readonly address: string;
  /** What it is called where pages are listed. */
  readonly title: string;
}

/** Pages that are listed together. */
export interface Chapter {
  readonly title: string;
  readonly pages: readonly Page[];
}

/** A page out of `docs/`. */
const document = (name: string, title: string, address = name): Page => ({
  source: `docs/${name}.md`,
  address,
  title,
});

/** All documents, as they are listed beside the text. A document that is missing here is found by the test. */
export const CHAPTERS: readonly Chapter[] = [
  {
    title: "First steps",
    pages: [
      { source: "README.md", address: "index", title: "deltavec" },
      { source: "packages/deltavec/README.md", address: "package", title: "The npm package" },
      document("README", "All documents", "documents"),
    ],
  },
  {
    title: "Guides",
    pages: [
      document("history", "Deltas, history, replicas"),
      document("storage", "Keeping a database"),
      document("workers", "Workers and shared memory"),
      document("streams", "Streams of deltas"),
      document("memory", "Pools, views, memory"),
      document("filter", "Filters"),
      document("sizing", "Precision and memory"),
      document("index", "The search index", "search-index"),
      document("component", "The component"),
      document("java", "Java"),
      document("metrics", "Metrics"),
      document("errors", "Errors"),
      { source: "THREAT_MODEL.md", address: "threat-model", title: "Threat model" },
    ],
  },
  {
    title: "A service",
    pages: [
      document("follow", "Following a service"),
      document("client", "From Java and the terminal"),
      document("gateway", "The gateway"),
      document("server", "Running a node"),
      document("scale", "Beyond one machine"),
    ],
  },
  {
    title: "Inside",
    pages: [
      document("architecture", "Architecture"),
      document("format", "The bytes"),
      document("abi", "The module's functions"),
      { source: "tools/postlink/README.md", address: "postlink", title: "The post-link" },
    ],
  },
  {
    title: "Measuring",
    pages: [
      document("benchmarks", "Beside other databases"),
      { source: "packages/cli/README.md", address: "measuring", title: "Demo and benchmarks" },
      { source: "packages/demo/README.md", address: "demo", title: "The demo's page" },
      { source: "bench/README.md", address: "bench", title: "How they measure" },
      { source: "data/README.md", address: "data", title: "The data" },
    ],
  },
  {
    title: "Project",
    pages: [
      { source: "CONTRIBUTING.md", address: "contributing", title: "Contributing" },
      { source: "CHANGELOG.md", address: "changelog", title: "Changes" },
    ],
  },
];

/** All pages. */
export const PAGES: readonly Page[] = CHAPTERS.flatMap(({ pages }) => pages);
