-- The rules "Mass download carried off on a USB drive" (event by event) and "Mass Download & copy to USB device by
-- single user" (group by group, day by day) over a file of search hits. The file is read once, of it the columns that
-- the rules need, and of these the rows that some stage may use.
PRAGMA threads=2;

CREATE TEMP TABLE hits AS
SELECT _index AS index, s."@timestamp" AS t, s.event.created AS created, s.event.action AS action, s.event.id AS event_id, s.event.code AS code,
       s.message AS message, s.file.name AS file_name, coalesce(s.file.path, s.file.directory) AS file_path, s.host.id AS host_id, s.host.name AS host_name,
       s.host.ip AS host_ip, s.user.id AS user_id, s.source.ip AS source_ip, s.destination.ip AS destination_ip, s.process.executable AS executable,
       s.process.parent.name AS parent, s.rule.name AS rule_name, s.volume.mount_name AS mount_name, s.o365.audit.Status AS audit_status,
       s.o365.audit.AlertId AS audit_alert, s.o365.audit.Data.f3u AS audit_user, s.m365_defender.event AS e, s.m365_defender.alert AS a
FROM (
  SELECT _index, _source AS s FROM read_json(getvariable('data'), format = 'newline_delimited', columns = {
    _index: 'VARCHAR',
    _source: 'STRUCT("@timestamp" TIMESTAMP,
      event STRUCT(created TIMESTAMP, action VARCHAR, id VARCHAR, code VARCHAR),
      message VARCHAR,
      file STRUCT("name" VARCHAR, path VARCHAR, directory VARCHAR),
      host STRUCT(id VARCHAR, "name" VARCHAR, ip VARCHAR[]),
      "user" STRUCT(id VARCHAR),
      source STRUCT(ip VARCHAR),
      destination STRUCT(ip VARCHAR),
      process STRUCT(executable VARCHAR, parent STRUCT("name" VARCHAR)),
      "rule" STRUCT("name" VARCHAR),
      volume STRUCT(mount_name VARCHAR, removable BOOLEAN, bus_type VARCHAR),
      o365 STRUCT(audit STRUCT(Status VARCHAR, AlertId VARCHAR, Data STRUCT(f3u VARCHAR))),
      m365_defender STRUCT(
        event STRUCT(category VARCHAR, application VARCHAR, city VARCHAR, country_code VARCHAR,
          account STRUCT(object_id VARCHAR, upn VARCHAR),
          raw_event_data STRUCT(UserId VARCHAR, SourceFileName VARCHAR),
          additional_fields STRUCT(AadUserId VARCHAR, "Address" VARCHAR, DriveLetter VARCHAR, ProductName VARCHAR, Volume VARCHAR),
          initiating_process STRUCT(account_upn VARCHAR, account_object_id VARCHAR)),
        alert STRUCT(title VARCHAR, status VARCHAR,
          evidence STRUCT(ip_address VARCHAR, user_account STRUCT(azure_ad_user_id VARCHAR, user_principal_name VARCHAR))[])))'
  })
)
WHERE s.m365_defender.event.category = 'AdvancedHunting-CloudAppEvents' AND s.event.action = 'filedownloaded'
   OR s.m365_defender.event.category = 'AdvancedHunting-DeviceFileEvents' AND s.event.action IN ('creation', 'rename', 'filecreated', 'filerenamed')
   OR s.m365_defender.event.category = 'AdvancedHunting-DeviceEvents' AND s.event.action = 'usbdrivemounted'
   OR s.m365_defender.event.category = 'AdvancedHunting-AlertInfo' AND lower(s.message) = 'mass download by a single user'
   OR s.m365_defender.event.category = 'AdvancedHunting-AlertEvidence'
   OR lower(s.m365_defender.alert.title) = 'mass download by a single user'
   OR s.event.code = 'SharePointFileOperation' AND s.event.action = 'FileDownloaded'
   OR s.event.code = 'SecurityComplianceAlerts' AND lower(s.rule.name) = 'mass download by a single user'
   OR _index LIKE 'logs-endpoint.events.file-%' AND s.event.action IN ('creation', 'rename')
   OR _index LIKE 'logs-endpoint.events.device-%' AND s.event.action IN ('mount', '["mount"]') AND (s.volume.removable OR lower(s.volume.bus_type) = 'usb');

-- The events of each stage, whatever the source.
CREATE TEMP VIEW downloads AS
SELECT t, e.application AS application, e.account.object_id AS aad_id, lower(e.account.object_id) AS user_id, e.raw_event_data.UserId AS email,
       host_ip AS ips, e.city AS city, e.country_code AS country, e.raw_event_data.SourceFileName AS name
FROM hits WHERE e.category = 'AdvancedHunting-CloudAppEvents'
UNION ALL
SELECT t, NULL, NULL, NULL, user_id, [source_ip], NULL, NULL, file_name FROM hits WHERE code = 'SharePointFileOperation';

CREATE TEMP VIEW alerts AS
SELECT event_id AS id, created AS t, a.status AS status, list_filter([x.user_account.azure_ad_user_id FOR x IN a.evidence], x -> x IS NOT NULL) AS aad_ids,
       list_filter([lower(x.user_account.user_principal_name) FOR x IN a.evidence], x -> x IS NOT NULL) AS emails,
       list_filter([x.ip_address FOR x IN a.evidence], x -> x IS NOT NULL) AS ips
