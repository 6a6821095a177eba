#!lua flags=no-writes,allow-oom
-- Where an event is now, as far as a bounded look tells.
--
-- KEYS  1 workers, 2 retries, 3.. lists to look through
-- ARGV  text that only this event has, prefix of the processing lists, items
--       to look at on either end of a list
-- Returns key, item, key, item, ...; at most ten
--
-- Reads processing lists that KEYS cannot name; standalone Redis allows it.

local text, prefix, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local found = {}

local function look(key, items)
    for _, item in ipairs(items) do
        if #found < 20 and string.find(item, text, 1, true) then
            found[#found + 1] = key
            found[#found + 1] = string.sub(item, 1, 262144)
        end
    end
end

local function list(key)
    local length = redis.call('LLEN', key)
    look(key, redis.call('LRANGE', key, -most, -1))
    if length > most then
        look(key, redis.call('LRANGE', key, 0,
            math.min(most, length - most) - 1))
    end
end

for i = 3, #KEYS do
    list(KEYS[i])
end
for _, worker in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    list(prefix .. worker)
end
look(KEYS[2], redis.call('ZRANGE', KEYS[2], 0, most - 1))

return found
