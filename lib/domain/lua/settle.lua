#!lua flags=allow-oom
-- Settles alerts, in whatever order their answers came: the oldest by their
-- number, if they are delivered, any others one by one.
--
-- KEYS  1 processing list, 2 fence, 3 ledger, 4 alert queue, 5 retries,
--       6 dead letters, 7 dead, 8 breaker, 9 rate limit
-- ARGV  id, token, breaker enabled 0/1, breaker_threshold, how many of the
--       oldest items are delivered, how many there are in the list, how the
--       newest of the delivered begins; the codes of the others as one word,
--       their signs as another; those items; then, of those whose code has
--       more to say, in order, what that is
--       codes: W delivered, B back as it was, R retry: payload, delay ms,
--       D dead letters: payload, Q dead: payload, H as B, and all hold: hold ms
--       signs: . none, + good, - bad
-- Returns {"OK", items moved, breaker state before, after}, {"STALE"} when the
--       list is another than the oldest were counted in, or {"FENCED", token
--       or ""}
--
-- The others by value, not by position: the list is bounded by
-- moog_max_inflight, and equal items are the same alert.  An item that is not
-- there was settled before and is passed over, its sign too.

local processing, fence, ledger, queue = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local retries, dlq, dead = KEYS[5], KEYS[6], KEYS[7]
local breaker, rate = KEYS[8], KEYS[9]
local id, token = ARGV[1], ARGV[2]
local enabled, threshold = ARGV[3] == '1', tonumber(ARGV[4])
local oldest, held, begins = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local codes, signs = ARGV[8], ARGV[9]
local n = #(codes or '')

local HEAD = 9

local current = redis.call('HGET', fence, id)
if current ~= token then
    return {'FENCED', current or ''}
end

if not signs or #signs ~= n or #ARGV < HEAD + n then
    return redis.error_reply('ERR ' .. #ARGV .. ' arguments')
end

local wanted = {
    [processing] = 'list', [ledger] = 'hash', [breaker] = 'hash',
}
if string.find(codes, '[^W]') then
    wanted[queue], wanted[dlq], wanted[dead] = 'list', 'list', 'list'
    wanted[retries], wanted[rate] = 'zset', 'hash'
end
for key, kind in pairs(wanted) do
    local t = redis.call('TYPE', key).ok
    if t ~= 'none' and t ~= kind then
        return redis.error_reply('WRONGTYPE ' .. key .. ' is no ' .. kind)
    end
end

if oldest > 0 then
    if redis.call('LLEN', processing) ~= held or held < oldest then
        return {'STALE'}
    end
    local newest = redis.call('LINDEX', processing, -oldest)
    if string.sub(newest, 1, #begins) ~= begins then
        return {'STALE'}
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
    if sign == '.' or not enabled then
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
local more = HEAD + n + 1
local more_of = {R = 2, D = 1, Q = 1, H = 1}

if oldest > 0 then
    redis.call('LTRIM', processing, 0, -(oldest + 1))
    moved, delivered = oldest, oldest
    judge('+')
end

for i = 1, n do
    local item = ARGV[HEAD + i]
    local code, sign = string.sub(codes, i, i), string.sub(signs, i, i)
    local said, also = ARGV[more], ARGV[more + 1]

    if redis.call('LREM', processing, -1, item) == 1 then
        moved = moved + 1
        if code == 'W' then
            delivered = delivered + 1
        elseif code == 'R' then
            -- equal payloads would be one member of the set
            if redis.call('ZADD', retries, 'NX', now + tonumber(also), said)
                == 0 then
                redis.call('RPUSH', queue, said)
            end
        elseif code == 'D' then
            redis.call('LPUSH', dlq, said)
        elseif code == 'Q' then
            redis.call('LPUSH', dead, said)
            died = died + 1
        else
            redis.call('RPUSH', queue, item)
        end
        judge(sign)
        if code == 'H' then
            local hold = tonumber(said)
            local h = redis.call('HMGET', rate, 'hold', 'held_at')
            -- a pause of before the clock was set back is no more
            local held = (tonumber(h[2]) or 0) > now and 0
                or tonumber(h[1]) or 0
            redis.call('HSET', rate, 'hold', math.max(held, now + hold),
                'held_at', now)
            redis.call('PEXPIRE', rate, math.max(
                redis.call('PTTL', rate), hold + 60000))
        end
    end

    more = more + (more_of[code] or 0)
end

if delivered > 0 then
    redis.call('HINCRBY', ledger, 'delivered', delivered)
end
if died > 0 then
    redis.call('HINCRBY', ledger, 'dead', died)
end

return {'OK', moved, before, state}
