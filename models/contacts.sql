-- One row per person, with what the orders and the newsletter say.
WITH bought AS (
  SELECT
    person_id,
    max(ordered_at) FILTER (WHERE amount > 0) AS last_purchase,
    sum(points)::BIGINT AS points,
    sum(amount)::DECIMAL(14, 2) AS net
  FROM orders
  GROUP BY person_id
)
SELECT
  p.person_id,
  p.account_number,
  p.first_name,
  p.last_name,
  p.title,
  p.email,
  p.mobile,
  p.notes,
  p.birth_date,
  p.channel,
  NOT p.newsletter AS no_newsletter,
  (b.net * 0.0125)::DECIMAL(18, 6) AS score,
  round(p.mails_opened / nullif(p.mails_sent, 0), 5) AS engagement,
  b.last_purchase,
  CASE
    WHEN b.points >= 1500 THEN 'Gold'
    WHEN b.points >= 400 THEN 'Silver'
    WHEN b.points IS NOT NULL THEN 'Bronze'
  END AS tier,
  coalesce(p.opening_points, 0) + coalesce(b.points, 0) AS lifetime_points
FROM people AS p
LEFT JOIN bought AS b ON b.person_id = p.person_id
