-- Two keys of one name may be good at a time, so that a sender can be given
-- its next one before the last one goes; and when a key was used.

ALTER TABLE api_keys
    ADD COLUMN version int NOT NULL DEFAULT 1,
    ADD COLUMN last_used_at timestamptz,
    DROP CONSTRAINT api_keys_name_key,
    ADD CONSTRAINT api_keys_name_version UNIQUE (name, version);
