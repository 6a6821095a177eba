#!lua flags=allow-oom
-- Settles alerts one by one, in whatever order their answers came.
--
-- KEYS  1 processing list, 2 fence, 3 ledger, 4 alert queue, 5 retries,
--       6 dead letters, 7 dead, 8 breaker, 9 rate limit
-- ARGV  id, token, n, breaker enabled 0/1, breaker_threshold; then per item:
--       item, code, sign, payload, delay ms, hold ms
--       codes: W delivered, R retry, D dead letters, Q dead, B back as it was
--       signs: "" none, + good, - bad
-- Returns {"OK", items moved, breaker state before, after}, or {"FENCED",
--       token or ""}
--
-- By value, not by position: the list is bounded by moog_max_inflight, and
-- equal items are the same alert.  An item that is not there was settled
-- before and is passed over, its sign too.

local processing, fence, ledger, queue = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local retries, dlq, dead = KEYS[5], KEYS[6], KEYS[7]
local breaker, rate = KEYS[8], KEYS[9]
local id, token, n = ARGV[1], ARGV[2], tonumber(ARGV[3])
local enabled, threshold = ARGV[4] == '1', tonumber(ARGV[5])

local current = redis.call('HGET', fence, id)
if current ~= token then
    return {'FENCED', current or ''}
end

local wanted = {
    [processing] = 'list', [queue] = 'list', [dlq] = 'list', [dead] = 'list',
    [retries] = 'zset', [ledger] = 'hash', [breaker] = 'hash',
    [rate] = 'hash',
}
for key, kind in pairs(wanted) do
    local t = redis.call('TYPE', key).ok
    if t ~= 'none' and t ~= kind then
        return redis.error_reply('WRONGTYPE ' .. key .. ' is no ' .. kind)
    end
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local states = {CLOSED = 0, HALF_OPEN = 1, OPEN = 2}
local b = redis.call('HMGET', breaker, 'state', 'failures')
local state = states[b[1] or ''] or 0
local failures = tonumber(b[2]) or 0
local before = state

local function judge(sign)
    if sign == '' or not enabled then
        return
    end
    if sign == '+' then
        if state ~= 0 or failures > 0 then
            redis.call('DEL', breaker)
        end
        state, failures = 0, 0
        return
    end
    failures = failures + 1
    if state == 1 or (state == 0 and failures >= threshold) then
        state = 2
        redis.call('HSET', breaker, 'state', 'OPEN', 'failures', failures,
            'opened_at', now, 'probe', 0)
    elseif state == 0 then
        redis.call('HSET', breaker, 'state', 'CLOSED', 'failures', failures)
    end
end

local moved, delivered, died = 0, 0, 0

for i = 0, n - 1 do
    local at = 6 + 6 * i
    local item, code, sign = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local payload = ARGV[at + 3]
    local delay, hold = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])

    if redis.call('LREM', processing, -1, item) == 1 then
        moved = moved + 1
        if code == 'W' then
            delivered = delivered + 1
        elseif code == 'R' then
            -- equal payloads would be one member of the set
            if redis.call('ZADD', retries, 'NX', now + delay, payload) == 0 then
                redis.call('RPUSH', queue, payload)
            end
        elseif code == 'D' then
            redis.call('LPUSH', dlq, payload)
        elseif code == 'Q' then
            redis.call('LPUSH', dead, payload)
            died = died + 1
        else
            redis.call('RPUSH', queue, item)
        end
        judge(sign)
        if hold > 0 then
            local held = tonumber(redis.call('HGET', rate, 'hold')) or 0
            redis.call('HSET', rate, 'hold', math.max(held, now + hold))
            redis.call('PEXPIRE', rate, math.max(
                redis.call('PTTL', rate), hold + 60000))
        end
    end
end

if delivered > 0 then
    redis.call('HINCRBY', ledger, 'delivered', delivered)
end
if died > 0 then
    redis.call('HINCRBY', ledger, 'dead', died)
end

return {'OK', moved, before, state}
