#!lua flags=allow-oom
-- Claims items for a worker: first what is in its processing list, topped up
-- from the doorbell's list and then from the queue.
--
-- KEYS  1 source queue, 2 processing list, 3 fence, 4 alert queue,
--       5 doorbell's list
-- ARGV  id, token, most items, most bytes
-- Returns {"OK", batch number (0: nothing claimed), depth of source, depth of
--       the alert queue, items, oldest first}, or {"FENCED", current token or
--       ""}
--
-- A lost reply strands nothing: the next claim returns the same items.  An
-- item with two or more attempts is held alone, since one that kills its
-- worker must not take its neighbours along again.  One item always fits,
-- whatever its bytes.

local source, processing, fence = KEYS[1], KEYS[2], KEYS[3]
local alerts, bell = KEYS[4], KEYS[5]
local id, token = ARGV[1], ARGV[2]
local most, most_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])

local CHUNK = 100

local current = redis.call('HGET', fence, id)
if current ~= token then
    return {'FENCED', current or ''}
end

local items, bytes, full = {}, 0, false

local function joins(item)
    if full then
        return false
    end

    local attempts = string.match(item, '^{"_attempts":(%d+)')
    local suspect = attempts and tonumber(attempts) >= 2

    if #items > 0 and (suspect or bytes + #item > most_bytes) then
        full = true
        return false
    end

    items[#items + 1] = item
    bytes = bytes + #item
    full = suspect or #items >= most
    return true
end

local held = redis.call('LLEN', processing)
local at = 0

while at < held and not full do
    local chunk = redis.call('LRANGE', processing, -at - CHUNK, -at - 1)
    for i = #chunk, 1, -1 do
        joins(chunk[i])
    end
    at = at + CHUNK
end

for _, list in ipairs({bell, source}) do
    while not full do
        local want = #items == 0 and 1 or math.min(CHUNK, most - #items)
        local fresh = redis.call('RPOP', list, want) or {}
        local n = 0

        while n < #fresh and joins(fresh[n + 1]) do
            n = n + 1
        end
        if n > 0 then
            redis.call('LPUSH', processing, unpack(fresh, 1, n))
        end
        -- the others go back to where they were
        for i = #fresh, n + 1, -1 do
            redis.call('RPUSH', list, fresh[i])
        end
        if #fresh < want then
            break
        end
    end
end

local batch = 0
if #items > 0 then
    batch = redis.call('HINCRBY', fence, id .. '#batch', 1)
end

return {'OK', batch, redis.call('LLEN', source), redis.call('LLEN', alerts),
    unpack(items)}
