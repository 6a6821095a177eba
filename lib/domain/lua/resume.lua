#!lua flags=allow-oom
-- What a forwarder still holds, after a new registration.
--
-- KEYS  1 processing list, 2 fence
-- ARGV  id, token
-- Returns {"OK", items oldest first}, or {"FENCED", token or ""}

local processing, fence = KEYS[1], KEYS[2]

local current = redis.call('HGET', fence, ARGV[1])
if current ~= ARGV[2] then
    return {'FENCED', current or ''}
end

local reply = {'OK'}
local items = redis.call('LRANGE', processing, 0, -1)

for i = #items, 1, -1 do
    reply[#reply + 1] = items[i]
end

return reply
