#!lua flags=allow-oom
-- Takes dead letters out of a list, wherever in it they are, as an operator
-- has decided: each back to a queue or away, all in one step.
--
-- KEYS  1 letters, 2 ingest queue, 3 alert queue, 4 ledger, 5 retries,
--       6 workers, 7 what became of this call
-- ARGV  mark, no letter's text; seconds to remember the call; "1": the
--       letters are the dead, which the ledger has counted as ended; warn
--       threshold; prefix of the processing lists; replays of events that
--       may still be on their way to the alert queue; "1": letters are
--       sifted; n; then per letter, oldest first: place (0: the oldest),
--       SHA-1 in hex, code, payload
--       codes: E to the ingest queue, A to the alert queue, D discarded,
--       X discarded and never counted before, K behind the others
-- Returns a character a letter: "m" moved, "k" kept, "g" gone, so not moved,
--       "w" waits, because the alert queue has no room for it
--
-- The same call again changes nothing and returns the same.  Replays go to
-- the end that is claimed next, the oldest first.
--
-- Letters that are sifted are the oldest, one behind the other, and are
-- taken from the end, which costs the same however long the list is; the
-- first that is gone or waits ends the call.  Other letters are looked for
-- at their places, which costs a walk there: few at a time.  Of those, one
-- that is not near either end is taken by laying the oldest letter in its
-- place, since a list can't lose what is in its middle without being
-- compared, letter by letter, up to there.

local letters, ingest, alerts = KEYS[1], KEYS[2], KEYS[3]
local ledger, retries, workers, call = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local mark, keep, from_dead = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'
local warn, prefix = tonumber(ARGV[4]), ARGV[5]
local outstanding, sifted = tonumber(ARGV[6]), ARGV[7] == '1'
local n = tonumber(ARGV[8])

local NEAR = 20000

local before = redis.call('GET', call)
if before then
    return before
end

local wanted = {
    [letters] = 'list', [ingest] = 'list', [alerts] = 'list',
    [ledger] = 'hash', [retries] = 'zset', [workers] = 'set',
}
for key, kind in pairs(wanted) do
    local t = redis.call('TYPE', key).ok
    if t ~= 'none' and t ~= kind then
        return redis.error_reply('WRONGTYPE ' .. key .. ' is no ' .. kind)
    end
end

if #ARGV ~= 8 + 4 * n then
    return redis.error_reply('ERR ' .. #ARGV .. ' arguments')
end

local room = warn - redis.call('LLEN', alerts) - redis.call('ZCARD', retries)
    - outstanding
for _, worker in ipairs(redis.call('SMEMBERS', workers)) do
    if string.sub(worker, 1, 5) == 'moog:' then
        room = room - redis.call('LLEN', prefix .. worker)
    end
end

local done, events, replays = {}, {}, {}
local moved, discarded, external = 0, 0, 0

-- letters that are marked, near the oldest and near the newest; how many of
-- the oldest were taken, which makes all places less
local old, new, popped = 0, 0, 0

local function is_at(place, digest)
    local item = redis.call('LINDEX', letters, popped - place - 1)
    return item and redis.sha1hex(item) == digest
end

local function remove(place)
    local behind = redis.call('LLEN', letters) - 1 - place + popped
    if place - popped <= NEAR or behind <= NEAR then
        redis.call('LSET', letters, popped - place - 1, mark)
        if place - popped <= behind then
            old = old + 1
        else
            new = new + 1
        end
        return
    end
    local filler
    repeat
        filler = redis.call('RPOP', letters)
        popped = popped + 1
        old = filler == mark and old - 1 or old
    until filler ~= mark
    redis.call('LSET', letters, popped - place - 1, filler)
end

-- what becomes of a letter that is there
local function judge(code, place)
    local back = code == 'E' or code == 'A'
    if back and room <= 0 then
        return 'w'
    end
    if code == 'K' then
        redis.call('LMOVE', letters, letters, 'RIGHT', 'LEFT')
        return 'k'
    end
    if sifted then
        redis.call('RPOP', letters)
    else
        remove(place)
    end
    room = back and room - 1 or room
    return 'm'
end

local ended = false

for i = 1, n do
    local place = sifted and 0 or tonumber(ARGV[5 + 4 * i])
    local code = ARGV[7 + 4 * i]
    done[i] = 'g'
    if not ended and is_at(place, ARGV[6 + 4 * i]) then
        done[i] = judge(code, place)
    end
    if done[i] == 'm' then
        moved = moved + 1
        if code == 'E' then
            events[#events + 1] = ARGV[8 + 4 * i]
        elseif code == 'A' then
            replays[#replays + 1] = ARGV[8 + 4 * i]
        else
            discarded = discarded + 1
            external = external + (code == 'X' and 1 or 0)
        end
    end
    ended = sifted and (done[i] == 'g' or done[i] == 'w')
end

if old > 0 then
    redis.call('LREM', letters, -old, mark)
end
if new > 0 then
    redis.call('LREM', letters, new, mark)
end

for i = #events, 1, -1 do
    redis.call('RPUSH', ingest, events[i])
end
for i = #replays, 1, -1 do
    redis.call('RPUSH', alerts, replays[i])
end

if from_dead and moved > 0 then
    redis.call('HINCRBY', ledger, 'dead', -moved)
end
if discarded > 0 then
    redis.call('HINCRBY', ledger, from_dead and 'dead_purged' or 'dlq_purged',
        discarded)
end
if external > 0 then
    redis.call('HINCRBY', ledger, 'external_in', external)
end

local result = table.concat(done)
redis.call('SET', call, result, 'EX', keep)

return result
