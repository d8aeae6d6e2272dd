/** The one door for connectors. Nothing in `src` imports this file, so it can be part of no cycle. */

export type {
  Added,
  Change,
  Changed,
  FieldWrite,
  Operation,
  OperationCounts,
  OperationKind,
  Outcome,
  Planned,
  Present,
  Removed,
  Stub,
} from "./core/change.ts";
export { allOf, OPERATION_KINDS } from "./core/change.ts";
export type { ErrorKind, Place, Problem } from "./core/errors.ts";
export { fail, SyncError, sentence } from "./core/errors.ts";
export type { Edge, FieldLimit, LimitTest } from "./core/field-limit.ts";
export { didYouMean, near } from "./core/near.ts";
export type {
  AssociateEnd,
  AssociateSpec,
  AudienceSpec,
  FieldSpec,
  Mode,
  ModelSpec,
  Rules,
  SyncSpec,
  WriteOptions,
} from "./core/spec.ts";
export { isKey } from "./core/spec.ts";
export { parseTemplate } from "./core/template.ts";
export type { Column, ColumnKind, Value } from "./core/value.ts";
export type {
  Cache,
  ConnectorContext,
  DestinationDefinition,
  WarehouseDefinition,
} from "./define.ts";
export { defineDestination, defineWarehouse } from "./define.ts";
export { exhaustionIn, holderOf } from "./duckdb/database.ts";
export { duckdbDialect, rowsOf } from "./duckdb/dialect.ts";
export { interruptible } from "./duckdb/interrupt.ts";
export type {
  Answer,
  Failure,
  FailureReason,
  Layer,
  Reply,
  Request,
  Send,
  Tally,
  Work,
} from "./http/answer.ts";
export { compose, count, countRetry, newTally, tallied } from "./http/answer.ts";
export type { Clock } from "./http/clock.ts";
export { systemClock } from "./http/clock.ts";
export type { Limit, Metered, Use } from "./http/controller.ts";
export { shareOf } from "./http/controller.ts";
export type { Gate, GateOptions, Signs } from "./http/gate.ts";
export { gated, openGate } from "./http/gate.ts";
export type { TokenSource } from "./http/layers.ts";
export { authorized, causeOf, isPassing, retryReads } from "./http/layers.ts";
export { PROXY_REMEDY } from "./http/proxy.ts";
export type { Schedule } from "./http/retry.ts";
export { retryAfter, SCHEDULE, waitBefore } from "./http/retry.ts";
export type { Transport, TransportOptions } from "./http/transport.ts";
export { openTransport } from "./http/transport.ts";
export type {
  Audience,
  CompiledSync,
  Destination,
  Dialect,
  FieldDescription,
  Forecast,
  Foreseeing,
  Foreseen,
  Identity,
  KeyDescription,
  KnownRows,
  Membership,
  ObjectDescription,
  ObjectSummary,
  Pace,
  PlanContext,
  Query,
  RequestCounters,
  RowAccess,
  RowBatch,
  RowOptions,
  SharedUser,
  StateEngine,
  Statement,
  Warehouse,
  WriteContext,
} from "./ports.ts";
export { step } from "./telemetry/span.ts";
