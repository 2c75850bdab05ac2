-- What became of objects.

-- Lifecycle rules that take an object away: for good, or below a delete marker.
CREATE MACRO is_expiry(operation) AS operation IN ('S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER');

-- The storage class that a lifecycle rule moves objects to; NULL for other operations.
CREATE MACRO storage_class(operation) AS CASE operation
    WHEN 'S3.TRANSITION_SIA.OBJECT' THEN 'STANDARD_IA'
    WHEN 'S3.TRANSITION_ZIA.OBJECT' THEN 'ONEZONE_IA'
    WHEN 'S3.TRANSITION_INT.OBJECT' THEN 'INTELLIGENT_TIERING'
    WHEN 'S3.TRANSITION_GIR.OBJECT' THEN 'GLACIER_IR'
    WHEN 'S3.TRANSITION.OBJECT' THEN 'GLACIER'
    WHEN 'S3.TRANSITION_GDA.OBJECT' THEN 'DEEP_ARCHIVE'
END;
