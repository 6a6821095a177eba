#!lua flags=allow-oom
-- Moves retries that are due back to the alert queue, to be sent next.
--
-- KEYS  1 retries, 2 alert queue
-- ARGV  most items, the longest delay of a retry ms
-- Returns items moved
--
-- One that would be due later than any delay is of a time before the clock
-- was set back, and is due now.

local retries, queue = KEYS[1], KEYS[2]
local most, longest = tonumber(ARGV[1]), tonumber(ARGV[2])

local t = redis.call('TYPE', queue).ok
if t ~= 'none' and t ~= 'list' then
    return redis.error_reply('WRONGTYPE ' .. queue .. ' is no list')
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local due = redis.call('ZRANGE', retries, '-inf', now, 'BYSCORE', 'LIMIT', 0,
    most)

if #due < most then
    local stray = redis.call('ZRANGE', retries,
        string.format('(%d', now + longest), '+inf', 'BYSCORE', 'LIMIT', 0,
        most - #due)
    for _, item in ipairs(stray) do
        due[#due + 1] = item
    end
end

for _, item in ipairs(due) do
    redis.call('ZREM', retries, item)
    redis.call('RPUSH', queue, item)
end

return #due
