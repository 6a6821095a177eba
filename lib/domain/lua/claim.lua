#!lua flags=allow-oom
-- Claims items for a worker: first what is in its processing list, topped up
-- from the queue.
--
-- KEYS  1 source queue, 2 processing list, 3 fence, 4 alert queue
-- ARGV  id, token, most items
-- Returns {"OK", batch number, depth of source, depth of the alert queue,
--       items, oldest first}, or {"FENCED", current token or ""}
--
-- A lost reply strands nothing: the next claim returns the same items.  An
-- item with two or more attempts travels alone, since one that kills its
-- worker must not take its neighbours along again.

local source, processing, fence, alerts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, token, most = ARGV[1], ARGV[2], tonumber(ARGV[3])

local current = redis.call('HGET', fence, id)
if current ~= token then
    return {'FENCED', current or ''}
end

local function suspect(item)
    local attempts = string.match(item, '^{"_attempts":(%d+)')
    return attempts and tonumber(attempts) >= 2
end

-- how many of fresh, oldest first, may join what is held
local function fitting(fresh, held)
    for i, item in ipairs(fresh) do
        if suspect(item) then
            return (held == 0 and i == 1) and 1 or i - 1
        end
    end
    return #fresh
end

local have = redis.call('LLEN', processing)
local oldest = redis.call('LINDEX', processing, -1)

if have < most and not (oldest and suspect(oldest)) then
    local fresh = redis.call('RPOP', source, most - have) or {}
    local n = fitting(fresh, have)
    if n > 0 then
        redis.call('LPUSH', processing, unpack(fresh, 1, n))
    end
    -- the others go back to where they were
    for i = #fresh, n + 1, -1 do
        redis.call('RPUSH', source, fresh[i])
    end
end

local held = redis.call('LRANGE', processing, -most, -1)
local items = {}

for i = #held, 1, -1 do
    items[#items + 1] = held[i]
end

local batch = redis.call('HINCRBY', fence, id .. '#batch', 1)

return {'OK', batch, redis.call('LLEN', source), redis.call('LLEN', alerts),
    unpack(items)}
