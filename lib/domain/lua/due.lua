#!lua flags=allow-oom
-- Moves retries that are due back to the alert queue, to be sent next.
--
-- KEYS  1 retries, 2 alert queue
-- ARGV  most items
-- Returns items moved

local retries, queue = KEYS[1], KEYS[2]

local t = redis.call('TYPE', queue).ok
if t ~= 'none' and t ~= 'list' then
    return redis.error_reply('WRONGTYPE ' .. queue .. ' is no list')
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local due = redis.call('ZRANGE', retries, '-inf', now, 'BYSCORE', 'LIMIT', 0,
    tonumber(ARGV[1]))

for _, item in ipairs(due) do
    redis.call('ZREM', retries, item)
    redis.call('RPUSH', queue, item)
end

return #due
