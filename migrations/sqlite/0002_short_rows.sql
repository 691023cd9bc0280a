-- What every task of a play has in common, and what the columns say, is no longer sealed with each task, so that a row
-- has room on a page of its table. Rows of before are derived anew by `serve`, or by `rebuild`.

ALTER TABLE tasks DROP COLUMN sealed_long;
