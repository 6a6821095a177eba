#!lua flags=allow-oom
-- Takes or renews the right to replay, which one process has at a time, and
-- looks at what replay depends on.
--
-- KEYS  1 lease, 2 alerter's dead letters, 3 forwarder's dead letters,
--       4 dead
-- ARGV  token of the process, ms the lease lasts (0: gives it back)
-- Returns {held 0/1, alerter's dead letters, forwarder's, dead}
--
-- A holder that dies is followed by another when its lease has run out.  The
-- moves check the lease again, so a holder that was paused does nothing.

local lease, token, ms = KEYS[1], ARGV[1], tonumber(ARGV[2])
local holder = redis.call('GET', lease)
local held = 0

if ms == 0 then
    if holder == token then
        redis.call('DEL', lease)
    end
elseif not holder or holder == token then
    redis.call('SET', lease, token, 'PX', ms)
    held = 1
end

return {held, redis.call('LLEN', KEYS[2]), redis.call('LLEN', KEYS[3]),
    redis.call('LLEN', KEYS[4])}
