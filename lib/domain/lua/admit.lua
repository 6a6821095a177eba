#!lua flags=allow-oom
-- Takes alerts for sending: breaker, shared limit and pop in one step, so
-- that an alert leaves the queue only when it may be sent at once.
--
-- KEYS  1 alert queue, 2 processing list, 3 fence, 4 rate limit, 5 breaker,
--       6 retries, 7 dead letters
-- ARGV  id, token, most items, rate_limit, rate_period_s, breaker enabled
--       0/1, breaker_timeout_s, probe_timeout_ms
-- Returns {"OK", breaker state 0 closed 1 half open 2 open, failures, wait ms
--       (0: not held back), limited 0/1, probe 0/1, depth of the queue, of the
--       retries, of the dead letters, state before, items oldest first}, or
--       {"FENCED", token or ""}
--
-- Time is Redis' own.  The limit counts in tenths of the period and takes a
-- tenth as spent until the window has left it whole, so no window of the
-- period's length ever holds more than the limit.  What began later than now
-- began before the clock was set back, and is taken to begin now.

local queue, processing, fence = KEYS[1], KEYS[2], KEYS[3]
local rate, breaker, retries, dlq = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local id, token, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local limit, period = tonumber(ARGV[4]), tonumber(ARGV[5]) * 1000
local enabled = ARGV[6] == '1'
local open_for, probe_for = tonumber(ARGV[7]) * 1000, tonumber(ARGV[8])

local SLICES = 10

local current = redis.call('HGET', fence, id)
if current ~= token then
    return {'FENCED', current or ''}
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local states = {CLOSED = 0, HALF_OPEN = 1, OPEN = 2}
local b = redis.call('HMGET', breaker, 'state', 'failures', 'opened_at',
    'probe')
local state = states[b[1] or ''] or 0
local failures = tonumber(b[2]) or 0
local opened_at, probe_until = tonumber(b[3]) or 0, tonumber(b[4]) or 0
local before = state
local wait, limited, probe = 0, 0, 0

if opened_at > now then
    opened_at = now
    redis.call('HSET', breaker, 'opened_at', now)
end
if probe_until > now + probe_for then
    probe_until = now + probe_for
    redis.call('HSET', breaker, 'probe', probe_until)
end

local depth = redis.call('LLEN', queue)

local function answer(items)
    return {'OK', state, failures, math.ceil(wait), limited, probe,
        redis.call('LLEN', queue), redis.call('ZCARD', retries),
        redis.call('LLEN', dlq), before, unpack(items)}
end

if not enabled and state ~= 0 then
    redis.call('DEL', breaker)
    state, failures = 0, 0
end

-- the limit: how much of the window is spent
local slice = math.max(1, math.floor(period / SLICES))
local this = math.floor(now / slice)
local spent, oldest = 0, nil
local stale = {}
local slices = redis.call('HGETALL', rate)
local hold, held_at = 0, 0

for i = 1, #slices, 2 do
    local name, value = slices[i], tonumber(slices[i + 1]) or 0
    local at = tonumber(name)
    if name == 'hold' then
        hold = value
    elseif name == 'held_at' then
        held_at = value
    elseif not at or (at + 1) * slice + period <= now or at > this + 1 then
        stale[#stale + 1] = name
    else
        spent = spent + value
        if not oldest or at < oldest then
            oldest = at
        end
    end
end

if #stale > 0 then
    redis.call('HDEL', rate, unpack(stale))
end

if depth == 0 or most == 0 then
    return answer({})
end

if held_at > now then
    hold = now + hold - held_at
    redis.call('HSET', rate, 'hold', hold, 'held_at', now)
end

if hold > now then
    wait = hold - now
    return answer({})
end

if state == 2 then
    if now < opened_at + open_for then
        wait = opened_at + open_for - now
        return answer({})
    end
    state = 1
    probe = 1
elseif state == 1 then
    if now < probe_until then
        wait = probe_until - now
        return answer({})
    end
    probe = 1
end

if spent >= limit then
    limited = 1
    wait = (oldest + 1) * slice + period - now
    if probe == 1 then
        state, probe = before, 0
    end
    return answer({})
end

local n = math.min(most, limit - spent, 1000)
if probe == 1 then
    n = 1
end

local items = redis.call('RPOP', queue, n)
redis.call('LPUSH', processing, unpack(items))
redis.call('HINCRBY', rate, tostring(this), #items)
redis.call('PEXPIRE', rate, math.max(2 * period, hold - now + period))

if probe == 1 then
    redis.call('HSET', breaker, 'state', 'HALF_OPEN', 'probe',
        now + probe_for)
end

return answer(items)
