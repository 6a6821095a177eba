#!lua flags=allow-oom
-- Claims items for a worker: what is in its processing list, topped up from
-- the queue.
--
-- KEYS  1 source queue, 2 processing list, 3 fence, 4 alert queue
-- ARGV  id, token, most items, most bytes (8 MiB unless given)
-- Returns {"OK", batch number, depth of source, depth of the alert queue,
--       items, oldest first}, or {"FENCED", current token or ""}
--
-- A lost reply strands nothing: the next claim returns the same items.  An
-- item with two or more attempts travels alone, since one that kills its
-- worker must not take its neighbours along again.  The last item may pass
-- the most bytes, so that an item of any size is claimed in the end.

local source, processing, fence, alerts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, token, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local most_bytes = tonumber(ARGV[4] or 8388608)

-- items that are taken from the queue in one go
local STEP = 100

local current = redis.call('HGET', fence, id)
if current ~= token then
    return {'FENCED', current or ''}
end

local function suspect(item)
    local attempts = string.match(item, '^{"_attempts":(%d+)')
    return attempts and tonumber(attempts) >= 2
end

local held = redis.call('LRANGE', processing, -most, -1)
local items, bytes = {}, 0

for i = #held, 1, -1 do
    items[#items + 1] = held[i]
    bytes = bytes + #held[i]
end

local function full()
    return #items >= most or bytes >= most_bytes
        or (items[1] and suspect(items[1]))
end

while not full() do
    local fresh = redis.call('RPOP', source, math.min(STEP, most - #items))
    if not fresh or #fresh == 0 then break end
    local n = 0
    while n < #fresh and not full()
        and (#items == 0 or not suspect(fresh[n + 1])) do
        n = n + 1
        items[#items + 1] = fresh[n]
        bytes = bytes + #fresh[n]
    end
    if n > 0 then
        redis.call('LPUSH', processing, unpack(fresh, 1, n))
    end
    -- the others go back to where they were
    for i = #fresh, n + 1, -1 do
        redis.call('RPUSH', source, fresh[i])
    end
    if n < #fresh then break end
end

local batch = redis.call('HINCRBY', fence, id .. '#batch', 1)

return {'OK', batch, redis.call('LLEN', source), redis.call('LLEN', alerts),
    unpack(items)}
