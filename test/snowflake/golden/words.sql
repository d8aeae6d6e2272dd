SELECT "ID", "id", "Id", "first name", "a""b", "_ID1", "1st";

SELECT 'it''s', 'a\\b', 'a
b', '\u0000';

SELECT HASH(a, b), ROW_NUMBER() OVER (ORDER BY NULL), DATE_PART(EPOCH_MILLISECOND, CURRENT_TIMESTAMP());

MERGE INTO leases t USING (SELECT 'k' AS name_key, '' AS holder, 0 AS token) s ON t.name_key = s.name_key WHEN NOT MATCHED THEN INSERT (name_key, holder, token) VALUES (s.name_key, s.holder, s.token);

CREATE TRANSIENT TABLE "BACKHAUL"."S1_BASE_0" AS SELECT 1 AS id;
