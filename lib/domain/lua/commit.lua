#!lua flags=allow-oom
-- Settles the oldest n items of a worker's processing list: each leaves it
-- and reaches its destination in the same step.
--
-- KEYS  1 processing list, 2 fence, 3 ledger, 4 source queue, 5 alert queue,
--       6 alerter's dead letters, 7 dead
-- ARGV  id, token, batch number, the codes of the n items as one word, n_kinds,
--       threshold, expiry s; then the payloads of the items whose code has one,
--       in order; per kind of unhandled events: counter key, how many; then,
--       of the kinds that are to raise a meta-alert: number of the kind from
--       0, the meta-alert's JSON up to the count and after it
--       codes: F alert queue, L logged, S suppressed, U unhandled, R back to
--       the source, D dead letters, Q dead, X dead and never counted before;
--       F, R, D, Q and X have a payload
-- Returns {"OK", meta-alerts raised}, {"STALE"}, {"FENCED", token or ""}, or
--       {"NEED", numbers of kinds}: they reach the threshold, and their JSON
--       is not here; nothing was done
--
-- Everything that could fail is checked before the first write, because a
-- script that fails does not roll back.  The counters of unhandled events are
-- keys that KEYS does not name; standalone Redis allows it.  There may be one
-- an item, so each costs one call of a command, and is looked at with all
-- others at once; a meta-alert is rare, so its JSON comes when it is asked for.

local processing, fence, ledger = KEYS[1], KEYS[2], KEYS[3]
local source, alerts, dlq, dead = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local id, token, batch, codes = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local n, n_kinds = #(codes or ''), tonumber(ARGV[5])
local threshold, expiry = tonumber(ARGV[6]), tonumber(ARGV[7])

local HEAD = 7
local CHUNK = 1000

local call, pcall = redis.call, redis.pcall

local current = call('HGET', fence, id)
if current ~= token then
    return {'FENCED', current or ''}
end

if not expiry then
    return redis.error_reply('ERR ' .. #ARGV .. ' arguments')
end

if call('HGET', fence, id .. '#batch') ~= batch
    or call('LLEN', processing) < n then
    return {'STALE'}
end

local lists = {F = alerts, R = source, D = dlq, Q = dead, X = dead}
local counters = {
    L = 'logged', S = 'suppressed', U = 'unhandled', Q = 'dead', X = 'dead',
}

-- what goes where, in order, and how many of each code there are
local pushes, counts = {}, {}
local at = HEAD

for i = 1, n do
    local code = string.sub(codes, i, i)
    if lists[code] then
        at = at + 1
        local push = pushes[code] or {}
        push[#push + 1] = ARGV[at]
        pushes[code] = push
    elseif not counters[code] then
        return redis.error_reply('ERR no code ' .. code)
    end
    counts[code] = (counts[code] or 0) + 1
end

local kinds = at + 1
local texts_at = kinds + 2 * n_kinds

if #ARGV < texts_at - 1 or (#ARGV - texts_at + 1) % 3 ~= 0 then
    return redis.error_reply('ERR ' .. #ARGV .. ' arguments')
end

local texts = {}
for i = texts_at, #ARGV, 3 do
    texts[tonumber(ARGV[i])] = i
end

local function check(key, kind)
    local t = call('TYPE', key).ok
    if t ~= 'none' and t ~= kind then
        return redis.error_reply('WRONGTYPE ' .. key .. ' is no ' .. kind)
    end
end

local wrong = check(ledger, 'hash')
for code in pairs(counts) do
    wrong = wrong or lists[code] and check(lists[code], 'list')
end
if texts_at <= #ARGV then
    wrong = wrong or check(alerts, 'list')
end
if wrong then return wrong end

-- what was counted so far
local counted = {}

for first = 0, n_kinds - 1, CHUNK do
    local keys = {}
    for k = first, math.min(first + CHUNK, n_kinds) - 1 do
        keys[#keys + 1] = ARGV[kinds + 2 * k]
    end
    for i, value in ipairs(call('MGET', unpack(keys))) do
        if value and (#value > 15 or not string.find(value, '^%d+$')) then
            return redis.error_reply('WRONGTYPE ' .. keys[i] .. ' is no number')
        end
        counted[first + i - 1] = value
    end
end

local need = {'NEED'}

for k = 0, n_kinds - 1 do
    local key, times = ARGV[kinds + 2 * k], tonumber(ARGV[kinds + 2 * k + 1])
    if (tonumber(counted[k] or 0)) + times >= threshold and not texts[k]
        and call('EXISTS', key .. ':triggered') == 0 then
        need[#need + 1] = k
    end
end

if #need > 1 then
    return need
end

call('LTRIM', processing, 0, -(n + 1))

for code, push in pairs(pushes) do
    if code ~= 'R' then
        for i = 1, #push, CHUNK do
            call('LPUSH', lists[code],
                unpack(push, i, math.min(i + CHUNK - 1, #push)))
        end
    else
        -- retried items go back newest first, so that the oldest is claimed
        -- first
        for i = #push, 1, -1 do
            call('RPUSH', source, push[i])
        end
    end
end

local metas = 0

for k = 0, n_kinds - 1 do
    local key, times = ARGV[kinds + 2 * k], ARGV[kinds + 2 * k + 1]
    local count, text = tonumber(times), texts[k]

    -- a key that is there after all is no number: it counts nothing
    if counted[k] then
        count = call('INCRBY', key, times)
    elseif not call('SET', key, times, 'PX', expiry * 1000, 'NX') then
        count = 0
    end

    if count >= threshold and text then
        local ttl = call('PTTL', key)
        if ttl < 0 then
            ttl = expiry * 1000
            call('PEXPIRE', key, ttl)
        end
        if call('SET', key .. ':triggered', '1', 'NX', 'PX',
            math.max(1, ttl)) then
            call('LPUSH', alerts, ARGV[text + 1] .. string.format('%d', count)
                .. ARGV[text + 2])
            metas = metas + 1
        end
    end
end

local sums = {}
for code, count in pairs(counts) do
    local counter = counters[code]
    if counter then
        sums[counter] = (sums[counter] or 0) + count
    end
end
if counts.X then
    sums.external_in = counts.X
end
if metas > 0 then
    sums.meta_created = metas
end
for counter, sum in pairs(sums) do
    call('HINCRBY', ledger, counter, sum)
end

-- a second commit of the same batch must not match
call('HINCRBY', fence, id .. '#batch', 1)

return {'OK', metas}
