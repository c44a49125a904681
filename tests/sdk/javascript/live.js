// A client of live streams in nothing but fetch, which every browser and Node have. `EventSource`
// cannot send an Authorization header. docs/live.md shows the same.

/** Calls `on` for each event, and comes back after each cut, until `signal` is aborted. */
export async function follow(url, getToken, on, signal) {
  let [lastEventId, retry] = ["", 2_000];
  while (!signal.aborted) {
    const headers = { Authorization: `Bearer ${await getToken()}` };
    if (lastEventId) headers["Last-Event-ID"] = lastEventId;
    try {
      const answer = await fetch(url, { headers, signal });
      // What waiting does not mend is for whoever called.
      if (!answer.ok && answer.status !== 429 && answer.status < 500) {
        return Promise.reject(new Error(`${answer.status}: ${await answer.text()}`));
      }
      if (answer.ok) {
        for await (const event of events(answer.body)) {
          retry = event.retry ?? retry;
          lastEventId = event.id ?? lastEventId;
          if (event.name) on(event.name, JSON.parse(event.data));
        }
      } else {
        retry = 1_000 * Number(answer.headers.get("Retry-After") ?? 5);
      }
    } catch (cut) {
      if (signal.aborted) return;
    }
    await new Promise((resolve) => setTimeout(resolve, retry));
  }
}

/** The events of a stream, as they come. */
async function* events(body) {
  let text = "";
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + piece).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const line = (name) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
      const retry = line("retry");
      yield { name: line("event"), id: line("id"), data: line("data"), retry: retry && Number(retry) };
    }
  }
}
