-- Whoever earned 500 points in a year, counted back from the latest order.
SELECT person_id
FROM orders
WHERE ordered_at > (SELECT max(ordered_at) FROM orders) - INTERVAL 1 YEAR
GROUP BY person_id
HAVING sum(points) >= 500
