#!lua
-- Notes attempts to deliver, of the events that were last noted.
--
-- KEYS  1 attempts by event, 2 events in the order of their first attempt
-- ARGV  events kept, bytes kept of an event, then per attempt: event id, JSON
-- Returns 1
--
-- What is kept of an event is a list of JSON objects without its brackets, the
-- last ones; before it, how many there were before those, if any.  A full
-- Redis notes nothing.

local attempts, order = KEYS[1], KEYS[2]
local most, bytes = tonumber(ARGV[1]), tonumber(ARGV[2])

for i = 3, #ARGV, 2 do
    local id, text = ARGV[i], ARGV[i + 1]
    local before = redis.call('HGET', attempts, id)

    if before then
        local gone, list = string.match(before, '^(%d*)(.*)$')
        gone = tonumber(gone) or 0
        text = list .. ',' .. text
        while #text > bytes do
            local cut = string.find(text, '},{', 1, true)
            if not cut then
                break
            end
            text = string.sub(text, cut + 2)
            gone = gone + 1
        end
        text = (gone > 0 and gone or '') .. text
    else
        redis.call('LPUSH', order, id)
    end
    redis.call('HSET', attempts, id, text)
end

local over = redis.call('LLEN', order) - most
if over > 0 then
    for _, id in ipairs(redis.call('RPOP', order, math.min(over, 1000))) do
        redis.call('HDEL', attempts, id)
    end
end

return 1
