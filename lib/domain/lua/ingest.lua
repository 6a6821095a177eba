#!lua
-- Takes the events of all requests that were ready together.
--
-- KEYS  1 ingest queue, 2 ledger, 3 rejected list, 4 rate limit,
--       5 minute, 6 hour, 7 day counter, 8 where the queue is staged
-- ARGV  cap, rejected_max, dedup_window_s, dedup prefix, rate_limit (0: off),
--       rate_window_s, staged 0/1, n_requests (staged: 1 may stand for all, if
--       no key has a limit of its own); per request how many events, as "n", or as
--       "n:n_rejected:n_ids:key id" where it has more than events (n_ids is 0,
--       or n: some ids were chosen by the client), n_ids as "n_ids/limit" if
--       the key has a limit of its own, a minute; then the elements of all
--       requests, then their rejected elements, then their ids ("" where it
--       is not the client's)
-- Returns {accepted in all, limiter 0 off 1 on 2 failed, depth before, events
--       the limit leaves before, reset s}, then for each request that was not
--       simply queued: its number from 0, status (0 queued, 1 queue full,
--       2 rate limited, 3 larger than the window), pushed, duplicates; before
--       that, if its key has a limit: its number, 4, events that limit leaves
--       now, its reset s; or {-1} if staged and not all requests can be queued: nothing was done
--
-- Staged, it is the first command of a transaction: requests have nothing but
-- events, of which the first alone is here.  If all can be queued they are
-- counted, and the queue gets the first and the staging key as its name, to
-- which the transaction then pushes the others by LPUSHX, and gives the queue
-- its name again.  If not, or if this script did not run at all, LPUSHX finds
-- no key and does nothing.  What a command pushes costs Redis a third of what
-- a script does, which gets every element copied.
--
-- A request is taken whole or not at all; queue, ledger and counters change
-- together.  Without allow-oom on purpose: a full Redis refuses new events,
-- not old ones.  Each call of a command costs about as much as an event, so
-- types are looked at by what has to be called anyway, and events of requests
-- that stand together are pushed together.

local queue, ledger, rejected, rate = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local cap = tonumber(ARGV[1])
local dedup_prefix = ARGV[4]
local limit = tonumber(ARGV[5])
local staged = ARGV[7] == '1'
local n_requests = tonumber(ARGV[8])
local stage = KEYS[8]

local HEAD = 8
local CHUNK = 1000

local call, pcall = redis.call, redis.pcall
local floor, min, max = math.floor, math.min, math.max

-- a key of that name is nobody's who knows what it is for, but kept
local function move_stray()
    local now = call('TIME')
    local stray = stage .. ':stray:' .. now[1] .. '.' .. now[2]
    while call('RENAMENX', stage, stray) == 0 do
        stray = stray .. '-'
    end
    redis.log(redis.LOG_WARNING, stage .. ' was there, is now ' .. stray)
end

-- no key is there for LPUSHX to push to
local function leave_nothing()
    if staged and call('EXISTS', stage) == 1 then
        move_stray()
    end
end

local function wrong_type(text)
    leave_nothing()
    return redis.error_reply('WRONGTYPE ' .. text)
end

local depth = pcall('LLEN', queue)
if type(depth) ~= 'number' then
    return wrong_type(queue .. ' is no list')
end

-- staged, the count that is changed first tells
local total
if not staged then
    total = pcall('HGET', ledger, 'accepted')
    if type(total) == 'table' then
        return wrong_type(ledger .. ' is no hash')
    end
    if total and not string.find(total, '^%-?%d+$') then
        return wrong_type(ledger .. ' counts no events')
    end
end

-- sliding window of two buckets: the one before counts by the share of it
-- that the window still covers
local limiter = 0

local function read_rate(key, text)
    local window = tonumber(text)
    local h = pcall('HMGET', key, 'slot', 'used', 'previous', 'window')
    if h.err then
        limiter = 2
        return
    end
    local now = call('TIME')
    local t = (tonumber(now[1]) + tonumber(now[2]) / 1000000) / window
    local slot = floor(t)
    local share = 1 - (t - slot)
    local b = {key = key, window = window, slot = slot, used = 0, previous = 0,
        reset = max(1, math.ceil(share * window))}
    if h[4] == text then
        local old = tonumber(h[1]) or -1
        if old == slot then
            b.same = true
            b.used = tonumber(h[2]) or 0
            b.previous = tonumber(h[3]) or 0
        elseif old == slot - 1 then
            b.previous = tonumber(h[2]) or 0
        end
    end
    b.before = b.used
    b.in_window = floor(b.previous * share) + b.used
    return b
end

local function write_rate(b)
    if b.used == b.before then
        return
    elseif b.same then
        call('HSET', b.key, 'used', b.used)
    else
        call('HSET', b.key, 'slot', b.slot, 'used', b.used, 'previous',
            b.previous, 'window', b.window)
        call('EXPIRE', b.key, 2 * b.window)
    end
end

-- of all events, and of the keys that have a limit of their own
local everything, own = nil, {}

if limit > 0 then
    limiter = 1
    everything = read_rate(rate, ARGV[6])
    limit = everything and limit or 0
end

local before = depth
local left = everything and limit - everything.in_window or limit
local reset = everything and everything.reset or 0
local accepted, kept = 0, 0
local exceptions, more, refused = {}, {}, false
local behind, all_rejected = HEAD + n_requests + 1, 0
local rejected_max, dedup_window = 0, 0

-- where things are: rejected elements and ids come behind all elements
for r = 1, n_requests do
    local head = ARGV[HEAD + r]
    local n = tonumber(head)
    if not n then
        local a, b, c, most, key =
            string.match(head, '^(%d+):(%d+):(%d+)/?(%d*):(.*)$')
        n = tonumber(a)
        more[r] = {n = n, rejected = tonumber(b), ids = tonumber(c),
            key = key, most = limit > 0 and tonumber(most) or nil}
        if more[r].most and own[key] == nil then
            own[key] = read_rate(rate .. ':' .. key, '60') or false
        end
        all_rejected = all_rejected + more[r].rejected
        rejected_max, dedup_window = tonumber(ARGV[2]), tonumber(ARGV[3])
    end
    behind = behind + n
end

if all_rejected > 0 and rejected_max > 0 then
    local kind = call('TYPE', rejected).ok
    if kind ~= 'none' and kind ~= 'list' then
        return redis.error_reply('WRONGTYPE ' .. rejected .. ' is no list')
    end
end

local function push(list, first, last)
    for i = first, last, CHUNK do
        call('LPUSH', list, unpack(ARGV, i, min(i + CHUNK - 1, last)))
    end
end

-- what is still to be pushed, up to the request that is looked at
local from, to = HEAD + n_requests + 1, HEAD + n_requests
local at, rejects_at, ids_at = from, behind, behind + all_rejected

-- those of n events that are new, for a request that names ids of its own
local function push_new(m)
    local chunk, pushed = {}, 0
    for i = 0, m.n - 1 do
        local own = ARGV[ids_at + i]
        if own == '' or call('SET', dedup_prefix .. m.key .. ':' .. own, '1',
            'NX', 'EX', dedup_window) then
            chunk[#chunk + 1] = ARGV[at + i]
            pushed = pushed + 1
            if #chunk == CHUNK then
                call('LPUSH', queue, unpack(chunk))
                chunk = {}
            end
        end
    end
    if #chunk > 0 then
        call('LPUSH', queue, unpack(chunk))
    end
    return pushed
end

for r = 1, n_requests do
    local m = more[r]
    local n = m and m.n or tonumber(ARGV[HEAD + r])
    local status, pushed = 0, n

    local mine = m and m.most and own[m.key]

    if limit > 0 and n > limit or mine and n > m.most then
        status = 3
    elseif limit > 0 and everything.in_window + n > limit
        or mine and mine.in_window + n > m.most then
        status = 2
    elseif depth + n > cap then
        status = 1
    end

    if status ~= 0 then
        pushed = 0
        refused = true
    elseif staged then
        -- LPUSHX does it
    elseif m and m.ids > 0 and dedup_window > 0 then
        push(queue, from, to)
        pushed = push_new(m)
        from, to = at + n, at + n - 1
    elseif to == at - 1 then
        to = at + n - 1
    else
        push(queue, from, to)
        from, to = at, at + n - 1
    end

    if status == 0 then
        if m and m.rejected > 0 and rejected_max > 0 then
            push(rejected, rejects_at, rejects_at + m.rejected - 1)
            kept = kept + m.rejected
        end
        depth = depth + pushed
        accepted = accepted + pushed
        if everything then
            everything.used = everything.used + n
            everything.in_window = everything.in_window + n
        end
        if mine then
            mine.used = mine.used + n
            mine.in_window = mine.in_window + n
        end
    end

    if mine then
        local e = #exceptions
        exceptions[e + 1], exceptions[e + 2] = r - 1, 4
        exceptions[e + 3] = max(0, m.most - mine.in_window)
        exceptions[e + 4] = mine.reset
    end

    if status ~= 0 or pushed ~= n then
        local e = #exceptions
        exceptions[e + 1], exceptions[e + 2] = r - 1, status
        exceptions[e + 3] = pushed
        exceptions[e + 4] = status == 0 and n - pushed or 0
    end

    at = at + n
    if m then
        rejects_at = rejects_at + m.rejected
        ids_at = ids_at + m.ids
    end
end

if not staged then
    push(queue, from, to)
elseif refused then
    leave_nothing()
    return {-1}
else
    total = pcall('HINCRBY', ledger, 'accepted', accepted)
    if type(total) ~= 'number' then
        return wrong_type(ledger .. ' counts no events')
    end
    if before == 0 then
        leave_nothing()
    elseif call('RENAMENX', queue, stage) == 0 then
        move_stray()
        call('RENAME', queue, stage)
    end
    call('LPUSH', stage, ARGV[from])
end

if kept > 0 then
    call('LTRIM', rejected, 0, rejected_max - 1)
end

if everything then
    write_rate(everything)
end
for _, b in pairs(own) do
    if b then
        write_rate(b)
    end
end

if accepted > 0 then
    if not staged then
        total = call('HINCRBY', ledger, 'accepted', accepted)
    end
    for i, ttl in ipairs({7200, 172800, 2592000}) do
        -- what was pushed stays pushed, whatever is in a statistic
        if pcall('INCRBY', KEYS[4 + i], accepted) == accepted then
            call('EXPIRE', KEYS[4 + i], ttl)
        end
    end
else
    total = tonumber(total or 0)
end

return {total, limiter, before, left, reset, unpack(exceptions)}
