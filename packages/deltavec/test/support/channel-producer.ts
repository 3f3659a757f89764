// The producer's end of a channel, in a worker of Node or a page.
import { DeltaChannel } from "../../src/channel.ts";
import { type Produce, produce } from "./produce.ts";
import { threadPort } from "./thread.ts";

const port = threadPort();
port.listen(async (message) => {
  const { handle, ...options } = message as Produce;
  port.post(await produce(options, new DeltaChannel(handle)));
});
