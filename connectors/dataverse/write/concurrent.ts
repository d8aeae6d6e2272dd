/**
 * At most `width` calls at once; pulls input only when a slot is free; yields in the order of completion, what is
 * done before more is pulled: little waits in memory, and short-lived rows are cheap to forget. The width is asked
 * for each time, because the service's advice on it comes with its replies. When the input or a call fails, the
 * calls under way still yield before the failure is thrown.
 */
export async function* mapConcurrent<Item, Result>(
  items: AsyncIterable<Item>,
  width: () => number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const source = items[Symbol.asyncIterator]();
  const running = new Set<Promise<void>>();
  const done: Result[] = [];
  let isExhausted = false;
  let failure: { readonly error: unknown } | undefined;
  let wake = (): void => {};
  const fail = (error: unknown): void => {
    failure ??= { error };
    isExhausted = true;
  };
  const start = (item: Item): void => {
    const task = work(item)
      .then((result) => void done.push(result), fail)
      .then(() => {
        running.delete(task);
        wake();
      });
    running.add(task);
  };
  try {
    while (true) {
      if (done.length > 0) yield done.shift()!;
      else if (!isExhausted && running.size < Math.max(1, width())) {
        await repliesRead();
        if (done.length > 0) continue;
        const next = await source.next().catch(fail);
        if (!next || next.done) isExhausted = true;
        else start(next.value);
      } else if (running.size > 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else break;
    }
  } finally {
    await Promise.all(running);
    await source.return?.();
  }
  if (failure) throw failure.error;
}

/** Input that is at hand would go on for ever without a look at the network. */
const repliesRead = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
