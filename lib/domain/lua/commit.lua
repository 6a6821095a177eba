#!lua flags=allow-oom
-- Settles the oldest n items of a worker's processing list: each leaves it
-- and reaches its destination in the same step.
--
-- KEYS  1 processing list, 2 fence, 3 ledger, 4 source queue, 5 alert queue,
--       6 alerter's dead letters, 7 dead
-- ARGV  id, token, batch number, n, n_kinds; then per item: code, payload
--       ("" where the code has none); then per kind of unhandled events:
--       counter key, how many, threshold, expiry s, the meta-alert's JSON up
--       to the count and after it
--       codes: F alert queue, L logged, S suppressed, U unhandled, R back to
--       the source, D dead letters, Q dead, X dead and never counted before
-- Returns {"OK", meta-alerts raised}, {"STALE"} or {"FENCED", token or ""}
--
-- Everything that could fail is checked before the first write, because a
-- script that fails does not roll back.  The counters of unhandled events are
-- keys that KEYS does not name; standalone Redis allows it.

local processing, fence, ledger = KEYS[1], KEYS[2], KEYS[3]
local source, alerts, dlq, dead = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local id, token, batch = ARGV[1], ARGV[2], ARGV[3]
local n, n_kinds = tonumber(ARGV[4]), tonumber(ARGV[5])

local current = redis.call('HGET', fence, id)
if current ~= token then
    return {'FENCED', current or ''}
end

if redis.call('HGET', fence, id .. '#batch') ~= batch
    or redis.call('LLEN', processing) < n then
    return {'STALE'}
end

local function check(key, kind)
    local t = redis.call('TYPE', key).ok
    if t ~= 'none' and t ~= kind then
        return redis.error_reply('WRONGTYPE ' .. key .. ' is no ' .. kind)
    end
end

for _, key in ipairs({processing, source, alerts, dlq, dead}) do
    local wrong = check(key, 'list')
    if wrong then return wrong end
end

local kinds = 6 + 2 * n
local wrong = check(ledger, 'hash')
if wrong then return wrong end

-- what was counted so far; one call a kind, for there may be many
local counted = {}

for k = 0, n_kinds - 1 do
    local at = kinds + 6 * k
    local key = ARGV[at] or ''
    local value = redis.pcall('GET', key)
    if value and (type(value) ~= 'string'
        or #value > 15 or string.find(value, '^%d+$') == nil) then
        return redis.error_reply('WRONGTYPE ' .. key .. ' is no number')
    end
    counted[key] = value
    if (tonumber(value or 0)) + (tonumber(ARGV[at + 1]) or 0)
        >= (tonumber(ARGV[at + 2]) or 0) then
        wrong = check(key .. ':triggered', 'string')
        if wrong then return wrong end
    end
end

local pushes = {F = alerts, D = dlq, Q = dead, X = dead}
local counters = {
    L = 'logged', S = 'suppressed', U = 'unhandled', Q = 'dead', X = 'dead',
}

for i = 1, n do
    local code = ARGV[4 + 2 * i] or ''
    if code ~= 'R' and not pushes[code] and not counters[code] then
        return redis.error_reply('ERR no code ' .. code)
    end
end

if #ARGV ~= kinds - 1 + 6 * n_kinds then
    return redis.error_reply('ERR ' .. #ARGV .. ' arguments')
end
local counts = {}
local external = 0

-- retried items go back newest first, so that the oldest is claimed first
local back = {}

redis.call('RPOP', processing, n)

for i = 1, n do
    local code, payload = ARGV[4 + 2 * i], ARGV[5 + 2 * i]
    local list = pushes[code]
    if code == 'R' then
        back[#back + 1] = payload
    elseif list then
        redis.call('LPUSH', list, payload)
    end
    local counter = counters[code]
    if counter then
        counts[counter] = (counts[counter] or 0) + 1
    end
    if code == 'X' then
        external = external + 1
    end
end

for i = #back, 1, -1 do
    redis.call('RPUSH', source, back[i])
end

local metas = 0

for k = 0, n_kinds - 1 do
    local at = kinds + 6 * k
    local key, times = ARGV[at], tonumber(ARGV[at + 1])
    local threshold, expiry = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    local count, ttl = times, expiry * 1000
    if counted[key] then
        count = redis.call('INCRBY', key, times)
        ttl = redis.call('PTTL', key)
        if ttl < 0 then
            ttl = expiry * 1000
            redis.call('PEXPIRE', key, ttl)
        end
    else
        redis.call('SET', key, times, 'PX', ttl)
        counted[key] = true
    end
    if count >= threshold
        and redis.call('SET', key .. ':triggered', '1', 'NX', 'PX',
            math.max(1, ttl)) then
        local number = string.format('%d', count)
        redis.call('LPUSH', alerts, ARGV[at + 4] .. number .. ARGV[at + 5])
        metas = metas + 1
    end
end

for counter, count in pairs(counts) do
    redis.call('HINCRBY', ledger, counter, count)
end
if external > 0 then
    redis.call('HINCRBY', ledger, 'external_in', external)
end
if metas > 0 then
    redis.call('HINCRBY', ledger, 'meta_created', metas)
end

-- a second commit of the same batch must not match
redis.call('HINCRBY', fence, id .. '#batch', 1)

return {'OK', metas}
