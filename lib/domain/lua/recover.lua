#!lua flags=allow-oom
-- Takes a worker's claimed items back to their queue, at the end that is
-- claimed next and in their old order.
--
-- KEYS  1 fence, 2 workers, 3 heartbeats, 4 heartbeat key, 5 processing list,
--       6 source queue, 7 dead letters
-- ARGV  id, observed token ("" for none), most items (<= 1000),
--       most attempts (-1: a crash is not counted), now as RFC 3339
-- Returns items moved; -1 when the token has changed.  Repeat while the
--       answer is "most items"
--
-- The fence goes first, so that a worker that was only paused finds itself
-- fenced and commits nothing.

local fence, workers, beats, beat = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local processing, source, dlq = KEYS[5], KEYS[6], KEYS[7]
local id, token = ARGV[1], ARGV[2]
local most, limit = tonumber(ARGV[3]), tonumber(ARGV[4])
local now = ARGV[5]

if (redis.call('HGET', fence, id) or '') ~= token then
    return -1
end

for _, key in ipairs({processing, source, dlq}) do
    local t = redis.call('TYPE', key).ok
    if t ~= 'none' and t ~= 'list' then
        return redis.error_reply('WRONGTYPE ' .. key .. ' is no list')
    end
end

redis.call('HDEL', fence, id, id .. '#batch', id .. '#process')

-- the newest claimed are at the left; taken from there and pushed to the
-- right, the oldest ends up rightmost
local items = redis.call('LPOP', processing, most) or {}

for _, item in ipairs(items) do
    local exhausted = false
    if limit >= 0 then
        local head, attempts, rest =
            string.match(item, '^({"_attempts":)(%d+)(.*)$')
        if head then
            attempts = tonumber(attempts) + 1
            head = head .. string.format('%d', attempts)
            exhausted = attempts > limit
        end
        if exhausted then
            -- an earlier failure goes
            rest = string.gsub(rest, '^,"_failed_at":"[^"]*"', '')
            rest = string.gsub(rest, '^,"_failed_reason":"[^"]*"', '')
            head = head .. ',"_failed_at":"' .. now
                .. '","_failed_reason":"crashed"'
        end
        if head then
            item = head .. rest
        end
    end
    if exhausted then
        redis.call('LPUSH', dlq, item)
    else
        redis.call('RPUSH', source, item)
    end
end

if redis.call('LLEN', processing) == 0 then
    redis.call('SREM', workers, id)
    redis.call('HDEL', beats, id)
    redis.call('DEL', beat)
end

return #items
