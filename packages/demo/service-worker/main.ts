// Keeps the page, its data and the model, so that it works when its server is gone. Nothing here is about the database.
export {};

/** Hash of all files of the build, which names the cache. */
declare const VERSION: string;
/** Their paths. */
declare const FILES: readonly string[];

/** Version of the model. */
declare const MODEL: string;

const scope = globalThis as unknown as ServiceWorkerGlobalScope;
const CACHE = `deltavec-demo-${VERSION}`;
/** Lasts from build to build, as long as the model is the same. */
const MODELS = `deltavec-demo-model-${MODEL}`;
const MODEL_FILES = ["/model/model.onnx", "/model/tokenizer.json"];

scope.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      await cache.addAll(FILES.map((path) => new Request(path, { cache: "no-cache" })));
      await scope.skipWaiting();
    })(),
  );
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith("deltavec-demo-") && name !== CACHE && name !== MODELS) {
          await caches.delete(name);
        }
      }
      await scope.clients.claim();
    })(),
  );
});

// The page may have fetched the model before there was anybody to keep it.
scope.addEventListener("message", (event) => {
  const { data, ports } = event;
  if (data === "keep the model") {
    event.waitUntil(
      keepModel().then(
        () => ports[0]?.postMessage(true),
        () => ports[0]?.postMessage(false),
      ),
    );
  }
});

/** Rejects where a file cannot be had, or the platform has no room for it. */
async function keepModel(): Promise<void> {
  const cache = await caches.open(MODELS);
  for (const path of MODEL_FILES) {
    if ((await cache.match(path)) === undefined) {
      await cache.add(path);
    }
  }
}

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== scope.location.origin) {
    return;
  }
  if (pathname === "/model/info.json") {
    event.respondWith(aboutModel(request));
  } else if (pathname.startsWith("/model/")) {
    event.respondWith(keptModel(request));
  } else {
    event.respondWith(fresh(request));
  }
});

/** What the server has, and what is kept where there is none. */
async function fresh(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const cache = await caches.open(CACHE);
    const path = request.mode === "navigate" ? "/" : request;
    const kept = await cache.match(path, { ignoreSearch: true });
    if (kept === undefined) {
      throw error;
    }
    return kept;
  }
}

/** The model does not change: it is fetched once. */
async function keptModel(request: Request): Promise<Response> {
  const cache = await caches.open(MODELS);
  const kept = await cache.match(request);
  if (kept !== undefined) {
    return kept;
  }
  const response = await fetch(request);
  if (response.ok) {
    // Without room the page has the model all the same, for now.
    await cache.put(request, response.clone()).catch(() => undefined);
  }
  return response;
}

/** Whether there is a model: with the server, or kept. */
async function aboutModel(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch {
    const kept = await caches.match(MODEL_FILES[0]!, { cacheName: MODELS });
    return Response.json({ there: kept !== undefined });
  }
}
