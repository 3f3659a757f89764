import { usearch } from "./usearch-index.ts";

export default usearch("F32", "float32");
