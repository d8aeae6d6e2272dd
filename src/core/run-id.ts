/** What the ids of runs that start at an instant begin with: ids sort by time. */
export const runIdAt = (time: Date): string => time.toISOString().replaceAll(/[-:.]/g, "");
