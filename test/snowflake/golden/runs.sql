ALTER SESSION SET TIMEZONE = 'UTC', ABORT_DETACHED_QUERY = true, LOCK_TIMEOUT = 660, QUERY_TAG = 'backhaul', MULTI_STATEMENT_COUNT = 1;

BEGIN;

COMMIT;

CREATE SCHEMA IF NOT EXISTS "BACKHAUL";

CREATE TABLE IF NOT EXISTS "BACKHAUL"."REJECTS" (run VARCHAR, project VARCHAR, organization VARCHAR, object VARCHAR, sync VARCHAR, row_key VARCHAR, field VARCHAR, code VARCHAR, message VARCHAR, remedy VARCHAR, at_ms NUMBER(38,0));

CREATE TABLE IF NOT EXISTS "BACKHAUL"."RUNS" (run VARCHAR, project VARCHAR, organization VARCHAR, object VARCHAR, sync VARCHAR, detail VARCHAR, at_ms NUMBER(38,0));

CREATE TABLE IF NOT EXISTS "BACKHAUL"."SYNCS" (name_key VARCHAR PRIMARY KEY, project VARCHAR, organization VARCHAR, object VARCHAR, sync VARCHAR, id VARCHAR, state VARCHAR, holder VARCHAR, token NUMBER(38,0), expires NUMBER(38,0));

CREATE TABLE IF NOT EXISTS "BACKHAUL"."S_BASE_0" ("M_NUMBER" VARCHAR, "M_NAME" VARCHAR, "M_AMOUNT" NUMBER(18,2), record_id VARCHAR);

CREATE TABLE IF NOT EXISTS "BACKHAUL"."S_DELTA_0" (commit_no NUMBER(38,0), gone BOOLEAN, "M_NUMBER" VARCHAR, "M_NAME" VARCHAR, "M_AMOUNT" NUMBER(18,2), record_id VARCHAR);

CREATE TABLE IF NOT EXISTS "BACKHAUL"."S_DOUBT_0" ("M_NUMBER" VARCHAR, "M_NAME" VARCHAR, "M_AMOUNT" NUMBER(18,2));

CREATE TABLE IF NOT EXISTS "BACKHAUL"."S_OUTCOMES_1" (seq NUMBER(38,0), status VARCHAR, id VARCHAR, owed VARCHAR, waits BOOLEAN);

CREATE TABLE IF NOT EXISTS "BACKHAUL"."S_OUTCOMES_2" (seq NUMBER(38,0), status VARCHAR, id VARCHAR, owed VARCHAR, waits BOOLEAN);

CREATE TABLE IF NOT EXISTS "BACKHAUL"."S_PENDING_0" ("M_NUMBER" VARCHAR, owed VARCHAR);

CREATE TABLE IF NOT EXISTS "BACKHAUL"."S_WAITING_0" ("M_NUMBER" VARCHAR, "M_NAME" VARCHAR, "M_AMOUNT" NUMBER(18,2), removed BOOLEAN, mapping VARCHAR, attempts NUMBER(38,0), due NUMBER(38,0), until_ms NUMBER(38,0));

CREATE TABLE IF NOT EXISTS "BACKHAUL"."USERS" (name_key VARCHAR PRIMARY KEY, user_name VARCHAR, told VARCHAR, expires NUMBER(38,0));

