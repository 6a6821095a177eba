#!lua flags=allow-oom
-- Settles the oldest n items of a worker's processing list: each leaves it
-- and reaches its destination in the same step.
--
-- KEYS  1 processing list, 2 fence, 3 ledger, 4 source queue, 5 alert queue,
--       6 alerter's dead letters, 7 dead
-- ARGV  id, token, batch number, the codes of the n items as one word, n_kinds,
--       threshold, expiry s, n_more; then the payloads of the items whose code
--       has one, in order; the counter keys of the kinds of unhandled events;
--       of the n_more kinds with more than one event: number of the kind from
--       0, how many; then, of the kinds that are to raise a meta-alert: number
--       of the kind, the meta-alert's JSON up to the count and after it
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
local n_more = tonumber(ARGV[8])

local HEAD = 8
local CHUNK = 1000

local call = redis.call

local current = call('HGET', fence, id)
if current ~= token then
    return {'FENCED', current or ''}
end

if not n_more then
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

-- how many of each code there are, and what goes where, in order
local counts, pushes = {}, {}
local known = 0

for code in string.gmatch('FLSURDQX', '.') do
    local _, count = string.gsub(codes, code, '')
    if count > 0 then
        counts[code] = count
        known = known + count
        pushes[code] = lists[code] and {}
    end
end

if known ~= n then
    return redis.error_reply('ERR no code '
        .. string.match(codes, '[^FLSURDQX]'))
end

local at = HEAD

for code in string.gmatch(codes, '[FRDQX]') do
    local push = pushes[code]
    at = at + 1
    push[#push + 1] = ARGV[at]
end

-- before the key of the first kind
local keys_at = at
local more_at = at + n_kinds + 1
local texts_at = more_at + 2 * n_more

if #ARGV < texts_at - 1 or (#ARGV - texts_at + 1) % 3 ~= 0 then
    return redis.error_reply('ERR ' .. #ARGV .. ' arguments')
end

-- how many there are of each kind; of most, one
local times = {}
for i = more_at, texts_at - 1, 2 do
    times[ARGV[i] + 1] = ARGV[i + 1]
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

-- what was counted so far, and of which kinds the text is missing
local counted, need = {}, {'NEED'}

for first = 1, n_kinds, CHUNK do
    local last = math.min(first + CHUNK - 1, n_kinds)
    local values = call('MGET', unpack(ARGV, keys_at + first, keys_at + last))
    for k = first, last do
        local value, sum = values[k - first + 1], tonumber(times[k] or 1)
        if value then
            if #value > 15 or not string.find(value, '^%d+$') then
                return redis.error_reply('WRONGTYPE ' .. ARGV[keys_at + k]
                    .. ' is no number')
            end
            counted[k], sum = true, value + sum
        end
        if sum >= threshold and not texts[k - 1]
            and call('EXISTS', ARGV[keys_at + k] .. ':triggered') == 0 then
            need[#need + 1] = k - 1
        end
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

local px = string.format('%d', expiry * 1000)

for k = 1, n_kinds do
    local key, more, text = ARGV[keys_at + k], times[k], texts[k - 1]
    local count

    -- a key that is there after all is no number: it counts nothing
    if not counted[k] then
        count = call('SET', key, more or '1', 'PX', px, 'NX')
            and tonumber(more or 1)
    elseif more then
        count = call('INCRBY', key, more)
    else
        count = call('INCR', key)
    end

    if text and count and count >= threshold then
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
