-- One row per customer account, with what its orders say about it.
WITH bought AS (
  SELECT account_number, sum(amount)::DECIMAL(18, 2) AS net
  FROM orders
  GROUP BY account_number
)
SELECT
  a.account_number,
  a.name,
  a.phone,
  a.website,
  a.notes,
  a.industry,
  a.payment_terms,
  CASE WHEN b.net >= 25000 THEN 'Preferred Customer' ELSE 'Standard' END AS category,
  a.employees,
  a.credit_limit,
  -- Refunds can outweigh purchases; the CRM's field starts at zero.
  greatest(coalesce(b.net, 0), 0)::DECIMAL(18, 2) AS revenue,
  a.on_hold,
  a.on_hold_since,
  a.city,
  a.latitude
FROM accounts AS a
LEFT JOIN bought AS b ON b.account_number = a.account_number
