#!lua flags=allow-oom
-- Claims items for a worker: first what is in its processing list, topped up
-- from the doorbell's list and then from the queue.
--
-- KEYS  1 source queue, 2 processing list, 3 fence, 4 alert queue,
--       5 doorbell's list
-- ARGV  id, token, most items, most bytes, alerts above which nothing new is
--       taken (-1: no bound); to claim more behind a claim that is not settled
--       yet: its items and its batch number
-- Returns {"OK", batch number (0: nothing claimed), depth of source, depth of
--       the alert queue, items, oldest first}, {"STALE"} when that claim is
--       not the current one, or {"FENCED", current token or ""}
--
-- A lost reply strands nothing: the next claim returns the same items.  An
-- item with two or more attempts is held alone, since one that kills its
-- worker must not take its neighbours along again: nothing is claimed behind
-- it, nor it behind others.  One item always fits,
-- whatever its bytes.  With a bound on the alerts, no more is taken than may
-- become alerts before the bound is passed; what is held already is returned
-- all the same.

local source, processing, fence = KEYS[1], KEYS[2], KEYS[3]
local alerts, bell = KEYS[4], KEYS[5]
local id, token = ARGV[1], ARGV[2]
local most, most_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])
local bound = tonumber(ARGV[5])
local ahead, ahead_batch = tonumber(ARGV[6] or 0), ARGV[7]

-- what is taken at a time, and no more than seems to fit, by what is there
local CHUNK = 100

local current = redis.call('HGET', fence, id)
if current ~= token then
    return {'FENCED', current or ''}
end

local held = redis.call('LLEN', processing)

if ahead > 0 and (held < ahead
    or redis.call('HGET', fence, id .. '#batch') ~= ahead_batch) then
    return {'STALE'}
end

local depth = redis.call('LLEN', alerts)
local fresh_most = bound < 0 and most or math.min(most, bound + 1 - depth)
local items, bytes, full = {}, 0, false

-- whatever has "0," there has not been tried, or is no event of ours
local function is_suspect(item)
    local a, b = string.byte(item, 14, 15)
    if a == 48 and b == 44 then
        return false
    end
    local attempts = string.match(item, '^{"_attempts":(%d+)')
    return attempts and tonumber(attempts) >= 2
end

local function joins(item)
    if full then
        return false
    end

    local suspect = is_suspect(item)

    if (ahead > 0 and suspect)
        or (#items > 0 and (suspect or bytes + #item > most_bytes)) then
        full = true
        return false
    end

    items[#items + 1] = item
    bytes = bytes + #item
    full = suspect or #items >= most
    return true
end

if ahead > 0 and is_suspect(redis.call('LINDEX', processing, -1)) then
    full = true
end

local at = ahead

while at < held and not full do
    local chunk = redis.call('LRANGE', processing, -at - CHUNK, -at - 1)
    for i = #chunk, 1, -1 do
        joins(chunk[i])
    end
    at = at + CHUNK
end

for _, list in ipairs({bell, source}) do
    while not full and #items < fresh_most do
        local fits = math.floor((most_bytes - bytes) * #items / bytes)
        local want = #items == 0 and 1
            or math.min(CHUNK, fresh_most - #items, math.max(1, fits + 1))
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

-- a commit leaves the number by one higher: the one behind it has that then,
-- and it is nobody's when both are claimed again
local batch = 0
if #items > 0 then
    batch = ahead > 0 and tonumber(ahead_batch) + 1
        or redis.call('HINCRBY', fence, id .. '#batch', 2)
end

return {'OK', batch, redis.call('LLEN', source), depth, unpack(items)}
