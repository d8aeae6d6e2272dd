/** The one door for connectors. Nothing in `src` imports this file, so it can be part of no cycle. */
export type {
  Added,
  Change,
  Changed,
  FieldWrite,
  Operation,
  OperationKind,
  Outcome,
  Planned,
} from "./core/change.ts";
export type { ErrorKind, Place, Problem } from "./core/errors.ts";
export { fail, SyncError, sentence } from "./core/errors.ts";
export type { FieldSpec, Mode, ModelSpec, SyncSpec } from "./core/spec.ts";
export type { Column, ColumnKind, Value } from "./core/value.ts";
export type {
  ConnectorContext,
  DestinationDefinition,
  WarehouseDefinition,
} from "./define.ts";
export { defineDestination, defineWarehouse } from "./define.ts";
export type {
  CompiledSync,
  Destination,
  FieldDescription,
  Identity,
  KeyDescription,
  ObjectDescription,
  ObjectSummary,
  PlanContext,
  RequestCounters,
  RowBatch,
  RowOptions,
  Warehouse,
  WriteContext,
} from "./ports.ts";
