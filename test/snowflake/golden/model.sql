SELECT * FROM (
SELECT * FROM people -- all of them
) AS backhaul_model;

SELECT * FROM people -- all of them;

SELECT TO_VARCHAR(backhaul_model."ID") AS c0, TO_VARCHAR(backhaul_model."BIG") AS c1, TO_VARCHAR(backhaul_model."AMOUNT") AS c2, REPLACE(IFF(TO_DOUBLE(TO_VARCHAR(backhaul_model."RATIO")) = backhaul_model."RATIO", TO_VARCHAR(backhaul_model."RATIO"), TO_VARCHAR(backhaul_model."RATIO", 'FM9.9999999999999999EEEEE')), 'inf', 'Infinity') AS c3, backhaul_model."first name" AS c4, TO_VARCHAR(backhaul_model."ACTIVE") AS c5, TO_VARCHAR(backhaul_model."BORN", 'YYYY-MM-DD') AS c6, RTRIM(RTRIM(TO_VARCHAR(backhaul_model."OPENS", 'HH24:MI:SS.FF6'), '0'), '.') AS c7, RTRIM(RTRIM(TO_VARCHAR(CONVERT_TIMEZONE('Europe/Berlin', 'UTC', backhaul_model."NAIVE"), 'YYYY-MM-DD"T"HH24:MI:SS.FF6'), '0'), '.') || 'Z' AS c8, RTRIM(RTRIM(TO_VARCHAR(CONVERT_TIMEZONE('UTC', backhaul_model."HERE"), 'YYYY-MM-DD"T"HH24:MI:SS.FF6'), '0'), '.') || 'Z' AS c9, RTRIM(RTRIM(TO_VARCHAR(CONVERT_TIMEZONE('UTC', backhaul_model."THERE"), 'YYYY-MM-DD"T"HH24:MI:SS.FF6'), '0'), '.') || 'Z' AS c10, TO_JSON(CAST(backhaul_model."any" AS VARIANT)) AS c11, TO_VARCHAR(backhaul_model."Bytes", 'HEX') AS c12, TO_JSON(CAST(ST_ASGEOJSON(backhaul_model."PLACE") AS VARIANT)) AS c13 FROM (
SELECT * FROM people -- all of them
) AS backhaul_model;
