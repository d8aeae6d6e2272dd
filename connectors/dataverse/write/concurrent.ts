/**
 * At most `width` calls at once; pulls input only when a slot is free; yields in the order of completion. The
 * width is asked for each time, because the service's advice on it comes with its replies. When the input fails,
 * the calls under way still yield before the failure is thrown.
 */
export async function* mapConcurrent<Item, Result>(
  items: AsyncIterable<Item>,
  width: () => number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const source = items[Symbol.asyncIterator]();
  const running = new Map<number, Promise<readonly [number, Result]>>();
  let started = 0;
  let exhausted = false;
  let failure: { readonly error: unknown } | undefined;
  try {
    while (true) {
      while (!exhausted && running.size < Math.max(1, width())) {
        const next = await source.next().catch((error: unknown) => {
          failure = { error };
        });
        if (!next || next.done) {
          exhausted = true;
          break;
        }
        const id = started++;
        const task = work(next.value).then((result) => [id, result] as const);
        task.catch(() => {}); // seen by the race below; never unhandled while input is awaited
        running.set(id, task);
      }
      if (running.size === 0) break;
      const [id, result] = await Promise.race(running.values());
      running.delete(id);
      yield result;
    }
  } finally {
    await Promise.allSettled(running.values());
    await source.return?.();
  }
  if (failure) throw failure.error;
}