FROM hits WHERE a.title IS NOT NULL
UNION ALL
SELECT i.event_id, i.t, NULL, list(DISTINCT coalesce(v.e.account.object_id, v.e.additional_fields.AadUserId)) FILTER (coalesce(v.e.account.object_id, v.e.additional_fields.AadUserId) IS NOT NULL),
       list(DISTINCT lower(v.e.account.upn)) FILTER (v.e.account.upn IS NOT NULL),
       list(DISTINCT coalesce(v.destination_ip, v.e.additional_fields.Address)) FILTER (coalesce(v.destination_ip, v.e.additional_fields.Address) IS NOT NULL)
FROM hits i JOIN hits v ON v.event_id = i.event_id AND v.e.category = 'AdvancedHunting-AlertEvidence' AND abs(epoch_ms(v.t) - epoch_ms(i.t)) <= 86400000
WHERE i.e.category = 'AdvancedHunting-AlertInfo'
GROUP BY i.event_id, i.t
UNION ALL
SELECT audit_alert, t, audit_status, [], [lower(audit_user)], [] FROM hits WHERE code = 'SecurityComplianceAlerts';

CREATE TEMP VIEW mounts AS
SELECT t, host_id, e.additional_fields.DriveLetter AS letter, e.additional_fields.ProductName AS product, e.additional_fields.Volume AS volume, true AS defender
FROM hits WHERE e.category = 'AdvancedHunting-DeviceEvents'
UNION ALL
SELECT t, host_id, mount_name, NULL, NULL, false FROM hits WHERE index LIKE 'logs-endpoint.events.device-%';

CREATE TEMP VIEW copies AS
SELECT t, e.initiating_process.account_upn AS email, lower(e.initiating_process.account_object_id) AS user_id, file_name AS name, file_path AS path,
       host_id, host_name, executable, parent
FROM hits WHERE e.category = 'AdvancedHunting-DeviceFileEvents'
UNION ALL
SELECT t, NULL, NULL, file_name, file_path, host_id, host_name, executable, NULL FROM hits WHERE index LIKE 'logs-endpoint.events.file-%';

-- Event by event. The reported downloads are few: from them to the copies, and from the copies to the drives.
CREATE TEMP TABLE reported AS
SELECT DISTINCT a.id, a.t, d.email, lower(d.email) AS upn, d.user_id, lower(d.name) AS name
FROM alerts a JOIN downloads d
  ON d.t <= a.t AND d.t >= a.t - INTERVAL 24 HOUR
 AND (list_contains(list_transform(a.aad_ids, x -> lower(x)), d.user_id) OR list_contains(a.emails, lower(d.email)))
 AND (len(a.ips) = 0 OR list_has_any(a.ips, d.ips))
WHERE lower(coalesce(a.status, '')) NOT IN ('resolved', 'dismissed');

CREATE TEMP TABLE carried AS
SELECT r.id, r.t, r.email, c.host_id, c.t AS at, lower(c.path) AS path
FROM reported r JOIN copies c ON lower(c.name) = r.name AND c.t BETWEEN r.t AND r.t + INTERVAL 24 HOUR AND (lower(c.email) = r.upn OR c.user_id = r.user_id);

CREATE TEMP TABLE found AS
SELECT DISTINCT 'event' AS rule, c.id, epoch_ms(c.t) AS ms, c.email, c.host_id
FROM carried c JOIN mounts m
  ON m.host_id = c.host_id AND m.t <= c.at AND m.t >= c.at - INTERVAL 7 DAY
 AND (starts_with(c.path, lower(m.letter) || '\') OR m.letter IS NULL AND substr(c.path, 2, 2) = ':\' AND NOT starts_with(c.path, 'c:'));

-- Group by group, each day by itself, counted from the first document.
CREATE TEMP TABLE origin AS SELECT date_trunc('day', min(t)) AS start FROM hits;
CREATE TEMP MACRO day_of(moment) AS date_diff('second', (SELECT start FROM origin), moment) // 86400;

CREATE TEMP TABLE groups AS
SELECT day_of(t) AS day, application, aad_id, email, ip, city, country, min(t) AS first, max(t) AS last, list(DISTINCT lower(name)) AS files
FROM (SELECT *, unnest(ips) AS ip FROM downloads WHERE aad_id IS NOT NULL) GROUP BY ALL;

CREATE TEMP TABLE pairs AS
SELECT DISTINCT day_of(t) AS day, t, ip, aad_id
FROM (SELECT t, unnest(ips) AS ip, aad_ids FROM alerts WHERE status IS NULL OR status NOT IN ('resolved', 'Resolved')) AS x, unnest(x.aad_ids) AS u(aad_id);

CREATE TEMP TABLE standing AS
SELECT g.*, p.t AS alerted FROM groups g JOIN pairs p ON p.day = g.day AND p.aad_id = g.aad_id AND p.ip = g.ip AND g.last <= p.t;

CREATE TEMP TABLE written AS
SELECT day_of(c.t) AS day, c.email, c.host_id, c.host_name, c.executable, c.parent, min(c.t) AS first, max(c.t) AS last, list(DISTINCT lower(c.path)) AS paths
FROM copies c SEMI JOIN (SELECT DISTINCT day, unnest(files) AS name FROM standing) n ON n.day = day_of(c.t) AND n.name = lower(c.name)
WHERE c.email IS NOT NULL GROUP BY ALL;

INSERT INTO found
SELECT DISTINCT 'group', NULL, epoch_ms(s.alerted), s.email, w.host_id
FROM standing s
JOIN written w ON w.day = s.day AND w.email = s.email AND s.alerted <= w.first
JOIN mounts m ON day_of(m.t) = s.day AND m.host_id = w.host_id AND m.letter IS NOT NULL AND m.t >= s.alerted
WHERE len(list_filter(w.paths, p -> starts_with(p, lower(m.letter)))) > 0;
