// What detect() says on a page and in a worker of it.
import { detect, type Features } from "deltavec";

declare global {
  var detected: { readonly here: Features; readonly worker: Features };
}

if (typeof document === "undefined") {
  postMessage(detect());
} else {
  const worker = new Worker("/detect.js", { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<Features>) => {
    globalThis.detected = { here: detect(), worker: data };
  };
}
