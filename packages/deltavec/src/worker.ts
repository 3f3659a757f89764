/**
 * The script of a worker that databases live in: `DeltaVectorDB.connect` opens them. Elsewhere it does nothing.
 *
 * @packageDocumentation
 */
import { embeddedModule } from "./embedded.ts";
import { open } from "./remote-server.ts";
import { onWorkerMessage } from "./worker-host.ts";

onWorkerMessage((data) => open(data, embeddedModule));
