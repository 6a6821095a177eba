#!lua
-- Takes the events of all requests that were ready in one turn of nginx's
-- event loop.
--
-- KEYS  1 ingest queue, 2 ledger, 3 rejected list, 4 rate limit,
--       5 minute, 6 hour, 7 day counter
-- ARGV  cap, rejected_max, dedup_window_s, dedup prefix, rate_limit (0: off),
--       rate_window_s, n_requests; then per request: key id, n_events,
--       n_rejected, n_ids (0, or n_events: some were chosen by the client),
--       n_ids ids ("" where it is not the client's), n_events elements,
--       n_rejected elements
-- Returns {accepted in all, limiter failed 0/1}, then per request: status
--       (0 queued, 1 queue full, 2 rate limited, 3 larger than the window),
--       depth after, pushed, duplicates, remaining (-1: no limit), reset s
--
-- A request is taken whole or not at all; queue, ledger and counters change
-- together.  Without allow-oom on purpose: a full Redis refuses new events,
-- not old ones.

local queue, ledger, rejected, rate = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local cap = tonumber(ARGV[1])
local rejected_max = tonumber(ARGV[2])
local dedup_window = tonumber(ARGV[3])
local dedup_prefix = ARGV[4]
local limit = tonumber(ARGV[5])
local window = tonumber(ARGV[6])
local n_requests = tonumber(ARGV[7])

local CHUNK = 1000

local function is(key, kind)
    local t = redis.call('TYPE', key).ok
    return t == 'none' or t == kind
end

for _, key in ipairs({queue, rejected}) do
    if not is(key, 'list') then
        return redis.error_reply('WRONGTYPE ' .. key .. ' is no list')
    end
end

if not is(ledger, 'hash') then
    return redis.error_reply('WRONGTYPE ' .. ledger .. ' is no hash')
end

-- sliding window of two buckets: the one before counts by the share of it
-- that the window still covers
local limiter_failed = 0
local slot, share, used, previous, reset = 0, 0, 0, 0, 0

if limit > 0 and not is(rate, 'hash') then
    limiter_failed = 1
    limit = 0
end

if limit > 0 then
    local now = redis.call('TIME')
    local t = tonumber(now[1]) + tonumber(now[2]) / 1000000
    slot = math.floor(t / window)
    local passed = t / window - slot
    share = 1 - passed
    reset = math.max(1, math.ceil(share * window))
    local h = redis.call('HMGET', rate, 'slot', 'used', 'previous', 'window')
    local old = tonumber(h[1]) or -1
    if tonumber(h[4]) == window then
        if old == slot then
            used = tonumber(h[2]) or 0
            previous = tonumber(h[3]) or 0
        elseif old == slot - 1 then
            previous = tonumber(h[2]) or 0
        end
    end
end

local depth = redis.call('LLEN', queue)
local accepted, kept = 0, 0
local at = 8
local answers = {}

for r = 1, n_requests do
    local key_id = ARGV[at]
    local n = tonumber(ARGV[at + 1])
    local n_rejected = tonumber(ARGV[at + 2])
    local ids = at + 4
    local first = ids + tonumber(ARGV[at + 3])
    local behind = first + n
    at = behind + n_rejected

    local status = 0
    local in_window = math.floor(previous * share) + used

    if limit > 0 and n > limit then
        status = 3
    elseif limit > 0 and in_window + n > limit then
        status = 2
    elseif depth + n > cap then
        status = 1
    end

    local pushed, duplicates = 0, 0

    if status == 0 and (first == ids or dedup_window <= 0) then
        for i = first, behind - 1, CHUNK do
            redis.call('LPUSH', queue,
                unpack(ARGV, i, math.min(i + CHUNK, behind) - 1))
        end
        pushed = n
    elseif status == 0 then
        local chunk = {}
        for i = first, behind - 1 do
            local own = ARGV[i - n]
            local fresh = true
            if own ~= '' then
                fresh = redis.call('SET', dedup_prefix .. key_id .. ':' .. own,
                    '1', 'NX', 'EX', dedup_window)
            end
            if fresh then
                chunk[#chunk + 1] = ARGV[i]
                pushed = pushed + 1
                if #chunk == CHUNK then
                    redis.call('LPUSH', queue, unpack(chunk))
                    chunk = {}
                end
            else
                duplicates = duplicates + 1
            end
        end
        if #chunk > 0 then
            redis.call('LPUSH', queue, unpack(chunk))
        end
    end

    if status == 0 then
        for i = behind, at - 1 do
            if rejected_max > 0 then
                redis.call('LPUSH', rejected, ARGV[i])
                kept = kept + 1
            end
        end
        depth = depth + pushed
        accepted = accepted + pushed
        used = used + n
        in_window = in_window + n
    end

    local remaining = -1
    if limit > 0 then
        remaining = math.max(0, limit - in_window)
    end

    local a = #answers
    answers[a + 1], answers[a + 2], answers[a + 3] = status, depth, pushed
    answers[a + 4], answers[a + 5], answers[a + 6] = duplicates, remaining,
        reset
end

if kept > 0 then
    redis.call('LTRIM', rejected, 0, rejected_max - 1)
end

if limit > 0 then
    redis.call('HSET', rate, 'slot', slot, 'used', used, 'previous', previous,
        'window', window)
    redis.call('EXPIRE', rate, 2 * window)
end

local total

if accepted > 0 then
    total = redis.call('HINCRBY', ledger, 'accepted', accepted)
    for i, ttl in ipairs({7200, 172800, 2592000}) do
        if is(KEYS[4 + i], 'string') then
            -- what was pushed stays pushed, whatever is in a statistic
            redis.pcall('INCRBY', KEYS[4 + i], accepted)
            redis.call('EXPIRE', KEYS[4 + i], ttl)
        end
    end
else
    total = tonumber(redis.call('HGET', ledger, 'accepted')) or 0
end

local reply = {total, limiter_failed}
for i = 1, #answers do
    reply[2 + i] = answers[i]
end

return reply
