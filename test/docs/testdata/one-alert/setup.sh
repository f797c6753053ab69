# One alert, that of the tutorial.
export STITCH_URL=http://localhost:9200 STITCH_RULES=my-rules
stitch bootstrap
sed "s/2026-03-10T09:12:00Z/$(date -u -d '-20 minutes' +%FT%TZ)/g; s/2026-03-10T09:31:00Z/$(date -u -d '-3 minutes' +%FT%TZ)/g" day.ndjson |
  curl -sS --fail-with-body -H 'Content-Type: application/x-ndjson' -X POST "$STITCH_URL/_bulk?refresh=true" --data-binary @-
stitch once
