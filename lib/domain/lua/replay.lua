#!lua flags=allow-oom
-- Settles the oldest dead letters of a list, each in one step with what
-- becomes of it.
--
-- KEYS  1 dead letters, 2 target queue, 3 dead, 4 ledger, 5 lease,
--       6 alert queue, 7 retries, 8 breaker, 9 workers
-- ARGV  token of the process, warn threshold, breaker timeout s (-1: there is
--       no breaker), prefix of the processing lists, replays that may still be with the alerters
--       (-1: the letters are alerts), n; then per letter, oldest first:
--       letter, code, payload
--       codes: P to the target, Q dead, X dead and never counted before,
--       K not yet due: behind the others
-- Returns {"OK", replayed, dead, kept, why the rest waits: "" none does,
--       "warn", "pending", "breaker", "moved"} or {"LOST"} without the lease
--
-- A letter that is no longer the oldest ends the call, so nothing is moved
-- that was not looked at.  Replays go to the end that is claimed next: they
-- are the oldest, and while one of them is still there ("pending") no more
-- follow.  With an open breaker whose time is up and nothing else to send,
-- one alert is let through: somebody has to be the probe.

local letters, target, dead, ledger = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local lease, alerts, retries = KEYS[5], KEYS[6], KEYS[7]
local breaker, workers = KEYS[8], KEYS[9]
local token, warn = ARGV[1], tonumber(ARGV[2])
local open_for, prefix = tonumber(ARGV[3]) * 1000, ARGV[4]
local outstanding, n = tonumber(ARGV[5]), tonumber(ARGV[6])

if redis.call('GET', lease) ~= token then
    return {'LOST'}
end

local wanted = {
    [letters] = 'list', [target] = 'list', [dead] = 'list',
    [alerts] = 'list', [retries] = 'zset', [ledger] = 'hash',
    [breaker] = 'hash', [workers] = 'set',
}
for key, kind in pairs(wanted) do
    local t = redis.call('TYPE', key).ok
    if t ~= 'none' and t ~= kind then
        return redis.error_reply('WRONGTYPE ' .. key .. ' is no ' .. kind)
    end
end

if #ARGV ~= 6 + 3 * n then
    return redis.error_reply('ERR ' .. #ARGV .. ' arguments')
end

local why = ''

-- what workers of a kind hold
local function claimed(kind)
    local n = 0
    for _, worker in ipairs(redis.call('SMEMBERS', workers)) do
        if string.sub(worker, 1, #kind) == kind then
            n = n + redis.call('LLEN', prefix .. worker)
        end
    end
    return n
end

-- what is to be retried or being sent may be in the queue again at any time
local waiting = redis.call('LLEN', alerts) + redis.call('ZCARD', retries)
    + claimed('moog:')
local room = warn - waiting

if room <= 0 then
    why = 'warn'
end

if outstanding >= 0 and room > 0 then
    local next_claimed = redis.call('LINDEX', target, -1)
    if next_claimed and
        string.match(next_claimed, '^{"_attempts":%d+,"_replays":[1-9]') then
        room, why = 0, 'pending'
    else
        room = room - math.min(claimed('alerter:'), outstanding)
        why = room <= 0 and 'pending' or ''
    end
elseif outstanding < 0 and room > 0 and open_for >= 0 then
    local b = redis.call('HMGET', breaker, 'state', 'opened_at', 'probe')
    if b[1] and b[1] ~= 'CLOSED' then
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000
            + math.floor(tonumber(time[2]) / 1000)
        local due = b[1] == 'OPEN' and (tonumber(b[2]) or 0) + open_for
            or tonumber(b[3]) or 0
        -- the clock has been set back since it opened
        local early = b[1] == 'OPEN' and due > now + open_for
        room, why = 0, 'breaker'
        if (now >= due or early) and waiting == 0 then
            room = 1
        end
    end
end

local replays, kept = {}, {}
local died, external = 0, 0

for i = 0, n - 1 do
    local letter, code = ARGV[7 + 3 * i], ARGV[8 + 3 * i]
    local payload = ARGV[9 + 3 * i]
    if code == 'P' and #replays >= room then
        why = why ~= '' and why or 'warn'
        break
    end
    if redis.call('LINDEX', letters, -1) ~= letter then
        why = 'moved'
        break
    end
    redis.call('RPOP', letters)
    if code == 'P' then
        replays[#replays + 1] = payload
    elseif code == 'K' then
        kept[#kept + 1] = letter
    else
        redis.call('LPUSH', dead, payload)
        died = died + 1
        if code == 'X' then
            external = external + 1
        end
    end
end

for i = #replays, 1, -1 do
    redis.call('RPUSH', target, replays[i])
end

-- only now, so that the loop never meets them again
for _, letter in ipairs(kept) do
    redis.call('LPUSH', letters, letter)
end

if died > 0 then
    redis.call('HINCRBY', ledger, 'dead', died)
end
if external > 0 then
    redis.call('HINCRBY', ledger, 'external_in', external)
end

return {'OK', #replays, died, #kept, why}
