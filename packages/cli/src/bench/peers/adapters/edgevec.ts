import { edgevec } from "./edgevec-index.ts";

export default edgevec(false);
