import { usearch } from "./usearch-index.ts";

export default usearch("I8", "int8");
