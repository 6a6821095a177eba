#!lua flags=no-writes,allow-oom
-- How the pipeline stands, for people: queues, the breaker, workers.
--
-- KEYS  1 workers, 2 breaker, 3 retries, 4... the queues
-- ARGV  prefix of the processing lists, prefix of the heartbeat keys, then a
--       name for each queue
-- Returns JSON: {"queues": [{"name", "depth", "oldest"}], "retry": {"depth",
--       "next_at"}, "breaker": {"state", "failures", "opened_at"}, "workers":
--       [{"kind", "pod", "held", "alive"}]}; oldest is the _received_at of the
--       oldest item, the times of Redis' clock are in milliseconds
--
-- Reads lists and heartbeats that KEYS cannot name; standalone Redis allows
-- it.

local workers, breaker, retries = KEYS[1], KEYS[2], KEYS[3]
local lists, beats = ARGV[1], ARGV[2]
local null = cjson.null

local function encode(array)
    return #array == 0 and '[]' or cjson.encode(array)
end

local queues = {}
for i = 4, #KEYS do
    local item = redis.call('LINDEX', KEYS[i], -1)
    queues[#queues + 1] = {
        name = ARGV[i - 1],
        depth = redis.call('LLEN', KEYS[i]),
        oldest = item and string.match(string.sub(item, 1, 512),
            '"_received_at":"([%d:.TZ-]+)"') or null,
    }
end

local due = redis.call('ZRANGE', retries, 0, 0, 'WITHSCORES')
local retry = {
    depth = redis.call('ZCARD', retries),
    next_at = tonumber(due[2]) or null,
}

local b = redis.call('HMGET', breaker, 'state', 'failures', 'opened_at')
local state = {
    state = b[1] or 'CLOSED',
    failures = tonumber(b[2]) or 0,
    opened_at = b[1] == 'OPEN' and tonumber(b[3]) or null,
}

local names = redis.call('SMEMBERS', workers)
table.sort(names)

local each = {}
for _, name in ipairs(names) do
    local kind, pod = string.match(name, '^([^:]*):(.*)$')
    if pod and pod ~= '' then
        each[#each + 1] = {
            kind = kind,
            pod = pod,
            held = redis.call('LLEN', lists .. name),
            alive = redis.call('EXISTS', beats .. name) == 1,
        }
    end
end

local text = '{"queues":' .. encode(queues) .. ',"retry":'
    .. cjson.encode(retry) .. ',"breaker":' .. cjson.encode(state)
    .. ',"workers":' .. encode(each) .. '}'

return (string.gsub(text, '<', '\\u003c'))