CREATE TRANSIENT TABLE "BACKHAUL"."PLAN_S_CHANGES_3" AS SELECT ROW_NUMBER() OVER (ORDER BY NULL) AS seq, x.* FROM (SELECT CASE WHEN s."M_NUMBER" IS NULL THEN 'added' ELSE 'changed' END AS kind, s.record_id AS record_id, t."M_NUMBER" AS a0, t."M_NAME" AS a1, t."M_AMOUNT" AS a2, s."M_NUMBER" AS b0, s."M_NAME" AS b1, s."M_AMOUNT" AS b2, CASE WHEN NOT (s."M_NUMBER" IS NULL) THEN CASE WHEN t."M_NAME" IS DISTINCT FROM s."M_NAME" THEN 'c:name
' ELSE '' END || CASE WHEN t."M_AMOUNT" IS DISTINCT FROM s."M_AMOUNT" THEN 'c:amount
' ELSE '' END END AS differing, CAST(CASE WHEN s."M_NUMBER" IS NULL THEN NULL ELSE NULL END AS VARCHAR) AS owed, 0 AS attempts FROM (SELECT * FROM "BACKHAUL"."PLAN_S_STAGED_3" WHERE "M_NUMBER" IS NOT NULL) t LEFT JOIN (SELECT b."M_NUMBER", b."M_NAME", b."M_AMOUNT", b.record_id FROM "BACKHAUL"."S_BASE_1" b WHERE NOT EXISTS (SELECT 1 FROM "BACKHAUL"."S_DELTA_0" d WHERE d."M_NUMBER" = b."M_NUMBER") UNION ALL SELECT n."M_NUMBER", n."M_NAME", n."M_AMOUNT", n.record_id FROM "BACKHAUL"."S_DELTA_0" n JOIN (SELECT "M_NUMBER", max(commit_no) AS newest FROM "BACKHAUL"."S_DELTA_0" GROUP BY "M_NUMBER") l ON n."M_NUMBER" = l."M_NUMBER" AND n.commit_no = l.newest WHERE NOT n.gone) s ON t."M_NUMBER" = s."M_NUMBER" LEFT JOIN (SELECT DISTINCT k0 FROM "BACKHAUL"."PLAN_S_REFUSED_3") r ON t."M_NUMBER" = r.k0 WHERE (s."M_NUMBER" IS NULL OR t."M_NAME" IS DISTINCT FROM s."M_NAME" OR t."M_AMOUNT" IS DISTINCT FROM s."M_AMOUNT") AND r.k0 IS NULL) x;

CREATE TRANSIENT TABLE "BACKHAUL"."PLAN_S_REFUSED_3" AS SELECT * FROM (SELECT t."M_NUMBER" AS k0, t."M_NUMBER" AS m0, CASE WHEN t."M_NUMBER" IS NULL THEN 'key.null' WHEN dk.dk0 IS NOT NULL THEN 'key.double' WHEN t."M_NUMBER" IS NULL THEN 'match.null' WHEN dm.dm0 IS NOT NULL THEN 'match.double' END AS code FROM "BACKHAUL"."PLAN_S_STAGED_3" t LEFT JOIN (SELECT "M_NUMBER" AS dk0 FROM "BACKHAUL"."PLAN_S_STAGED_3" WHERE NOT ("M_NUMBER" IS NULL) GROUP BY "M_NUMBER" HAVING count(*) > 1) dk ON t."M_NUMBER" = dk.dk0 LEFT JOIN (SELECT LOWER(RTRIM("M_NUMBER", ' ')) AS dm0 FROM "BACKHAUL"."PLAN_S_STAGED_3" WHERE NOT (LOWER(RTRIM("M_NUMBER", ' ')) IS NULL) GROUP BY LOWER(RTRIM("M_NUMBER", ' ')) HAVING count(*) > 1) dm ON LOWER(RTRIM(t."M_NUMBER", ' ')) = dm.dm0) r WHERE code IS NOT NULL;

CREATE TRANSIENT TABLE "BACKHAUL"."PLAN_S_STAGED_3" AS SELECT backhaul_model."NUMBER" AS "M_NUMBER", backhaul_model."NAME" AS "M_NAME", CAST(backhaul_model."AMOUNT" AS NUMBER(18,2)) AS "M_AMOUNT", CAST(NULL AS VARCHAR) AS record_id FROM (
SELECT * FROM orders
) AS backhaul_model;

CREATE TRANSIENT TABLE "BACKHAUL"."S_BASE_1" AS SELECT * FROM (SELECT b."M_NUMBER", b."M_NAME", b."M_AMOUNT", b.record_id FROM "BACKHAUL"."S_BASE_0" b WHERE NOT EXISTS (SELECT 1 FROM "BACKHAUL"."S_DELTA_0" d WHERE d."M_NUMBER" = b."M_NUMBER") UNION ALL SELECT n."M_NUMBER", n."M_NAME", n."M_AMOUNT", n.record_id FROM "BACKHAUL"."S_DELTA_0" n JOIN (SELECT "M_NUMBER", max(commit_no) AS newest FROM "BACKHAUL"."S_DELTA_0" GROUP BY "M_NUMBER") l ON n."M_NUMBER" = l."M_NUMBER" AND n.commit_no = l.newest WHERE NOT n.gone) s;

CREATE TRANSIENT TABLE "BACKHAUL"."S_CHANGES_1" AS SELECT ROW_NUMBER() OVER (ORDER BY NULL) AS seq, x.* FROM (SELECT CASE WHEN s."M_NUMBER" IS NULL THEN 'added' ELSE 'changed' END AS kind, s.record_id AS record_id, t."M_NUMBER" AS a0, t."M_NAME" AS a1, t."M_AMOUNT" AS a2, s."M_NUMBER" AS b0, s."M_NAME" AS b1, s."M_AMOUNT" AS b2, CASE WHEN NOT (s."M_NUMBER" IS NULL) THEN CASE WHEN t."M_NAME" IS DISTINCT FROM s."M_NAME" THEN 'c:name
' ELSE '' END || CASE WHEN t."M_AMOUNT" IS DISTINCT FROM s."M_AMOUNT" THEN 'c:amount
' ELSE '' END END AS differing, CAST(CASE WHEN s."M_NUMBER" IS NULL THEN NULL ELSE NULL END AS VARCHAR) AS owed, 0 AS attempts FROM (SELECT * FROM "BACKHAUL"."S_STAGED_1" WHERE "M_NUMBER" IS NOT NULL) t LEFT JOIN (SELECT "M_NUMBER", "M_NAME", "M_AMOUNT", record_id FROM "BACKHAUL"."S_BASE_0") s ON t."M_NUMBER" = s."M_NUMBER" LEFT JOIN (SELECT DISTINCT k0 FROM "BACKHAUL"."S_REFUSED_1") r ON t."M_NUMBER" = r.k0 WHERE (1 = 1) AND r.k0 IS NULL) x;

CREATE TRANSIENT TABLE "BACKHAUL"."S_CHANGES_2" AS SELECT ROW_NUMBER() OVER (ORDER BY NULL) AS seq, x.* FROM (SELECT CASE WHEN s."M_NUMBER" IS NULL THEN 'added' ELSE 'changed' END AS kind, s.record_id AS record_id, t."M_NUMBER" AS a0, t."M_NAME" AS a1, t."M_AMOUNT" AS a2, s."M_NUMBER" AS b0, s."M_NAME" AS b1, s."M_AMOUNT" AS b2, CASE WHEN NOT (s."M_NUMBER" IS NULL) THEN CASE WHEN t."M_NAME" IS DISTINCT FROM s."M_NAME" THEN 'c:name
' ELSE '' END || CASE WHEN t."M_AMOUNT" IS DISTINCT FROM s."M_AMOUNT" THEN 'c:amount
' ELSE '' END END AS differing, CAST(CASE WHEN s."M_NUMBER" IS NULL THEN NULL ELSE NULL END AS VARCHAR) AS owed, 0 AS attempts FROM (SELECT * FROM "BACKHAUL"."S_STAGED_2" WHERE "M_NUMBER" IS NOT NULL) t LEFT JOIN (SELECT "M_NUMBER", "M_NAME", "M_AMOUNT", record_id FROM "BACKHAUL"."S_BASE_1") s ON t."M_NUMBER" = s."M_NUMBER" LEFT JOIN (SELECT DISTINCT k0 FROM "BACKHAUL"."S_REFUSED_2") r ON t."M_NUMBER" = r.k0 WHERE (s."M_NUMBER" IS NULL OR t."M_NAME" IS DISTINCT FROM s."M_NAME" OR t."M_AMOUNT" IS DISTINCT FROM s."M_AMOUNT") AND r.k0 IS NULL) x;

CREATE TRANSIENT TABLE "BACKHAUL"."S_REFUSED_1" AS SELECT * FROM (SELECT t."M_NUMBER" AS k0, t."M_NUMBER" AS m0, CASE WHEN t."M_NUMBER" IS NULL THEN 'key.null' WHEN dk.dk0 IS NOT NULL THEN 'key.double' WHEN t."M_NUMBER" IS NULL THEN 'match.null' WHEN dm.dm0 IS NOT NULL THEN 'match.double' END AS code FROM "BACKHAUL"."S_STAGED_1" t LEFT JOIN (SELECT "M_NUMBER" AS dk0 FROM "BACKHAUL"."S_STAGED_1" WHERE NOT ("M_NUMBER" IS NULL) GROUP BY "M_NUMBER" HAVING count(*) > 1) dk ON t."M_NUMBER" = dk.dk0 LEFT JOIN (SELECT LOWER(RTRIM("M_NUMBER", ' ')) AS dm0 FROM "BACKHAUL"."S_STAGED_1" WHERE NOT (LOWER(RTRIM("M_NUMBER", ' ')) IS NULL) GROUP BY LOWER(RTRIM("M_NUMBER", ' ')) HAVING count(*) > 1) dm ON LOWER(RTRIM(t."M_NUMBER", ' ')) = dm.dm0) r WHERE code IS NOT NULL;

CREATE TRANSIENT TABLE "BACKHAUL"."S_REFUSED_2" AS SELECT * FROM (SELECT t."M_NUMBER" AS k0, t."M_NUMBER" AS m0, CASE WHEN t."M_NUMBER" IS NULL THEN 'key.null' WHEN dk.dk0 IS NOT NULL THEN 'key.double' WHEN t."M_NUMBER" IS NULL THEN 'match.null' WHEN dm.dm0 IS NOT NULL THEN 'match.double' END AS code FROM "BACKHAUL"."S_STAGED_2" t LEFT JOIN (SELECT "M_NUMBER" AS dk0 FROM "BACKHAUL"."S_STAGED_2" WHERE NOT ("M_NUMBER" IS NULL) GROUP BY "M_NUMBER" HAVING count(*) > 1) dk ON t."M_NUMBER" = dk.dk0 LEFT JOIN (SELECT LOWER(RTRIM("M_NUMBER", ' ')) AS dm0 FROM "BACKHAUL"."S_STAGED_2" WHERE NOT (LOWER(RTRIM("M_NUMBER", ' ')) IS NULL) GROUP BY LOWER(RTRIM("M_NUMBER", ' ')) HAVING count(*) > 1) dm ON LOWER(RTRIM(t."M_NUMBER", ' ')) = dm.dm0) r WHERE code IS NOT NULL;

CREATE TRANSIENT TABLE "BACKHAUL"."S_STAGED_1" AS SELECT backhaul_model."NUMBER" AS "M_NUMBER", backhaul_model."NAME" AS "M_NAME", CAST(backhaul_model."AMOUNT" AS NUMBER(18,2)) AS "M_AMOUNT", CAST(NULL AS VARCHAR) AS record_id FROM (
SELECT * FROM orders
) AS backhaul_model;

CREATE TRANSIENT TABLE "BACKHAUL"."S_STAGED_2" AS SELECT backhaul_model."NUMBER" AS "M_NUMBER", backhaul_model."NAME" AS "M_NAME", CAST(backhaul_model."AMOUNT" AS NUMBER(18,2)) AS "M_AMOUNT", CAST(NULL AS VARCHAR) AS record_id FROM (
SELECT * FROM orders
) AS backhaul_model;

DELETE FROM "BACKHAUL"."REJECTS" WHERE at_ms < MILLISECONDS AND project = 'golden';

DELETE FROM "BACKHAUL"."RUNS" WHERE at_ms < MILLISECONDS AND project = 'golden';

DELETE FROM "BACKHAUL"."S_DELTA_0";

DELETE FROM "BACKHAUL"."S_DOUBT_0" USING (SELECT c.a0 AS k0 FROM "BACKHAUL"."S_CHANGES_1" c LEFT JOIN "BACKHAUL"."S_OUTCOMES_1" o ON o.seq = c.seq WHERE o.status IN ('applied', 'unchanged') OR ((o.status IS NULL OR o.status = 'deferred') AND c.kind = 'added')) d WHERE "M_NUMBER" = d.k0;

DELETE FROM "BACKHAUL"."S_DOUBT_0" USING (SELECT c.a0 AS k0 FROM "BACKHAUL"."S_CHANGES_2" c LEFT JOIN "BACKHAUL"."S_OUTCOMES_2" o ON o.seq = c.seq WHERE o.status IN ('applied', 'unchanged') OR ((o.status IS NULL OR o.status = 'deferred') AND c.kind = 'added')) d WHERE "M_NUMBER" = d.k0;

DELETE FROM "BACKHAUL"."S_PENDING_0" USING (SELECT c.a0 AS k0 FROM "BACKHAUL"."S_CHANGES_1" c LEFT JOIN "BACKHAUL"."S_OUTCOMES_1" o ON o.seq = c.seq WHERE c.kind NOT LIKE 'waiting%' AND (o.status IN ('applied', 'unchanged') OR (o.status IS NULL OR o.status = 'deferred'))) d WHERE "M_NUMBER" = d.k0;

DELETE FROM "BACKHAUL"."S_PENDING_0" USING (SELECT c.a0 AS k0 FROM "BACKHAUL"."S_CHANGES_2" c LEFT JOIN "BACKHAUL"."S_OUTCOMES_2" o ON o.seq = c.seq WHERE c.kind NOT LIKE 'waiting%' AND (o.status IN ('applied', 'unchanged') OR (o.status IS NULL OR o.status = 'deferred'))) d WHERE "M_NUMBER" = d.k0;

DELETE FROM "BACKHAUL"."S_WAITING_0" WHERE NOT EXISTS (SELECT 1 FROM "BACKHAUL"."S_CHANGES_1" c WHERE c.kind LIKE 'waiting%' AND "BACKHAUL"."S_WAITING_0"."M_NUMBER" = c.a0);

DELETE FROM "BACKHAUL"."S_WAITING_0" WHERE NOT EXISTS (SELECT 1 FROM "BACKHAUL"."S_CHANGES_2" c WHERE c.kind LIKE 'waiting%' AND "BACKHAUL"."S_WAITING_0"."M_NUMBER" = c.a0);

DELETE FROM "BACKHAUL"."USERS" WHERE expires < DATE_PART(EPOCH_MILLISECOND, CURRENT_TIMESTAMP()) - 300000;

DELETE FROM "BACKHAUL"."USERS" WHERE name_key = '["UUID UUID","UUID"]';

DROP TABLE IF EXISTS "BACKHAUL"."PLAN_S_CHANGES_3";

DROP TABLE IF EXISTS "BACKHAUL"."PLAN_S_REFUSED_3";

DROP TABLE IF EXISTS "BACKHAUL"."PLAN_S_STAGED_3";

DROP TABLE IF EXISTS "BACKHAUL"."S_BASE_0";

DROP TABLE IF EXISTS "BACKHAUL"."S_BASE_1";

DROP TABLE IF EXISTS "BACKHAUL"."S_CHANGES_1";

DROP TABLE IF EXISTS "BACKHAUL"."S_CHANGES_2";

DROP TABLE IF EXISTS "BACKHAUL"."S_OUTCOMES_1";

DROP TABLE IF EXISTS "BACKHAUL"."S_OUTCOMES_2";

DROP TABLE IF EXISTS "BACKHAUL"."S_REFUSED_1";

DROP TABLE IF EXISTS "BACKHAUL"."S_REFUSED_2";

DROP TABLE IF EXISTS "BACKHAUL"."S_STAGED_1";

DROP TABLE IF EXISTS "BACKHAUL"."S_STAGED_2";

INSERT INTO "BACKHAUL"."REJECTS" (run, project, organization, object, sync, row_key, field, code, message, remedy, at_ms) VALUES ('RUN', 'golden', 'UUID', 'new_order', 'orders', '["3"]', NULL, 'key.double', 'More than one row has this primary key (number); none of them is written.', 'Make the query return one row per key.', MILLISECONDS), ('RUN', 'golden', 'UUID', 'new_order', 'orders', '["3"]', NULL, 'key.double', 'More than one row has this primary key (number); none of them is written.', 'Make the query return one row per key.', MILLISECONDS);

INSERT INTO "BACKHAUL"."RUNS" (run, project, organization, object, sync, detail, at_ms) VALUES ('RUN', 'golden', 'UUID', 'new_order', 'orders', '{"run": …}', MILLISECONDS);

INSERT INTO "BACKHAUL"."S_DELTA_0" (commit_no, gone, "M_NUMBER") SELECT 1, true, c.a0 FROM "BACKHAUL"."S_CHANGES_1" c JOIN "BACKHAUL"."S_OUTCOMES_1" o ON o.seq = c.seq WHERE o.status IN ('applied', 'unchanged') AND c.kind = 'removed';

INSERT INTO "BACKHAUL"."S_DELTA_0" (commit_no, gone, "M_NUMBER") SELECT 1, true, c.a0 FROM "BACKHAUL"."S_CHANGES_1" c WHERE c.kind = 'released';

INSERT INTO "BACKHAUL"."S_DELTA_0" (commit_no, gone, "M_NUMBER") SELECT 2, true, c.a0 FROM "BACKHAUL"."S_CHANGES_2" c JOIN "BACKHAUL"."S_OUTCOMES_2" o ON o.seq = c.seq WHERE o.status IN ('applied', 'unchanged') AND c.kind = 'removed';

INSERT INTO "BACKHAUL"."S_DELTA_0" (commit_no, gone, "M_NUMBER") SELECT 2, true, c.a0 FROM "BACKHAUL"."S_CHANGES_2" c WHERE c.kind = 'released';

INSERT INTO "BACKHAUL"."S_DELTA_0" (commit_no, gone, "M_NUMBER", "M_NAME", "M_AMOUNT", record_id) SELECT 1, false, c.a0, c.a1, c.a2, coalesce(o.id, c.record_id) FROM "BACKHAUL"."S_CHANGES_1" c JOIN "BACKHAUL"."S_OUTCOMES_1" o ON o.seq = c.seq WHERE o.status IN ('applied', 'unchanged') AND c.kind IN ('added', 'changed');

INSERT INTO "BACKHAUL"."S_DELTA_0" (commit_no, gone, "M_NUMBER", "M_NAME", "M_AMOUNT", record_id) SELECT 2, false, c.a0, c.a1, c.a2, coalesce(o.id, c.record_id) FROM "BACKHAUL"."S_CHANGES_2" c JOIN "BACKHAUL"."S_OUTCOMES_2" o ON o.seq = c.seq WHERE o.status IN ('applied', 'unchanged') AND c.kind IN ('added', 'changed');

INSERT INTO "BACKHAUL"."S_DOUBT_0" ("M_NUMBER", "M_NAME", "M_AMOUNT") SELECT c.a0, c.a1, c.a2 FROM "BACKHAUL"."S_CHANGES_1" c LEFT JOIN "BACKHAUL"."S_OUTCOMES_1" o ON o.seq = c.seq WHERE (o.status IS NULL OR o.status = 'deferred') AND c.kind = 'added';

INSERT INTO "BACKHAUL"."S_DOUBT_0" ("M_NUMBER", "M_NAME", "M_AMOUNT") SELECT c.a0, c.a1, c.a2 FROM "BACKHAUL"."S_CHANGES_2" c LEFT JOIN "BACKHAUL"."S_OUTCOMES_2" o ON o.seq = c.seq WHERE (o.status IS NULL OR o.status = 'deferred') AND c.kind = 'added';

INSERT INTO "BACKHAUL"."S_OUTCOMES_1" (seq, status, waits, id) SELECT x.seq, 'applied', false, CAST(x.id AS VARCHAR) FROM (VALUES (1, 'UUID'), (2, 'UUID')) AS x (seq, id);

INSERT INTO "BACKHAUL"."S_OUTCOMES_2" (seq, status, waits, id) SELECT x.seq, 'applied', false, CAST(x.id AS VARCHAR) FROM (VALUES (1, 'UUID')) AS x (seq, id);

INSERT INTO "BACKHAUL"."S_PENDING_0" ("M_NUMBER", owed) SELECT c.a0, 'x:
' FROM "BACKHAUL"."S_CHANGES_1" c LEFT JOIN "BACKHAUL"."S_OUTCOMES_1" o ON o.seq = c.seq WHERE (o.status IS NULL OR o.status = 'deferred') AND c.kind = 'removed' AND c.owed IS NULL;

INSERT INTO "BACKHAUL"."S_PENDING_0" ("M_NUMBER", owed) SELECT c.a0, 'x:
' FROM "BACKHAUL"."S_CHANGES_2" c LEFT JOIN "BACKHAUL"."S_OUTCOMES_2" o ON o.seq = c.seq WHERE (o.status IS NULL OR o.status = 'deferred') AND c.kind = 'removed' AND c.owed IS NULL;

INSERT INTO "BACKHAUL"."S_PENDING_0" ("M_NUMBER", owed) SELECT c.a0, coalesce(c.owed, '') || coalesce(c.differing, '') FROM "BACKHAUL"."S_CHANGES_1" c LEFT JOIN "BACKHAUL"."S_OUTCOMES_1" o ON o.seq = c.seq WHERE (o.status IS NULL OR o.status = 'deferred') AND c.kind = 'changed';

INSERT INTO "BACKHAUL"."S_PENDING_0" ("M_NUMBER", owed) SELECT c.a0, coalesce(c.owed, '') || coalesce(c.differing, '') FROM "BACKHAUL"."S_CHANGES_2" c LEFT JOIN "BACKHAUL"."S_OUTCOMES_2" o ON o.seq = c.seq WHERE (o.status IS NULL OR o.status = 'deferred') AND c.kind = 'changed';

INSERT INTO "BACKHAUL"."S_PENDING_0" ("M_NUMBER", owed) SELECT c.a0, o.owed FROM "BACKHAUL"."S_CHANGES_1" c JOIN "BACKHAUL"."S_OUTCOMES_1" o ON o.seq = c.seq WHERE o.status IN ('applied', 'unchanged') AND c.kind IN ('added', 'changed') AND coalesce(o.owed, '') <> '';

INSERT INTO "BACKHAUL"."S_PENDING_0" ("M_NUMBER", owed) SELECT c.a0, o.owed FROM "BACKHAUL"."S_CHANGES_2" c JOIN "BACKHAUL"."S_OUTCOMES_2" o ON o.seq = c.seq WHERE o.status IN ('applied', 'unchanged') AND c.kind IN ('added', 'changed') AND coalesce(o.owed, '') <> '';

INSERT INTO "BACKHAUL"."S_WAITING_0" ("M_NUMBER", "M_NAME", "M_AMOUNT", removed, mapping, attempts, due, until_ms) SELECT c.a0, c.a1, c.a2, CASE WHEN c.kind = 'removed' THEN true ELSE false END, 'ID', c.attempts + 1, 1 + CASE WHEN c.attempts = 0 THEN 1 WHEN c.attempts = 1 THEN 2 WHEN c.attempts = 2 THEN 4 WHEN c.attempts = 3 THEN 8 WHEN c.attempts = 4 THEN 16 WHEN c.attempts = 5 THEN 32 ELSE 64 END, MILLISECONDS FROM "BACKHAUL"."S_CHANGES_1" c JOIN "BACKHAUL"."S_OUTCOMES_1" o ON o.seq = c.seq WHERE o.status = 'rejected' AND o.waits;

INSERT INTO "BACKHAUL"."S_WAITING_0" ("M_NUMBER", "M_NAME", "M_AMOUNT", removed, mapping, attempts, due, until_ms) SELECT c.a0, c.a1, c.a2, CASE WHEN c.kind = 'removed' THEN true ELSE false END, 'ID', c.attempts + 1, 2 + CASE WHEN c.attempts = 0 THEN 1 WHEN c.attempts = 1 THEN 2 WHEN c.attempts = 2 THEN 4 WHEN c.attempts = 3 THEN 8 WHEN c.attempts = 4 THEN 16 WHEN c.attempts = 5 THEN 32 ELSE 64 END, MILLISECONDS FROM "BACKHAUL"."S_CHANGES_2" c JOIN "BACKHAUL"."S_OUTCOMES_2" o ON o.seq = c.seq WHERE o.status = 'rejected' AND o.waits;

MERGE INTO "BACKHAUL"."SYNCS" t USING (SELECT '["golden","UUID","new_order","orders"]' AS name_key, 'golden' AS project, 'UUID' AS organization, 'new_order' AS object, 'orders' AS sync, 'ID' AS id, CAST(NULL AS VARCHAR) AS state, '' AS holder, 0 AS token, 0 AS expires) s ON t.name_key = s.name_key WHEN NOT MATCHED THEN INSERT (name_key, project, organization, object, sync, id, state, holder, token, expires) VALUES (s.name_key, s.project, s.organization, s.object, s.sync, s.id, s.state, s.holder, s.token, s.expires);

MERGE INTO "BACKHAUL"."USERS" t USING (SELECT '["UUID UUID","UUID"]' AS name_key, 'UUID UUID' AS user_name, '{"used": …}' AS told, DATE_PART(EPOCH_MILLISECOND, CURRENT_TIMESTAMP()) + 300000 AS expires) s ON t.name_key = s.name_key WHEN NOT MATCHED THEN INSERT (name_key, user_name, told, expires) VALUES (s.name_key, s.user_name, s.told, s.expires);

SELECT * FROM (
SELECT * FROM orders
) AS backhaul_model;

SELECT * FROM orders;

SELECT CASE WHEN (SELECT count(*) FROM "BACKHAUL"."S_STAGED_1") <> (SELECT count(*) FROM "BACKHAUL"."S_OUTCOMES_1" WHERE status IN ('applied', 'unchanged') AND coalesce(owed, '') = '') THEN 'no' WHEN EXISTS (SELECT 1 FROM "BACKHAUL"."S_OUTCOMES_1" WHERE id IS NOT NULL) THEN 'ids' ELSE 'plain' END;

SELECT CASE WHEN EXISTS (SELECT 1 FROM "BACKHAUL"."PLAN_S_STAGED_3" WHERE "M_NUMBER" IS NULL) OR EXISTS (SELECT 1 FROM "BACKHAUL"."PLAN_S_STAGED_3" GROUP BY HASH(LOWER(RTRIM("M_NUMBER", ' '))) HAVING count(*) > 1) THEN 'true' ELSE 'false' END;

SELECT CASE WHEN EXISTS (SELECT 1 FROM "BACKHAUL"."S_DELTA_0") THEN 'true' ELSE 'false' END, CASE WHEN EXISTS (SELECT 1 FROM "BACKHAUL"."S_PENDING_0") THEN 'true' ELSE 'false' END, CASE WHEN EXISTS (SELECT 1 FROM "BACKHAUL"."S_DOUBT_0") THEN 'true' ELSE 'false' END, CASE WHEN EXISTS (SELECT 1 FROM "BACKHAUL"."S_WAITING_0") THEN 'true' ELSE 'false' END;

SELECT CASE WHEN EXISTS (SELECT 1 FROM "BACKHAUL"."S_STAGED_1" WHERE "M_NUMBER" IS NULL) OR EXISTS (SELECT 1 FROM "BACKHAUL"."S_STAGED_1" GROUP BY HASH(LOWER(RTRIM("M_NUMBER", ' '))) HAVING count(*) > 1) THEN 'true' ELSE 'false' END;

SELECT CASE WHEN EXISTS (SELECT 1 FROM "BACKHAUL"."S_STAGED_2" WHERE "M_NUMBER" IS NULL) OR EXISTS (SELECT 1 FROM "BACKHAUL"."S_STAGED_2" GROUP BY HASH(LOWER(RTRIM("M_NUMBER", ' '))) HAVING count(*) > 1) THEN 'true' ELSE 'false' END;

SELECT CAST(count(*) AS VARCHAR) FROM "BACKHAUL"."PLAN_S_STAGED_3";

SELECT CAST(count(*) AS VARCHAR) FROM "BACKHAUL"."S_BASE_1";

SELECT CAST(count(*) AS VARCHAR) FROM "BACKHAUL"."S_DELTA_0";

SELECT CAST(count(*) AS VARCHAR) FROM "BACKHAUL"."S_STAGED_1";

SELECT CAST(count(*) AS VARCHAR) FROM "BACKHAUL"."S_STAGED_2";

SELECT CAST(seq AS VARCHAR), record_id, a0, a1, TO_VARCHAR(a2) FROM "BACKHAUL"."PLAN_S_CHANGES_3" WHERE kind = 'added';

SELECT CAST(seq AS VARCHAR), record_id, a0, a1, TO_VARCHAR(a2) FROM "BACKHAUL"."S_CHANGES_1" WHERE kind = 'added';

SELECT CAST(seq AS VARCHAR), record_id, a0, a1, TO_VARCHAR(a2) FROM "BACKHAUL"."S_CHANGES_2" WHERE kind = 'added';

SELECT CAST(seq AS VARCHAR), record_id, differing, owed, a0, a1, TO_VARCHAR(a2), b0, b1, TO_VARCHAR(b2) FROM "BACKHAUL"."PLAN_S_CHANGES_3" WHERE kind = 'changed' AND 1 = 0;

SELECT CAST(seq AS VARCHAR), record_id, differing, owed, a0, a1, TO_VARCHAR(a2), b0, b1, TO_VARCHAR(b2) FROM "BACKHAUL"."PLAN_S_CHANGES_3" WHERE kind = 'changed' AND NOT (1 = 0);

SELECT CAST(seq AS VARCHAR), record_id, differing, owed, a0, a1, TO_VARCHAR(a2), b0, b1, TO_VARCHAR(b2) FROM "BACKHAUL"."S_CHANGES_1" WHERE kind = 'changed' AND 1 = 0;

SELECT CAST(seq AS VARCHAR), record_id, differing, owed, a0, a1, TO_VARCHAR(a2), b0, b1, TO_VARCHAR(b2) FROM "BACKHAUL"."S_CHANGES_1" WHERE kind = 'changed' AND NOT (1 = 0);

SELECT CAST(seq AS VARCHAR), record_id, differing, owed, a0, a1, TO_VARCHAR(a2), b0, b1, TO_VARCHAR(b2) FROM "BACKHAUL"."S_CHANGES_2" WHERE kind = 'changed' AND 1 = 0;

SELECT CAST(seq AS VARCHAR), record_id, differing, owed, a0, a1, TO_VARCHAR(a2), b0, b1, TO_VARCHAR(b2) FROM "BACKHAUL"."S_CHANGES_2" WHERE kind = 'changed' AND NOT (1 = 0);

SELECT CAST(seq AS VARCHAR), record_id, owed, b0, b1, TO_VARCHAR(b2) FROM "BACKHAUL"."PLAN_S_CHANGES_3" WHERE kind = 'removed';

SELECT CAST(seq AS VARCHAR), record_id, owed, b0, b1, TO_VARCHAR(b2) FROM "BACKHAUL"."S_CHANGES_1" WHERE kind = 'removed';

SELECT CAST(seq AS VARCHAR), record_id, owed, b0, b1, TO_VARCHAR(b2) FROM "BACKHAUL"."S_CHANGES_2" WHERE kind = 'removed';

SELECT CAST(token AS VARCHAR) FROM "BACKHAUL"."SYNCS" WHERE name_key = '["golden","UUID","new_order","orders"]' AND holder = 'HOLDER';

SELECT code, k0, m0 FROM "BACKHAUL"."PLAN_S_REFUSED_3" ORDER BY k0;

SELECT code, k0, m0 FROM "BACKHAUL"."S_REFUSED_1" ORDER BY k0;

SELECT code, k0, m0 FROM "BACKHAUL"."S_REFUSED_2" ORDER BY k0;

SELECT id FROM "BACKHAUL"."SYNCS" WHERE name_key = '["golden","UUID","new_order","orders"]';

SELECT kind, CAST(count(*) AS VARCHAR) FROM "BACKHAUL"."PLAN_S_CHANGES_3" GROUP BY kind;

SELECT kind, CAST(count(*) AS VARCHAR) FROM "BACKHAUL"."S_CHANGES_1" GROUP BY kind;

SELECT kind, CAST(count(*) AS VARCHAR) FROM "BACKHAUL"."S_CHANGES_2" GROUP BY kind;

SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'BACKHAUL';

SELECT state FROM "BACKHAUL"."SYNCS" WHERE id = 'ID';

SELECT table_name FROM information_schema.tables WHERE table_schema = 'BACKHAUL';

SELECT told FROM "BACKHAUL"."USERS" WHERE user_name = 'UUID UUID' AND name_key <> '["UUID UUID","UUID"]' AND expires > DATE_PART(EPOCH_MILLISECOND, CURRENT_TIMESTAMP());

UPDATE "BACKHAUL"."SYNCS" SET expires = 0, token = token + 1 WHERE name_key = '["golden","UUID","new_order","orders"]' AND token = 1;

UPDATE "BACKHAUL"."SYNCS" SET expires = 0, token = token + 1 WHERE name_key = '["golden","UUID","new_order","orders"]' AND token = 3;

UPDATE "BACKHAUL"."SYNCS" SET expires = DATE_PART(EPOCH_MILLISECOND, CURRENT_TIMESTAMP()) + 900000 WHERE name_key = '["golden","UUID","new_order","orders"]' AND token = 1;

UPDATE "BACKHAUL"."SYNCS" SET expires = DATE_PART(EPOCH_MILLISECOND, CURRENT_TIMESTAMP()) + 900000 WHERE name_key = '["golden","UUID","new_order","orders"]' AND token = 3;

UPDATE "BACKHAUL"."SYNCS" SET state = '{"columns": …}' WHERE id = 'ID' AND token = 1;

UPDATE "BACKHAUL"."SYNCS" SET state = '{"columns": …}' WHERE id = 'ID' AND token = 3;

UPDATE "BACKHAUL"."SYNCS" SET token = token + 1, holder = 'HOLDER', expires = DATE_PART(EPOCH_MILLISECOND, CURRENT_TIMESTAMP()) + 900000 WHERE name_key = '["golden","UUID","new_order","orders"]' AND expires < DATE_PART(EPOCH_MILLISECOND, CURRENT_TIMESTAMP());

UPDATE "BACKHAUL"."USERS" SET told = '{"used": …}', expires = DATE_PART(EPOCH_MILLISECOND, CURRENT_TIMESTAMP()) + 300000 WHERE name_key = '["UUID UUID","UUID"]';
