-- Views over access_log for the reports. access_log itself, rejects and ledger are the lake's tables.

-- Downloads and attempts at them, over the REST interface and from website endpoints.
CREATE VIEW website_requests AS
SELECT * FROM access_log
WHERE operation IN ('REST.GET.OBJECT', 'WEBSITE.GET.OBJECT');

-- What lifecycle rules did: S3 itself is the requester.
CREATE VIEW lifecycle_events AS
SELECT * FROM access_log
WHERE requester = 'AmazonS3';
