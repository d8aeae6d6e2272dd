/** Nothing: the yardstick of start-up. */
