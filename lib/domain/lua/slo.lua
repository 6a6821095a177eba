#!lua flags=allow-oom
-- Leaves an evaluation of the objectives, and its point in their history.
--
-- KEYS  1 the last evaluation, 2 points of 5 minutes, 3 points of an hour
-- ARGV  document, seconds it is kept, then its point and the Unix time of it;
--       without a point nothing was evaluated, and the document is kept only
--       where there is none
-- Returns 1
--
-- A time has one point, the last of its 5 minutes or its hour; so many are
-- kept as make 48 hours and 30 days.

local KEEP = {{step = 300, seconds = 48 * 3600},
    {step = 3600, seconds = 720 * 3600}}

local latest, document, seconds = KEYS[1], ARGV[1], ARGV[2]
local point, at = ARGV[3], tonumber(ARGV[4])

if not point then
    redis.call('SET', latest, document, 'NX')
    return 1
end

redis.call('SET', latest, document, 'EX', seconds)

for i, keep in ipairs(KEEP) do
    local key = KEYS[i + 1]
    local from = at - at % keep.step

    redis.call('ZREMRANGEBYSCORE', key, from, from + keep.step - 1)
    redis.call('ZREMRANGEBYSCORE', key, '-inf', at - keep.seconds)
    redis.call('ZADD', key, at, point)
    redis.call('EXPIRE', key, keep.seconds)
end

return 1
